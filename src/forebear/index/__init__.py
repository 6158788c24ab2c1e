"""Fingerprints of known models, searchable."""

from forebear.index.base import (
    Addition,
    Changed,
    Entry,
    Hit,
    Index,
    LayerHit,
    LayerPair,
    Likeness,
    Likenesses,
    Listing,
    Nomination,
    Nominations,
    Provenance,
)
from forebear.index.blackbox import Behaviour, BlackBoxIndex, UserTokenizer
from forebear.index.local import LocalIndex, home
from forebear.index.open import open_index

__all__ = [
    "Addition",
    "Behaviour",
    "BlackBoxIndex",
    "Changed",
    "Entry",
    "Hit",
    "Index",
    "LayerHit",
    "LayerPair",
    "Likeness",
    "Likenesses",
    "Listing",
    "LocalIndex",
    "Nomination",
    "Nominations",
    "Provenance",
    "UserTokenizer",
    "home",
    "open_index",
]
