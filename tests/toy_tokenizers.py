"""Toy tokenizers whose counts an index can hold, for tests of probes."""

from __future__ import annotations

from collections.abc import Callable

from api import words
from forebear.catalogue.tokenizers import BASELINE, battery, guarded


def letters(text: str) -> int:
    """Half as many tokens as characters, and one for every space."""
    return len(text) // 2 + text.count(" ")


def toy(text: str) -> int:
    """The tokenizer of the test server."""
    return len(words(text))


def counts_of(counter: Callable[[str], int]) -> tuple[int, ...]:
    """What it counts for the battery, the baseline first."""
    return tuple(counter(text) for text in (guarded(BASELINE), *(p.guarded for p in battery().probes)))
