"""PCS: the cosine of two parameter vectors.

Zeng, Wang, Zhou, Lin et al. 2024, "HuRef: Human-readable fingerprint for large language models", arXiv 2312.04828,
from where the name is. Chosen here: matrices by aligned names whose shapes are equal, embeddings and head among them;
no norm gains, which are all near one and would lift every pair of small models (of large ones they are nothing).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lineage.baselines.base import Model, Refused


@dataclass(frozen=True)
class ParameterCosine:
    """See the module."""

    name: str = "PCS"
    threshold: float | None = None
    paper: str = "Zeng et al. 2024, arXiv 2312.04828"

    def score(self, a: Model, b: Model) -> float:
        """Cosine in [-1, 1].

        Raises:
            Refused: no matrix has an equal shape.
        """
        one, two = a.weights, b.weights
        same = [r for r, v in one.items() if v.ndim == 2 and r in two and two[r].shape == v.shape]
        if not same:
            raise Refused("no matrix of the same name and shape")
        dot = sum(float(np.vdot(one[r], two[r])) for r in same)
        norms = [sum(float(np.vdot(w[r], w[r])) for r in same) for w in (one, two)]
        return dot / max(1e-30, math.sqrt(norms[0] * norms[1]))
