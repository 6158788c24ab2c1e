"""The values of a record: frozen, strict, clean, and equal to what their JSON reads back to."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from bom.records import values
from forebear.bom.values import (
    CONFIDENCE_CAP,
    MAX_TEXT,
    Basis,
    Gap,
    GapState,
    Hash,
    Long,
    Name,
    Observation,
    Path,
    Said,
    Setting,
    Text,
)
from forebear.types import Test

KINDS = (Said, Hash, Setting, Gap, Observation)


@pytest.mark.parametrize("kind", KINDS)
def test_json_reads_back_to_an_equal_value(kind: type[Said]) -> None:
    @given(values(kind))
    def check(value: Said) -> None:
        assert kind.model_validate(json.loads(json.dumps(value.to_json()))) == value

    check()


@pytest.mark.parametrize("kind", [Text, Name, Long, Path])
def test_cleaning_is_idempotent_and_leaves_nothing_unprintable(kind: Any) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(kind)

    @given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
    def check(text: str) -> None:
        clean = adapter.validate_python(text)
        assert adapter.validate_python(clean) == clean
        assert all(line.isprintable() for line in clean.splitlines())

    check()


def test_long_texts_are_cut_in_the_middle() -> None:
    cut = Setting(name="x" * 3_000 + "end").name
    assert len(cut) == MAX_TEXT
    assert cut.endswith("end")


def test_a_path_that_is_no_utf_8_is_escaped() -> None:
    assert TypeAdapter(Path).validate_python("a\udcff.bin") == "a\\xff.bin"


def test_values_are_frozen_and_refuse_unknown_keys() -> None:
    with pytest.raises(ValidationError):
        Said().by = "someone"
    with pytest.raises(ValidationError):
        Said.model_validate({"who": "someone"})


def test_what_is_at_its_default_is_left_out_of_the_json() -> None:
    assert Said(basis=Basis.MEASURED).to_json() == {"basis": "measured"}
    assert Gap(field="licence", state=GapState.WITHHELD).to_json() == {"field": "licence", "state": "withheld"}


@pytest.mark.parametrize("value", ["", "abc", "g" * 64, "a" * 300])
def test_digests_are_hexadecimal(value: str) -> None:
    with pytest.raises(ValidationError):
        Hash(algorithm="SHA-256", value=value)


def test_digests_are_in_lower_case() -> None:
    assert Hash(algorithm="SHA-256", value="AB" * 32).value == "ab" * 32


@pytest.mark.parametrize("number", [math.inf, math.nan, -math.inf, 0.5])
def test_a_p_value_is_a_probability(number: float) -> None:
    with pytest.raises(ValidationError):
        Observation(signal="s/1", summary="", log10_p=number)


@given(st.floats(-400, 3), st.sampled_from(list(Test)))
def test_confidence_is_of_exact_tests_alone_and_never_more_than_the_cap(log10_e: float, test: Test) -> None:
    confidence = Observation(signal="s/1", summary="", test=test, log10_e=log10_e).confidence
    assert 0 <= confidence <= CONFIDENCE_CAP
    if test is not Test.EXACT or log10_e >= 0:
        assert confidence == 0
    elif log10_e < -7:
        assert confidence == CONFIDENCE_CAP


def test_equal_values_are_certain() -> None:
    assert Observation(signal="content/1", summary="", equal=True).confidence == 1
