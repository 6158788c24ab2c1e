"""Exact tails of fair coins, in logarithms, for counts of any size that occurs here."""

from __future__ import annotations

import math
from functools import lru_cache


@lru_cache(maxsize=65_536)
def log10_tail(agree: int, n: int) -> float:
    """log10 P(X >= agree) for X ~ Binomial(n, 1/2), exact up to float rounding of the result.

    Sums binomial coefficients as integers, so nothing underflows: 4,096 agreeing coins of 4,096 give -1233.0.

    Raises:
        ValueError: ``agree`` lies outside ``0..n``.
    """
    if not 0 <= agree <= n:
        raise ValueError(f"{agree} of {n} coins")
    if agree == 0:
        return 0.0
    if 2 * agree > n:  # sum the shorter side
        total, term = 0, 1
        for k in range(n - agree + 1):  # C(n, n - k) for k = 0 .. n - agree
            total += term
            term = term * (n - k) // (k + 1)
        return min(0.0, math.log10(total) - n * math.log10(2))
    below, term = 0, 1
    for k in range(agree):
        below += term
        term = term * (n - k) // (k + 1)
    total = (1 << n) - below
    return min(0.0, math.log10(total) - n * math.log10(2))


def smallest_detectable(n: int, log10_alpha: float) -> int | None:
    """The least number of agreements of ``n`` coins whose tail is at or below ``10**log10_alpha``; None if none is."""
    if n * math.log10(2) < -log10_alpha:
        return None
    low, high = (n + 1) // 2, n
    while low < high:
        middle = (low + high) // 2
        if log10_tail(middle, n) <= log10_alpha:
            high = middle
        else:
            low = middle + 1
    return low
