"""Fingerprints of known models, searchable."""

from forebear.index.base import Entry, Hit, Index, Likeness, Likenesses, Nomination, Nominations
from forebear.index.local import LocalIndex, home

__all__ = ["Entry", "Hit", "Index", "Likeness", "Likenesses", "LocalIndex", "Nomination", "Nominations", "home"]
