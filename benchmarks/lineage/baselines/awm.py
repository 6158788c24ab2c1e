"""AWM: dimensions of the stream assigned by embedding columns, then CKA of query and key matrices.

Zeng, Chen, He, Wang, Lin 2026, "AWM: Accurate weight-matrix fingerprint for large language models", arXiv 2510.06738.
Columns of the two embeddings over shared tokens are assigned to each other by |cosine|, which gives a permutation and
signs; the columns of W_q and W_k are put in that order; unbiased linear CKA (Song et al. 2012; Kornblith et al. 2019)
over the dimensions as samples; mean over both matrices and all layers. Layers are assigned by that number where
depths differ.

Chosen here: what the paper calls a z-score (mean 0.00375, deviation 0.0028 of 90 large pairs) is left out, because
those two numbers do not hold for small models; the CKA itself is the score.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forebear.signals.matching import cosines
from lineage.assignment import assign
from lineage.baselines.base import Model, Refused
from lineage.view import F32, F64, Indices, shared_embeddings


@dataclass(frozen=True)
class Awm:
    """See the module."""

    name: str = "AWM"
    threshold: float | None = None
    paper: str = "Zeng et al. 2026, arXiv 2510.06738"

    def score(self, a: Model, b: Model) -> float:
        """Mean unbiased CKA, at most 1.

        Raises:
            Refused: no tokens in common, or no q and k.
        """
        x, y = shared_embeddings(a, b)
        if x.shape[1] > y.shape[1]:  # the method is symmetric; rows are assigned to at least as many columns
            a, b, x, y = b, a, y, x
        columns, signs = aligned_columns(x, y)
        kinds = ("attn.q", "attn.k")
        one = [[centred(a.matrix(k, part).T) for part in kinds] for k in range(a.layers)]
        two = [[centred(b.matrix(k, part)[:, columns].T * signs[:, None]) for part in kinds] for k in range(b.layers)]
        if not one or not two:
            raise Refused("no layers")
        if len(one) == len(two):
            return float(
                np.mean([alike(g, h) for m, n in zip(one, two, strict=True) for g, h in zip(m, n, strict=True)])
            )
        if len(one) > len(two):
            one, two = two, one
        table = np.array([[np.mean([alike(g, h) for g, h in zip(m, n, strict=True)]) for n in two] for m in one])
        return float(table[np.arange(len(table)), assign(table)].mean())


def aligned_columns(x: F32, y: F32) -> tuple[Indices, F32]:
    """For every column of ``x`` its column of ``y`` and the sign between them; ``x`` has at most as many."""
    cosine = cosines(np.ascontiguousarray(x.T), np.ascontiguousarray(y.T))
    columns = assign(np.abs(cosine))
    return columns, np.where(cosine[np.arange(len(columns)), columns] < 0, -1.0, 1.0).astype(np.float32)


def centred(samples: F32) -> F64:
    """The Gram matrix of ``(n, features)`` samples, centred so that HSIC is unbiased, with a zero diagonal."""
    gram = samples.astype(np.float64) @ samples.T.astype(np.float64)
    n = len(gram)
    if n < 4:
        raise Refused("fewer than four dimensions")
    np.fill_diagonal(gram, 0)
    means = gram.sum(axis=0) / (n - 2)
    means -= means.sum() / (2 * (n - 1))
    gram -= means[:, None]
    gram -= means[None, :]
    np.fill_diagonal(gram, 0)
    return gram


def alike(g: F64, h: F64) -> float:
    """Unbiased CKA of two centred Gram matrices; 0 where one of them is empty."""
    size = float(np.vdot(g, g)) * float(np.vdot(h, h))
    return float(np.vdot(g, h)) / size**0.5 if size > 1e-60 else 0.0
