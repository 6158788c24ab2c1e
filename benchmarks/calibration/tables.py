"""The study's tables as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from null.tables import markdown

from calibration.quality import LEVELS, Held, ratios, uniform
from calibration.scores import KINDS, Scored
from forebear.lineage.calibration import ANY_WORDS, STRATA


def nulls(found: Sequence[Scored]) -> str:
    """How large scores of independent models are, and those of descendants beside them."""
    rows = []
    for signal in dict.fromkeys(s.signal for s in found):
        own = [s for s in found if s.signal == signal]
        groups = {STRATA.get(k, ANY_WORDS): [s.score for s in own if s.kind == k and not s.base] for k in KINDS}
        groups["descendants and their bases"] = [s.score for s in own if s.base]
        for words, values in groups.items():
            if values:
                low, middle, high, top = np.quantile(values, [0.05, 0.5, 0.95, 1.0])
                rows.append((signal, words, len(values), *(f"{x:.3f}" for x in (low, middle, high, top))))
    return markdown(("signal", "pairs of", "pairs", "5 %", "median", "95 %", "largest"), rows)


def uniformity(held: Mapping[str, Sequence[Held]]) -> str:
    """Shares of p-values up to a level, of independent pairs of families that had no part in the null."""
    rows = []
    for signal, several in held.items():
        for kind, words in STRATA.items():
            u = uniform(several, kind)
            if u.pairs:
                shares = [f"{b / u.pairs:.3f}" for b in u.below]
                shares[0] += f" ({u.interval[0]:.3f} to {u.interval[1]:.3f})"
                rows.append((signal, words, u.pairs, u.coarse, *shares))
    return markdown(("signal", "pairs of", "pairs", "coarser null", *(f"p ≤ {x}" for x in LEVELS)), rows)


def quality(held: Mapping[str, Sequence[Held]]) -> str:
    """Cost and misleading shares of held-out likelihood ratios."""
    rows = []
    for signal, several in held.items():
        r = ratios(several)
        cost, least = r.cost
        misses, alarms = r.misleading
        largest = f"{r.independent.max():.2f}"
        numbers = (f"{cost:.3f}", f"{least:.3f}", f"{cost - least:.3f}", f"{misses:.1%}", f"{alarms:.1%}", largest)
        rows.append((signal, f"{len(r.related)} of {r.bases} bases", len(r.independent), *numbers))
    head = ("signal", "descendants", "independent pairs", "Cllr", "Cllr min", "loss by calibration")
    ends = ("descendants below 1", "independent above 1", "largest log10 of these")
    return markdown((*head, *ends), rows)


def sizes(found: Mapping[int, Sequence[Scored]]) -> str:
    """How large scores of independent models are by number of references behind the consensus."""
    rows = []
    for signal in dict.fromkeys(s.signal for scores in found.values() for s in scores):
        for consensus, scores in found.items():
            values = [s.score for s in scores if s.signal == signal and s.kind in STRATA]
            numbers = np.quantile(values, [0.5, 0.95, 1.0])
            rows.append((signal, consensus, len(values), *(f"{x:.3f}" for x in numbers)))
    return markdown(("signal", "references", "pairs", "median", "95 %", "largest"), rows)
