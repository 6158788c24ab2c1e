"""Isotonic regression against brute force, likelihood ratios within their bounds, Cllr of known cases."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebear.lineage.likelihood import cllr, cllr_min, fitted, pav

SCORES = st.lists(st.sampled_from([round(x * 0.1, 1) for x in range(-10, 11)]), min_size=1, max_size=12)


def brute(values: list[float], weights: list[float]) -> np.ndarray:
    """Isotonic regression by its min-max formula (Robertson, Wright and Dykstra 1988)."""
    y, w = np.array(values), np.array(weights)
    n = len(y)

    def mean(i: int, j: int) -> float:
        return float(np.average(y[i : j + 1], weights=w[i : j + 1]))

    return np.array([max(min(mean(i, j) for j in range(k, n)) for i in range(k + 1)) for k in range(n)])


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0.1, 3)), min_size=1, max_size=10))
def test_pav_is_the_min_max_formula(pairs: list[tuple[float, float]]) -> None:
    values, weights = [p[0] for p in pairs], [p[1] for p in pairs]
    assert pav(values, weights) == pytest.approx(brute(values, weights), abs=1e-9)


def test_pav_is_the_nearest_of_all_monotone_sequences() -> None:
    values, grid = [1, 0, 1, 0, 0, 1], np.linspace(0, 1, 7)
    found = pav(values)
    best = min(
        sum((a - b) ** 2 for a, b in zip(values, s, strict=True))
        for s in product(grid, repeat=6)
        if sorted(s) == list(s)
    )
    assert sum((a - b) ** 2 for a, b in zip(values, found, strict=True)) <= best + 1e-12
    assert pav([]).shape == (0,)


@given(SCORES, SCORES, st.floats(-2, 2), st.floats(-2, 2))
def test_a_ratio_is_monotone_and_bounded(related: list[float], independent: list[float], x: float, y: float) -> None:
    found = fitted(related, independent)
    low, high = sorted((x, y))
    assert found.at(low) <= found.at(high)
    assert -math.log10(len(related) + 1) <= found.at(low) and found.at(high) <= math.log10(len(independent) + 1)


def test_a_family_with_many_descendants_counts_once() -> None:
    """Twenty equal descendants of one base say no more than one: the bound is of one family."""
    many = fitted([0.9] * 20, [0.0] * 30, [1 / 20] * 20)
    one = fitted([0.9], [0.0] * 30)
    assert many.bounds == pytest.approx(one.bounds)
    for score in (-1.0, 0.0, 0.5, 0.9, 2.0):
        assert many.at(score) == pytest.approx(one.at(score))


def test_between_what_was_seen_nothing_is_claimed() -> None:
    found = fitted([0.8, 0.9, 0.95], [0.0, 0.1, 0.2])
    assert found.at(0.5) == 0.0
    assert found.at(0.85) == found.at(0.8) == pytest.approx(math.log10(4))
    assert found.at(-9.0) == pytest.approx(-math.log10(4))


def test_scores_that_tell_nothing_have_ratio_one() -> None:
    same = [0.1 * k for k in range(20)]
    assert fitted(same, same).at(0.7) == pytest.approx(0.0)


@pytest.mark.parametrize("bad", [([], [1.0]), ([1.0], []), ([math.nan], [1.0]), ([1.0], [math.inf])])
def test_scores_that_are_none_are_refused(bad: tuple[list[float], list[float]]) -> None:
    with pytest.raises(ValueError, match="both kinds"):
        fitted(*bad)
    with pytest.raises(ValueError, match="no number"):
        fitted([1.0], [0.0]).at(math.nan)


def test_cllr_of_known_cases() -> None:
    assert cllr([0.0] * 3, [0.0] * 5) == pytest.approx(1.0)  # who says nothing
    assert cllr([20.0], [-20.0]) == pytest.approx(0.0, abs=1e-12)  # the oracle
    assert cllr([-2.0], [2.0]) == pytest.approx(math.log2(101))  # who is wrong with confidence
    one = cllr([1.0], [-1.0])
    assert one == pytest.approx(math.log2(1.1))
    assert cllr([1.0, -1.0], [-1.0], [1.0, 0.0]) == pytest.approx(one)


@given(SCORES, SCORES)
def test_the_least_cost_is_no_more_than_any_scale_gives(related: list[float], independent: list[float]) -> None:
    least = cllr_min(related, independent)
    assert -1e-12 <= least <= 1 + 1e-12
    for scale, shift in ((1.0, 0.0), (0.2, 0.0), (3.0, -0.5)):
        one, two = (scale * np.array(x) + shift for x in (related, independent))
        assert least <= cllr(one, two) + 1e-9
        assert cllr_min(one, two) == pytest.approx(least)
    assert cllr_min([1.0, 2.0], [0.0, 0.5]) == 0.0


def test_a_ratio_by_hand() -> None:
    """At 0 one of two independent scores; at 1 one of each kind; at 2 two related ones of three."""
    found = fitted([1.0, 2.0, 2.0], [0.0, 1.0])
    assert found.scores.tolist() == [0.0, 1.0, 2.0]
    assert found.bounds == pytest.approx((-math.log10(4), math.log10(3)))
    assert found.log10 == pytest.approx([-math.log10(4), math.log10((1 / 3) / (1 / 2)), math.log10(3)])
    assert found.at(0.5) == found.at(1.0) == pytest.approx(math.log10(2 / 3)), "nearer to nothing"
    assert found.at(1.5) == 0.0 and found.at(2.5) == pytest.approx(math.log10(3)) and found.at(-1.0) == found.at(0.0)
    weighed = fitted([1.0, 2.0, 2.0], [0.0, 1.0], [2.0, 0.5, 1.5])
    assert weighed.bounds == pytest.approx((-math.log10(5), math.log10(3)))
    assert weighed.log10 == pytest.approx([-math.log10(5), math.log10((2 / 4) / (1 / 2)), math.log10(3)])
    uneven = fitted([1.0] * 3 + [2.0], [1.0] * 5 + [0.0] * 5)
    assert uneven.at(1.0) == pytest.approx(math.log10((3 / 4) / (5 / 10)))


def test_a_ratio_of_falling_shares_is_pooled() -> None:
    """More related scores at 0 than at 1: both get the ratio of the two together."""
    found = fitted([0.0, 0.0, 1.0, 2.0], [-1.0, 0.0, 1.0, 1.0])
    together = math.log10((3 / 4) / (3 / 4))
    assert found.log10 == pytest.approx([-math.log10(5), together, together, math.log10(5)])


def test_weighted_pooling_by_hand() -> None:
    assert pav([1.0, 0.0, 3.0], [1.0, 3.0, 1.0]).tolist() == [0.25, 0.25, 3.0]
    assert pav([3.0, 2.0, 1.0], [1.0, 1.0, 2.0]).tolist() == [1.75] * 3
    assert pav([1.0, 1.0, 2.0]).tolist() == [1.0, 1.0, 2.0] and pav([4.0, 2.0]).tolist() == [3.0, 3.0]


def test_cost_by_hand() -> None:
    """Each kind counts for a half, however many there are; weights are of the related ones."""
    low, high = math.log2(1 + 10**-1), math.log2(1 + 10**2)
    assert cllr([1.0, -2.0], [-1.0]) == pytest.approx(((low + high) / 2 + low) / 2)
    assert cllr([1.0, -2.0], [-1.0, -1.0, 2.0], [3.0, 1.0]) == pytest.approx(
        ((3 * low + high) / 4 + (2 * low + high) / 3) / 2
    )


def test_least_cost_by_hand() -> None:
    assert cllr_min([1.0, 0.0], [0.0, 0.0]) == pytest.approx((math.log2(3) / 2 + math.log2(3 / 2)) / 2)
    assert cllr_min([1.0, 0.0], [0.0, 0.0], [3.0, 1.0]) == pytest.approx((math.log2(5) / 4 + math.log2(5 / 4)) / 2)
    assert cllr_min([1.0, 0.0], [0.0] * 4) == pytest.approx((math.log2(3) / 2 + math.log2(3 / 2)) / 2), "shares alone"
    assert cllr_min([0.0], [1.0]) == cllr_min([0.0], [0.5, 1.0]) == pytest.approx(1.0), "the wrong way round"
