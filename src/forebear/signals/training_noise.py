"""``training-noise/1``: which way between models another one has in it whole, its chance part included.

What training adds to a matrix is partly the data's and partly chance: the order of the batches and the rounding of what
is stored. Two trainings on the same texts share the first (cosines to 0.98 were measured) and not the second; who
continues a model has both. The data's part has few directions, the chance part all of them, so two things are kept of a
block of every matrix:

- squared distances after both sides were whitened by what all models add there (Kessy, Lewin and Strimmer 2018): the
  directions of the data weigh no more than any other;
- of every model's way from a middle, the half with the smaller singular values, and which share of that half every
  other model has: about one, in every matrix, for those who come through it; mostly less, or uneven, for those who
  only learnt from the same texts. Where hardly anything was chance the two look alike.

Nothing here is a p-value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forebear.errors import ForebearError
from forebear.signals.counterparts import Pair
from forebear.signals.kinship import Kinship, fits, spread

NAME = "training-noise/1"
F64 = NDArray[np.float64]

MATRICES = 48
"""Matrices of the layers that are read, evenly spaced."""
ROWS = 128
COLUMNS = 512
"""The most rows and columns of a block: its eigenvectors cost the cube of these."""
PIECES = 8
AT_ONCE = 16_000_000
"""Values of all models together in memory at a time."""
FLOOR = 1e-2
"""Of the largest variance: directions in which less happened are not made as large as the others."""
BARE = 1e-20
"""Share of a way's squares below which its half is the arithmetic's, and nothing is told of it."""


@dataclass(frozen=True, eq=False)
class Patch:
    """A block of one matrix in all models.

    Attributes:
        role: of the matrix, in the frame.
        squares: ``(N, N)`` squared distances, whitened, their median one; NaN where one of the two has no such matrix.
        kept: ``(N, N)`` the share of the chance part of the first's way from the middle that the second has; NaN where
            there is no such way.
    """

    role: str
    squares: F64
    kept: F64


def training_noise(measured: Kinship, middle: int, most: int = MATRICES) -> tuple[Patch, ...]:
    """What every model has of every other one's way from the middle, matrix by matrix.

    Args:
        measured: models that were laid beside each other.
        middle: number of one of them.
        most: matrices to read.
    """
    roles = [s.role for s in measured.spans]
    out = []
    for role in (roles[k] for k in spread(len(roles), most)):
        there, block = _block(measured.frame[role], [t.get(role) for t in measured.tables])
        if there.sum() > 1 and block.any():
            out.append(Patch(role, whitened(block, there), kept(block, there, middle)))
    return tuple(out)


def _block(frame: Pair, met: Sequence[Pair | None]) -> tuple[NDArray[np.bool_], F64]:
    """Which models have a matrix, and ``(N, R, C)`` values of it less those of the first that has."""
    height, width = frame.size
    columns = spread(width, COLUMNS)
    pieces = list(_pieces(height, min(ROWS, max(1, AT_ONCE // (len(met) * len(columns))))))
    block = np.zeros((len(met), sum(b - a for a, b in pieces), len(columns)))
    there = np.array([p is not None and p.ids is None and fits(p, frame) for p in met])
    for k, pair in enumerate(met):
        if pair is not None and there[k]:
            try:
                block[k] = np.concatenate([pair.theirs(a, b)[:, columns] for a, b in pieces])
            except (ForebearError, ValueError):
                there[k] = False
    block[~there] = 0.0
    block[:, ~np.isfinite(block).all(axis=0)] = 0.0
    block[there] -= block[int(np.argmax(there))].copy()
    return there, block


def _pieces(height: int, rows: int) -> Iterator[tuple[int, int]]:
    """Evenly spaced runs of rows."""
    if rows >= height:
        yield 0, height
        return
    size = max(1, rows // PIECES)
    for start in spread(height - size + 1, max(1, rows // size)).tolist():
        yield start, start + size


def whitened(block: F64, there: NDArray[np.bool_]) -> F64:
    """``(N, N)`` squared distances of ``(N, R, C)`` values after columns, then rows, were made equally variable."""
    ways = block[there] - block[there].mean(axis=0)
    for _ in range(2):
        size = np.sqrt((ways * ways).sum(axis=(1, 2)))
        unit = ways / np.where(size > 0, size, np.inf)[:, None, None]
        flat = unit.reshape(-1, unit.shape[2])
        variance, axes = np.linalg.eigh(flat.T @ flat)
        variance = np.maximum(variance, 0.0) + FLOOR * max(float(variance[-1]), 1e-300)
        ways = (ways @ ((axes / np.sqrt(variance)) @ axes.T)).transpose(0, 2, 1)
    flat = ways.reshape(len(ways), -1)
    inner = flat @ flat.T
    size = np.diag(inner)
    found = np.maximum(size[:, None] + size[None, :] - 2 * inner, 0.0)
    typical = float(np.median(found[found > 0])) if (found > 0).any() else 1.0
    out = np.full((len(block), len(block)), np.nan)
    out[np.ix_(there, there)] = found / typical
    return out


def kept(block: F64, there: NDArray[np.bool_], middle: int) -> F64:
    """``(N, N)`` shares of the first's chance part that the second has; see :attr:`Patch.kept`."""
    count = len(block)
    out = np.full((count, count), np.nan)
    if not there[middle]:
        return out
    ways = (block - block[middle]).reshape(count, -1)
    for k in np.flatnonzero(there & (ways != 0).any(axis=1)):
        left, size, right = np.linalg.svd(ways[k].reshape(block.shape[1:]), full_matrices=False)
        half = slice(len(size) // 2, None)
        power = float((size[half] ** 2).sum())
        if power > BARE * float((size**2).sum()):
            out[k] = ways @ ((left[:, half] * size[half]) @ right[half]).reshape(-1) / power
    out[:, ~there] = np.nan
    return out
