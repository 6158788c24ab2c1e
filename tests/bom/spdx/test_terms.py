"""Small values as SPDX writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebear.bom.schemas import load
from forebear.bom.spdx import terms


@pytest.mark.parametrize(
    ("text", "dates", "expected"),
    [
        ("2026-01-02T03:04:05Z", False, "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05.678+02:00", False, "2026-01-02T01:04:05Z"),
        ("2026-01-02", False, ""),
        ("2026-01-02", True, "2026-01-02T00:00:00Z"),
        ("2026-02-30", True, ""),
        ("2026-01-02T03:04:05", True, ""),  # of which zone?
        ("0001-01-01T00:00:00+01:00", True, ""),
        ("0099-01-01", True, "0099-01-01T00:00:00Z"),
        ("last May", True, ""),
        ("", True, ""),
    ],
)
def test_instants(text: str, dates: bool, expected: str) -> None:
    assert terms.instant(text, dates) == expected


@given(st.floats(0, allow_nan=False, allow_infinity=False))
def test_decimals_read_back_to_the_same_float(value: float) -> None:
    text = terms.decimal(value)
    assert "e" not in text.lower()
    assert terms.number(text) == value


@pytest.mark.parametrize("text", ["", "-1", "nan", "inf", "1e999", "0x10", "1_000", "٣"])
def test_what_is_no_number(text: str) -> None:
    assert terms.number(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "MIT",
        "GPL-2.0-only WITH Classpath-exception-2.0",
        "(MIT OR Apache-2.0) AND LicenseRef-own",
        "LicenseRef-scancode-llama-3.1",
        "Apache-2.0+",
        "DocumentRef-x:LicenseRef-y",
    ],
)
def test_expressions(text: str) -> None:
    assert terms.is_expression(text)
    assert terms.expression(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "MIT OR", "OR MIT", "MIT Apache-2.0", "(MIT", "MIT)", "()", "other", "llama 4", "(" * 99 + "MIT" + ")" * 99],
)
def test_no_expressions(text: str) -> None:
    assert not terms.is_expression(text)
    assert terms.is_expression(terms.expression(text))


def test_licences_that_all_hold() -> None:
    assert terms.conjunction([]) == ""
    assert terms.conjunction(["MIT", "", "MIT"]) == "MIT"
    assert terms.conjunction(["MIT OR ISC", "BSD-3-Clause"]) == "(MIT OR ISC) AND BSD-3-Clause"
    assert terms.conjunction(["NONE", "MIT"]) == "MIT"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (set(terms.HASHES.values()), "Hash_algorithm"),
        (set(terms.LINKS.values()), "ExternalRef_externalRefType"),
        (set(terms.ROLES.values()), "software_SoftwareArtifact_software_primaryPurpose"),
        (set(terms.USED.values()), "Relationship_relationshipType"),
    ],
)
def test_every_word_is_one_of_the_standard(words: set[str], name: str) -> None:
    assert words <= set(load("spdx-3.0.1.schema.json")["$defs"][f"prop_{name}"]["enum"])
