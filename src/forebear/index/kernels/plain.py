"""The numpy kernel: XOR, AND and population count over blocks that stay in the cache."""

from __future__ import annotations

import numpy as np

from forebear.index.kernels import FIRST_SLOT, SLOT_WORDS, Counts, Tails, Words

CHUNK_ROWS = 2_048
"""Rows in flight per thread: 2 MB and buffers of 2 MB, so that every pass but the first finds them in the cache."""


def count(rows: Words, query: Words, words: slice, agree: Counts, shared: Counts) -> None:
    """See :class:`forebear.index.kernels.Kernel`."""
    half = rows.shape[1] // 2
    one, two = words, slice(half + words.start, half + words.stop)
    bits, valid = query[one], query[two]
    size = min(CHUNK_ROWS, len(rows))
    both_, differing_ = np.empty((2, size, len(bits)), dtype=np.uint64)  # once: fresh memory costs faults
    counts_ = np.empty((size, len(bits)), dtype=np.uint8)
    for start in range(0, len(rows), CHUNK_ROWS):
        block, n, a = (array[start : start + CHUNK_ROWS] for array in (rows, shared, agree))
        both, differing, counts = both_[: len(block)], differing_[: len(block)], counts_[: len(block)]
        np.bitwise_and(block[:, two], valid, out=both)
        np.bitwise_xor(block[:, one], bits, out=differing)
        np.bitwise_and(differing, both, out=differing)
        np.bitwise_count(both, out=counts)
        np.add.reduce(counts, axis=1, dtype=np.int32, out=n)
        np.bitwise_count(differing, out=counts)
        np.add.reduce(counts, axis=1, dtype=np.int32, out=a)
        np.subtract(n, a, out=a)


def layers(rows: Words, bits: Words, valid: Words, tails: Tails, smallest: Tails) -> None:
    """See :class:`forebear.index.kernels.LayerKernel`."""
    smallest[:] = 0.0
    half = rows.shape[1] // 2
    for start in range(0, len(rows), CHUNK_ROWS):
        block, least = rows[start : start + CHUNK_ROWS], smallest[start : start + CHUNK_ROWS]
        theirs, there = (
            np.ascontiguousarray(block[:, first:stop]).reshape(len(block), -1, SLOT_WORDS)
            for first, stop in ((FIRST_SLOT, half), (half + FIRST_SLOT, 2 * half))
        )
        for mine, here in zip(bits, valid, strict=True):
            both = there & here
            differing = np.bitwise_count((theirs ^ mine) & both)
            n = np.bitwise_count(both)
            n, d = n[..., 0] + n[..., 1], differing[..., 0] + differing[..., 1]  # at most 128: no overflow
            np.minimum(least, tails[n, n - d].min(axis=1), out=least)
