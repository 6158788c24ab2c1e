"""Fingerprints of known models, searchable."""

from forebear.index.base import Entry, Hit, Index, Likeness, Likenesses, Nomination, Nominations
from forebear.index.blackbox import Behaviour, BlackBoxIndex, UserTokenizer
from forebear.index.local import LocalIndex, home

__all__ = [
    "Behaviour",
    "BlackBoxIndex",
    "Entry",
    "Hit",
    "Index",
    "Likeness",
    "Likenesses",
    "LocalIndex",
    "Nomination",
    "Nominations",
    "UserTokenizer",
    "home",
]
