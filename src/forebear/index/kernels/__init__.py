"""How agreeing bits are counted: one file per kernel, and the rule which one works. All give the same numbers.

``numba`` (the extra ``forebear[fast]``) reads every byte once and counts in registers: two to three times one
plain pass over the memory. Starting it costs a quarter of a second (another third when it is first compiled), so it is
worth it from about a million rows, or where it is loaded already, as in a service. ``numpy`` is always there.
"""

from __future__ import annotations

import importlib.util
import sys
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Counts = NDArray[np.int32]

HALF_WORDS = 64
"""Words of bits in a row; as many of validity follow."""
KERNELS = ("numba", "numpy")
"""Every kernel, the fastest first."""
WORTH_COMPILING = 1_000_000
"""Rows from which even one search in a fresh process loses nothing by the start of the compiled kernel."""


class Kernel(Protocol):
    """Counts for a stretch of rows; called from several threads at once, so it holds no state and no lock."""

    def __call__(self, rows: Words, query: Words, words: slice, agree: Counts, shared: Counts) -> None:
        """Fill ``agree`` and ``shared``.

        Args:
            rows: ``(N, 128)`` packed rows, bits then validity.
            query: ``(128,)`` one packed row.
            words: of the 64 words of a half, those of which the query says anything.
            agree: ``(N,)`` out, equal bits that are valid on both sides.
            shared: ``(N,)`` out, bits that are valid on both sides.
        """
        ...


def available() -> tuple[str, ...]:
    """Names of the kernels that are installed, the fastest first."""
    return tuple(k for k in KERNELS if k == "numpy" or importlib.util.find_spec(k) is not None)


def choose(rows: int) -> str:
    """The kernel for a search over so many rows."""
    compiled = "numba" in sys.modules or (rows >= WORTH_COMPILING and "numba" in available())
    return "numba" if compiled else "numpy"


def load(name: str) -> Kernel:
    """A kernel by name."""
    if name == "numba":
        from forebear.index.kernels.compiled import count

        return count
    from forebear.index.kernels.plain import count as count_plain

    return count_plain
