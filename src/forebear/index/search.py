"""Exact search over packed codes with numpy: XOR, AND, population count, on every core.

A row is 1,024 bytes: 512 of bits, 512 of validity. Agreement over bits that are valid on both sides is
``popcount(va & vb) - popcount((a ^ b) & va & vb)``; under H0 it is Binomial(n, 1/2).
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from forebear.signals.sign_code import CODE_BYTES, SignCode

Words = NDArray[np.uint64]
Counts = NDArray[np.int32]

ROW_BYTES = 2 * CODE_BYTES
ROW_WORDS = ROW_BYTES // 8
_HALF = ROW_WORDS // 2
CHUNK_ROWS = 2_048
"""Rows in flight per thread: 2 MB and buffers of 2 MB, so that every pass but the first finds them in the cache."""


def row_of(code: SignCode) -> bytes:
    """The stored form of a code: bits, then validity."""
    return (code.bits & code.valid).tobytes() + code.valid.tobytes()


def agreements(rows: Words, query: Words, threads: int | None = None) -> tuple[Counts, Counts]:
    """Agreeing and shared bits of a query with every row.

    Args:
        rows: ``(N, 128)`` packed rows, memory-mapped or not.
        query: ``(128,)`` one packed row.
        threads: default one per core.

    Returns:
        ``(N,)`` agreements and ``(N,)`` numbers of bits valid on both sides.
    """
    count = len(rows)
    agree, shared = np.zeros(count, dtype=np.int32), np.zeros(count, dtype=np.int32)
    used = np.flatnonzero(query[_HALF:])
    if not used.size:
        return agree, shared
    first, stop = int(used[0]), int(used[-1]) + 1  # words outside, of which the query says nothing, cost nothing
    one, two = slice(first, stop), slice(_HALF + first, _HALF + stop)
    bits, valid = query[one], query[two]
    workers = max(1, min(threads or os.cpu_count() or 1, -(-count // CHUNK_ROWS)))

    def work(worker: int) -> None:
        both_, differing_ = np.empty((2, CHUNK_ROWS, stop - first), dtype=np.uint64)  # once: fresh memory costs faults
        counts_ = np.empty((CHUNK_ROWS, stop - first), dtype=np.uint8)
        for start in range(worker * CHUNK_ROWS, count, workers * CHUNK_ROWS):
            block, n = rows[start : start + CHUNK_ROWS], shared[start : start + CHUNK_ROWS]
            k, a = len(block), agree[start : start + CHUNK_ROWS]
            both, differing, counts = both_[:k], differing_[:k], counts_[:k]
            np.bitwise_and(block[:, two], valid, out=both)
            np.bitwise_xor(block[:, one], bits, out=differing)
            np.bitwise_and(differing, both, out=differing)
            np.bitwise_count(both, out=counts)
            np.add.reduce(counts, axis=1, dtype=np.int32, out=n)
            np.bitwise_count(differing, out=counts)
            np.add.reduce(counts, axis=1, dtype=np.int32, out=a)
            np.subtract(n, a, out=a)

    if workers == 1:
        work(0)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, range(workers)))
    return agree, shared


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
