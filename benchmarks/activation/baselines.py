"""Other ways to compare activations, as their papers describe them, on the same models and texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from activation.sketch import Seen
from forebear.activations.probes import probe_set

F64 = NDArray[np.float64]
RIDGE = 1e-2
TEMPERATURE = 10.0
LOWEST = 0.1
"""Share of dimensions, those of the lowest mean activation, that are taken for a model's identity."""


def _both(one: Seen, other: Seen) -> tuple[F64, F64]:
    """Hidden states ``(5, texts, width)`` of both models on the texts that both read."""
    a, b = one.raw.astype(np.float64), other.raw.astype(np.float64)
    read = np.isfinite(a).all(axis=(0, 2)) & np.isfinite(b).all(axis=(0, 2))
    return a[:, read], b[:, read]


def _gram(x: F64) -> F64:
    x = x - x.mean(axis=0)
    return np.asarray(x @ x.T)


def cka(one: Seen, other: Seen) -> float:
    """Linear CKA (Kornblith et al. 2019) as in REEF (Zhang et al. 2025, arXiv 2410.14273): the best pair of layers."""
    a, b = _both(one, other)
    first, second = [_gram(x) for x in a], [_gram(x) for x in b]
    return max(float((x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum())) for x in first for y in second)


def debiased_cka(one: Seen, other: Seen) -> float:
    """The same with the unbiased estimate of HSIC (Song et al. 2012; Murphy et al. 2024, arXiv 2405.01012)."""
    a, b = _both(one, other)
    first, second = [_u_centred(x) for x in a], [_u_centred(x) for x in b]
    return max(float((x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum())) for x in first for y in second)


def _u_centred(x: F64) -> F64:
    gram, n = x @ x.T, len(x)
    np.fill_diagonal(gram, 0.0)
    sums = gram.sum(axis=1) / (n - 2)
    gram += gram.sum() / ((n - 1) * (n - 2)) - sums[:, None] - sums
    np.fill_diagonal(gram, 0.0)
    return np.asarray(gram)


def seed_prints(one: Seen, other: Seen) -> float:
    """After SeedPrints (Tong et al. 2026, arXiv 2509.26404): do random tokens come in one order in each dimension?

    Mean Kendall τ over the dimensions with the lowest mean in both, in standard deviations of no relation.
    """
    a, b = one.random.astype(np.float64), other.random.astype(np.float64)
    if a.shape != b.shape:
        return -np.inf
    count = max(2, int(LOWEST * a.shape[1]))
    chosen = np.intersect1d(np.argsort(a.mean(axis=0))[:count], np.argsort(b.mean(axis=0))[:count])
    if not len(chosen):
        chosen = np.argsort(a.mean(axis=0))[:count]
    soft = [np.exp((x - x.max(axis=1, keepdims=True)) / TEMPERATURE) for x in (a, b)]
    x, y = ((s / s.sum(axis=1, keepdims=True))[:, chosen] for s in soft)
    n = len(x)
    pairs = np.triu_indices(n, 1)
    signs = [np.sign(v[pairs[0]] - v[pairs[1]]) for v in (x, y)]
    tau = (signs[0] * signs[1]).mean(axis=0)
    deviation = np.sqrt(2 * (2 * n + 5) / (9 * n * (n - 1)))
    return float(tau.mean() / (deviation / np.sqrt(len(chosen))))


def linear_probe(one: Seen, other: Seen) -> float:
    """How well a linear classifier of the texts' kinds that was fitted in one model does in the other's coordinates."""
    a, b = _both(one, other)
    if a.shape != b.shape:
        return -np.inf
    read = np.isfinite(one.raw).all(axis=(0, 2)) & np.isfinite(other.raw).all(axis=(0, 2))
    kinds = np.array([p.kind for p in probe_set().first(one.raw.shape[1]).probes])[read]
    labels = (kinds[:, None] == np.unique(kinds)).astype(np.float64)
    best = -np.inf
    for x, y in zip(a, b, strict=True):
        mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-9
        u, v = (x - mean) / spread, (y - mean) / spread
        weights = np.linalg.solve(u.T @ u + RIDGE * len(u) * np.eye(u.shape[1]), u.T @ (labels - labels.mean(axis=0)))
        best = max(best, float(((v @ weights).argmax(axis=1) == labels.argmax(axis=1)).mean()))
    return best


BASELINES: Mapping[str, Callable[[Seen, Seen], float]] = MappingProxyType(
    {
        "CKA, best pair of layers (REEF-like)": cka,
        "debiased CKA, best pair of layers": debiased_cka,
        "SeedPrints-like": seed_prints,
        "linear probe, carried over": linear_probe,
    }
)
"""Every other method: from a reference and a model to a score."""
