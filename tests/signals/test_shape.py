"""Family and sizes: told where the family is known, compared by name, and worth nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bodies import opened
from forebear.signals.shape import compare, same_shape, shape
from forebear.types import Test
from models import tiny, tiny_llama

SIZES: dict[str, Any] = {
    "family": "llama",
    "width": 64,
    "layers": 4,
    "intermediate": 128,
    "kv_heads": 2,
    "head_dim": 16,
    "experts": 0,
}


def test_a_known_family_has_all_its_sizes(tmp_path: Path) -> None:
    found = shape(opened(tiny_llama(tmp_path, seed=1, vocabulary=200)))
    expected = {**SIZES, "vocabulary": 200, "query_heads": 4, "rows": "value", "rope": "half", "rotary": 16}
    assert {k: found[k] for k in expected} == expected
    layer = 2 * 64 + 2 * 64 * 64 + 2 * 32 * 64 + 3 * 128 * 64
    assert found["parameters"] == 4 * layer + 64 + 2 * 200 * 64


def test_of_an_unknown_family_there_is_the_number_of_values_alone(tmp_path: Path) -> None:
    artifact = opened(tiny("gpt2", tmp_path, seed=1))
    nothing: dict[str, Any] = {"parameters": artifact.parameters, "family": None, "coins": []}
    assert shape(replace(artifact, architecture=None)) == shape(replace(artifact, geometry=None)) == nothing


def test_equal_shapes_support_nothing() -> None:
    found = compare(SIZES, {**SIZES, "vocabulary": 7, "query_heads": 1})
    assert same_shape(SIZES, {**SIZES, "vocabulary": 7})
    assert (found.signal, found.kind, found.supports, found.test) == ("shape/1", "architecture", "nothing", Test.NONE)
    assert (found.score, found.log10_p, found.n) == (None, None, 0)
    assert found.summary.startswith("Both have the shape of the same llama model;")


@pytest.mark.parametrize("key", SIZES)
def test_one_other_size_is_another_shape(key: str) -> None:
    other = {**SIZES, key: 9}
    assert not same_shape(SIZES, other)
    assert compare(SIZES, other).summary == f"The shapes differ in {key} ({SIZES[key]} and 9)."


def test_all_sizes_that_differ_are_named_in_order() -> None:
    found = compare(SIZES, {**SIZES, "experts": 8, "layers": 3})
    assert found.summary == "The shapes differ in layers (4 and 3), experts (0 and 8)."


def test_two_unknown_families_are_not_the_same() -> None:
    unknown = {**SIZES, "family": None}
    assert not same_shape(unknown, unknown)
    for one, two in ((unknown, SIZES), (SIZES, unknown), (unknown, unknown)):
        assert compare(one, two).summary == "The architecture of at least one model is not known."
