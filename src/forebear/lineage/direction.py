"""Which of two dependent models came first: a sum of log-odds with reasons, and no answer where it is weak."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

ENOUGH = 2.0
"""Natural log-odds from which on a direction is named: 7 to 1."""


@dataclass(frozen=True)
class Reason:
    """A fact that tells about direction.

    Attributes:
        name: what kind of fact, in a word or two; how often it was right in calibration is filed under it.
        text: the fact.
        log_odds: natural log-odds of B from A (``a_to_b``) over A from B; negative where A is the later one.
        no_siblings: whether it also tells that the two were not both made from a third model.
    """

    name: str
    text: str
    log_odds: float
    no_siblings: bool = False


def direction(reasons: Iterable[Reason]) -> tuple[str, float]:
    """``a_to_b``, ``b_to_a`` or ``unknown``, and the sum of the log-odds.

    Where no reason on the winning side rules out siblings, the sum tells which of the two is the later one *if* one was
    made from the other: most relatives in a large collection are siblings, so nothing is named.
    """
    found = tuple(reasons)
    total = float(sum(reason.log_odds for reason in found))
    told = any(reason.no_siblings and reason.log_odds * total > 0 for reason in found)
    if abs(total) < ENOUGH or not told:
        return "unknown", total
    return ("a_to_b" if total > 0 else "b_to_a"), total
