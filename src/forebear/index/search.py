"""Exact search over packed codes with numpy: XOR, AND, population count, on every core.

A row is 1,024 bytes: 512 of bits, 512 of validity. Agreement over bits that are valid on both sides is
``popcount(va & vb) - popcount((a ^ b) & va & vb)``; under H0 it is Binomial(n, 1/2).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
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
"""Rows in flight per thread: 2 MB, so that every pass but the first finds them in the cache."""


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
    agree = np.zeros(len(rows), dtype=np.int32)
    shared = np.zeros(len(rows), dtype=np.int32)
    used = np.flatnonzero(query[_HALF:])  # words that the query says nothing about cost nothing
    columns: slice | NDArray[np.int64] = slice(None) if used.size > _HALF * 3 // 4 else used
    bits, valid = query[:_HALF][columns], query[_HALF:][columns]

    def work(span: tuple[int, int]) -> None:
        a, b = span
        block = rows[a:b]
        both = block[:, _HALF:][:, columns] & valid
        differing = (block[:, :_HALF][:, columns] ^ bits) & both
        n = _bits_per_row(both)
        shared[a:b] = n
        agree[a:b] = n - _bits_per_row(differing)

    workers = threads or os.cpu_count() or 1
    spans = list(_spans(len(rows)))
    if workers == 1 or len(spans) == 1:
        for span in spans:
            work(span)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, spans))
    return agree, shared


def _bits_per_row(words: Words) -> Counts:
    counts = np.bitwise_count(words)
    return np.asarray(counts.sum(axis=1, dtype=np.int32))


def _spans(count: int) -> Iterator[tuple[int, int]]:
    for start in range(0, count, CHUNK_ROWS):
        yield start, min(count, start + CHUNK_ROWS)


def best(agree: Counts, shared: Counts, limit: int) -> NDArray[np.int64]:
    """Rows with the largest excess of agreement in standard deviations, best first; rows without coins never."""
    with np.errstate(all="ignore"):
        z = np.where(shared > 0, (2.0 * agree - shared) / np.sqrt(shared), -np.inf)
    k = min(limit, len(z))
    if k == 0:
        return np.zeros(0, dtype=np.int64)
    top = np.argpartition(-z, k - 1)[:k]
    top = top[np.lexsort((top, -z[top]))]
    return np.asarray(top[np.isfinite(z[top])])
