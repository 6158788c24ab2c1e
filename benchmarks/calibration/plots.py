"""DET and Tippett plots of a signal, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from null.plots import BLUE, GREY, ORANGE, figure

from calibration.quality import F64, Ratios, det
from calibration.scores import Scored

TICKS = (0.01, 0.05, 0.2, 0.5, 0.8)
LEAST = 0.002
"""Rates below it are drawn there: a probit scale has no zero."""


def draw(path: Path, scores: Sequence[Scored], found: Ratios) -> None:
    """Of one signal: misses against false alarms of the scores, and how often a ratio is at least so large."""
    one = [s for s in scores if s.base]
    sizes = {b: sum(s.base == b for s in one) for b in {s.base for s in one}}
    weights = np.array([1 / sizes[s.base] for s in one])
    alarms, misses = det(np.array([s.score for s in one]), np.array([s.score for s in scores if not s.base]), weights)
    with figure(path, 2) as (left, right):
        _det(left, alarms, misses)
        _tippett(right, found)


def _det(ax: Any, alarms: F64, misses: F64) -> None:
    probit = NormalDist().inv_cdf
    x, y = ([probit(min(max(v, LEAST), 1 - LEAST)) for v in rates.tolist()] for rates in (alarms, misses))
    ax.step(x, y, color=BLUE, where="post")
    ticks = [probit(t) for t in TICKS]
    limits = probit(LEAST) - 0.1, probit(TICKS[-1])
    ax.set(title="DET, scores", xlabel="false alarms", ylabel="misses", xlim=limits, ylim=limits)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks(ticks, [f"{t:.0%}" for t in TICKS])
    ax.plot(limits, limits, color=GREY, linewidth=0.5)


def _tippett(ax: Any, found: Ratios) -> None:
    for values, weights, colour, label in (
        (found.related, found.weights, BLUE, "descendants"),
        (found.independent, np.ones(len(found.independent)), ORANGE, "independent"),
    ):
        order = np.argsort(values)
        share = 1 - np.concatenate([[0.0], np.cumsum(weights[order])[:-1]]) / weights.sum()
        ax.step(values[order], share, color=colour, where="post", label=label)
    ax.axvline(0, color=GREY, linewidth=0.5)
    ax.set(title="Tippett, held-out families", xlabel="log10 likelihood ratio", ylabel="share with at least that")
    ax.legend(fontsize=7, frameon=False)
