"""Intrinsic fingerprint: how the standard deviation of Q, K, V and O runs over the layers.

Yoon, Chun, Allen et al. ("HonestAGI") 2025, "Intrinsic fingerprint of LLMs: continue training is not all you need to
steal a model!", arXiv 2507.03014. A profile is the standard deviation of a matrix by layer, standardised over layers;
two models' profiles are correlated. Chosen here: the mean of the four correlations; the longer profile is
interpolated where depths differ. The paper calls 0.927 evidence, and prints no threshold. Query, key and value of
fused tensors are taken apart first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lineage.baselines.base import Model, Refused
from lineage.view import F64

FEWEST_LAYERS = 3


@dataclass(frozen=True)
class Profiles:
    """See the module."""

    name: str = "Intrinsic"
    threshold: float | None = None
    paper: str = "Yoon et al. 2025, arXiv 2507.03014"

    def score(self, a: Model, b: Model) -> float:
        """Mean Pearson correlation in [-1, 1].

        Raises:
            Refused: fewer than three layers, or no q, k, v and o.
        """
        depth = min(a.layers, b.layers)
        if depth < FEWEST_LAYERS:
            raise Refused(f"{depth} layers make no profile")
        return float(np.mean([pearson(_profile(a, p, depth), _profile(b, p, depth)) for p in "qkvo"]))


def _profile(model: Model, part: str, depth: int) -> F64:
    spread = np.array([model.matrix(k, f"attn.{part}").std(dtype=np.float64) for k in range(model.layers)])
    return np.asarray(np.interp(np.linspace(0, 1, depth), np.linspace(0, 1, model.layers), spread))


def pearson(x: F64, y: F64) -> float:
    """Pearson's correlation; 0 where one side is constant."""
    x, y = x - x.mean(), y - y.mean()
    size = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(x @ y) / size if size > 1e-30 else 0.0
