"""Grids of quantisers: which groups lie on one, between which bounds, and what that is worth; by hand, from spacings.

In a format of 24 bits neighbours of 1 are 2^-23 apart, those of 2 and 3 twice as far, and so on.
"""

from __future__ import annotations

from math import log2
from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray

from forebear.signals.floats import BF16, F16, FULL, Format
from forebear.signals.grids import E2M1, FP4_TABLE, NF4, Fit, integers, offset, small_floats, table

F64 = NDArray[np.float64]
FINE = Format(FULL, 2.0**-133)
STEPS = np.array([-1.0, -0.5, 0.0, 0.25, 1.0])


def one(*values: float) -> F64:
    return np.array([values], dtype=np.float64)


def nothing(fit: Fit, group: int = 0) -> bool:
    """Whether this group lies on none of the grids."""
    empty = (fit.below, fit.above, fit.low, fit.high)
    return not fit.fits[group] and fit.bits[group] == -np.inf and not any(x[group].any() for x in empty)


def test_nf4_is_the_quantiles_of_a_normal_distribution() -> None:
    """Eight of one half and seven of the other, between 1 - (1/30 + 1/32) / 2 and a half, the largest one (QLoRA)."""
    most = 1 - (1 / 30 + 1 / 32) / 2
    of = NormalDist().inv_cdf
    up, down = ([of(p) for p in np.linspace(most, 0.5, n)[:-1]] for n in (9, 8))
    expected = np.array(sorted([*(-x for x in down), 0.0, *up])) / of(most)
    assert pytest.approx(expected, abs=1e-6) == NF4


def test_fp4_is_twelfths_and_e2m1_two_bits_of_exponent_and_one_behind_the_leading_one() -> None:
    assert pytest.approx(np.array([0, 0.0625, 2, 3, 4, 6, 8, 12]) / 12, abs=1e-8) == FP4_TABLE
    assert {0, 1} | {(2 + m) << e for e in range(3) for m in range(2)} == E2M1


def test_multiples_of_a_scale() -> None:
    """3, 7 and 12 of 21 steps are worth log2(1 / 2u) each; zero and the top nothing, and 21 numbers are paid for."""
    fit = integers(one(3, -7, 12, 0, 21), FINE)
    assert fit.fits.tolist() == [True] and fit.bits == pytest.approx([21 + 20 + 19 - 2 * log2(22)])
    assert (fit.low.tolist(), fit.high.tolist()) == ([-7.0], [21.0]) and fit.levels == {0, 3, 7, 12, 21}
    assert fit.below.tolist() == fit.above.tolist() == [[0.5] * 5]
    coarse = integers(one(3, -7, 12, 0, 21), Format(BF16, 2.0**-133))
    assert coarse.bits == pytest.approx([5 + 4 + 3 - 2 * log2(22)])


def test_the_scale_may_be_any_number_and_the_top_be_negative() -> None:
    fit = integers(0.3 * one(3, -12, 7, 0, -21), FINE)
    assert (fit.low.tolist(), fit.high.tolist()) == ([-21.0], [7.0])
    assert fit.below == pytest.approx(np.full((1, 5), 0.15))


def test_a_level_counts_once() -> None:
    once, twice = integers(one(3, 7, 21), FINE), integers(one(3, 3, 7, -7, 21), FINE)
    assert once.bits == pytest.approx([21 + 20 - 2 * log2(22)]) and twice.bits == pytest.approx(once.bits)


def test_integers_go_to_255_and_offsets_to_63_steps() -> None:
    fit = integers(one(1, 255), FINE)
    assert fit.high.tolist() == [255.0] and fit.bits == pytest.approx([22 - 2 * 8])
    assert nothing(integers(one(1, 256), FINE))
    assert integers(one(1, 5), FINE, most=5).fits.all() and nothing(integers(one(1, 5), FINE, most=4))
    assert offset(one(64, 65, 127), FINE).high.tolist() == [63.0] and nothing(offset(one(64, 65, 128), FINE))


def test_no_value_but_zero_may_be_on_level_zero() -> None:
    assert integers(one(0, 4, 8), FINE).high.tolist() == [2.0]
    assert nothing(integers(one(0.25, 4, 8), FINE, most=16)) and integers(one(0.25, 4, 8), FINE, most=32).fits.all()


def test_zeros_lie_on_every_grid_of_integers_and_say_nothing() -> None:
    fit = integers(np.zeros((1, 4)), FINE)
    assert fit.fits.all() and fit.bits.tolist() == [-2.0] and fit.levels == {0} and not fit.below.any()
    assert nothing(small_floats(np.zeros((1, 4)), FINE, 1, 4)) and nothing(table(np.zeros((1, 4)), FINE, STEPS))


