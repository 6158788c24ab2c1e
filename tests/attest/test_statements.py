"""Statements: what they are about, which predicate, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from forebear.attest.documents import canonical, sha256
from forebear.attest.statements import (
    CYCLONEDX,
    DOCUMENT,
    MANIFEST,
    SPDX,
    SVR,
    Statement,
    Subject,
    bom_statement,
    read_statement,
    svr_statement,
)
from forebear.errors import FormatError, InputError, UsageError
from signers import bill

MODEL = (Subject("acme/model", "ab" * 32, MANIFEST),)


def test_a_bill_is_its_own_predicate_and_its_bytes_a_subject(tmp_path: Path) -> None:
    raw = bill(tmp_path / "bom.json").read_bytes()
    made = bom_statement(raw, json.loads(raw), "bom.json", MODEL)
    assert made.predicate_type == CYCLONEDX and made.predicate == json.loads(raw)
    assert made.about(sha256(raw), DOCUMENT) and made.about("ab" * 32) and not made.about("ab" * 32, DOCUMENT)
    assert read_statement(made.to_bytes()) == made
    spdx = {"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": []}
    assert bom_statement(b"", spdx, "x", MODEL).predicate_type == SPDX
    with pytest.raises(InputError, match="no bill of materials"):
        bom_statement(b"", {"a": 1}, "x", MODEL)


@pytest.mark.parametrize(
    ("document", "wanted"),
    [
        ({"schema": "forebear.policy/1", "decision": "deny"}, "FOREBEAR_POLICY_DENY"),
        ({"schema": "forebear.policy/1", "decision": "pass"}, "FOREBEAR_POLICY_PASS"),
        ({"schema": "forebear.bom-verify/1", "verdict": "verified"}, "FOREBEAR_BOM_VERIFIED"),
        ({"schema": "forebear.probe/1", "verdict": "contradicted"}, "FOREBEAR_PROBE_CONTRADICTED"),
    ],
)
def test_an_outcome_is_a_property_of_its_own(document: dict[str, Any], wanted: str) -> None:
    document["policy"] = {"name": "uk", "version": "1", "digest": "sha256:" + "ab" * 32}
    made = svr_statement(b"raw", {**document, "created": "2026-06-01T00:00:00Z"}, "r.json", MODEL)
    assert made.predicate_type == SVR and made.predicate["properties"] == [wanted]
    assert made.predicate["timeCreated"] == "2026-06-01T00:00:00Z"
    assert made.predicate["verifier"] == {
        "id": "https://forebear.dev",
        "policies": [{"name": "uk@1", "digest": {"sha256": "ab" * 32}}],
    }
    assert made.about(sha256(b"raw"), DOCUMENT)


@pytest.mark.parametrize(
    "document", [{}, {"schema": 1}, {"schema": "forebear.policy/1"}, {"schema": "forebear.policy/1", "decision": "A B"}]
)
def test_other_results_are_not_attested(document: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="no result that can be attested"):
        svr_statement(b"", document, "r.json", MODEL)


def broken(**changes: Any) -> bytes:
    return canonical({**json.loads(Statement(MODEL, "x", {}).to_bytes()), **changes})


@pytest.mark.parametrize(
    "payload",
    [
        b"[]",
        b'{"a":1,"a":1}',
        broken(_type="https://in-toto.io/Statement/v0.1"),
        broken(subject=[]),
        broken(subject=["x"]),
        broken(subject=[{"name": "x"}]),
        broken(subject=[{"name": "x", "digest": {}}]),
        broken(subject=[{"name": "x", "digest": {"sha256": "AB" * 32}}]),
        broken(subject=[{"name": "x", "digest": {"sha256": 7}}]),
        broken(subject=[{"name": "x", "digest": {"sha512": "ab" * 64}}]),
        broken(predicateType=None),
        broken(predicate=[]),
    ],
)
def test_what_is_no_statement_is_refused(payload: bytes) -> None:
    with pytest.raises(FormatError):
        read_statement(payload, "x")


def test_one_content_has_one_form() -> None:
    assert canonical({"b": 1, "a": "ä"}) == '{"a":"ä","b":1}\n'.encode()
    assert canonical({"a": 1}) != canonical({"a": True}) != canonical({"a": 1.0})
    for bad in (float("inf"), "\ud800"):
        with pytest.raises(InputError):
            canonical({"a": bad})
