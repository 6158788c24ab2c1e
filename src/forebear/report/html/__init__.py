"""Reports as HTML: one file that shows what a saved document says, from that document alone.

A section is a file here and an entry in :data:`SECTIONS`; each is a function from a :class:`Saved` document to markup,
so that a web page can show the same :func:`fragments`. Nothing here reads a model, an index or the network.
"""

from forebear.report.html.blocks import Fragment, Part
from forebear.report.html.page import report
from forebear.report.html.saved import KINDS, Reproduction, Saved
from forebear.report.html.sections import SECTIONS, fragments
from forebear.report.html.verdict import Answer, answer

__all__ = ["KINDS", "SECTIONS", "Answer", "Fragment", "Part", "Reproduction", "Saved", "answer", "fragments", "report"]
