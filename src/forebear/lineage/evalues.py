"""From p-values to e-values: what several dependent signals say together, and which of many discoveries remain.

An e-value is a non-negative statistic of mean at most one under its null (Vovk and Wang 2021, arXiv 1912.06116). The
mean of e-values is one again, however the tests depend on each other; so dependent signals are averaged and never
multiplied. All values here are decimal logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

KAPPA = 0.5
"""Of the calibrator e(p) = κ p^(κ − 1), whose integral over p is one; a half is chosen before anything was measured."""
FDR = 0.01
"""False discovery rate that is reported."""


def log10_e(log10_p: float) -> float:
    """The e-value of a p-value: e(p) = κ p^(κ − 1).

    Raises:
        ValueError: it is no p-value.
    """
    if not log10_p <= 0:
        raise ValueError(f"10^{log10_p} is no p-value")
    return math.log10(KAPPA) + (KAPPA - 1) * log10_p


def log10_mean(values: Sequence[float]) -> float:
    """The mean of e-values, valid whatever ties them together.

    Raises:
        ValueError: there are none.
    """
    top = max(values)
    if not math.isfinite(top):
        return top
    return top + math.log10(math.fsum(10.0 ** (v - top) for v in values) / len(values))


def discoveries(values: Sequence[float], hypotheses: int | None = None, level: float = FDR) -> tuple[bool, ...]:
    """Which e-values remain at a false discovery rate: e-BH (Wang and Ramdas 2022, arXiv 2009.02824).

    With ``K`` hypotheses the ``k`` largest remain, for the largest ``k`` with ``k e_(k) ≥ K / level``. It holds under
    any dependence between the tests.

    Args:
        values: log10 of e-values.
        hypotheses: all that were tested, those whose e-value is not given counting as zero; default those given.
        level: the rate.

    Raises:
        ValueError: fewer hypotheses than values, or a level that is none.
    """
    count = len(values) if hypotheses is None else hypotheses
    if count < len(values) or not 0 < level < 1:
        raise ValueError("a false discovery rate needs a level between 0 and 1, and all hypotheses counted")
    known = [v if not math.isnan(v) else -math.inf for v in values]
    ranked = sorted(known, reverse=True)
    needed = math.log10(max(1, count)) - math.log10(level)
    k = max((rank for rank, v in enumerate(ranked, 1) if v + math.log10(rank) >= needed), default=0)
    return tuple(k > 0 and v >= ranked[k - 1] for v in known)
