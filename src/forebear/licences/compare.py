"""Which words of a file stand in the same order in a known text: an alignment that no input can make slow.

Runs of words that occur once in both are tied in the longest chain that keeps their order (as in patience diff), then
the gaps between them in the same way with shorter runs, and what remains is small and aligned exactly (longest common
subsequence). Repetitive texts have no unique runs, so they cost a sort and are left unaligned.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forebear.licences.sketches import Ids, shingles

Shingles = npt.NDArray[np.uint64]

_LENGTHS = ((8, 1), (5, 1), (3, 1), (8, 1 << 20), (2, 1), (1, 1))
"""Lengths of runs, and how often one may stand in the file: of several equal texts the first is meant."""
_CELLS = 60_000
"""Products of gap lengths up to which the exact alignment is made: a fraction of a millisecond to ten of them."""
_CHANCE = 3
"""Common runs of up to so many words between larger differences are coincidence (``of the``)."""


@dataclass(frozen=True)
class Run:
    """``length`` words from ``known`` in the known text that stand from ``file`` in the file."""

    known: int
    file: int
    length: int


def align(known: Ids, file: Ids) -> tuple[Run, ...]:
    """Common runs of two texts, in order.

    Args:
        known: (m,) words of the known text.
        file: (n,) words of the file; negative numbers match nothing of a known text.
    """
    pairs: list[Run] = []
    if len(file) <= 1.15 * len(known):
        _gap(known, file, 0, 0, 0, pairs)
    else:  # several texts may end alike: what they have in common at either end of the file proves nothing
        _anchored(known, file, 0, 0, 0, pairs)
    return _without_coincidence(_joined(pairs), len(known), len(file))


def _gap(known: Ids, file: Ids, at: int, there: int, level: int, runs: list[Run]) -> None:
    """Aligns two stretches; ``at`` and ``there`` are where they begin in the whole texts."""
    head = _common(known, file)
    if head:
        runs.append(Run(at, there, head))
        known, file, at, there = known[head:], file[head:], at + head, there + head
    tail = _common(known[::-1], file[::-1])
    end = Run(at + len(known) - tail, there + len(file) - tail, tail)
    known, file = known[: len(known) - tail], file[: len(file) - tail]
    if len(known) and len(file):
        if len(known) * len(file) <= _CELLS:
            runs.extend(_subsequence(known, file, at, there))
        else:
            _anchored(known, file, at, there, level, runs)
    if tail:
        runs.append(end)


def _anchored(known: Ids, file: Ids, at: int, there: int, level: int, runs: list[Run]) -> None:
    for step in range(level, len(_LENGTHS)):
        length, often = _LENGTHS[step]
        chain = _chain(known, file, length, often)
        if not chain:
            continue
        here = over = 0
        for first, second in chain:
            if first < here or second < over:
                continue  # inside of a run that has grown over it
            grown = length + _common(known[first + length :], file[second + length :])
            _gap(known[here:first], file[over:second], at + here, there + over, step, runs)
            runs.append(Run(at + first, there + second, grown))
            here, over = first + grown, second + grown
        _gap(known[here:], file[over:], at + here, there + over, step, runs)
        return


def _common(first: Ids, second: Ids) -> int:
    """How many words two stretches begin with in common."""
    size = min(len(first), len(second))
    step = min(size, 64)
    done = 0
    while done < size:
        differs = first[done : done + step] != second[done : done + step]
        if differs.any():
            return done + int(np.argmax(differs))
        done += step
        step = min(4 * step, size - done)
    return size


def _chain(known: Ids, file: Ids, length: int, often: int) -> list[tuple[int, int]]:
    """Places of runs of a length that occur once in the known text, in the longest chain that ascends in both."""
    firsts, where = _rare(shingles(known, length), 1)
    seconds, there = _rare(shingles(file, length), often)
    common, left, right = np.intersect1d(firsts, seconds, assume_unique=True, return_indices=True)
    if not len(common):
        return []
    order = np.argsort(where[left])
    pairs = list(zip(where[left][order].tolist(), there[right][order].tolist(), strict=True))
    tops: list[int] = []
    links: list[int] = []
    ends: list[int] = []
    for number, (_, second) in enumerate(pairs):
        place = bisect_left(tops, second)
        links.append(ends[place - 1] if place else -1)
        if place == len(tops):
            tops.append(second)
            ends.append(number)
        else:
            tops[place] = second
            ends[place] = number
    chain = []
    at = ends[-1]
    while at >= 0:
        chain.append(pairs[at])
        at = links[at]
    return chain[::-1]


def _rare(values: Shingles, often: int) -> tuple[Shingles, npt.NDArray[np.int64]]:
    """Values that occur at most so often, and their first places."""
    distinct, first, count = np.unique(values, return_index=True, return_counts=True)
    return distinct[count <= often], first[count <= often]


def _subsequence(known: Ids, file: Ids, at: int, there: int) -> list[Run]:
    """Longest common subsequence by rows, each computed at once."""
    rows = np.zeros((len(known) + 1, len(file) + 1), np.int16)
    for number, word in enumerate(known, 1):
        before = rows[number - 1]
        taken = np.maximum(before[1:], before[:-1] + (file == word))
        rows[number, 1:] = np.maximum.accumulate(taken)
    runs = []
    i, j = len(known), len(file)
    while i and j:
        if known[i - 1] == file[j - 1]:
            runs.append(Run(at + i - 1, there + j - 1, 1))
            i, j = i - 1, j - 1
        elif rows[i - 1, j] >= rows[i, j - 1]:
            i -= 1
        else:
            j -= 1
    return runs[::-1]


def _joined(runs: list[Run]) -> list[Run]:
    joined: list[Run] = []
    for run in runs:
        last = joined[-1] if joined else None
        if last and last.known + last.length == run.known and last.file + last.length == run.file:
            joined[-1] = Run(last.known, last.file, last.length + run.length)
        else:
            joined.append(run)
    return joined


def _without_coincidence(runs: list[Run], m: int, n: int) -> tuple[Run, ...]:
    """Without short runs between differences that are several times larger on both sides."""
    kept: list[Run] = []
    for number, run in enumerate(runs):
        if run.length <= _CHANCE:
            before = kept[-1] if kept else Run(0, 0, 0)
            after = runs[number + 1] if number + 1 < len(runs) else Run(m, n, 0)
            gap_before = max(run.known - before.known - before.length, run.file - before.file - before.length)
            gap_after = max(after.known - run.known, after.file - run.file) - run.length
            if min(gap_before, gap_after) > 3 * run.length:
                continue
        kept.append(run)
    return tuple(kept)
