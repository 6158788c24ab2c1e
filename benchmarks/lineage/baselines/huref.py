"""ICS: the cosine of three invariant terms of the last two layers.

Zeng, Wang, Zhou, Lin et al. 2024, "HuRef", arXiv 2312.04828. With X the embeddings of some tokens: M_a = X Wqᵀ Wk Xᵀ,
M_b = X Wvᵀ Woᵀ Xᵀ, M_f = X (Wgᵀ ∘ Wuᵀ) Wdᵀ Xᵀ (∘ value by value; Wuᵀ alone where there is no gate). Each is
standardised row by row, all are flattened into one vector.

Chosen here: X are all tokens that the two vocabularies share (up to :data:`MOST_TOKENS`, evenly spaced), each from
its own model's embedding; keys and values are repeated for the query heads of their group; routed experts have no
M_f. As in the paper, norm gains are not folded in.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lineage.baselines.base import Model, Refused
from lineage.view import F32, F64, shared_embeddings

MOST_TOKENS = 512
LAST = 2


@dataclass(frozen=True)
class Invariants:
    """See the module."""

    name: str = "ICS"
    threshold: float | None = None
    paper: str = "Zeng et al. 2024, arXiv 2312.04828"

    def score(self, a: Model, b: Model) -> float:
        """Cosine in [-1, 1].

        Raises:
            Refused: too few tokens in common, fewer than two layers, or no q, k, v and o.
        """
        if min(a.layers, b.layers) < LAST:
            raise Refused("one layer")
        x, y = shared_embeddings(a, b)
        kept = np.linspace(0, len(x) - 1, min(len(x), MOST_TOKENS)).round().astype(np.int64)
        pairs = list(zip(terms(a, x[kept]), terms(b, y[kept]), strict=True))
        both = [(standard(m), standard(n)) for m, n in pairs if m is not None and n is not None]
        dot = sum(float(np.vdot(m, n)) for m, n in both)
        norms = [sum(float(np.vdot(pair[k], pair[k])) for pair in both) for k in (0, 1)]
        return dot / max(1e-30, math.sqrt(norms[0] * norms[1]))


def terms(model: Model, tokens: F32) -> Iterator[F64 | None]:
    """``(n, n)`` M_a, M_b and M_f of the last two layers, for embeddings ``(n, width)``; no M_f of experts."""
    x = tokens.astype(np.float64)
    for layer in range(model.layers - LAST, model.layers):
        q, k, v, o = model.heads(layer)
        yield (x @ q.T) @ (x @ k.T).T
        yield ((x @ v.T) @ o.T) @ x.T
        if f"layers.{layer}.mlp.up" not in model.weights:
            yield None
            continue
        up, down = model.matrix(layer, "mlp.up"), model.matrix(layer, "mlp.down")
        gate = model.weights.get(f"layers.{layer}.mlp.gate")
        yield ((x @ (up if gate is None else gate * up).T) @ down.T) @ x.T


def standard(values: F64) -> F64:
    """Rows with mean 0 and deviation 1; a constant row becomes zero."""
    wide = np.asarray(values, dtype=np.float64)
    centred = wide - wide.mean(axis=1, keepdims=True)
    spread = centred.std(axis=1, keepdims=True)
    return np.asarray(centred / np.where(spread > 0, spread, 1.0))
