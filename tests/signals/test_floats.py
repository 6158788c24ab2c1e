"""How finely values are stored, held against numpy's own formats and against bits by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebear.signals.floats import BF16, F16, FULL, Format, coarsest, doubt, precision, rounded, spacing

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


def f32(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


@pytest.mark.parametrize(
    ("values", "bits"),
    [
        (f32(1.0, -0.5, 0.0, 2.0**127), BF16),
        (f32(1 + 2.0**-7), BF16),
        (f32(1 + 2.0**-8), F16),
        (f32(1 + 2.0**-10, 65_504), F16),
        (f32(1 + 2.0**-11), FULL),
        (f32(1 + 2.0**-10, 65_536), FULL),  # too large for float16
        (f32(1.0, 1 + 2.0**-23), FULL),
        (f32(), BF16),
    ],
)
def test_precision_is_the_fewest_bits_that_hold_all_values(values: np.ndarray, bits: int) -> None:
    assert precision(values) == bits


@given(FLOATS)
def test_rounding_to_bfloat16_takes_the_nearest_and_of_two_the_even_one(value: float) -> None:
    x = f32(value)
    down = (x.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    up = (down.view(np.uint32) + np.uint32(0x10000)).view(np.float32)  # the next one away from zero
    found = rounded(x, BF16)
    to_down, to_up = (abs(np.float64(x[0]) - np.float64(y[0])) for y in (down, up))
    even = down if not (down.view(np.uint32)[0] >> 16) & 1 else up
    expected = down if to_down < to_up else up if to_up < to_down else even
    if np.isfinite(up[0]):
        assert found[0] == expected[0]
    assert precision(found) == BF16 and rounded(found, BF16)[0] == found[0]


@given(FLOATS)
def test_rounding_to_float16_is_numpys_and_to_all_bits_nothing(value: float) -> None:
    x = f32(value)
    with np.errstate(over="ignore"):
        assert rounded(x, F16)[0] == np.float32(np.float16(x[0]))
    assert rounded(x, FULL) is x


def test_what_is_no_number_is_kept() -> None:
    odd = f32(np.nan, np.inf, -np.inf)
    for bits in (BF16, F16, FULL):
        assert np.array_equal(rounded(odd, bits), odd, equal_nan=True)


def test_the_coarsest_format_has_a_least_distance() -> None:
    """Float16 has 2^-24 between its smallest numbers, bfloat16 and float32 far less."""
    assert coarsest(f32(1.0, 2.0**-24)) == Format(BF16, 2.0**-24)
    assert coarsest(f32(1.0, 2.0**-26)) == Format(BF16, 2.0**-133)
    assert coarsest(f32(1 + 2.0**-10)) == Format(F16, 2.0**-24)
    assert coarsest(f32(1 + 2.0**-20)) == Format(FULL, 2.0**-133)


@pytest.mark.parametrize("value", [1.0, 1.5, 2.0, -3.0, 0.1, 1e-3, 6e4])
def test_spacing_is_that_to_the_next_number_of_the_format(value: float) -> None:
    x = f32(value)
    assert spacing(x, Format(FULL, 0.0))[0] == np.spacing(np.abs(x))[0]
    half = np.float16(abs(value))
    assert spacing(x, Format(F16, 0.0))[0] == np.spacing(half)
    assert spacing(x, Format(BF16, 0.0))[0] == 2.0**16 * np.spacing(np.abs(x))[0]


def test_spacing_has_an_end_for_small_values() -> None:
    assert spacing(f32(1e-6, -1e-7), Format(F16, 2.0**-24)).tolist() == [2.0**-24] * 2
    assert spacing(f32(1e-40), Format(BF16, 0.0))[0] == 2.0**-128
    assert np.isfinite(spacing(f32(np.nan, np.inf), Format(FULL, 0.0))).all()


def test_a_zero_is_exact_and_is_worth_nothing() -> None:
    held = Format(BF16, 2.0**-133)
    assert doubt(f32(0.0, -0.0, 1.0, 0.3), held).tolist() == [2.0**-133, 2.0**-133, 2.0**-7, 2.0**-9]
    assert spacing(f32(0.0), held)[0] == 2.0**-8
