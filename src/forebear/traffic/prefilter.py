"""Which of many literals occur in a long text, and where: the check that spares everything else the work.

Every four consecutive bytes, their letters folded, are hashed with numpy into a table that has the first four bytes of
each literal; few places survive, and are looked at. (Rabin and Karp's idea with a table for many patterns, as Wu and
Manber have it.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

START = 4
FOLD = np.uint32(0x20202020)
SPREAD, SHIFT = np.uint32(0x9E3779B1), np.uint32(16)
BLOCK = 1 << 17
SMALL = 600
"""Bytes below which asking for every literal by itself is faster."""


class Prefilter:
    """A set of literals of at least two bytes, found without regard to the case of ASCII letters."""

    def __init__(self, literals: Iterable[str]) -> None:
        self.literals = tuple(sorted({literal.lower().encode() for literal in literals}))
        self._by_start: dict[bytes, list[bytes]] = {}
        self._table = np.zeros(1 << 16, np.bool_)
        for literal in self.literals:
            self._by_start.setdefault(literal[:START], []).append(literal)
        self._lengths = tuple(sorted({len(start) for start in self._by_start}))
        for start in self._by_start:
            self._table[(_words(start) * SPREAD) >> SHIFT] = True

    def present(self, raw: bytes) -> frozenset[bytes]:
        """The literals that a text has."""
        if len(raw) < SMALL:
            low = raw.lower()
            return frozenset(literal for literal in self.literals if literal in low)
        return frozenset(literal for _, literal in self.hits(raw))

    def hits(self, raw: bytes) -> Iterator[tuple[int, bytes]]:
        """Where literals start, in order of place, and which."""
        for start in range(0, len(raw), BLOCK):
            block = raw[start : start + BLOCK + START - 1]
            for place in self._places(block):
                low = raw[start + place : start + place + 64].lower()
                for length in self._lengths:
                    for literal in self._by_start.get(low[:length], ()):
                        if low.startswith(literal):
                            yield start + place, literal

    def _places(self, block: bytes) -> list[int]:
        """Places that may start a literal."""
        padded = block + b"\0" * (2 * START)
        found = []
        for offset in range(START):
            words = np.frombuffer(padded, "<u4", (len(padded) - offset) // START, offset) | FOLD
            words *= SPREAD
            words >>= SHIFT
            found.append(np.flatnonzero(self._table[words]) * START + offset)
        places = np.sort(np.concatenate(found))
        return [int(place) for place in places[places < len(block)]]


def _words(start: bytes) -> npt.NDArray[np.uint32]:
    """All folded words that begin with up to four bytes."""
    words = np.zeros(1, np.uint32)
    for k in range(START):
        letters = np.array([start[k] | 0x20] if k < len(start) else [c for c in range(256) if c & 0x20], np.uint32)
        words = (words[:, None] | letters << np.uint32(8 * k)).ravel()
    return words
