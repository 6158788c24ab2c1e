"""The grammar of model names: what an identifier says about provider, family, version, stage, date and step.

An identifier is decoded in three steps: ``places`` takes path, prefix and address off the name, ``grammar`` reads its
words against ``families`` and ``vocabulary``, ``decode`` decides whether they bear the family out and puts all of it
into one ``ModelName`` with a sentence (``explain``) and a measured confidence (``grades``). ``find`` does so in free
text.
"""

from forebear.catalogue.names.decode import decode
from forebear.catalogue.names.find import find, stems
from forebear.catalogue.names.name import ModelName

__all__ = ["ModelName", "decode", "find", "stems"]
