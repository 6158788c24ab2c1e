"""``lattice/1``: were weights that are plain floats quantised and dequantised? They still lie on the quantiser's grid.

A tensor is cut as quantisers cut (one scale for all, for blocks of 128 × 128, for rows, for groups of a row), and held
against their grids: integers of 2 to 8 bits with or without a zero point, a scale with an offset, FP8, FP4, NF4. It is
on a lattice if every value of every sampled group is on its grid, and that would be no chance for plain floats
(:mod:`forebear.signals.grids`). Named are the coarsest cut that fits and the simplest grid.

An exact fact about the values that were read, with one blind spot: a quantiser that orders columns by importance leaves
no groups to see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Tensor
from forebear.artifacts.dtypes import SAFETENSORS
from forebear.signals.floats import Format, coarsest
from forebear.signals.grids import E2M1, FP4_TABLE, MOST_LEVELS, NF4, Fit, integers, offset, small_floats, table

NAME = "lattice/1"
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Values = TypeVar("Values", F32, F64)

ROWS, VALUES = 128, 500_000
"""Rows of a tensor that are read, and values."""
FIRST, GROUPS = 3, 32
"""Groups that are tried first, and those that all have to fit."""
LEAST_BITS = 64.0
"""What the fit of all groups has to be worth against chance: one in 2^64, for each cut and each grid that is tried."""
FINEST = 16
"""The smallest group that any format has."""
FINER_BELOW = 6
"""Bits below which no finer cut is tried for fewer."""
MANY = 64
"""Neighbours of which at most half are different where a table has 16 levels, be they of two groups."""
EDGE = 128
SIZES = (256, 128, 64, 32, 16)
FLOATS = frozenset(("F32", "F16", "BF16", "F64"))
GRIDS: tuple[tuple[str, Callable[[F64, Format], Fit]], ...] = (
    ("int", integers),
    ("NF4", partial(table, levels=NF4)),
    ("FP4", partial(table, levels=np.concatenate([-FP4_TABLE[:0:-1], FP4_TABLE]))),
    ("offset", offset),
    ("FP8 E4M3", partial(small_floats, mantissa=3, octaves=13)),
    ("FP8 E5M2", partial(small_floats, mantissa=2, octaves=28)),
)
"""Every family of grids, by name, the simplest first: of those with as few bits it is named."""
E2M1_NAME, CODEBOOK = "FP4 E2M1", "4-bit codebook"
MOST_CODES, FAR_APART = 16, 4
"""Levels of a table of 4 bits that lies on whole steps (IQ4_NL of llama.cpp, say), and the median distance of them."""
TABLES = frozenset(("NF4", "FP4"))
BITS = {"FP8 E4M3": 8, "FP8 E5M2": 8, "NF4": 4, "FP4": 4}


@dataclass(frozen=True)
class Cut:
    """How a matrix is cut into groups that share a scale.

    Attributes:
        kind: ``tensor``, ``block``, ``row``, ``group`` (of a row) or ``flat`` (of all values one after the other).
        size: of a group or a block's edge, 0 where it follows from the shape.
        turned: whether columns are cut and not rows.
    """

    kind: str
    size: int = 0
    turned: bool = False

    @property
    def words(self) -> str:
        """As a reader would say it."""
        across = "columns" if self.turned else "rows"
        return {
            "tensor": "one scale for all",
            "block": f"blocks of {self.size} × {self.size}",
            "row": f"a scale for each of the {across}",
        }.get(self.kind, f"groups of {self.size}")

    def split(self, values: F32 | F64) -> F64 | None:
        """``(g, n)`` groups, incomplete ones filled with their last value; None where there are none of this kind."""
        held = np.asarray(values.T if self.turned else values, dtype=np.float64)
        rows, width = held.shape
        if self.kind == "tensor":
            return held.reshape(1, -1)
        if self.kind == "row":
            return held
        if self.kind == "block":
            if max(rows, width) <= self.size:
                return None
            held = _filled(held, -rows % self.size, -width % self.size)
            tiles = held.reshape(held.shape[0] // self.size, self.size, -1, self.size)
            return tiles.transpose(0, 2, 1, 3).reshape(-1, self.size**2)
        if self.kind == "flat":
            fits = width % self.size and held.size % self.size == 0
            return held.reshape(-1, self.size) if fits else None
        if width <= self.size and self.size > FINEST:
            return None
        return _filled(held, 0, -width % self.size).reshape(-1, self.size)

    def join(self, groups: F64, shape: tuple[int, ...]) -> F64:
        """The matrix of this shape that ``split`` gave these groups."""
        rows, width = reversed(shape) if self.turned else shape
        if self.kind == "block":
            down, across = -(-rows // self.size), -(-width // self.size)
            tiles = groups.reshape(down, across, self.size, self.size).transpose(0, 2, 1, 3)
            held = tiles.reshape(down * self.size, across * self.size)[:rows, :width]
        elif self.kind == "group":
            held = groups.reshape(rows, -1)[:, :width]
        else:
            held = groups.reshape(rows, width)
        return held.T if self.turned else held


def _filled(held: F64, down: int, across: int) -> F64:
    return np.pad(held, ((0, down), (0, across)), mode="edge") if down or across else held


@dataclass(frozen=True)
class Lattice:
    """The grid that a tensor's values lie on.

    Attributes:
        format: ``INT4``, ``FP8 E4M3``, ``NF4``, …; of a tensor that is stored packed, what its files call it.
        bits: of a value, None where the format has no one number.
        cut: which values share a scale, None where that was not measured.
        symmetric: whether the grid is the same on both sides of zero, None where that was not measured.
        worth: bits of evidence against plain floats, 0 where it is stored so.
        grid: which of :data:`GRIDS` it is, "" where it is stored so.
    """

    format: str
    bits: int | None
    cut: Cut | None = None
    symmetric: bool | None = None
    worth: float = 0.0
    grid: str = ""

    @property
    def words(self) -> str:
        """``INT4 (4 bits), groups of 32, symmetric``."""
        parts = [self.format]
        if self.cut is not None:
            parts.append(self.cut.words)
        if self.symmetric is not None and self.format.startswith("INT"):
            parts.append("symmetric" if self.symmetric else "with a zero point")
        return ", ".join(parts)


def cuts() -> Iterator[Cut]:
    """The coarsest first: what fits with fewer scales fits with more of them, and says more."""
    yield Cut("tensor")
    yield Cut("block", EDGE)
    for turned in (False, True):
        yield Cut("row", turned=turned)
    for size in SIZES:
        yield from (Cut("group", size), Cut("flat", size), Cut("group", size, turned=True))


def lattice_of(values: F32) -> Lattice | None:
    """The lattice that all values of a matrix lie on, None where there is none or it could be chance.

    Args:
        values: ``(rows, columns)``, from the edge of a group on.
    """
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        return None
    held = coarsest(values)
    best: Lattice | None = None
    possible = {turned: _possible(Cut("group", FINEST, turned), values, held) for turned in (False, True)}
    for cut in cuts():
        if best is not None and best.bits is not None and best.bits < FINER_BELOW:
            break
        grids = possible[cut.turned] & possible[True] if cut.kind in ("tensor", "block") else possible[cut.turned]
        if cut.kind not in ("group", "flat") and not (cut.kind == "row" and values.shape[not cut.turned] in SIZES):
            grids -= TABLES  # their groups are short
        chosen = _chosen(cut, values) if grids else None
        if chosen is None:
            continue
        for name, grid in GRIDS:
            fit = _all_fit(chosen, held, name, grid) if name in grids else None
            found = _named(name, fit, cut) if fit is not None else None
            if found is not None and (best is None or _simpler(found, best)):
                best = found
    return best


def _possible(cut: Cut, values: F32, held: Format) -> frozenset[str]:
    """Grids that the smallest groups do not rule out: what a large group lies on, its parts lie on.

    Tables go by the largest magnitude of a whole group, so parts say nothing; but they have few values.
    """
    groups = cut.split(_spread(values.T, GROUPS).T if cut.turned else _spread(values, GROUPS))
    if groups is None:
        return frozenset(name for name, _ in GRIDS)
    few = _spread(groups[np.any(groups != 0, axis=1)], FIRST)
    many = any(len(set(row[:MANY].tolist())) > MANY // 2 for row in _spread(values, FIRST))
    return frozenset(name for name, grid in GRIDS if (not many if name in TABLES else bool(grid(few, held).fits.all())))


def _spread(groups: Values, most: int) -> Values:
    """Some of the first axis, evenly spaced."""
    some: Values = groups[np.linspace(0, len(groups) - 1, min(most, len(groups))).astype(int)]
    return some


def _chosen(cut: Cut, values: F32) -> list[F64] | None:
    """The groups that are tried first, and those that all have to fit; None where there are none."""
    if cut.kind in ("row", "group"):  # some rows have enough groups
        values = _spread(values.T, GROUPS).T if cut.turned else _spread(values, GROUPS)
    groups = cut.split(values)
    if groups is None:
        return None
    groups = groups[np.any(groups != 0, axis=1)]
    return [_spread(groups, most) for most in (FIRST, GROUPS)] if len(groups) else None


def _simpler(new: Lattice, best: Lattice) -> bool:
    """Whether a lattice is a better name: fewer bits in the same cut; in a finer one half of them, or a table's."""
    assert new.bits is not None and best.bits is not None
    if new.cut == best.cut or not new.format.startswith("INT"):
        return new.bits < best.bits
    return 2 * new.bits <= best.bits


