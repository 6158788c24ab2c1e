"""Errors of counts: every model is a distribution, and its likelihoods are those of sums written down one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from forebear.signals.counting_noise import EXACT, NOISES, OUTLIERS, Jitter, Noise, Rounded, far

ODD = Jitter("odd", {1: 0.3, 3: 0.1})


def test_far_errors_are_a_distribution_over_all_numbers() -> None:
    errors = np.arange(-200_000, 200_001)
    assert np.exp(far(errors)).sum() == pytest.approx(1.0, abs=1e-5)
    assert np.exp(far(errors, 0.2)).sum() == pytest.approx(1.0, abs=1e-5)  # no scale below one
    assert far(np.array([3]))[0] == pytest.approx(-math.log(10) - math.log(math.pi / math.tanh(math.pi)))
    wide = far(np.array([0, 5, -5]), 5.0)
    assert wide[1] == wide[2] == pytest.approx(wide[0] - math.log(2))


@pytest.mark.parametrize("noise", [*NOISES, ODD], ids=lambda noise: noise.name)
def test_priors_and_kernels_sum_to_one(noise: Noise) -> None:
    assert np.exp(noise.prior).sum() == pytest.approx(1.0)
    kernel = noise.kernel()
    assert kernel.sum() == pytest.approx(1.0) and len(kernel) % 2 == 1
    assert np.allclose(kernel, kernel[::-1]) and kernel.argmax() == len(kernel) // 2


def test_names_say_what_is_assumed() -> None:
    assert EXACT.name == "exact" and Rounded(8).name == "multiples of 8"
    assert len({noise.name for noise in NOISES}) == len(NOISES)
    assert ODD.random and not Rounded(8).random


def core(error: int) -> float:
    return {0: 0.6, 1: 0.15, -1: 0.15, 3: 0.05, -3: 0.05}.get(error, 0.0)


def test_jitter_is_the_baselines_error_and_the_counts_own() -> None:
    """Of a difference of seven where five were expected: hidden errors of the baseline from -3 to 3."""
    assert np.allclose(np.exp(ODD.prior), [core(k) for k in range(-3, 4)])
    found = ODD.log_likelihood(7, np.array([5, 9]))
    assert found.shape == (2, 7)
    for row, expected in enumerate((5, 9)):
        for column, hidden in enumerate(range(-3, 4)):
            error = 7 - expected + hidden
            mixed = (1 - OUTLIERS) * core(error) + OUTLIERS * math.exp(far(np.array([error]))[0])
            assert found[row, column] == pytest.approx(math.log(mixed))


def test_the_kernel_of_jitter_is_that_of_two_errors() -> None:
    both = [sum(core(k) * core(d - k) for k in range(-3, 4)) for d in range(-6, 7)]
    assert np.allclose(ODD.kernel(), both)
    assert EXACT.kernel().tolist() == [1.0]


def test_exact_counts_have_no_hidden_value() -> None:
    assert EXACT.prior.tolist() == [0.0]
    right, wrong = EXACT.log_likelihood(5, np.array([5, 6]))[:, 0]
    assert right == pytest.approx(math.log(1 - OUTLIERS + OUTLIERS * math.exp(far(np.array([0]))[0])))
    assert wrong == pytest.approx(math.log(OUTLIERS) + far(np.array([1]))[0])


def test_multiples_depend_on_where_the_constant_stands() -> None:
    """Six tokens in fours are four or eight more: eight where the constant is two or three above a multiple."""
    noise = Rounded(4)
    assert noise.prior.tolist() == [pytest.approx(-math.log(4))] * 4
    for observed, right in ((4, [0, 1]), (8, [2, 3]), (12, [])):
        found = noise.log_likelihood(observed, np.array([6]))[0]
        for hidden in range(4):
            error = observed - (6 + hidden) // 4 * 4
            mixed = (1 - OUTLIERS) * (hidden in right) + OUTLIERS * math.exp(far(np.array([error]))[0])
            assert found[hidden] == pytest.approx(math.log(mixed))
    assert np.allclose(noise.kernel(), np.array([1, 2, 3, 4, 3, 2, 1]) / 16)
