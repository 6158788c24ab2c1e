"""The compiled kernel: one loop over the row, two population counts a word (``numba``, extra ``forebear[fast]``)."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from forebear.index.kernels import FIRST_SLOT, HALF_WORDS, SLOT_WORDS, Counts, Tails, Words


@intrinsic  # type: ignore[untyped-decorator]
def _ones(context: Any, word: Any) -> Any:
    """Number of set bits of a word: LLVM's ``ctpop``, which becomes POPCNT or VPOPCNTQ."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@njit(nogil=True)  # type: ignore[untyped-decorator]  # not cached on disk: numba keeps pickles there
def _loop(rows: Words, query: Words, agree: Counts, shared: Counts) -> None:
    for k in range(rows.shape[0]):
        both, differing = np.uint64(0), np.uint64(0)
        for w in range(HALF_WORDS):  # all of them: a number known when compiling is what makes vector code
            valid = rows[k, HALF_WORDS + w] & query[HALF_WORDS + w]
            both += _ones(valid)
            differing += _ones((rows[k, w] ^ query[w]) & valid)
        shared[k] = both
        agree[k] = both - differing


def count(rows: Words, query: Words, words: slice, agree: Counts, shared: Counts) -> None:
    """See :class:`forebear.index.kernels.Kernel`."""
    _loop(np.asarray(rows), np.asarray(query), agree, shared)


@njit(nogil=True)  # type: ignore[untyped-decorator]
def _layers(rows: Words, bits: Words, valid: Words, tails: Tails, smallest: Tails) -> None:
    for k in range(rows.shape[0]):
        least = 0.0
        for w in range(FIRST_SLOT, HALF_WORDS, SLOT_WORDS):
            there, there_too = rows[k, HALF_WORDS + w], rows[k, HALF_WORDS + w + 1]
            if there | there_too:
                for s in range(bits.shape[0]):
                    one, two = there & valid[s, 0], there_too & valid[s, 1]
                    both = _ones(one) + _ones(two)
                    differing = _ones((rows[k, w] ^ bits[s, 0]) & one) + _ones((rows[k, w + 1] ^ bits[s, 1]) & two)
                    least = min(least, tails[both, both - differing])
        smallest[k] = least


def layers(rows: Words, bits: Words, valid: Words, tails: Tails, smallest: Tails) -> None:
    """See :class:`forebear.index.kernels.LayerKernel`."""
    _layers(np.asarray(rows), bits, valid, tails, smallest)
