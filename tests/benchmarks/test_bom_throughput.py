"""The benchmark of bills of materials, small: what it measures is what it says, and documents differ."""

from __future__ import annotations

from importlib import import_module

import pytest

from forebear.bom.formats import format_named

BENCHMARK = import_module("bom_throughput")


def test_a_typical_bill_has_what_the_table_says() -> None:
    one, other = BENCHMARK.typical(1), BENCHMARK.typical(2)
    assert (len(one.files), len(one.relatives), len(one.stages)) == (30, 3, 4)
    assert one != other


@pytest.mark.parametrize("name", ["cyclonedx-1.7", "cyclonedx-1.6"])
def test_bills_are_written_validated_and_read(name: str) -> None:
    seconds, size = BENCHMARK.measured(format_named(name), 2)
    assert len(seconds) == 3
    assert size > 20_000
