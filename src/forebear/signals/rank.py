"""The numerical rank of a difference of two matrices: how many singular values rounding alone does not explain.

A merged adapter adds a matrix of low rank, and storing the sum rounds every value, which makes the difference one of
full rank. Rounding errors are about independent and uniform, and the largest singular value of such a matrix is at most
about max_i |row i| + max_j |column j| of the standard deviations (Bandeira and van Handel 2016, arXiv 1408.6185; for
equal ones, (√m + √n) σ). What stands above that edge is not rounding.

Where an update is smaller than half the distance of two floats, storing the sum loses it, and what is lost depends on
the update: then the rank comes out too large rather than too small, and nothing is called low.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forebear.signals.floats import FULL, coarsest, spacing

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Blocks = Callable[[], Iterator[tuple[F32, F32]]]
"""Gives the same rows of both matrices from the first block to the last, as often as it is called."""

MOST = 256
"""The largest rank that is told."""
COLUMNS = 288
"""Columns of the range finder: the largest rank and an excess (Halko, Martinsson and Tropp 2011, arXiv 0909.4061)."""
SMALL = 512
"""Smaller side up to which the whole spectrum is computed."""
HELD = 16_000_000
"""Values of a wide difference that are held at a time; larger ones go through the range finder."""
QUARTER = 4
"""A rank is low up to this part of the smaller side."""
SLACK = 1.05
"""By how much the largest singular value of rounding errors may exceed its expectation."""
FULL_SLACK = 4.0
"""Float32 sums of products are wrong by some roundings, not by one."""


@dataclass(frozen=True)
class Rank:
    """Of a difference of two matrices.

    Attributes:
        rows, columns: of what was looked at, which may be some of the rows.
        rank: singular values above the edge; None where they are more than :data:`MOST`.
        edge: the largest singular value that rounding explains.
        largest: the largest singular value.
    """

    rows: int
    columns: int
    rank: int | None
    edge: float
    largest: float

    @property
    def low(self) -> bool:
        """Whether the rank is at most a quarter of the smaller side."""
        return self.rank is not None and self.rank <= min(self.rows, self.columns) // QUARTER


class Edge:
    """Standard deviations of the rounding errors of a matrix, by row and column, while its rows stream by."""

    def __init__(self) -> None:
        self._row = 0.0
        self._columns: F64 = np.zeros(0)

    def add(self, a: F32, b: F32) -> None:
        """Account for some rows of both matrices: the coarser of the two roundings counts."""
        variance = np.zeros(a.shape)
        for values in (a, b):
            held = coarsest(values)
            error = spacing(values, held) * (FULL_SLACK if held.bits == FULL else 1.0)
            variance = np.maximum(variance, np.where(values != 0, error**2 / 12, 0.0))
        self._row = max(self._row, float(variance.sum(axis=1).max(initial=0.0)))
        if not self._columns.size:
            self._columns = np.zeros(a.shape[1])
        self._columns += variance.sum(axis=0)

    def value(self) -> float:
        """The largest singular value that the errors have, about."""
        return SLACK * (math.sqrt(self._row) + math.sqrt(self._columns.max(initial=0.0)))


def numerical_rank(blocks: Blocks, rows: int, columns: int, seed: int = 0) -> Rank | None:
    """Rank of B − A above the edge of rounding.

    Small differences are taken apart whole, in one reading; of others the range is found with random vectors, in at
    most two. Memory: a block, and ``(rows + columns) · 288`` or ``min(rows, columns)²`` numbers, or :data:`HELD`.

    Args:
        blocks: the rows of both matrices, block by block.
        rows, columns: how many those are together.
        seed: of the random vectors.

    Returns:
        None where there are no values or some are no numbers.
    """
    edge = Edge()
    if not rows or not columns:
        return None
    with np.errstate(all="ignore"):
        if columns <= SMALL:
            gram = np.zeros((columns, columns))
            for difference in _differences(blocks, edge):
                gram += difference.T @ difference
            singular = _roots(gram)
        elif rows <= SMALL and rows * columns <= HELD:
            held = np.concatenate(list(_differences(blocks, edge, np.float32)))
            wide = held.astype(np.float64) if held.size <= HELD // 8 else held
            singular = _roots(np.asarray(wide @ wide.T, dtype=np.float64))
        else:
            singular = _found(blocks, rows, columns, edge, seed)
    if not np.isfinite(singular).all() or not np.isfinite(edge.value()):
        return None
    above = int((singular > edge.value()).sum())
    return Rank(rows, columns, above if above <= MOST else None, edge.value(), float(singular.max(initial=0.0)))


def _differences(blocks: Blocks, edge: Edge | None, kind: type = np.float64) -> Iterator[F64]:
    for a, b in blocks():
        if edge is not None:
            edge.add(a, b)
        yield np.asarray(b.astype(np.float64) - a, dtype=kind)


def _roots(gram: F64) -> F64:
    """Singular values from a Gram matrix, descending; NaN where it holds what is no number."""
    if not np.isfinite(gram).all():
        return np.full(1, np.nan)
    return np.asarray(np.sqrt(np.maximum(np.linalg.eigvalsh(gram), 0.0))[::-1])


def _found(blocks: Blocks, rows: int, columns: int, edge: Edge, seed: int) -> F64:
    """Up to :data:`COLUMNS` singular values by a randomised range finder."""
    count = min(COLUMNS, rows, columns)
    vectors = np.random.default_rng(seed).standard_normal((columns, count)).astype(np.float32)
    image = np.concatenate([d @ vectors for d in _differences(blocks, edge, np.float32)])
    if not np.isfinite(image).all():
        return np.full(1, np.nan)
    spread = _roots(np.asarray(image.T.astype(np.float64) @ image))
    # The last singular value of the image of so many random vectors is at most √columns + √count times the next one of
    # the difference: where it is above that for the edge, so are all of them, and a second reading tells nothing more.
    if spread[-1] > edge.value() * (columns**0.5 + count**0.5):
        return np.asarray(spread / columns**0.5)
    basis = np.linalg.qr(image)[0]
    small = np.zeros((count, columns), dtype=np.float64)
    at = 0
    for difference in _differences(blocks, None, np.float32):
        small += basis[at : at + len(difference)].T @ difference
        at += len(difference)
    return _roots(small @ small.T)
