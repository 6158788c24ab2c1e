"""Values that every layer speaks: what counts as a number of a stranger's."""

from __future__ import annotations

import json
import math
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebear.types import finite

LARGEST = sys.float_info.max


@pytest.mark.parametrize(
    "value", [True, None, "1", [1], {}, math.nan, math.inf, -math.inf, 10**400, -(10**400), int(LARGEST) * 2]
)
def test_what_is_no_number_that_a_float_can_be_is_none(value: Any) -> None:
    assert finite(value) is None


@given(st.one_of(st.integers(), st.floats()))
def test_a_number_is_itself_or_none(value: float) -> None:
    found = finite(value)
    assert found is None or (type(found) is float and math.isfinite(found) and found == float(value))
    assert (found is None) == (isinstance(value, float) and not math.isfinite(value))


def test_as_json_writes_them() -> None:
    assert [finite(v) for v in json.loads("[0, -3, 2.5, 1e999, 1e308]")] == [0.0, -3.0, 2.5, None, 1e308]
    assert finite(LARGEST) == LARGEST
