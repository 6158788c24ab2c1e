"""Quantisers' grids in two models: which is on one, and whether its values are the other's, rounded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact, Tensor
from forebear.artifacts.roles import RoleTensor, role_tensor
from forebear.lineage.relations.base import Grids
from forebear.signals.change import Changes
from forebear.signals.lattice import GROUPS, Cut, Lattice, lattice_of, sampled, stored_as
from forebear.signals.matching import even
from forebear.signals.rounding import Rounding, ends_of, long, pooled, rounds

F32 = NDArray[np.float32]

HELD = 1_024
"""Rows of a matrix in memory at a time."""
SAMPLED = 8
"""Matrices of a model that are looked at for a quantiser's grid."""
PARTS = ("mlp.up", "mlp.down", "attn.q", "attn.v", "attn.o", "mlp.gate", "attn.k", "experts.0.up", "experts.0.down")


def quantisation(
    a: Artifact, b: Artifact, measured: Changes | None, rows: bool
) -> tuple[tuple[Grids, Grids], dict[str, Rounding]]:
    """What is quantised in either, and whether its values are the other's, rounded."""
    pairs = [(c.role, c.other) for c in measured.body] if measured is not None else []
    same = {(c.role, c.other) for c in measured.body if c.untouched} if measured is not None else set()
    if not pairs:
        both = sorted(r for r in a.names.keys() & b.names.keys() if r.startswith("layers.") and r.endswith(PARTS))
        pairs = [(r, r) for r in both]
    chosen = _chosen(pairs)
    found: list[dict[str, Lattice]] = [{}, {}]
    stored = [False, False]
    roundings: dict[str, list[Rounding]] = {}
    looked = 0
    for role, other in chosen:
        tensors = role_tensor(a, role), role_tensor(b, other)
        if tensors[0] is None or tensors[1] is None:
            continue
        kept = [stored_as(t.tensor) for t in tensors if t is not None]
        values = [sampled(t.tensor) if rows else None for t in tensors if t is not None]
        grids = [lattice_of(v) if v is not None else None for v in values]
        if (role, other) in same and not any((*kept, *grids)):
            continue  # a quantiser may leave matrices alone
        looked += 1
        for side in (0, 1):
            named = kept[side] or grids[side]
            if named is not None:
                found[side][(role, other)[side]] = named
                stored[side] |= kept[side] is not None
        for side, way in ((1, "a_to_b"), (0, "b_to_a")):
            grid, rich, poor = grids[side], values[1 - side], values[side]
            if grid is None or rich is None or poor is None or measured is None or not _alike(*tensors):
                continue
            order = tensors if way == "a_to_b" else tensors[::-1]
            if (one := _rounding(*order, rich, poor, grid, measured.whole)) is not None:
                roundings.setdefault(way, []).append(one)
    sides = Grids(looked, found[0], stored[0]), Grids(looked, found[1], stored[1])
    return sides, {way: pooled(each) for way, each in roundings.items()}


def _rounding(
    one: RoleTensor | None, two: RoleTensor | None, rich: F32, poor: F32, grid: Lattice, whole: bool
) -> Rounding | None:
    """Sampled rows of two matrices, the second of which is on a grid; whole matrices for the ends of long groups."""
    if grid.cut is None or one is None or two is None or not long(grid.cut) or len(rich) == one.tensor.shape[0]:
        return rounds(rich, poor, grid)
    if whole:
        return rounds(rich, poor, grid, (ends_of(one.tensor, grid.cut), ends_of(two.tensor, grid.cut)))
    found = rounds(rich, poor, grid)
    return replace(found, ends=0.0, bits=0.0) if found is not None else None  # not seen is not kept


def rounded_throughout(
    a: Artifact, b: Artifact, measured: Changes | None, sides: tuple[Grids, Grids], rounding: Mapping[str, Rounding]
) -> str:
    """The way in which all of one model is the other, rounded: every value of every matrix, and nothing else changed.

    A few values are not enough. A model that was trained from A for some steps at a tiny rate has three values of a
    hundred thousand in other cells than A.
    """
    way = next((w for w, r in rounding.items() if r.within == 1.0), "")
    if not way or sides[int(way == "a_to_b")].main is None:
        return ""
    if measured is None or not measured.whole or measured.only_a or measured.only_b:
        return ""
    for change in measured.each:
        if change.untouched:
            continue
        tensors = role_tensor(a, change.role), role_tensor(b, change.other)
        if tensors[0] is None or tensors[1] is None or not _alike(*tensors):
            return ""
        rich, poor = tensors if way == "a_to_b" else tensors[::-1]
        if not _in_its_cells(rich.tensor, poor.tensor):  # type: ignore[union-attr]
            return ""
    return way


def _in_its_cells(rich: Tensor, poor: Tensor) -> bool:
    """Whether every value of a matrix lies in the cell of the other's value; False where the other is on no grid."""
    some = sampled(poor)
    grid = lattice_of(some) if some is not None else None
    if grid is None or grid.cut is None:
        return False
    height = rich.shape[0]
    step = height if grid.cut.turned else HELD
    for start in range(0, height, step):
        one, two = (t.rows(start, min(height, start + step)) for t in (rich, poor))
        for part in _parts(one.shape, grid.cut):
            found = rounds(one[part], two[part], grid)
            if found is None:
                if not np.array_equal(one[part], two[part]):
                    return False
            elif found.within < 1.0 or found.unseen:
                return False
    return True


def _parts(shape: tuple[int, ...], cut: Cut) -> Iterator[tuple[slice, slice]]:
    """Pieces of a block of rows of which every group is looked at."""
    most = GROUPS if cut.kind in ("row", "group") else max(shape)
    along = 1 if cut.turned else 0
    for start in range(0, shape[along], most):
        piece = slice(start, start + most)
        yield (slice(None), piece) if cut.turned else (piece, slice(None))


def still_elsewhere(a: Artifact, b: Artifact, measured: Changes | None) -> bool:
    """Whether what quantisers leave alone (norms, biases, often embeddings) was left alone, or is on a grid as well."""
    if measured is None:
        return True
    for change in measured.each:
        if change.body or change.untouched or not change.values:
            continue
        tensors = role_tensor(a, change.role), role_tensor(b, change.other)
        values = [sampled(t.tensor) for t in tensors if t is not None]
        if not any(lattice_of(v) for v in values if v is not None):
            return False
    return True


def _alike(one: RoleTensor | None, two: RoleTensor | None) -> bool:
    return one is not None and two is not None and one.tensor.shape == two.tensor.shape and one.role == two.role


def _chosen(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Up to :data:`SAMPLED` pairs, of as many parts as there are, from layer to layer."""
    by_part: dict[str, list[tuple[str, str]]] = {}
    for pair in pairs:
        by_part.setdefault(pair[1].split(".", 2)[-1].split(".")[-1], []).append(pair)
    each = max(1, SAMPLED // max(1, len(by_part)))
    found = [held[k] for held in by_part.values() for k in even(len(held), each).tolist()]
    return found[:SAMPLED]
