"""How good p-values and likelihood ratios are for families that had no part in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from null.coins import clopper_pearson
from numpy.typing import NDArray

from calibration.scores import Scored, scores_of
from forebear.lineage.calibration import ANY
from forebear.lineage.likelihood import cllr, cllr_min

F64 = NDArray[np.float64]
LEVELS = (0.05, 0.1, 0.2, 0.5)


@dataclass(frozen=True)
class Held:
    """A score that was judged without any pair in which one of its two families takes part.

    Attributes:
        scored: the pair.
        log10_p, log10_lr: what was said.
        n: disjoint pairs in the null.
        coarse: whether its own stratum had too few left, so that pairs of any kind took their place.
    """

    scored: Scored
    log10_p: float
    log10_lr: float
    n: int
    coarse: bool


def held_out(signal: str, found: Sequence[Scored]) -> Iterator[Held]:
    """Every score of a signal, judged by a calibration in which its families have no part.

    Pairs of any kind are left out: their models are in the strata already.
    """
    for own in found:
        if own.signal != signal or own.kind == ANY:
            continue
        apart = [s for s in found if not {*s.families} & {*own.families}]
        left = scores_of(signal, apart)
        judged = left.judged(own.score, own.kind)
        if judged is not None and judged.log10_lr is not None:
            yield Held(own, judged.log10_p, judged.log10_lr, judged.n, judged.stratum != own.kind)


@dataclass(frozen=True)
class Uniform:
    """How often independent pairs are below a level.

    Attributes:
        kind: their stratum.
        pairs: how many.
        coarse: those that were judged by pairs of any kind.
        below: by :data:`LEVELS`, how many have a p-value that is not larger.
        interval: 95 % of the first as a share.
    """

    kind: str
    pairs: int
    coarse: int
    below: tuple[int, ...]
    interval: tuple[float, float]


def uniform(held: Sequence[Held], kind: str) -> Uniform:
    """The independent pairs of a stratum."""
    own = [h for h in held if not h.scored.base and h.scored.kind == kind]
    p = 10.0 ** np.array([h.log10_p for h in own])
    below = tuple(int((p <= level * (1 + 1e-9)).sum()) for level in LEVELS)
    interval = clopper_pearson(below[0], len(own)) if own else (0.0, 1.0)
    return Uniform(kind, len(own), sum(h.coarse for h in own), below, interval)


@dataclass(frozen=True, eq=False)
class Ratios:
    """Held-out likelihood ratios of one signal.

    Attributes:
        related: ``(r,)`` log10 of descendants.
        weights: ``(r,)`` by which every base counts once.
        independent: ``(n,)``.
        bases: number of bases.
    """

    related: F64
    weights: F64
    independent: F64
    bases: int

    @property
    def cost(self) -> tuple[float, float]:
        """Cllr, and the part of it that is left after the best monotone change."""
        return (
            cllr(self.related, self.independent, self.weights),
            cllr_min(self.related, self.independent, self.weights),
        )

    @property
    def misleading(self) -> tuple[float, float]:
        """Share of descendants with a ratio below one, and of independent pairs with one above one."""
        return (
            float(np.average(self.related < 0, weights=self.weights)),
            float((self.independent > 0).mean()),
        )


def ratios(held: Sequence[Held]) -> Ratios:
    """The likelihood ratios of one signal."""
    own = [h for h in held if h.scored.base]
    sizes = {base: sum(h.scored.base == base for h in own) for base in {h.scored.base for h in own}}
    return Ratios(
        np.array([h.log10_lr for h in own]),
        np.array([1 / sizes[h.scored.base] for h in own]),
        np.array([h.log10_lr for h in held if not h.scored.base]),
        len(sizes),
    )


def det(related: F64, independent: F64, weights: F64) -> tuple[F64, F64]:
    """Rates of false alarms and of misses, for every threshold on scores.

    Returns:
        ``(k,)`` each, by ascending threshold.
    """
    thresholds = np.unique(np.concatenate([related, independent]))
    alarms = np.array([(independent >= t).mean() for t in thresholds])
    misses = np.array([np.average(related < t, weights=weights) for t in thresholds])
    return alarms, misses
