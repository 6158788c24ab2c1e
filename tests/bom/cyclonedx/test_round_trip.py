"""Every record that the values allow: valid under the official schemas, and the same when it is read back."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bom.cyclonedx.documents import at, leaves, pointers, put, record, references, refs
from bom.records import families, filled, records
from forebear.bom.cyclonedx import read, write
from forebear.bom.record import Record
from forebear.bom.schemas import pointer, violations
from forebear.errors import UsageError

VERSIONS = ("1.7", "1.6")
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
any_record = records() | families()


def stored(document: Any) -> Any:
    """The document as another program gets it."""
    return json.loads(json.dumps(document))


@pytest.mark.parametrize("version", VERSIONS)
def test_records_come_back_and_nothing_is_left_over(version: str) -> None:
    @settings(max_examples=150, suppress_health_check=SLOW)
    @given(any_record)
    def check(record: Record) -> None:
        document = stored(write(record, version))
        assert violations(document, f"bom-{version}.schema.json") == ()
        reading = read(document)
        assert reading.records == (record,)
        assert reading.unread == ()
        assert reading.defects == ()
        assert reading.format == f"CycloneDX {version}"
        assert reading.document is document

    check()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_second_validator_agrees(version: str) -> None:
    validator = JsonStrictValidator(SchemaVersion.from_version(version))

    @settings(max_examples=12, suppress_health_check=SLOW)
    @given(any_record)
    def check(record: Record) -> None:
        assert validator.validate_str(json.dumps(write(record, version))) is None

    check()
    assert validator.validate_str(json.dumps(write(filled(Record), version))) is None


@pytest.mark.parametrize("version", VERSIONS)
def test_references_resolve_are_unique_and_pointers_point_to_something(version: str) -> None:
    @settings(max_examples=80, suppress_health_check=SLOW)
    @given(any_record)
    def check(record: Record) -> None:
        document = write(record, version)
        own = refs(document)
        assert len(own) == len(set(own))
        assert set(references(document)) <= set(own)
        for citation in document.get("citations", ()):
            for each in citation["pointers"]:
                at(document, each)

    check()


@pytest.mark.parametrize("version", VERSIONS)
def test_equal_records_give_equal_bytes(version: str) -> None:
    one, other = write(filled(Record), version), write(filled(Record), version)
    assert json.dumps(one) == json.dumps(other)
    changed = write(filled(Record).model_copy(update={"notes": "other"}), version)
    assert changed["serialNumber"] != one["serialNumber"]


@pytest.mark.parametrize(("version", "step"), [("1.7", 1), ("1.6", 5)])
def test_a_changed_leaf_shows_in_the_record_or_as_unread(version: str, step: int) -> None:
    """What is said natively and repeated elsewhere too: no leaf of a document of ours can be changed unseen."""
    document = write(filled(Record), version)
    for path, value in list(leaves(document))[::step]:
        if path[-1] in ("bomFormat", "specVersion") and len(path) == 1:
            continue
        changed = copy.deepcopy(document)
        put(changed, path, value + "x" if isinstance(value, str) else 3)
        reading = read(changed)
        assert reading.records != (filled(Record),) or pointer(path) in reading.unread, path


@given(st.sampled_from(VERSIONS), st.data())
@settings(max_examples=60, suppress_health_check=SLOW)
def test_unread_leaves_are_leaves(version: str, data: st.DataObject) -> None:
    document = write(filled(Record), version)
    path, _ = data.draw(st.sampled_from(list(leaves(document))))
    if len(path) > 1:
        put(document, path, {"unheard": ["of", {}]})
        assert set(read(document).unread) <= pointers(document)


def test_documents_are_read_whatever_the_order_of_their_keys() -> None:
    document = write(filled(Record))
    assert read(json.loads(json.dumps(document, sort_keys=True))).records == (filled(Record),)


def test_nothing_that_is_unknown_is_written_as_nothing() -> None:
    """No empty text, list or object, but for the providers of energy, whom nobody names."""
    document = write(filled(Record))
    assert [path for path, value in leaves(document) if value in ("", [], {}, None)] == [
        path for path, _ in leaves(document) if path[-1] == "energyProviders"
    ]


@pytest.mark.parametrize("version", ["1.5", "2.0", ""])
def test_other_versions_are_not_written(version: str) -> None:
    with pytest.raises(UsageError, match="is not written"):
        write(record(), version)
