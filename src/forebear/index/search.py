"""Exact search over packed codes, on every core: how many bits agree, of those that both sides have.

A row is 1,024 bytes: 512 of bits, 512 of validity. Agreement over bits that are valid on both sides is
``popcount(va & vb) - popcount((a ^ b) & va & vb)``; under H0 it is Binomial(n, 1/2). The counting is done by a kernel
(:mod:`forebear.index.kernels`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from forebear.index import kernels
from forebear.index.kernels import HALF_WORDS, Counts, Words
from forebear.signals.sign_code import CODE_BYTES, SignCode

T = TypeVar("T")

ROW_BYTES = 2 * CODE_BYTES
ROW_WORDS = 2 * HALF_WORDS
STRETCH_ROWS = 65_536
"""Rows that a thread takes at a time: few enough that the cores finish together and Ctrl-C is heard."""
CACHED_ROWS = 1_024
"""Rows that every one of many queries is held against before the next ones are read: 1 MB, which caches hold."""
QUERIES_AT_ONCE = 32
"""Queries that share one pass over the rows: their counts of a stretch take 16 MB a thread."""


@dataclass(frozen=True, eq=False)
class Top:
    """The rows that agree most with one query, best first.

    Attributes:
        rows: ``(k,)`` int64.
        agree: ``(k,)`` int32, agreeing bits.
        shared: ``(k,)`` int32, bits valid on both sides.
    """

    rows: NDArray[np.int64]
    agree: Counts
    shared: Counts


def row_of(code: SignCode) -> bytes:
    """The stored form of a code: bits, then validity."""
    return (code.bits & code.valid).tobytes() + code.valid.tobytes()


def agreements(
    rows: Words, query: Words, threads: int | None = None, kernel: str | None = None
) -> tuple[Counts, Counts]:
    """Agreeing and shared bits of a query with every row.

    Args:
        rows: ``(N, 128)`` packed rows, memory-mapped or not.
        query: ``(128,)`` one packed row.
        threads: default one per core that this process may use.
        kernel: default the one that pays; all give the same numbers.

    Returns:
        ``(N,)`` agreements and ``(N,)`` numbers of bits valid on both sides.
    """
    count = len(rows)
    agree, shared = np.zeros(count, dtype=np.int32), np.zeros(count, dtype=np.int32)
    used = np.flatnonzero(query[HALF_WORDS:])
    if not used.size or not count:
        return agree, shared
    words = slice(int(used[0]), int(used[-1]) + 1)  # words outside, of which the query says nothing, cost nothing
    work = kernels.load(kernel) if kernel else kernels.choose(count)

    def stretch(start: int) -> None:
        stop = start + STRETCH_ROWS
        work(rows[start:stop], query, words, agree[start:stop], shared[start:stop])

    by_stretches(count, stretch, threads)
    return agree, shared


def tops(
    rows: Words, queries: Sequence[Words], limit: int, threads: int | None = None, kernel: str | None = None
) -> list[Top]:
    """For every query what :func:`best` gives of its :func:`agreements`, in memory that does not grow with the rows.

    Many queries share a pass: a block of rows is read once and held against all of them while it is in the cache.

    Args:
        rows: ``(N, 128)`` packed rows, memory-mapped or not.
        queries: each ``(128,)``, one packed row.
        limit: rows to give of each.
        threads: default one per core that this process may use.
        kernel: default the one that pays; all give the same numbers.
    """
    rows = np.asarray(rows)  # slices of a memmap are slow to make
    done: list[Top] = []
    for first in range(0, len(queries), QUERIES_AT_ONCE):
        some = queries[first : first + QUERIES_AT_ONCE]
        work = kernels.load(kernel) if kernel else kernels.choose(len(rows) * len(some))
        done += _tops(rows, some, max(0, limit), threads, work)
    return done


def _tops(rows: Words, queries: Sequence[Words], limit: int, threads: int | None, work: kernels.Kernel) -> list[Top]:
    used = [np.flatnonzero(q[HALF_WORDS:]) for q in queries]
    spans = [slice(int(u[0]), int(u[-1]) + 1) if u.size else slice(0, 0) for u in used]
    step = STRETCH_ROWS if len(queries) == 1 else CACHED_ROWS

    def stretch(start: int) -> list[Top]:
        block = rows[start : start + STRETCH_ROWS]
        agree, shared = np.zeros((2, len(queries), len(block)), dtype=np.int32)
        for at in range(0, len(block), step):
            few = slice(at, at + step)
            for k, query in enumerate(queries):
                if used[k].size:
                    work(block[few], query, spans[k], agree[k, few], shared[k, few])
        return [_picked(start + best(a, n, limit), start, a, n) for a, n in zip(agree, shared, strict=True)]

    parts = by_stretches(len(rows), stretch, threads)
    return [_merged([part[k] for part in parts], limit) for k in range(len(queries))]


def _picked(chosen: NDArray[np.int64], start: int, agree: Counts, shared: Counts) -> Top:
    return Top(chosen, agree[chosen - start], shared[chosen - start])


def _merged(parts: Sequence[Top], limit: int) -> Top:
    """The best of the best of every stretch; equal ones still in the order of the rows."""
    if not parts:
        return Top(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int32))
    rows = np.concatenate([p.rows for p in parts])
    agree = np.concatenate([p.agree for p in parts])
    shared = np.concatenate([p.shared for p in parts])
    order = np.argsort(rows)
    chosen = order[best(agree[order], shared[order], limit)]
    return Top(rows[chosen], agree[chosen], shared[chosen])


def by_stretches(count: int, work: Callable[[int], T], threads: int | None = None) -> list[T]:
    """What ``work`` gives for the first row of every stretch of ``count`` rows, on every core, in order."""
    starts = range(0, count, STRETCH_ROWS)
    workers = min(threads or cores(), len(starts))
    if workers <= 1:
        return [work(start) for start in starts]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, starts))


def cores() -> int:
    """Cores that this process may use, which in a container are often fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def best(agree: Counts, shared: Counts, limit: int) -> NDArray[np.int64]:
    """Rows with the largest excess of agreement in standard deviations, best first; rows without coins never.

    Equal ones in the order of the rows.
    """
    candidates = np.flatnonzero(shared)
    n = shared[candidates]
    z = (2.0 * agree[candidates] - n) / np.sqrt(n)
    if limit <= 0:
        return candidates[:0]
    if limit < len(z):
        near = z >= np.partition(z, len(z) - limit)[len(z) - limit]
        candidates, z = candidates[near], z[near]
    return np.asarray(candidates[np.lexsort((candidates, -z))][:limit])