@pytest.mark.parametrize(
    ("held", "inside", "outside"),
    [
        (FINE, 8 * 2.0**-23, 9 * 2.0**-23),
        (Format(F16, 2.0**-24), 1.1 * 2.0**-10, 1.15 * 2.0**-10),
        (Format(BF16, 2.0**-133), 1.1 * 2.0**-7, 1.15 * 2.0**-7),
    ],
)
def test_values_may_be_off_by_their_rounding_and_no_more(held: Format, inside: float, outside: float) -> None:
    """The top and this value: four distances each in float32, nine sixteenths each where nothing was computed."""
    top = 16 if held.bits == BF16 else 64
    for sign in (1, -1):
        assert integers(one(1 + sign * inside / (1 if sign > 0 else 2), top), held, top).fits.all()
        assert nothing(integers(one(1 + sign * outside, top), held, top))
    assert small_floats(one(1 + inside, 2), held, 1, 4).fits.all()
    assert nothing(small_floats(one(1 + outside, 2), held, 1, 4))
    steps = np.array([-1.0, 0.0, 0.25, 1.0])
    assert table(one(1 + inside, 4), held, steps).fits.all()
    beside = table(one(1 + outside, 4), held, steps)
    assert not beside.fits.any() and beside.bits.tolist() == [-np.inf]


def test_an_offset_may_be_off_by_both_ends_and_itself() -> None:
    fit = offset(one(64, 65 + 8 * 2.0**-17, 96), FINE)
    assert fit.high.tolist() == [32.0] and offset(one(64, 65 - 8 * 2.0**-17, 96), FINE).high.tolist() == [32.0]
    for sign in (1, -1):
        assert nothing(offset(one(64, 65 + sign * 9 * 2.0**-17, 96), FINE))


def test_a_format_as_coarse_as_the_grid_says_nothing() -> None:
    """From 0.4 of a step on, integers; offsets, where two ends are uncertain, from 0.8 of it in all."""
    speaks, mute = (integers(one(1.45, 2, 3), Format(BF16, least), most=3) for least in (0.39, 0.41))
    assert nothing(speaks)
    assert mute.fits.all() and mute.high.tolist() == [3.0] and mute.bits == pytest.approx([-2 * log2(4)])
    four, three = (offset(one(0, 1.5, 2, 3), Format(BF16, least)) for least in (0.24, 0.25))
    assert (four.high.tolist(), three.high.tolist()) == ([4.0], [3.0])
    assert three.bits == pytest.approx([-2 * log2(4)])
    half = 0.4 * 2.0  # a step of 2 at the top of small floats with one bit behind the leading one
    loud, still = (small_floats(one(5, 6), Format(BF16, half + d), 1, 4) for d in (-0.01, 0.01))
    assert not loud.fits.any() or loud.bits[0] != 0
    assert still.fits.all() and still.bits.tolist() == [-1.0]


def test_a_scale_and_an_offset() -> None:
    """Levels 1 and 3 of 7: each may be off by its own four distances, and by those of both ends in its proportion."""
    fit = offset(one(17, 11, 10, 13), FINE)
    near = [2.0**-18 * (2 * n / 7) + 2.0**-20 for n in (7 + 6 + 2, 7 + 4 + 6)]
    assert fit.bits == pytest.approx([-log2(near[0]) - log2(near[1]) - 2 * log2(8)])
    assert (fit.fits.tolist(), fit.low.tolist(), fit.high.tolist()) == ([True], [0.0], [7.0])
    assert fit.below.tolist() == fit.above.tolist() == [[0.5] * 4] and fit.levels == frozenset()


def test_of_an_offset_zero_and_both_ends_count_nothing() -> None:
    """-3, 0, 1, 4: only the 1, level 4 of 7, says something."""
    fit = offset(one(-3, 0, 1, 1, 4), FINE)
    near = 2 * (4 * 2.0**-23 + 3 / 7 * 2.0**-20 + 4 / 7 * 2.0**-19) + 2.0**-23
    assert fit.bits == pytest.approx([-log2(near) - 2 * log2(8)])


def test_small_floats() -> None:
    """1 and 1.5 times powers of two: each value but the top has 21 bits, and two places of the top are paid for."""
    values = one(0.75, 1, 1.5, 3, -4, 6, 6)
    fit = small_floats(values, FINE, mantissa=1, octaves=4)
    assert fit.fits.tolist() == [True] and fit.bits == pytest.approx([5 * 21 - 1])
    assert small_floats(values, FINE, mantissa=1, octaves=3).bits == pytest.approx([4 * 21 - 1])  # 0.75 is 6 / 8
    assert (fit.low.tolist(), fit.high.tolist(), fit.levels) == ([0.0], [0.0], frozenset())
    assert nothing(small_floats(one(1, 1.25, 1.5, 3, -4, 6), FINE, 1, 4))
    assert small_floats(one(1, 1.25, 1.5, 3, -4, 6), FINE, 2, 4).bits == pytest.approx([5 * 20 - 2])


