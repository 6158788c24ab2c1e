"""Whatever a record holds: the document is valid, always the same, and reads back to an equal record."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from bom.records import families, records
from bom.spdx.typical import BARE, RECORD
from forebear.bom import spdx
from forebear.bom.formats import format_of, read_bom
from forebear.bom.record import Record
from forebear.bom.schemas import violations

SCHEMA = "spdx-3.0.1.schema.json"
many = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def _check(record: Record) -> None:
    document = spdx.write(record)
    assert violations(document, SCHEMA) == ()
    read = spdx.read(json.loads(json.dumps(document)))
    assert read.records == (record,)
    assert (read.unread, read.defects) == ((), ())


@many
@given(records())
def test_any_record_is_valid_and_comes_back(record: Record) -> None:
    _check(record)


@many
@given(families())
def test_so_do_records_whose_parts_name_each_other(record: Record) -> None:
    _check(record)


@pytest.mark.parametrize("record", [RECORD, BARE], ids=["typical", "bare"])
def test_equal_records_give_equal_bytes(record: Record) -> None:
    again = Record.model_validate_json(record.model_dump_json())
    assert again is not record
    assert json.dumps(spdx.write(again)) == json.dumps(spdx.write(record))
    other = record.model_copy(update={"notes": "Something else."})
    first, second = (spdx.write(r)["@graph"][1]["spdxId"] for r in (record, other))
    assert first.partition("#")[0] != second.partition("#")[0]


def test_the_graph_is_sorted_and_the_order_of_others_does_not_matter() -> None:
    document = spdx.write(RECORD)
    ids = [node["spdxId"] for node in document["@graph"][1:]]
    assert ids == sorted(ids)
    turned = {**document, "@graph": document["@graph"][::-1]}
    assert spdx.read(turned).records == (RECORD,)


def test_the_registry_of_formats_knows_the_document() -> None:
    document = spdx.write(RECORD)
    assert format_of(document).name == "SPDX 3.0.1"
    assert read_bom(document).records == (RECORD,)


def test_the_schema_can_fail() -> None:
    document = spdx.write(RECORD)
    damaged: list[dict[str, Any]] = [
        {k: v for k, v in node.items() if k != "build_buildType"} for node in document["@graph"]
    ]
    assert violations({**document, "@graph": damaged}, SCHEMA)
