"""φ_U and MATCH: do neurons that are alike stand in the same place?

Zhu, Ahmed, Kuditipudi, Liang 2025, "Independence tests for language models", ICML, arXiv 2502.12292. φ_U assigns the
rows of two up projections by cosine and asks whether the assignment is near the identity; MATCH assigns neurons once
by how gates respond and once by how up projections do, and asks whether the two assignments agree, which no
permutation changes. Spearman's correlation of the two, its t tail, layers combined by Fisher. The score is -log10 p;
the threshold is the paper's cut for MATCH, p = 1e-4.

Chosen here: responses are those to embeddings of shared tokens, normalised and scaled by the layer's norm gain,
instead of activations, so that a model that no library can run is tested as well; they are centred. A layer, and an
expert, is held against the one of the other model whose gates respond most alike, and p is multiplied by the number
of those it was chosen from, so that reordered, dropped and upcycled layers are found. Of routed experts one a layer
is tested. The proxy MLP that the paper fits to models without gates is left out: they are refused by MATCH.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from forebear.signals.matching import cosines, even
from lineage.assignment import assign, log_fisher, log_t_tail
from lineage.baselines.base import Model, Refused
from lineage.baselines.profiles import pearson
from lineage.view import F32, Indices, shared_tokens

CUT = 4.0
"""-log10 of the paper's 1e-4."""
MOST_TOKENS = 512


@dataclass(frozen=True)
class PhiU:
    """The constrained test."""

    name: str = "φ_U"
    threshold: float | None = CUT
    paper: str = "Zhu et al. 2025, arXiv 2502.12292"

    def score(self, a: Model, b: Model) -> float:
        """-log10 of Fisher's combination.

        Raises:
            Refused: depths or up projections differ in shape.
        """
        if a.layers != b.layers:
            raise Refused("another depth")
        found = []
        for layer in range(a.layers):
            same = [s for s in a.stems(layer) if s in b.stems(layer)][:1]
            rows = [(a.matrix(layer, f"{s}.up"), b.matrix(layer, f"{s}.up")) for s in same]
            if not rows or rows[0][0].shape != rows[0][1].shape:
                raise Refused("up projections of another shape")
            columns = assign(cosines(*rows[0]))
            found.append(log_p(columns, np.arange(len(columns))))
        return -log_fisher(found) / math.log(10)


@dataclass(frozen=True)
class Match:
    """The unconstrained test."""

    name: str = "MATCH"
    threshold: float | None = CUT
    paper: str = "Zhu et al. 2025, arXiv 2502.12292"

    def score(self, a: Model, b: Model) -> float:
        """-log10 of Fisher's combination over the layers of the shallower model.

        Raises:
            Refused: no gates, or too few tokens in common.
        """
        ids = shared_tokens(a, b)
        ids = ids[even(len(ids), MOST_TOKENS)]
        if a.layers > b.layers:
            a, b, ids = b, a, ids[:, ::-1]
        ours, theirs = responses(a, ids[:, 0]), responses(b, ids[:, 1])
        every = [mlp for layer in theirs for mlp in layer]
        found = []
        for layer in ours:
            tried = [
                (_nearness(mlp[0], other[0]), i, j) for i, mlp in enumerate(layer) for j, other in enumerate(every)
            ]
            _, i, j = max(tried)
            found.append(min(0.0, _agreement(layer[i], every[j]) + math.log(len(tried))))
        return -log_fisher(found) / math.log(10)


def responses(model: Model, tokens: Indices) -> list[list[tuple[F32, F32]]]:
    """By layer, for each of its MLPs, how gate and up rows respond to tokens: two matrices ``(neurons, n)``."""
    x = model.weights["embed"][tokens].astype(np.float32)
    if model.artifact.architecture is not None and model.artifact.architecture.norm == "layernorm":
        x = x - x.mean(axis=1, keepdims=True)
    x = x / np.maximum(np.sqrt(np.mean(x**2, axis=1, keepdims=True)), 1e-12)
    out = []
    for layer in range(model.layers):
        read = x * model.weights.get(f"layers.{layer}.mlp_norm", np.float32(1))
        pairs = [(f"{s}.gate", f"{s}.up") for s in model.stems(layer)]
        if not pairs or f"layers.{layer}.{pairs[0][0]}" not in model.weights:
            raise Refused("an MLP without gates")
        out.append([(_of(model.matrix(layer, g), read), _of(model.matrix(layer, u), read)) for g, u in pairs])
    return out


def _of(rows: F32, x: F32) -> F32:
    found = rows @ x.T
    return np.asarray(found - found.mean(axis=1, keepdims=True))


def _nearness(one: F32, two: F32) -> float:
    """Mean over neurons of the best correlation: what an MLP's counterpart is chosen by."""
    return float(cosines(one, two).max(axis=1).mean())


def _agreement(one: tuple[F32, F32], two: tuple[F32, F32]) -> float:
    """Ln p of the two assignments of the neurons of two MLPs."""
    if len(one[0]) > len(two[0]):
        one, two = two, one
    return log_p(*(assign(cosines(x, y)) for x, y in zip(one, two, strict=True)))


def log_p(one: Indices, two: Indices) -> float:
    """Ln of the one-sided t tail of Spearman's correlation of two assignments."""
    n = len(one)
    r = pearson(*(np.argsort(np.argsort(x)).astype(np.float64) for x in (one, two)))
    return log_t_tail(r * math.sqrt((n - 2) / max(1e-300, 1 - r * r)), n - 2)
