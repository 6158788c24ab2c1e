"""Which of many literals occur in a long text, and where: the check that spares everything else the work.

Every four consecutive bytes, their letters folded, are hashed with numpy into a table that has the first four bytes of
each literal; few places survive, and are looked at. (Rabin and Karp's idea with a table for many patterns, as Wu and
Manber have it.) Spellings of families are words or parts of words (``opt``, ``phi``), so they count only in company: in
a run of characters that identifiers have, with a digit or a joint in it, and not so long that it can only be data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

START = 4
FOLD = np.uint32(0x20202020)
SPREAD, SHIFT = np.uint32(0x9E3779B1), np.uint32(14)
BLOCK = 1 << 16
LONGEST_RUN = 640
SMALL = 2_000
"""Bytes of a short text."""
_ALONE, _COMPANY = 1, 2
_JOINTS = b"0123456789-:/@"
_OF_RUNS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._+%" + _JOINTS
_RUNS = re.compile(rb"[A-Za-z0-9._:/@+\-%]{3,}")
_JOINT = re.compile(rb"[0-9\-:/@]")
_KINDS = bytes(2 if byte in _JOINTS else int(byte in _OF_RUNS) for byte in range(256))
"""2 for a joint or digit, 1 for other characters of identifiers, 0 for what ends a run."""


class Prefilter:
    """Literals of at least three bytes, found without regard to the case of ASCII letters.

    Args:
        alone: literals that count wherever they stand.
        company: literals that count in a run with a digit or a joint.
    """

    def __init__(self, alone: Iterable[str], company: Iterable[str] = ()) -> None:
        self._by_start: dict[bytes, list[bytes]] = {}
        self._table = np.zeros(1 << 18, np.uint8)
        self._alone = frozenset(literal.lower().encode() for literal in alone)
        self._company = frozenset(literal.lower().encode() for literal in company)
        for literals, flag in ((self._alone, _ALONE), (self._company, _COMPANY)):
            for literal in sorted(literals):
                self._by_start.setdefault(literal[:START], []).append(literal)
                self._table[(_words(literal[:START]) * SPREAD) >> SHIFT] |= flag
        self._alone_by_two: dict[bytes, list[bytes]] = {}
        for literal in self._alone:
            self._alone_by_two.setdefault(literal[:2], []).append(literal)
        self._company_by_three: dict[bytes, list[bytes]] = {}
        for literal in self._company:
            self._company_by_three.setdefault(literal[:3], []).append(literal)
        self._longest = max(map(len, self._alone | self._company), default=0)
        self._lengths = tuple(sorted({len(start) for start in self._by_start}))

    def hits(self, raw: bytes) -> Iterator[tuple[int, bytes]]:
        """Where literals start, in order of place, and which."""
        for place, low, accompanied in self._candidates(raw):
            for literal in self._starting(low, accompanied):
                yield place, literal

    def present(self, raw: bytes) -> frozenset[bytes]:
        """The literals that a text has."""
        if len(raw) < SMALL:
            return self._present(raw.lower())
        different = {(low, accompanied) for _, low, accompanied in self._candidates(raw)}
        return frozenset(literal for low, accompanied in different for literal in self._starting(low, accompanied))

    def _present(self, low: bytes) -> frozenset[bytes]:
        """The same of a short text in small letters, for which numpy's calls would cost more than their work."""
        found = {
            literal for first, some in self._alone_by_two.items() if first in low for literal in some if literal in low
        }
        for run in _RUNS.findall(low):
            if len(run) <= LONGEST_RUN and not run.isalpha() and _JOINT.search(run):
                for place in range(len(run) - 2):
                    if company := self._company_by_three.get(run[place : place + 3]):
                        found.update(literal for literal in company if run.startswith(literal, place))
        return frozenset(found)

    def _candidates(self, raw: bytes) -> Iterator[tuple[int, bytes, bool]]:
        """Places, what stands there in small letters, and whether it is in company."""
        for start in range(0, len(raw), BLOCK):
            block = raw[start : start + BLOCK + START - 1]
            places, company = self._places(block)
            for place, accompanied in zip(places.tolist(), company.tolist(), strict=True):
                yield start + place, raw[start + place : start + place + self._longest].lower(), accompanied

    def _starting(self, low: bytes, accompanied: bool) -> Iterator[bytes]:
        """The literals with which a text starts."""
        for length in self._lengths:
            for literal in self._by_start.get(low[:length], ()):
                if low.startswith(literal) and (accompanied or literal in self._alone):
                    yield literal

    def _places(self, block: bytes) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
        """Places that may start a literal, and whether each is in company; without those that need it and lack it."""
        padded = block + b"\0" * (2 * START)
        flags = np.empty(len(padded), np.uint8)
        for offset in range(START):
            words = np.frombuffer(padded, "<u4", (len(padded) - offset) // START, offset) | FOLD
            words *= SPREAD
            words >>= SHIFT
            flags[offset : offset + START * words.size : START] = self._table.take(words)
        places = np.flatnonzero(flags[: len(block)])
        if not places.size:
            return places, np.zeros(0, np.bool_)
        company = _accompanied(block, places)
        kept = company | (flags[places] & _ALONE > 0)
        return places[kept], company[kept]


def _accompanied(block: bytes, places: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    """Whether the run around each place has a digit or a joint, or is cut by the block and may have one."""
    kinds = np.frombuffer(block.translate(_KINDS), np.uint8)
    stops = np.flatnonzero(kinds == 0)
    joints = np.flatnonzero(kinds == 2)
    behind = np.searchsorted(stops, places)
    bounds = np.concatenate(([-1], stops, [len(block)]))
    start, end = bounds[behind] + 1, bounds[behind + 1]
    joined = np.searchsorted(joints, start) < np.searchsorted(joints, end)
    cut = (start == 0) | (end == len(block))
    found: npt.NDArray[np.bool_] = (joined | cut) & (end - start <= LONGEST_RUN)
    return found


def _words(start: bytes) -> npt.NDArray[np.uint32]:
    """All folded words that begin with up to four bytes."""
    words = np.zeros(1, np.uint32)
    for k in range(START):
        letters = np.array([start[k] | 0x20] if k < len(start) else [c for c in range(256) if c & 0x20], np.uint32)
        words = (words[:, None] | letters << np.uint32(8 * k)).ravel()
    return words
