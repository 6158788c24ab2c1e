"""SPDX expressions, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebear.catalogue.expression import MAX_ALTERNATIVES, alternatives


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("MIT", (("MIT",),)),
        ("MIT OR Apache-2.0", (("MIT",), ("Apache-2.0",))),
        ("mit and apache-2.0", (("mit", "apache-2.0"),)),
        ("MIT AND (Apache-2.0 OR BSD-3-Clause)", (("MIT", "Apache-2.0"), ("MIT", "BSD-3-Clause"))),
        ("A OR B AND C", (("A",), ("B", "C"))),
        ("GPL-2.0-only WITH Classpath-exception-2.0", (("GPL-2.0-only WITH Classpath-exception-2.0",),)),
        ("GPL-2.0+ OR LicenseRef-x:y", (("GPL-2.0+",), ("LicenseRef-x:y",))),
        ("MIT AND MIT", (("MIT",),)),
        ("((MIT))", (("MIT",),)),
    ],
)
def test_expressions(text: str, ways: tuple[tuple[str, ...], ...]) -> None:
    assert alternatives(text) == ways


@pytest.mark.parametrize(
    "text", ["", "MIT OR", "AND MIT", "(MIT", "MIT)", "MIT Apache", "MIT & x", "WITH", "(" * 50 + "MIT", "a " * 300]
)
def test_what_is_no_expression(text: str) -> None:
    assert alternatives(text) is None


def test_alternatives_are_bounded() -> None:
    assert alternatives(" AND ".join(["(A OR B)"] * 20)) is None
    many = alternatives(" OR ".join(f"L{k}" for k in range(29)))
    assert many is not None and len(many) <= MAX_ALTERNATIVES


@given(st.text(alphabet="MIT ()ANDORWH+.-", max_size=80))
def test_nothing_crashes(text: str) -> None:
    found = alternatives(text)
    assert found is None or all(way for way in found)
