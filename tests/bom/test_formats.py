"""Which format a document is in, and which one a user means."""

from __future__ import annotations

from typing import Any

import pytest

from bom.records import filled
from forebear.bom.formats import format_named, format_of, read_bom
from forebear.bom.record import Record
from forebear.errors import InputError, UsageError


@pytest.mark.parametrize("version", ["1.5", "1.6", "1.7"])
def test_cyclonedx_is_told_by_its_version(version: str) -> None:
    assert format_of({"bomFormat": "CycloneDX", "specVersion": version}).name == f"CycloneDX {version}"


def test_spdx_is_told_by_its_context() -> None:
    document = {"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": []}
    assert format_of(document).name == "SPDX 3.0.1"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"bomFormat": "CycloneDX", "specVersion": "1.2"}, "CycloneDX 1.2 is a version that is not read"),
        ({"bomFormat": "CycloneDX", "specVersion": ["x\n"] * 90}, "is a version that is not read"),
        ({"spdxVersion": "SPDX-2.3"}, "SPDX-2.3 is a version that is not read"),
        ({"name": "package.json"}, "no bill of materials"),
        ({}, "no bill of materials"),
    ],
)
def test_other_documents_are_refused_in_one_line(document: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as refusal:
        read_bom(document)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("cyclonedx", "CycloneDX 1.7"),
        ("CycloneDX-1.6", "CycloneDX 1.6"),
        ("CycloneDX 1.7", "CycloneDX 1.7"),
        ("spdx", "SPDX 3.0.1"),
        ("spdx-3.0.1", "SPDX 3.0.1"),
    ],
)
def test_names_that_users_write(name: str, full: str) -> None:
    assert format_named(name).name == full


@pytest.mark.parametrize("name", ["cyclonedx-1.5", "swid", "", "cyclonedx-1"])
def test_formats_that_are_not_written(name: str) -> None:
    with pytest.raises(UsageError, match="no format that is written"):
        format_named(name)


@pytest.mark.parametrize("name", ["cyclonedx-1.7", "cyclonedx-1.6"])
def test_what_a_format_writes_it_reads(name: str) -> None:
    known = format_named(name)
    assert known.write is not None
    record = filled(Record)
    document = known.write(record)
    assert format_of(document) is known
    assert read_bom(document).records == (record,)
