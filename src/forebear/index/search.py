"""Exact search over packed codes, on every core: how many bits agree, of those that both sides have.

A row is 1,024 bytes: 512 of bits, 512 of validity. Agreement over bits that are valid on both sides is
``popcount(va & vb) - popcount((a ^ b) & va & vb)``; under H0 it is Binomial(n, 1/2). The counting is done by a kernel
(:mod:`forebear.index.kernels`).
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from forebear.index import kernels
from forebear.index.kernels import HALF_WORDS, Counts, Words
from forebear.signals.sign_code import CODE_BYTES, SignCode

ROW_BYTES = 2 * CODE_BYTES
ROW_WORDS = 2 * HALF_WORDS
STRETCH_ROWS = 65_536
"""Rows that a thread takes at a time: few enough that the cores finish together and Ctrl-C is heard."""


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

    starts = range(0, count, STRETCH_ROWS)
    workers = min(threads or cores(), len(starts))
    if workers == 1:
        for start in starts:
            stretch(start)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(stretch, starts))
    return agree, shared


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
