"""E-values: what the calibrator and the mean are, and e-BH against its definition and against chance."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebear.lineage.evalues import discoveries, log10_e, log10_mean

VALUES = st.lists(st.floats(-3, 12, allow_nan=False), max_size=9)


def test_the_calibrator_has_mean_one_under_its_null() -> None:
    p = (np.arange(20_000) + 0.5) / 20_000
    e = 10 ** np.array([log10_e(math.log10(x)) for x in p])
    assert e.mean() == pytest.approx(1.0, abs=0.01)
    assert log10_e(0.0) == pytest.approx(math.log10(0.5)) and log10_e(-30.0) == pytest.approx(15 + math.log10(0.5))
    for wrong in (0.1, float("nan")):
        with pytest.raises(ValueError, match="no p-value"):
            log10_e(wrong)


@given(st.lists(st.floats(-40, 40, allow_nan=False), min_size=1, max_size=8))
def test_the_mean_lies_between_and_is_the_mean(values: list[float]) -> None:
    found = log10_mean(values)
    assert min(values) - 1e-9 <= found <= max(values) + 1e-9
    assert found == pytest.approx(math.log10(math.fsum(10.0**v for v in values) / len(values)), abs=1e-9)


def test_the_mean_of_nothing_and_of_zero() -> None:
    with pytest.raises(ValueError, match="empty"):
        log10_mean([])
    assert log10_mean([-math.inf, -math.inf]) == -math.inf


def self_consistent(values: list[float], count: int, level: float) -> set[int]:
    """By definition: the largest set of which every e-value is at least K / (level · size of the set)."""
    for size in range(len(values), 0, -1):
        for chosen in combinations(range(len(values)), size):
            if all(10 ** values[k] * size * level >= count * (1 - 1e-12) for k in chosen):
                return set(chosen)
    return set()


@given(VALUES, st.integers(0, 5), st.sampled_from([0.01, 0.1, 0.5]))
def test_e_bh_against_every_subset(values: list[float], more: int, level: float) -> None:
    count = len(values) + more
    found = {k for k, there in enumerate(discoveries(values, count, level)) if there}
    assert found == self_consistent(values, count, level)


@given(VALUES)
def test_more_hypotheses_never_discover_more(values: list[float]) -> None:
    few, many = discoveries(values), discoveries(values, len(values) + 10)
    assert all(f or not m for f, m in zip(few, many, strict=True))


def test_what_is_no_number_is_no_discovery() -> None:
    assert discoveries([float("nan"), -math.inf, 9.0]) == (False, False, True)
    assert discoveries([]) == ()
    for count, level in ((0, 0.1), (None, 0.0), (None, 1.0)):
        with pytest.raises(ValueError, match="level between 0 and 1"):
            discoveries([1.0], count, level)


def test_the_rate_holds_for_dependent_tests() -> None:
    """Nulls that are all one and the same draw: the worst dependence. The mean share of false ones stays below."""
    rng = np.random.default_rng(1)
    level, shares, found = 0.1, [], 0
    for _ in range(4000):
        shared = math.log10(rng.uniform())
        truths = [math.log10(p) for p in rng.uniform(size=5) * 1e-6]
        there = discoveries([log10_e(p) for p in [shared] * 15 + truths], level=level)
        false, true = sum(there[:15]), sum(there[15:])
        shares.append(false / max(1, false + true))
        found += true
    assert np.mean(shares) <= level
    assert found > 0.9 * 4000 * 5  # and it is not because nothing is found


def test_e_bh_by_hand() -> None:
    """Of three hypotheses at a hundredth: one needs 300, two need 150 each, three 100 each."""
    log = math.log10
    assert discoveries([log(301), 0.0, 0.0]) == (True, False, False)
    assert discoveries([log(299), 0.0, 0.0]) == (False, False, False)
    assert discoveries([0.0, log(151), log(151)]) == (False, True, True)
    assert discoveries([log(400), log(149), 0.0]) == (True, False, False)
    assert discoveries([log(101)] * 3) == (True,) * 3 and discoveries([log(99)] * 3) == (False,) * 3
    assert discoveries([log(301)], 3) == (True,) and discoveries([log(301)], 4) == (False,)
    assert discoveries([log(31)], 3, 0.1) == (True,) and discoveries([], 0) == ()
    assert log10_mean([math.inf, 0.0]) == math.inf and log10_mean([2.0]) == 2.0
