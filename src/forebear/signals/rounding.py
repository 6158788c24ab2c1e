"""``rounding/1``: are the values of a model on a grid those of another one, rounded?

Rounding to nearest leaves every value in the cell of the level that it went to, cell by cell, and nothing else does.
Who was rounded is another question: whoever has a quantised model can fill its cells with noise and call the result its
origin. Two things tell that apart as long as nobody takes care to forge them. Weights that never knew the grid are
spread over its cells; and a quantiser that scales a group by its largest value keeps that value, as far as the scale's
own format can hold it, while noise moves it anywhere in its cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Tensor
from forebear.signals.floats import Format, coarsest, doubt, spacing
from forebear.signals.grids import E2M1, integers
from forebear.signals.lattice import CODEBOOK, E2M1_NAME, GRIDS, GROUPS, Cut, Lattice

NAME = "rounding/1"
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Ends = tuple[F64, F64]
"""``(g,)`` smallest and largest value of every group."""

HALF, BFLOAT, SMALL = 2.0**-11, 2.0**-8, 2.0**-4
"""By how much a scale is wrong that is stored in float16, bfloat16, E4M3, relatively (and one in float32 less)."""
KEPT = 0.99
"""Share of groups that keep the largest magnitude in a model that was rounded by it."""
AT_ONCE = 1_000_000
"""Values of a whole tensor in memory at a time."""
CHUNK = 65_536
"""Values that are fitted to a grid at a time, in whole groups."""


@dataclass(frozen=True)
class Rounding:
    """A's values against B's, which lie on a grid.

    Attributes:
        values: number of values.
        within: share of A's values that are no further from B's than rounding to nearest would leave them. Those beyond
            the last level of their group are left out.
        rms: root mean square of the distance, in half gaps to the next level; 0.58 for rounding to nearest.
        ends: share of B's groups whose largest magnitude, or whose span where a zero point is free, is that of A's.
        full: share of B's groups that reach the end of their grid, as they do where they were scaled so.
        bits: what ``ends`` is worth against somebody who filled the cells evenly, as far as the widest of them are
            filled: a group keeps its largest value by chance as often as what its scale may be wrong by is of that.
        slack: what a scale was taken to be wrong by at most, relatively: :data:`HALF` or more.
        unseen: values that differ from A's in groups of B that lie on no grid; nothing is known of their cells.
    """

    values: int
    within: float
    rms: float
    ends: float
    full: float
    bits: float = 0.0
    slack: float = HALF
    unseen: int = 0


def rounds(
    a: F32, b: F32, lattice: Lattice, ends: tuple[Ends, Ends] | None = None, error: float = 0.0
) -> Rounding | None:
    """Whether B's values are A's rounded to B's grid; None where B's cells are not known.

    Args:
        a, b: the same rows of both matrices, from the edge of a group on.
        lattice: the one of B.
        ends: of the groups of A and B where these rows hold only parts of them (see :func:`ends_of`).
        error: by how much A's values may be wrong themselves.
    """
    if lattice.cut is None or a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return None
    held = coarsest(b)
    if lattice.cut.kind in ("row", "group"):  # some rows hold enough groups
        a, b = (v[:, :GROUPS] if lattice.cut.turned else v[:GROUPS] for v in (a, b))
    groups, ours = lattice.cut.split(b), lattice.cut.split(a)
    if groups is None or ours is None:
        return None
    below, above = _half_gaps(groups, held, lattice)
    if ends is None:
        ends = _ends(ours), _ends(groups)
    elif lattice.cut.kind == "row":
        ends = tuple((low[: len(groups)], high[: len(groups)]) for low, high in ends)  # type: ignore[assignment]
    half = np.where(ours < groups, below, above)
    known = lattice.cut.join(((half > 0) & ~_clipped(ours, groups)).astype(np.float64), b.shape) > 0
    if not known.any():
        return None
    cell = np.maximum(below, above).max(axis=1)
    widest = lattice.cut.join((half > cell[:, None] * (1 - 1e-6)).astype(np.float64), b.shape)[known] > 0
    half = lattice.cut.join(half, b.shape)
    slack = doubt(a, coarsest(a)) + doubt(b, held) + error
    distance = np.abs(a.astype(np.float64) - b)
    near = distance[known] <= half[known] * (1 + 1e-3) + slack[known]
    share = distance[known] / half[known]
    spread = min(1.0, 3**0.5 * _rms(share[widest] if widest.any() else share))
    kept, bits, scale = _kept(lattice, ends, cell, spread, held, error)
    full, unseen = _full(lattice, ends[1], cell), int(((ours != groups) & (cell <= 0)[:, None]).sum())
    return Rounding(int(known.sum()), float(near.mean()), _rms(share), kept, full, bits, scale, unseen)


def _rms(values: F64) -> float:
    return float(np.sqrt((values**2).mean()))


def pooled(each: Sequence[Rounding]) -> Rounding:
    """Several matrices as one; ``within`` is 1 only where it is in all of them."""
    total = sum(r.values for r in each)

    def mean(shares: Sequence[float]) -> float:
        return sum(share * r.values for share, r in zip(shares, each, strict=True)) / total

    exact = all(r.within == 1.0 for r in each)
    return Rounding(
        total,
        1.0 if exact else min(mean([r.within for r in each]), 1 - 1 / total),
        mean([r.rms**2 for r in each]) ** 0.5,
        mean([r.ends for r in each]),
        mean([r.full for r in each]),
        sum(r.bits for r in each),
        max(r.slack for r in each),
        sum(r.unseen for r in each),
    )


def long(cut: Cut) -> bool:
    """Whether groups reach over all rows of a matrix, so that a sample of rows holds only parts of them."""
    return cut.kind == "tensor" or (cut.kind == "row" and cut.turned)


def ends_of(tensor: Tensor, cut: Cut) -> Ends:
    """The ends of groups that reach over all rows; every value is read.

    Raises:
        InputError: rows could not be read.
    """
    step = max(1, AT_ONCE // max(1, tensor.shape[1]))
    parts = [tensor.rows(k, min(k + step, tensor.shape[0])) for k in range(0, tensor.shape[0], step)]
    lows, highs = zip(*((p.min(axis=0), p.max(axis=0)) for p in parts), strict=True)
    low, high = np.min(lows, axis=0).astype(np.float64), np.max(highs, axis=0).astype(np.float64)
    return (low, high) if cut.kind == "row" else (low.min(keepdims=True), high.max(keepdims=True))


def _ends(groups: F64) -> Ends:
    return groups.min(axis=1), groups.max(axis=1)


def _half_gaps(groups: F64, held: Format, lattice: Lattice) -> tuple[F64, F64]:
    """``(g, n)`` half of the gaps below and above each of B's values, 0 in groups whose grid is not seen."""
    grid = dict(GRIDS)[lattice.grid]
    if lattice.grid == "int" and lattice.format != CODEBOOK and lattice.bits is not None:
        grid = partial(integers, most=max(E2M1) if lattice.format == E2M1_NAME else 2**lattice.bits - 1)
    fits = [grid(part, held) for part in np.array_split(groups, -(-groups.size // CHUNK))]
    below, above = (
        np.concatenate([np.where(f.fits[:, None], getattr(f, side), 0.0) for f in fits]) for side in ("below", "above")
    )
    if lattice.format not in (E2M1_NAME, CODEBOOK):
        return below, above
    with np.errstate(all="ignore"):  # a table in whole steps: its levels are those that were seen
        level = np.where(below > 0, np.round(groups / (2 * below)), 0.0)
    seen = np.unique(level)
    if lattice.format == E2M1_NAME:
        seen = np.union1d(seen, -seen)
    if len(seen) < 2:
        return below, above
    gaps = np.diff(seen)
    at = np.searchsorted(seen, level)
    return np.append(gaps[:1], gaps)[at] * below, np.append(gaps, gaps[-1:])[at] * above


def _clipped(a: F64, b: F64) -> NDArray[np.bool_]:
    """Where a value lies beyond the last level of its group: quantisers differ in how much they cut off there."""
    above = (b == b.max(axis=1, keepdims=True)) & (a > b)
    below = (b == b.min(axis=1, keepdims=True)) & (a < b)
    return np.asarray(above | below)


def _kept(
    lattice: Lattice, ends: tuple[Ends, Ends], cell: F64, spread: float, held: Format, error: float
) -> tuple[float, float, float]:
    """Share of groups that keep A's largest magnitude or span, what that is worth in bits, and the slack it took.

    The chance is that of values drawn evenly from this share of each cell (``spread``). Any set of groups may be the
    one that did not keep it, and every slack that is tried is paid for.
    """
    largest = [np.maximum(np.abs(low), np.abs(high)) for low, high in ends]
    used = (largest[1] > 0) & (cell > 0)
    if not used.any() or spread == 0:
        return 0.0, 0.0, HALF
    with np.errstate(all="ignore"):
        spans = [high - low for low, high in ends]
    tried = (HALF, BFLOAT, SMALL) if lattice.format == E2M1_NAME else (HALF, BFLOAT)
    best = 0.0, 0.0, HALF
    for scale in tried:
        slack = scale * largest[1] + spacing(largest[1], held) / 2 + error  # storing the scale, and the product
        kept = np.abs(largest[0] - largest[1]) <= slack
        with np.errstate(all="ignore"):
            near = slack / cell
        chance = np.minimum(near / spread, 1.0)
        if lattice.grid in ("int", "offset") and not lattice.symmetric:
            kept |= np.abs(spans[0] - spans[1]) <= 2 * slack
            chance = 1 - (1 - chance) ** 3  # of the largest value, or of the sum of two
        elif lattice.grid == "int" and lattice.bits is not None and lattice.format != E2M1_NAME:
            middle = (2**lattice.bits - 1) * cell  # where both sides share 2^bits - 1 steps
            kept |= np.abs(largest[0] - middle) <= slack
            chance = np.minimum(chance + np.maximum(spread - np.maximum(near, 1 - near), 0) / (2 * spread), 1.0)
        lost = int((used & ~kept).sum())
        paid = lost * np.log2(used.sum() + 1) + np.log2(len(tried))
        found = float(kept[used].mean()), float(-np.log2(chance[used & kept]).sum() - paid), scale
        if found[0] >= KEPT:
            return found
        best = max(best, found)
    return best


def _full(lattice: Lattice, ends: Ends, cell: F64) -> float:
    """Share of groups that reach the end of their grid, 1 where that is not told by whole steps."""
    largest = np.maximum(np.abs(ends[0]), np.abs(ends[1]))
    used = largest > 0
    if lattice.grid != "int" or lattice.bits is None or lattice.format in (E2M1_NAME, CODEBOOK) or not used.any():
        return 1.0
    with np.errstate(all="ignore"):
        reached = largest / (2 * cell) >= 2 ** (lattice.bits - 1) - 1 - 0.25
    return float(reached[used].mean())
