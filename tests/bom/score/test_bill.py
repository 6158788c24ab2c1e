"""What a document says of itself, in both formats, whatever stands in it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebear.bom import cyclonedx, spdx
from forebear.bom.reading import Reading
from forebear.bom.record import Model, Record, Tool
from forebear.bom.score.bill import Bill, bill_of

CYCLONEDX: dict[str, Any] = {
    "metadata": {
        "timestamp": "2026-11-29T00:00:00Z",
        "authors": [{"name": "Ann"}],
        "supplier": {"name": "Acme"},
        "tools": {"components": [{"name": "forebear", "version": "1"}], "services": [{"name": "hub"}]},
        "lifecycles": [{"phase": "post-build"}, {"name": "release"}],
    },
    "dependencies": [{"ref": "a"}, {"ref": "b", "dependsOn": ["a"]}],
    "signature": {"algorithm": "ES256"},
}
SPDX: dict[str, Any] = {
    "@graph": [
        {"type": "CreationInfo", "created": "2026-11-29T00:00:00Z", "createdBy": ["p"], "createdUsing": ["t"]},
        {"type": "Person", "spdxId": "p", "name": "Ann"},
        {"type": "Tool", "spdxId": "t", "name": "forebear"},
        {"type": "software_Sbom", "spdxId": "s", "software_sbomType": ["build"]},
        {"type": "Relationship", "spdxId": "r", "relationshipType": "trainedOn", "from": "a", "to": ["b"]},
    ]
}


def test_cyclonedx() -> None:
    bill = bill_of(Reading("CycloneDX 1.6", (), CYCLONEDX))
    assert (bill.format, bill.format_version, bill.timestamp) == ("CycloneDX", "1.6", "2026-11-29T00:00:00Z")
    assert bill.authors == ("Ann", "Acme") and bill.tools == ("forebear", "hub") and bill.tool_versions == ("1",)
    assert bill.context == ("post-build", "release")
    assert bill.signature == "enveloped" and bill.dependencies == "stated"
    old = bill_of(Reading("CycloneDX 1.5", (), {"metadata": {"tools": [{"vendor": "x", "name": "y", "version": "2"}]}}))
    assert old.tools == ("y",) and old.tool_versions == ("2",) and not old.dependencies


def test_a_list_of_dependencies_on_nothing_is_none() -> None:
    assert not bill_of(Reading("CycloneDX 1.6", (), {"dependencies": [{"ref": "a", "dependsOn": []}]})).dependencies


def test_spdx() -> None:
    bill = bill_of(Reading("SPDX 3.0.1", (), SPDX))
    assert (bill.format, bill.format_version) == ("SPDX", "3.0.1")
    assert bill.authors == ("Ann",) and bill.tools == ("forebear",) and bill.context == ("build",)
    assert bill.timestamp == "2026-11-29T00:00:00Z" and bill.dependencies == "stated" and not bill.signature


@pytest.mark.parametrize("odd", [{}, [], None, 5])
def test_a_relationship_of_an_odd_type_is_none(odd: object) -> None:
    graph = [*SPDX["@graph"][:-1], {**SPDX["@graph"][-1], "relationshipType": odd}]
    assert bill_of(Reading("SPDX 3.0", (), {"@graph": graph})).dependencies == ""


def test_the_program_that_wrote_a_bill_answers_for_nothing_in_either_format() -> None:
    record = Record(
        model=Model(name="acme/one"), created="2026-11-29T00:00:00Z", tool=Tool(name="forebear", version="1")
    )
    for kind in (cyclonedx, spdx):
        for author, expected in (("", ()), ("Acme Ltd", ("Acme Ltd",))):
            document = kind.write(record.model_copy(update={"author": author}))
            assert bill_of(kind.read(document)).authors == expected


@pytest.mark.parametrize(("given", "version"), [(3, "3"), (True, ""), (0, ""), ("3", ""), (10**400, "")])
def test_the_version_of_a_bill_is_its_own_and_not_that_of_the_format(given: object, version: str) -> None:
    assert bill_of(Reading("CycloneDX 1.6", (), {"version": given})).version == version


@pytest.mark.parametrize("name", ["CycloneDX 1.7", "SPDX 3.0.1"])
@pytest.mark.parametrize("document", [{}, {"metadata": 1, "@graph": 2}, {"metadata": {"tools": "x"}, "@graph": ["x"]}])
def test_nothing_there_is_nothing_said(name: str, document: dict[str, Any]) -> None:
    bill = bill_of(Reading(name, (), document))
    assert bill == Bill(format=bill.format, format_version=bill.format_version)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "metadata",
                    "tools",
                    "components",
                    "authors",
                    "name",
                    "@graph",
                    "type",
                    "createdBy",
                    "dependencies",
                    "to",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["metadata", "@graph", "dependencies", "signature"]), ANYTHING, max_size=4))
def test_whatever_stands_there_is_read(document: dict[str, Any]) -> None:
    for name in ("CycloneDX 1.7", "SPDX 3.0.1"):
        assert isinstance(bill_of(Reading(name, (), document)), Bill)
