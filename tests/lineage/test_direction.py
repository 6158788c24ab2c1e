"""Directions from reasons, and none where they are weak."""

from __future__ import annotations

import pytest

from forebear.lineage.direction import Reason, direction


@pytest.mark.parametrize(
    ("odds", "way"),
    [
        ([], "unknown"),
        ([1.9], "unknown"),
        ([2.0], "a_to_b"),
        ([-2.0], "b_to_a"),
        ([4.0, -3.0], "unknown"),
        ([1.5, 1.5], "a_to_b"),
    ],
)
def test_odds_are_added_and_weak_sums_tell_nothing(odds: list[float], way: str) -> None:
    assert direction([Reason("fact", "a fact", o, no_siblings=True) for o in odds]) == (way, sum(odds))


@pytest.mark.parametrize(
    ("reasons", "way"),
    [
        ([(3.0, False)], "unknown"),
        ([(-3.0, False)], "unknown"),
        ([(3.0, False), (0.5, True)], "a_to_b"),
        ([(-3.0, False), (-0.5, True)], "b_to_a"),
        ([(3.0, False), (0.0, True)], "unknown"),  # says that there is no third model, and nothing of who was first
        ([(3.0, False), (-0.5, True)], "unknown"),  # only the losing side excludes siblings
        ([(-3.0, False), (0.5, True)], "unknown"),
        ([(0.25, True), (8.0, False)], "a_to_b"),
    ],
)
def test_a_direction_needs_a_reason_on_its_side_that_excludes_siblings(
    reasons: list[tuple[float, bool]], way: str
) -> None:
    told, total = direction(Reason("fact", "a fact", odds, alone) for odds, alone in reasons)
    assert told == way and total == sum(odds for odds, _ in reasons)


def test_a_reason_excludes_siblings_only_where_it_says_so() -> None:
    assert direction([Reason("fact", "a fact", 9.0)]) == ("unknown", 9.0)
    tiny = [Reason("fact", "a fact", odds, no_siblings=True) for odds in (2.5, 1e-3)]
    assert direction(tiny)[0] == "a_to_b" and direction([]) == ("unknown", 0.0)