def test_of_two_scales_the_one_that_is_worth_more() -> None:
    """Powers of two are both 1 and 1.5 times others; the first has the wider steps. A third lies on one only."""
    fit = small_floats(one(1, 2, 4, 8), FINE, 1, 5)
    assert fit.bits == pytest.approx([3 * 21 - 1])
    assert fit.above.tolist() == [[0.25, 0.5, 1.0, 2.0]] and fit.below.tolist() == [[0.125, 0.25, 0.5, 1.0]]


def test_gaps_of_small_floats_are_wider_away_from_zero_at_a_power_of_two() -> None:
    """Between 3, 4 and 6: half of 1 and half of 2. Below the last octave the gap stays as it is there."""
    fit = small_floats(one(3, 4, -4, 0, 0.01, 6), FINE, mantissa=1, octaves=3)
    assert fit.below.tolist() == [[0.5, 0.5, 1.0, 0.125, 0.125, 1.0]]
    assert fit.above.tolist() == [[0.5, 1.0, 0.5, 0.125, 0.125, 1.0]]


def test_levels_of_a_table() -> None:
    """Two levels say something, by the wider gap beside them: 0.5 at -0.5, 0.75 at 0.25."""
    fit = table(one(1, -2, 4, 0, 1), FINE, STEPS)
    near = 2.0**-20 + 2.0**-24, 2.0**-21 + 2.0**-25
    assert fit.fits.tolist() == [True] and fit.bits == pytest.approx([log2(0.5 / near[0]) + log2(0.75 / near[1])])
    assert fit.below.tolist() == [[0.5, 1.0, 1.5, 1.0, 0.5]]
    assert fit.above.tolist() == [[1.5, 1.0, 1.5, 0.5, 1.5]]
    assert (fit.low.tolist(), fit.high.tolist(), fit.levels) == ([0.0], [0.0], frozenset())


def test_beyond_the_last_level_of_a_table_is_the_gap_on_its_other_side() -> None:
    fit = table(one(-4, 1, 4), FINE, np.array([-1.0, 0.25, 1.0]))
    assert (fit.below.tolist(), fit.above.tolist()) == ([[2.5, 2.5, 1.5]], [[2.5, 1.5, 1.5]])


def test_groups_are_told_apart() -> None:
    values = np.array([[1.0, 2, 5, 0], [1.0, 2**0.5, 2, 3], [8.0, 3, 0, 0], [-1.0, 2, -4, 4]])
    whole, steps, small = integers(values, FINE), offset(values, FINE), small_floats(values, FINE, 1, 4)
    assert whole.fits.tolist() == [True, False, True, True] and whole.high.tolist() == [5, 0, 8, 4]
    assert whole.low.tolist() == [0, 0, 0, -4] and whole.levels == {0, 1, 2, 3, 4, 5, 8} and nothing(whole, 1)
    assert steps.high.tolist() == [5, 0, 8, 8] and nothing(steps, 1)
    assert small.fits.tolist() == [False, False, True, True] and nothing(small, 1)
    assert table(values, FINE, STEPS).fits.tolist() == [False, False, False, False]
    assert table(values[::-1], FINE, np.array([-1, -0.25, 0.5, 1])).fits.tolist() == [True, False, False, False]


def test_one_value_that_lies_beside_the_grid_is_found_wherever_it_is() -> None:
    """Not all values are asked first: the search must ask them all in the end."""
    values = np.repeat(np.arange(1.0, 61)[None], 60, axis=0)
    values[np.arange(60), np.arange(60)] += 0.375
    assert not integers(values, FINE, most=200).fits.any()
    assert integers(np.floor(values), FINE).fits.all() and offset(np.floor(values), FINE).high.tolist() == [59.0] * 60
    assert not offset(values, FINE).fits[1:-1].any()


def test_many_groups_are_searched_some_at_a_time() -> None:
    """More than the values that are tried at once; each group keeps its own answer, and none is no error."""
    tops = np.arange(300) % 250 + 2.0
    values = np.stack([np.ones(300), np.zeros(300), tops], axis=1)
    assert integers(values, FINE).high.tolist() == tops.tolist()
    empty = integers(np.zeros((0, 3)), FINE)
    assert empty.fits.shape == empty.bits.shape == (0,) and not empty.levels
