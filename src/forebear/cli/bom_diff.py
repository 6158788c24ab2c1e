"""``forebear bom diff``."""

from __future__ import annotations


def diff() -> None:
    """To come."""
    raise NotImplementedError
