"""Numbers of chance in words that need no mathematics."""

from __future__ import annotations

from forebear.report.words import p_value
from forebear.types import P_FLOOR_LOG10


def odds(log10_p: float) -> str:
    """``one of 1,200 cases``, ``one of 10 to the power of 30 cases``; rounded towards what happens more often."""
    if log10_p > -0.3:
        return "more than half of all cases"
    if log10_p > -6:
        return f"about one of {_rounded(10**-log10_p):,} cases"
    if log10_p > P_FLOOR_LOG10:
        return f"about one of 10 to the power of {int(-log10_p):,} cases"
    return f"at most one of 10 to the power of {-P_FLOOR_LOG10:.0f} cases"


def told(log10_p: float, raw: float | None = None) -> str:
    """A p-value for judges: what it is, and where it stops.

    Args:
        log10_p: as it may be printed.
        raw: what the bare count gives.
    """
    if log10_p > -2:
        return f"Chance alone gives at least as much in {odds(log10_p)} ({p_value(log10_p)}): that says nothing."
    if log10_p > P_FLOOR_LOG10:
        return f"Chance alone gives at least as much in {odds(log10_p)} ({p_value(log10_p)})."
    bare = "" if raw is None or raw >= log10_p else f" The bare count would give 10 to the power of {int(raw):,}."
    return (
        f"Chance alone gives as much in {odds(log10_p)} ({p_value(log10_p)}). The figure stops there, because below it "
        f"an assumption that does not hold is likelier than chance.{bare}"
    )


def _rounded(value: float) -> int:
    """Two significant digits, towards the smaller number."""
    whole, scale = int(value), 1
    while whole >= 100:
        whole, scale = whole // 10, scale * 10
    return whole * scale
