"""Heads of two layers of unequal width: which are each other's, and what those are that one has more.

A head is known by its two circuits, o·v and q·k, whatever was done inside of it. It is a copy where its q·k circuit is
that of another head, up to a factor: two heads that attend alike can cancel each other, and others cannot.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.artifacts.architecture import Geometry
from forebear.signals.frames import Frame
from forebear.signals.heads import circuit_norms, circuits, head_rows
from forebear.signals.matching import matched
from forebear.signals.parts import (
    ALIKE,
    Extras,
    Kept,
    Met,
    alike_rounded,
    bias_of,
    common,
    judged,
    others,
    pooled,
    stored,
    weak_beside,
)
from forebear.signals.seen import seen

F64 = NDArray[np.float64]
Indices = NDArray[np.int64]
Parts = dict[str, F64]

PARTS = ("attn.q", "attn.k", "attn.v", "attn.o")


def heads_kept(a: Artifact, b: Artifact, layers: Sequence[tuple[int, int]], frame: Frame) -> Kept | None:
    """Which query heads of the narrower model the wider one has; None where heads are of other sizes or kinds.

    Reads all of attention.

    Raises:
        InputError: rows could not be read.
    """
    ga, gb = a.geometry, b.geometry
    if ga is None or gb is None or not _known(ga) or not _known(gb):
        return None
    if (ga.head_dim, ga.value_dim, ga.rotary) != (gb.head_dim, gb.value_dim, gb.rotary):
        return None
    met = [_met(a, i, b, j, frame) for i, j in layers]
    return pooled("heads", met, ga.heads != gb.heads)


def _known(g: Geometry) -> bool:
    """Whether the head structure is known, and has no latents."""
    return bool(g.heads and g.kv_heads and g.head_dim and g.value_dim and not g.kv_rank)


@np.errstate(all="ignore")
def _met(a: Artifact, i: int, b: Artifact, j: int, frame: Frame) -> Met:
    """The query heads of two layers held against each other."""
    ga, gb = a.geometry, b.geometry
    assert ga is not None and gb is not None and ga.heads and gb.heads
    ours = _checked(ga, {part: common(a, i, part, frame, False) for part in PARTS})
    theirs = _checked(gb, {part: common(b, j, part, frame, True) for part in PARTS})
    if ours is None or theirs is None:
        return Met(f"{j}", np.zeros((0, 2), dtype=np.int64), 1, 0.0, Extras(untold=1))
    made = {part: alike_rounded(ours[part], theirs[part]) for part in PARTS}
    ours, theirs = ({part: rows[side] for part, rows in made.items()} for side in (0, 1))
    written, sought = _likeness(ours, theirs, ga, gb)
    pairs = matched(((written + sought) / 2).astype(np.float32), ALIKE)
    there = pairs[:, 0], pairs[:, 1]
    cosine = min(float(circuit[there].mean()) for circuit in (written, sought)) if len(pairs) else 0.0
    narrow, g = (ours, ga) if ga.heads < gb.heads else (theirs, gb)
    of = int((_norms(narrow, g, "attn.o", "attn.v") + _norms(narrow, g, "attn.q", "attn.k") != 0).sum())
    extras = Extras()
    if ga.heads != gb.heads:
        wider, layer, side = (b, j, 1) if gb.heads > ga.heads else (a, i, 0)
        extras = _extras(wider, layer, others(max(ga.heads, gb.heads), pairs[:, side].tolist()))
    return Met(f"{j}", pairs, of, cosine, extras)


def _checked(g: Geometry, rows: dict[str, F64 | None]) -> Parts | None:
    """The parts, None where one is not there or has another number of rows than the head structure says."""
    found = {part: r for part, r in rows.items() if r is not None and len(r) == head_rows(g, part)}
    return found if len(found) == len(rows) else None


def _likeness(one: Parts, two: Parts, ga: Geometry, gb: Geometry) -> tuple[F64, F64]:
    """``(heads_a, heads_b)`` cosines of the circuits o·v, and of q·k."""
    assert ga.heads and ga.kv_heads and gb.heads and gb.kv_heads and ga.value_dim and ga.head_dim
    sizes = (ga.heads, ga.kv_heads), (gb.heads, gb.kv_heads)
    written = circuits((one["attn.o"], two["attn.o"]), (one["attn.v"], two["attn.v"]), sizes, ga.value_dim)
    sought = circuits((one["attn.q"], two["attn.q"]), (one["attn.k"], two["attn.k"]), sizes, ga.head_dim)
    clean = [np.nan_to_num(cosine.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0) for cosine in (written, sought)]
    return clean[0], clean[1]


def _norms(parts: Parts, g: Geometry, outer: str, inner: str) -> F64:
    """``(heads,)`` Frobenius norms of a circuit."""
    assert g.heads and g.kv_heads and g.head_dim and g.value_dim
    dim = g.value_dim if outer == "attn.o" else g.head_dim
    return circuit_norms(parts[outer], parts[inner], (g.heads, g.kv_heads), dim)


def _extras(model: Artifact, layer: int, extra: Indices) -> Extras:
    """What the heads are that a layer has more; its own rows are all that is asked."""
    g = model.geometry
    assert g is not None and g.heads and g.kv_heads and g.value_dim and g.head_dim
    raw = {part: stored(model, layer, part) for part in PARTS}
    folded = {part: seen(model, layer, part) for part in PARTS}
    plain = _checked(g, {part: None if r is None else r.astype(np.float64) for part, r in raw.items()})
    parts = _checked(g, {part: None if r is None else r.astype(np.float64) for part, r in folded.items()})
    if plain is None or parts is None:
        return Extras(untold=len(extra))
    group = np.arange(g.heads) // (g.heads // g.kv_heads)
    every = np.arange(g.heads)
    of = {"attn.q": every, "attn.k": group, "attn.v": group, "attn.o": every}
    each = {
        part: r.reshape(-1, g.value_dim if part in ("attn.v", "attn.o") else g.head_dim, g.width)[of[part]]
        for part, r in plain.items()
    }
    bias = bias_of(model, layer, "attn.v", g.kv_heads * g.value_dim).reshape(g.kv_heads, -1)[group]
    bad = np.asarray(~np.all([np.isfinite(r).all(axis=(1, 2)) for r in each.values()], axis=0))
    empty = {part: np.asarray(~r.any(axis=(1, 2))) for part, r in each.items()}
    idle = empty["attn.o"] | (empty["attn.v"] & np.asarray(~bias.any(axis=1)))
    written, sought = _norms(parts, g, "attn.o", "attn.v"), _norms(parts, g, "attn.q", "attn.k")
    kept = others(g.heads, extra.tolist())
    weak = weak_beside(written[extra], written[kept], plain["attn.o"].astype(np.float32)) | (sought[extra] == 0)
    cosines = [np.abs(c) for c in _likeness(parts, parts, g, g)]
    for table in cosines:
        np.fill_diagonal(table, 0.0)
    like = np.mean(cosines, axis=0)[extra].max(axis=1, initial=0.0)
    return judged(bad[extra], idle[extra], weak, cosines[1][extra].max(axis=1, initial=0.0), like)
