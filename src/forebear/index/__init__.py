"""Fingerprints of known models, searchable."""

from forebear.index.base import Entry, Hit, Index
from forebear.index.local import LocalIndex, home

__all__ = ["Entry", "Hit", "Index", "LocalIndex", "home"]
