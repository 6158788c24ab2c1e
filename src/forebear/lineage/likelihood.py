"""Likelihood ratios from scores of related and of independent models, and how good they are.

A ratio is fitted by pool-adjacent-violators: the monotone function of the score that is likeliest (Ayer et al. 1955;
Zadrozny and Elkan 2002; Brümmer and du Preez 2006). No more is claimed than the number of independent scores carries:
the ratio is bounded by n + 1 on either side, n being the number of scores on the side that speaks against it. Its
quality is told as forensic science tells it, by Cllr: the mean cost in bits of acting on it (Brümmer and du Preez
2006), 0 for an oracle, 1 for one who says nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

F64 = NDArray[np.float64]


def pav(values: ArrayLike, weights: ArrayLike | None = None) -> F64:
    """The non-decreasing sequence that is nearest in weighted least squares: pool adjacent violators.

    Args:
        values: ``(n,)``.
        weights: ``(n,)``, positive; default one each.

    Returns:
        ``(n,)``.
    """
    y = np.asarray(values, dtype=np.float64)
    w = np.ones_like(y) if weights is None else np.asarray(weights, dtype=np.float64)
    blocks: list[list[float]] = []  # mean, weight, length
    for value, weight in zip(y.tolist(), w.tolist(), strict=True):
        blocks.append([value, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            mean, mass, length = blocks.pop()
            left = blocks[-1]
            total = left[1] + mass
            blocks[-1] = [(left[0] * left[1] + mean * mass) / total, total, left[2] + length]
    return np.repeat([b[0] for b in blocks], [int(b[2]) for b in blocks]).astype(np.float64)


@dataclass(frozen=True, eq=False)
class LikelihoodRatio:
    """A monotone step function from score to log10 of a likelihood ratio.

    Attributes:
        scores: ``(k,)`` ascending, one of each.
        log10: ``(k,)`` non-decreasing, within the bounds.
        bounds: the smallest and the largest value that may be said.
    """

    scores: F64
    log10: F64
    bounds: tuple[float, float]

    def at(self, score: float) -> float:
        """The ratio of a score; between two that were seen, the one nearer to "nothing is known".

        Raises:
            ValueError: the score is no number.
        """
        if not math.isfinite(score):
            raise ValueError("a likelihood ratio of no number")
        right = int(np.searchsorted(self.scores, score, side="left"))
        if right < len(self.scores) and self.scores[right] == score:
            return float(self.log10[right])
        around = [float(self.log10[k]) for k in (right - 1, right) if 0 <= k < len(self.scores)]
        if len(around) == 2 and around[0] <= 0 <= around[1]:
            return 0.0
        return min(around, key=abs)


def fitted(related: ArrayLike, independent: ArrayLike, weights: ArrayLike | None = None) -> LikelihoodRatio:
    """The likelihood ratio of a score.

    Args:
        related: ``(r,)`` scores of related models.
        independent: ``(n,)`` scores of independent ones, no two of which share a model.
        weights: ``(r,)`` of the related scores; their sum is the number of independent families behind them.

    Raises:
        ValueError: one side is empty, or a score is no number.
    """
    one, two = np.asarray(related, dtype=np.float64), np.asarray(independent, dtype=np.float64)
    w = np.ones_like(one) if weights is None else np.asarray(weights, dtype=np.float64)
    if not len(one) or not len(two) or not (np.isfinite(one).all() and np.isfinite(two).all()):
        raise ValueError("a likelihood ratio needs scores of both kinds, all of them numbers")
    scores, where = np.unique(np.concatenate([one, two]), return_inverse=True)
    positive = np.bincount(where[: len(one)], w, len(scores))
    mass = positive + np.bincount(where[len(one) :], minlength=len(scores))
    share = pav(positive / mass, mass)
    bounds = -math.log10(float(w.sum()) + 1), math.log10(len(two) + 1)
    with np.errstate(divide="ignore"):
        odds = np.log10(share) - np.log10(1 - share) - math.log10(float(w.sum()) / len(two))
    return LikelihoodRatio(scores, np.clip(odds, *bounds), bounds)


def cllr(related: ArrayLike, independent: ArrayLike, weights: ArrayLike | None = None) -> float:
    """The cost of log-likelihood ratios (log10) in bits: 0 is perfect, 1 is what saying nothing costs.

    Args:
        related: ``(r,)`` log10 ratios of related pairs.
        independent: ``(n,)`` of independent ones.
        weights: ``(r,)`` of the related pairs.
    """
    one, two = (np.asarray(x, dtype=np.float64) * math.log(10) for x in (related, independent))
    costs = np.logaddexp(0.0, -one), np.logaddexp(0.0, two)
    first = np.average(costs[0], weights=None if weights is None else np.asarray(weights, dtype=np.float64))
    return float(first + costs[1].mean()) / (2 * math.log(2))


def cllr_min(related: ArrayLike, independent: ArrayLike, weights: ArrayLike | None = None) -> float:
    """What Cllr would be after the best monotone change of the scores: what they tell apart, however they are scaled.

    Cllr less this is the loss by calibration.
    """
    one, two = np.asarray(related, dtype=np.float64), np.asarray(independent, dtype=np.float64)
    w = np.ones_like(one) if weights is None else np.asarray(weights, dtype=np.float64)
    _, where = np.unique(np.concatenate([one, two]), return_inverse=True)
    positive = np.bincount(where[: len(one)], w * (len(two) / w.sum()))
    positive = np.pad(positive, (0, where.max() + 1 - len(positive)))
    mass = positive + np.bincount(where[len(one) :], minlength=len(positive))
    share = pav(positive / mass, mass)[where]
    with np.errstate(divide="ignore"):
        costs = -np.log2(share[: len(one)]), -np.log2(1 - share[len(one) :])
    return float(np.average(costs[0], weights=w) + costs[1].mean()) / 2
