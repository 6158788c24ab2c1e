"""Spectra of query-key and value-output products, aligned layer by layer.

After GhostSpec: Wang et al. 2026, "GhostSpec", AAAI, arXiv 2511.06390. Singular values of W_q W_kᵀ and W_v W_o by
layer, cut at the effective rank, scaled to [0, 1]; mean squared differences of every pair of layers; a monotone
alignment with a price for gaps; the score falls with the mean distance along it.

Chosen here, because we could read descriptions of the method and not its code: products as seen from the residual
stream (W_qᵀ W_k and W_o W_v, keys and values repeated for the query heads of their group), spectra resampled to
:data:`POINTS`, a gap's price of :data:`GAP`, and minus the distance as the score, of which any threshold is a
threshold of the paper's sigmoid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lineage.baselines.base import Model, Refused
from lineage.view import F64

POINTS = 64
GAP = 0.05


@dataclass(frozen=True)
class Spectra:
    """See the module."""

    name: str = "Spectra"
    threshold: float | None = None
    paper: str = "after Wang et al. 2026, arXiv 2511.06390"

    def score(self, a: Model, b: Model) -> float:
        """Minus the distance: 0 for equal spectra.

        Raises:
            Refused: no layers, or no q, k, v and o.
        """
        one, two = ([spectra(m, k) for k in range(m.layers)] for m in (a, b))
        if not one or not two:
            raise Refused("no layers")
        costs = np.array([[np.mean((x - y) ** 2) for y in two] for x in one])
        return -aligned_cost(costs, GAP) / max(len(one), len(two))


def spectra(model: Model, layer: int) -> F64:
    """``(2, POINTS)`` scaled spectra of a layer's two products."""
    q, k, v, o = (x.astype(np.float64) for x in model.heads(layer))
    return np.stack(
        [scaled(np.asarray(np.linalg.svd(m, compute_uv=False), dtype=np.float64)) for m in (q.T @ k, o @ v)]
    )


def scaled(values: F64) -> F64:
    """Singular values up to the effective rank exp(H) (Roy and Vetterli 2007), in [0, 1], at :data:`POINTS` places."""
    total = values.sum()
    share = values[values > 0] / total if total > 0 else np.ones(1)
    rank = max(2, int(np.ceil(np.exp(-(share * np.log(share)).sum()))))
    kept = values[: min(rank, len(values))]
    span = kept.max() - kept.min()
    unit = (kept - kept.min()) / span if span > 0 else np.zeros_like(kept)
    return np.interp(np.linspace(0, 1, POINTS), np.linspace(0, 1, len(unit)), unit)


def aligned_cost(costs: F64, gap: float) -> float:
    """The least cost of a monotone alignment of rows and columns, each paired once or left out for ``gap``."""
    n, m = costs.shape
    best = np.add.outer(np.arange(n + 1), np.arange(m + 1)) * gap
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            best[i, j] = min(best[i - 1, j - 1] + costs[i - 1, j - 1], best[i - 1, j] + gap, best[i, j - 1] + gap)
    return float(best[n, m])
