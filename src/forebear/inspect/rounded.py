"""Quantisers' grids in two models: which is on one, and whether its values are the other's, rounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from forebear.artifacts import Artifact
from forebear.artifacts.roles import RoleTensor, role_tensor
from forebear.lineage.relations.base import Grids
from forebear.signals.change import Changes
from forebear.signals.lattice import Lattice, Rounding, lattice_of, rounds, sampled, stored_as
from forebear.signals.matching import even

SAMPLED = 8
"""Matrices of a model that are looked at for a quantiser's grid."""
PARTS = ("mlp.up", "mlp.down", "attn.q", "attn.v", "attn.o", "mlp.gate", "attn.k", "experts.0.up", "experts.0.down")


def quantisation(
    a: Artifact, b: Artifact, measured: Changes | None, rows: bool
) -> tuple[tuple[Grids, Grids], dict[str, Rounding]]:
    """What is quantised in either, and whether its values are the other's, rounded."""
    pairs = [(c.role, c.other) for c in measured.body] if measured is not None else []
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
        looked += 1
        kept = [stored_as(t.tensor) for t in tensors if t is not None]
        values = [sampled(t.tensor) if rows else None for t in tensors if t is not None]
        grids = [lattice_of(v) if v is not None else None for v in values]
        for side in (0, 1):
            named = kept[side] or grids[side]
            if named is not None:
                found[side][(role, other)[side]] = named
                stored[side] |= kept[side] is not None
        for side, way in ((1, "a_to_b"), (0, "b_to_a")):
            grid, rich, poor = grids[side], values[1 - side], values[side]
            if grid is None or rich is None or poor is None or measured is None or not _alike(*tensors):
                continue
            if (one := rounds(rich, poor, grid)) is not None:
                roundings.setdefault(way, []).append(one)
    sides = Grids(looked, found[0], stored[0]), Grids(looked, found[1], stored[1])
    return sides, {way: _pooled(each) for way, each in roundings.items()}


def rounded_throughout(
    a: Artifact, b: Artifact, measured: Changes | None, sides: tuple[Grids, Grids], rounding: Mapping[str, Rounding]
) -> str:
    """The way in which all of one model is the other, rounded: some rows of every matrix, and nothing else changed.

    A few matrices are not enough: a relative of A that differs in the others would fit them.
    """
    way = next((w for w, r in rounding.items() if r.within == 1.0), "")
    lattice = sides[int(way == "a_to_b")].main
    if not way or lattice is None or measured is None or not measured.whole or measured.only_a or measured.only_b:
        return ""
    for change in measured.each:
        if change.untouched:
            continue
        tensors = role_tensor(a, change.role), role_tensor(b, change.other)
        if tensors[0] is None or tensors[1] is None or not _alike(*tensors):
            return ""
        values = [sampled(t.tensor) for t in tensors if t is not None]
        rich, poor = values if way == "a_to_b" else values[::-1]
        one = rounds(rich, poor, lattice) if rich is not None and poor is not None else None
        if one is None or one.within < 1.0:
            return ""
    return way


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


def _pooled(each: Sequence[Rounding]) -> Rounding:
    total = sum(r.values for r in each)
    within = sum(r.within * r.values for r in each) / total
    exact = all(r.within == 1.0 for r in each)
    rms = (sum(r.rms**2 * r.values for r in each) / total) ** 0.5
    ends, full = (sum(share * r.values for share, r in zip(s, each, strict=True)) / total for s in _shares(each))
    return Rounding(total, 1.0 if exact else min(within, 1 - 1 / total), rms, ends, full)


def _shares(each: Sequence[Rounding]) -> tuple[list[float], list[float]]:
    return [r.ends for r in each], [r.full for r in each]
