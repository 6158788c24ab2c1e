"""Annotations by Forebear say what SPDX has no field for, and never overrule what it has one for."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from bom.spdx.typical import BARE, COINS, RECORD
from forebear.bom import spdx
from forebear.bom.record import Organisation, OrganisationRole, Service
from forebear.bom.spdx.statements import SCHEMA, differences, text_of
from forebear.bom.values import Basis
from forebear.types import Json, Verdict


def _model(document: Json) -> Json:
    return next(n for n in document["@graph"] if n["type"] == "ai_AIPackage" and "#model-" in n["spdxId"])


def _says(document: Json, kind: str) -> list[Json]:
    return [
        n for n in document["@graph"] if n["type"] == "Annotation" and json.loads(n["statement"]).get("kind") == kind
    ]


def _edited(document: Json, node: Json, **says: Any) -> Json:
    statement = json.loads(node["statement"])
    statement["says"] |= says
    new = copy.deepcopy(document)
    for each in new["@graph"]:
        if each.get("spdxId") == node["spdxId"]:
            each["statement"] = json.dumps(statement)
    return new


def test_only_what_is_missing_is_said() -> None:
    assert [json.loads(n["statement"])["says"] for n in _says(spdx.write(BARE), "record")] == [{"created": ""}]
    assert _says(spdx.write(BARE), "model") == []
    value = RECORD.relatives[0]
    assert differences(value, json.loads(value.model_dump_json())) == {}
    assert differences(value, {"name": "org/base", "slot": "ancestor"}).keys() >= {"log10_p", "observations", "verdict"}


def test_confidence_is_of_dependence_and_follows_from_the_observations() -> None:
    document = spdx.write(RECORD)
    first = json.loads(_says(document, "relative")[0]["statement"])
    assert first["confidence"] == COINS.confidence
    assert first["schema"] == SCHEMA
    assert "confidence" not in json.loads(text_of("relative", {}))
    lie = copy.deepcopy(document)
    for node in lie["@graph"]:
        if node["type"] == "Annotation":
            node["statement"] = node["statement"].replace("0.999999", "1.0")
    assert any("confidence" in defect for defect in spdx.read(lie).defects)


def test_an_edit_of_spdx_own_fields_counts_against_a_statement() -> None:
    document = spdx.write(RECORD)
    _model(document)["releaseTime"] = "2030-01-01T00:00:00Z"
    reading = spdx.read(document)
    assert reading.records[0].model.released == "2030-01-01T00:00:00Z"
    assert any("released" in defect for defect in reading.defects)


def test_a_statement_cannot_claim_another_licence_than_the_expression() -> None:
    document = spdx.write(RECORD)
    node = next(n for n in _says(document, "record") if "licences" in n["statement"])
    reading = spdx.read(_edited(document, node, licences=[{"spdx": "MIT"}]))
    (declared, concluded) = reading.records[0].licences
    assert declared.spdx == "LicenseRef-scancode-llama-3.1 AND LicenseRef-other"
    assert concluded.spdx == "Apache-2.0"
    assert any("licences" in defect for defect in reading.defects)


def test_an_edited_statement_is_read_as_what_it_says() -> None:
    document = spdx.write(RECORD)
    reading = spdx.read(_edited(document, _says(document, "relative")[2], verdict="derived"))
    assert reading.records[0].relatives[2].verdict is Verdict.DERIVED
    assert reading.defects == ()
    assert reading.unread  # the document is no longer what Forebear writes


@pytest.mark.parametrize(
    ("says", "told"),
    [({"verdict": "guilty"}, "verdict"), ({"log10_p": 5}, "log10_p"), ({"observations": [{}]}, "observations")],
)
def test_what_no_record_can_hold_is_told(says: Json, told: str) -> None:
    document = spdx.write(RECORD)
    node = _says(document, "relative")[0]
    reading = spdx.read(_edited(document, node, **says))
    assert any(told in defect for defect in reading.defects)
    pointer = f"/@graph/{document['@graph'].index(node)}/statement"
    assert pointer in reading.unread


@pytest.mark.parametrize(
    "statement", ["", "{", "[]", '{"schema": 1}', f'{{"schema": "{SCHEMA}"}}', "[" * 100_000 + SCHEMA]
)
def test_broken_statements_are_unread(statement: str) -> None:
    document = spdx.write(RECORD)
    node = _says(document, "relative")[0]
    node["statement"] = statement
    reading = spdx.read(document)
    assert reading.records[0].relatives[0].said.basis is Basis.DECLARED
    assert f"/@graph/{document['@graph'].index(node)}/statement" in reading.unread


def test_keys_that_are_not_known_are_unread() -> None:
    document = spdx.write(RECORD)
    node = _says(document, "relative")[0]
    reading = spdx.read(_edited(document, node, colour="blue"))
    assert f"/@graph/{document['@graph'].index(node)}/statement" in reading.unread


def test_services_and_other_roles_are_told_by_statements_alone() -> None:
    record = BARE.model_copy(
        update={
            "services": (Service(name="API", endpoints=("https://api.example.org",)), Service(name="Other")),
            "organisations": (Organisation(name="Host", roles=(OrganisationRole.PROVIDER,)),),
        }
    )
    document = spdx.write(record)
    assert spdx.read(document).records == (record,)
    plain = {**document, "@graph": [n for n in document["@graph"] if n["type"] != "Annotation"]}
    (read,) = spdx.read(plain).records
    assert (read.services, read.organisations) == ((), ())
    types = {n["name"]: n["type"] for n in document["@graph"] if "name" in n}
    assert types["API"] == "software_Package"