def _all_fit(chosen: list[F64], held: Format, name: str, grid: Callable[[F64, Format], Fit]) -> Fit | None:
    """The fit of all groups, None where one does not fit or it could be chance."""
    fit = None
    for groups in chosen:
        if name == "offset" and groups.shape[1] < 8:
            return None
        few = _distinct(groups)
        if few is None:
            return None
        fit = grid(few, held)
        if not fit.fits.all():
            return None
    return fit if fit is not None and float(fit.bits.sum()) >= LEAST_BITS else None


def _distinct(groups: F64) -> F64 | None:
    """Different values of each group, the last repeated; None where they are too many for any grid."""
    if groups.shape[1] <= 2 * MOST_LEVELS + 1:
        return groups
    different = [np.unique(g) for g in groups]
    most = max(len(d) for d in different)
    if most > 2 * MOST_LEVELS + 1:
        return None
    return np.stack([np.pad(d, (0, most - len(d)), mode="edge") for d in different])


def _named(grid: str, fit: Fit, cut: Cut) -> Lattice:
    """The lattice in words: bits from the levels that were seen."""
    worth = float(fit.bits.sum())
    if grid in BITS:
        return Lattice(grid, BITS[grid], cut, True, worth, grid)
    if grid == "offset":
        bits = _bits(int(fit.high.max()) + 1)
        return Lattice(f"INT{bits}", bits, cut, False, worth, grid)
    if fit.levels <= E2M1 and 12 in fit.levels:
        return Lattice(E2M1_NAME, 4, cut, True, worth, grid)
    if 2 <= len(fit.levels) <= MOST_CODES and np.median(np.diff(sorted(fit.levels))) >= FAR_APART:
        return Lattice(CODEBOOK, 4, cut, None, worth, grid)
    signed = _bits(2 * int(max(fit.high.max() + 1, -fit.low.min())))
    spanned = _bits(int((fit.high - fit.low).max()) + 1)
    symmetric = signed <= spanned
    bits = min(8, signed if symmetric else spanned)
    return Lattice(f"INT{bits}", bits, cut, symmetric, worth, grid)


def _bits(levels: int) -> int:
    return max(2, (levels - 1).bit_length())


def sampled(tensor: Tensor) -> F32 | None:
    """Rows of a matrix from the edge of a group on; None for what is no matrix of signed values."""
    if len(tensor.shape) != 2 or not tensor.signed or not tensor.size:
        return None
    rows = min(ROWS, tensor.shape[0], max(EDGE, VALUES // tensor.shape[1] // EDGE * EDGE))
    start = (tensor.shape[0] - rows) // 2 // EDGE * EDGE
    return tensor.rows(start, start + rows)


def stored_as(tensor: Tensor) -> Lattice | None:
    """The format of a tensor that its file keeps quantised, None for plain floats."""
    if tensor.dtype in FLOATS:
        return None
    digits = [int(d) for d in "".join(c if c.isdigit() else " " for c in tensor.dtype).split()]
    bits = next((d for d in digits if 1 <= d <= 8), None)
    return Lattice(tensor.dtype if tensor.dtype not in SAFETENSORS else f"{tensor.dtype} values", bits)
