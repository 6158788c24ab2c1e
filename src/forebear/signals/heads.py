"""Which attention head is which, by its circuits: o·v and q·k, which no change of basis inside of a head alters.

Of a head with value rows V and output columns O the stream sees the product O·V (Elhage et al. 2021); flipping a value
dimension, or mixing them, changes both factors and leaves it as it is, and so do planes of queries and keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.artifacts.architecture import Geometry
from forebear.signals.frames import MATCHING, Frame
from forebear.signals.matching import cosines, matched
from forebear.signals.seen import seen

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Rows = NDArray[np.floating[Any]]
Indices = NDArray[np.int64]

REORDERED = 2.0
"""How many times better than as numbered dimensions of a head have to fit in another order to be reordered."""


@dataclass(frozen=True, eq=False)
class HeadMap:
    """Key/value heads of two layers that were matched.

    Attributes:
        heads: ``(n, 2)`` key/value heads of A and B.
        values: per pair of heads ``(m, 2)`` value dimensions inside of them.
        keys: the same of unrotated key dimensions; None where dimensions rotate.
        fit: mean similarity of the circuits of matched heads, at most 2.
    """

    heads: Indices
    values: list[Indices]
    keys: list[Indices] | None
    fit: float


def head_map(a: Artifact, i: int, b: Artifact, j: int, frame: Frame) -> HeadMap | None:
    """Match the key/value heads of layer ``i`` of A with those of layer ``j`` of B; None where sizes differ."""
    ga, gb = a.geometry, b.geometry
    if ga is None or gb is None or not ga.heads or not gb.heads or not ga.kv_heads or not gb.kv_heads:
        return None
    if (ga.head_dim, ga.value_dim, ga.rotary) != (gb.head_dim, gb.value_dim, gb.rotary) or ga.kv_rank or gb.kv_rank:
        return None
    parts: dict[str, tuple[F32, F32]] = {}
    for part in ("attn.q", "attn.k", "attn.v", "attn.o"):
        one, two = seen(a, i, part), seen(b, j, part)
        if one is None or two is None:
            return None
        if len(one) != head_rows(ga, part) or len(two) != head_rows(gb, part):
            return None
        parts[part] = _scaled(frame.of_a(one, MATCHING)), _scaled(frame.of_b(two, MATCHING))
    assert ga.head_dim and ga.value_dim
    sizes = (ga.heads, ga.kv_heads), (gb.heads, gb.kv_heads)
    similarity = circuits(parts["attn.o"], parts["attn.v"], sizes, ga.value_dim)
    similarity += circuits(parts["attn.q"], parts["attn.k"], sizes, ga.head_dim)
    groups = similarity.reshape(ga.kv_heads, ga.heads // ga.kv_heads, gb.kv_heads, gb.heads // gb.kv_heads)
    by_group = groups.max(axis=3).mean(axis=1)
    heads = matched(by_group, least=-np.inf)
    values = [_inside(parts["attn.v"], x, y, ga.value_dim) for x, y in heads]
    keys = [_inside(parts["attn.k"], x, y, ga.head_dim) for x, y in heads] if ga.rotary is None else None
    fit = float(by_group[heads[:, 0], heads[:, 1]].mean()) if len(heads) else 0.0
    return HeadMap(heads, values, keys, fit)


def head_rows(geometry: Geometry, part: str) -> int | None:
    """Rows that a part has by the model's head structure; a layer with others is left alone."""
    g = geometry
    sizes = {
        "attn.q": (g.heads, g.head_dim),
        "attn.k": (g.kv_heads, g.head_dim),
        "attn.v": (g.kv_heads, g.value_dim),
        "attn.o": (g.heads, g.value_dim),
    }
    count, size = sizes[part]
    return None if count is None or size is None else count * size


def _scaled(rows: F32) -> F32:
    """Rows over their largest value, so that products of four of them stay numbers; those that are none are zero."""
    rows = np.where(np.isfinite(rows).all(axis=1, keepdims=True), rows, 0.0)
    largest = float(np.abs(rows).max(initial=0.0))
    return np.asarray(rows / largest if largest > 0 else rows, dtype=np.float32)


def circuits(
    outer: tuple[Rows, Rows], inner: tuple[Rows, Rows], sizes: tuple[tuple[int, int], tuple[int, int]], dim: int
) -> Rows:
    """``(heads_a, heads_b)`` cosines of products outer^T inner as matrices over the stream, no such matrix formed.

    Args:
        outer, inner: rows of A and of B, ``(heads times dim, width)`` and ``(key/value heads times dim, width)``.
        sizes: query heads and key/value heads of A and of B.
        dim: of a head.
    """
    (ha, ka), (hb, kb) = sizes
    at_a, at_b = np.arange(ha) // (ha // ka), np.arange(hb) // (hb // kb)
    outers, inners = _tiles(outer, (ha, hb), dim), _tiles(inner, (ka, kb), dim)[at_a][:, at_b]
    product = np.einsum("abx,abx->ab", outers, inners)
    norms = [circuit_norms(outer[k], inner[k], sizes[k], dim) for k in (0, 1)]
    scale = norms[0][:, None] * norms[1]
    return np.asarray(np.divide(product, scale, out=np.zeros_like(product), where=scale > 0))


def circuit_norms(outer: Rows, inner: Rows, sizes: tuple[int, int], dim: int) -> F64:
    """``(heads,)`` Frobenius norms of the products outer^T inner; sizes: query heads and key/value heads."""
    heads, groups = sizes
    o, i = outer.reshape(heads, dim, -1), inner.reshape(groups, dim, -1)
    squares = [_square(o[h], i[h // (heads // groups)]) for h in range(heads)]
    return np.sqrt(np.maximum(np.array(squares, dtype=np.float64), 0.0))


def _tiles(rows: tuple[Rows, Rows], heads: tuple[int, int], dim: int) -> Rows:
    """``(heads_a, heads_b, dim²)`` inner products of the rows of every head with those of every other."""
    products = (rows[0] @ rows[1].T).reshape(heads[0], dim, heads[1], dim)
    return products.transpose(0, 2, 1, 3).reshape(*heads, dim * dim)


def _square(outer: Rows, inner: Rows) -> float:
    """Squared Frobenius norm of outer^T inner."""
    return float(((outer @ outer.T) * (inner @ inner.T)).sum())


def _inside(rows: tuple[F32, F32], x: int, y: int, dim: int) -> Indices:
    """Dimensions of two heads that meet: as numbered, unless another order fits clearly better, signs left out."""
    size = np.abs(cosines(rows[0][x * dim : (x + 1) * dim], rows[1][y * dim : (y + 1) * dim]))
    straight = np.stack([np.arange(dim)] * 2, axis=1)
    pairs = matched(size)
    fit = float(size[pairs[:, 0], pairs[:, 1]].sum())
    return pairs if fit > REORDERED * float(np.trace(size)) else straight
