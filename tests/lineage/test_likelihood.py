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
