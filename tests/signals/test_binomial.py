"""Exact tails of fair coins."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebear.signals.binomial import log10_tail, smallest_detectable


def exact(agree: int, n: int) -> Fraction:
    return Fraction(sum(math.comb(n, k) for k in range(agree, n + 1)), 2**n)


@given(st.integers(0, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_equals_the_sum_of_binomial_coefficients(case: tuple[int, int]) -> None:
    agree, n = case
    value = exact(agree, n)
    expected = math.log10(value.numerator) - math.log10(value.denominator)
    assert log10_tail(agree, n) == pytest.approx(expected, abs=1e-9)


def test_no_coins_and_no_agreement_are_certain() -> None:
    assert log10_tail(0, 0) == 0.0
    assert log10_tail(0, 4096) == 0.0


def test_does_not_underflow_at_the_size_of_a_code() -> None:
    assert log10_tail(4096, 4096) == pytest.approx(-4096 * math.log10(2))


@pytest.mark.parametrize(("agree", "n"), [(5, 4), (-1, 4)])
def test_refuses_impossible_counts(agree: int, n: int) -> None:
    with pytest.raises(ValueError, match="coins"):
        log10_tail(agree, n)


@given(st.integers(20, 3000), st.floats(-12, -1))
def test_the_smallest_detectable_count_is_the_smallest(n: int, alpha: float) -> None:
    least = smallest_detectable(n, alpha)
    if least is None:
        assert log10_tail(n, n) > alpha
    else:
        assert log10_tail(least, n) <= alpha < log10_tail(least - 1, n)
