"""The official schemas: two engines, one answer."""

from __future__ import annotations

from typing import Any

import pytest

from bom.records import filled
from forebear.bom import cyclonedx, schemas
from forebear.bom.record import Record
from forebear.bom.schemas import MOST, violations

SCHEMAS = {version: f"bom-{version}.schema.json" for version in ("1.5", "1.6", "1.7")}
HEAD = {"bomFormat": "CycloneDX", "specVersion": "1.6"}
BROKEN: list[tuple[str, Any]] = [
    ("", []),
    ("", {}),
    ("", {**HEAD, "colour": "red"}),
    ("/version", {**HEAD, "version": 0}),
    ("/serialNumber", {**HEAD, "serialNumber": "42"}),
    ("/components/0", {**HEAD, "components": [{"name": "x"}]}),
    (
        "/components/0/type",
        {**HEAD, "components": [{"name": "x", "type": "y"}]},
    ),
    ("/metadata/a~1b~0c", {**HEAD, "metadata": {"a/b~c": 1}}),
]


@pytest.fixture(params=["jsonschema_rs", "jsonschema"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each engine in turn."""
    if request.param == "jsonschema":
        monkeypatch.setattr(schemas, "_validator", schemas._slow)
    else:
        pytest.importorskip("jsonschema_rs")
    return str(request.param)


@pytest.mark.parametrize(("where", "document"), BROKEN)
def test_broken_documents_are_told_by_both(engine: str, where: str, document: Any) -> None:
    found = violations(document, SCHEMAS["1.6"])
    assert found
    assert any(where.startswith(each.pointer) for each in found)


@pytest.mark.parametrize("version", ["1.6", "1.7"])
def test_a_document_of_ours_is_valid_for_both(engine: str, version: str) -> None:
    assert violations(cyclonedx.write(filled(Record), version), SCHEMAS[version]) == ()


def test_what_only_the_newest_version_has_is_told_by_both(engine: str) -> None:
    document = {**cyclonedx.write(filled(Record), "1.7"), "specVersion": "1.6"}
    assert violations(document, SCHEMAS["1.6"])


def test_both_engines_point_to_the_same_places(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("jsonschema_rs")
    fast = [{each.pointer for each in violations(document, SCHEMAS["1.6"])} for _, document in BROKEN]
    monkeypatch.setattr(schemas, "_validator", schemas._slow)
    assert fast == [{each.pointer for each in violations(document, SCHEMAS["1.6"])} for _, document in BROKEN]


def test_the_number_of_violations_is_bounded(engine: str) -> None:
    document = {**HEAD, "components": [{}] * (3 * MOST)}
    assert len(violations(document, SCHEMAS["1.6"])) == MOST


def test_nothing_is_fetched() -> None:
    with pytest.raises(LookupError, match="not among the schemas"):
        schemas._refuse("https://example.org/schema.json")


def test_a_message_is_one_short_line(engine: str) -> None:
    document = {**HEAD, "serialNumber": "x\ny" * 5_000}
    assert all(len(each.message) <= 300 and each.message.isprintable() for each in violations(document, SCHEMAS["1.6"]))
