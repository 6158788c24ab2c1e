"""Lists of words, as ``data/mentions/words.toml`` has them."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources


@cache
def words(name: str) -> frozenset[str]:
    """One list; ``KeyError`` for an unknown one."""
    return frozenset(_all()[name].split())


@cache
def _all() -> dict[str, str]:
    text = (resources.files("forebear") / "data" / "mentions" / "words.toml").read_text("utf-8")
    return tomllib.loads(text)
