"""The buyer's page: a decision about a model on one printable page, in plain words.

What is said (:mod:`~forebear.report.page.contents`) is apart from how it is written (``markdown``, ``html``): both
writers show the same sections in the same order.
"""

from forebear.report.page.blocks import Page, Section, Stop, Table
from forebear.report.page.contents import Known, Reproduction, contents
from forebear.report.page.html import html
from forebear.report.page.made import page_of
from forebear.report.page.markdown import markdown

__all__ = ["Known", "Page", "Reproduction", "Section", "Stop", "Table", "contents", "html", "markdown", "page_of"]
