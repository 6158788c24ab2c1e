"""How agreeing bits are counted: one file per kernel, and the rule which one works. All give the same numbers.

``numba`` (the extra ``forebear[fast]``) reads every byte once and counts in registers: about two plain passes over the
memory, where ``numpy`` takes four to eight. Importing and compiling it costs half a second and saves a tenth of one per
million rows, so a process starts it once it has searched enough rows to earn that. ``numpy`` is always there.
"""

from __future__ import annotations

from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from forebear.signals.layout import SLOTS

Words = NDArray[np.uint64]
Counts = NDArray[np.int32]
Tails = NDArray[np.float64]

HALF_WORDS = 64
"""Words of bits in a row; as many of validity follow."""
SLOT_WORDS = 2
"""Words of a layer's slot; the slots fill the last words of a half."""
FIRST_SLOT = HALF_WORDS - SLOTS * SLOT_WORDS
KERNELS = ("numba", "numpy")
"""Every kernel, the fastest first."""
WORTH_COMPILING = 4_000_000
"""Rows searched by one process at which starting the compiled kernel has paid for itself."""


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


class LayerKernel(Protocol):
    """The smallest tail of any layer of a query against any layer of a row; called as :class:`Kernel` is."""

    def __call__(self, rows: Words, bits: Words, valid: Words, tails: Tails, smallest: Tails) -> None:
        """Fill ``smallest``.

        Args:
            rows: ``(N, 128)`` packed rows.
            bits: ``(s, 2)`` the query's layers of which it says anything.
            valid: ``(s, 2)`` their validity.
            tails: ``(129, 129)`` what ``k`` agreeing bits of ``n`` are worth, at ``[n, k]``.
            smallest: ``(N,)`` out.
        """
        ...


def available() -> tuple[str, ...]:
    """Names of the kernels that start, the fastest first. Imports what is installed."""
    return tuple(name for name in KERNELS if _starts(name))


def choose(rows: int) -> Kernel:
    """The kernel for a search over so many rows, given what this process has searched before."""
    global _searched
    _searched += rows
    return load("numba") if _searched >= WORTH_COMPILING and _starts("numba") else load("numpy")


_searched = 0


@cache
def _starts(name: str) -> bool:
    """Whether a kernel can be imported; an installed numba may refuse a numpy that is too new for it."""
    try:
        load(name)
    except (ImportError, OSError):
        return False
    return True


def load(name: str) -> Kernel:
    """A kernel by name. Raises ``ImportError`` where it is not installed or does not start."""
    if name == "numba":
        from forebear.index.kernels.compiled import count

        return count
    from forebear.index.kernels.plain import count as count_plain

    return count_plain


def layer_kernel(rows: int) -> LayerKernel:
    """The kernel for a search by layers over so many rows, which is ten times the work of a plain one."""
    return load_layers("numba" if 10 * rows >= WORTH_COMPILING and _starts("numba") else "numpy")


def load_layers(name: str) -> LayerKernel:
    """As :func:`load`, for layers."""
    if name == "numba":
        from forebear.index.kernels.compiled import layers

        return layers
    from forebear.index.kernels.plain import layers as layers_plain

    return layers_plain
