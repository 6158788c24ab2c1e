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
