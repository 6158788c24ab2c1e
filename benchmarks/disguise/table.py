"""The study's table, with intervals that know that pairs of one base resemble each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from null.coins import clopper_pearson
from null.tables import markdown

from disguise.measure import Result

HEAD = ("disguise", "pairs", "bases", "proved, 95 %", "nominated, 95 %", "innocents", "wrong names", "seconds")
CAPTION = """Proved: the comparison with the base says related, by an exact p-value or by equal values.
Nominated: the scan names the base first, as proved or as scrambled. Innocents: bases that the model does not descend
from, compared one by one + in the index that it was scanned against. Wrong names: models for which an innocent was
named or called related. Intervals: Clopper-Pearson at the effective number of pairs, which is that number over the
design effect of clustering by base; where all bases have the same share the effect cannot be estimated and the number
of bases is taken, the least that it can be. Seconds: median of a comparison with the base, and of a scan."""


@dataclass(frozen=True)
class Share:
    """A share of pairs that come in clusters, and its 95 % interval."""

    hits: int
    pairs: int
    effective: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.hits / self.pairs:.1%} ({self.low:.0%} to {self.high:.0%})"


def share(hits: Sequence[bool], bases: Sequence[str]) -> Share:
    """The share of hits, with an interval clustered by base.

    The variance of the share over clusters (Cochran, Sampling Techniques, ratio of cluster totals) over that of
    independent pairs is the design effect; pairs divided by it, within the number of bases and of pairs, is the
    effective number at which the interval of Clopper and Pearson is taken. Its ends are rounded outwards.

    Raises:
        ValueError: there are no pairs.
    """
    n, names = len(hits), sorted(set(bases))
    if not n:
        raise ValueError("no pairs")
    total = sum(hits)
    rate = total / n
    counts = np.array([bases.count(b) for b in names], dtype=np.float64)
    sums = np.array([sum(h for h, b in zip(hits, bases, strict=True) if b == name) for name in names], dtype=np.float64)
    k = len(names)
    spread = float(((sums - rate * counts) ** 2).sum()) * k / max(1, k - 1) / n**2
    plain = rate * (1 - rate) / n
    effective = float(k) if spread == 0 or plain == 0 else min(float(n), max(float(k), n * plain / spread))
    whole = int(effective)
    low = clopper_pearson(int(np.floor(rate * whole)), whole)[0]
    high = clopper_pearson(int(np.ceil(rate * whole)), whole)[1]
    return Share(total, n, effective, low, high)


def table(results: Sequence[Result]) -> str:
    """One line a row, in the order of the results; and a line for all of them."""
    lines = [_line(name, [r for r in results if r.row == name]) for name in dict.fromkeys(r.row for r in results)]
    return markdown(HEAD, [*lines, _line("**all**", results)]) if results else "no results"


def _line(name: str, own: Sequence[Result]) -> tuple[str, ...]:
    bases = [r.base for r in own]
    wrong = sorted({n for r in own for n in r.accused})
    return (
        name,
        str(len(own)),
        str(len(set(bases))),
        str(share([r.proved for r in own], bases)),
        str(share([r.nominated for r in own], bases)),
        f"{sum(r.others for r in own):,} + {sum(r.scanned for r in own):,}",
        f"{sum(bool(r.accused) for r in own)}" + (f" ({', '.join(wrong[:3])})" if wrong else ""),
        f"{np.median([r.compare for r in own]):.2f} / {np.median([r.scan for r in own]):.2f}",
    )
