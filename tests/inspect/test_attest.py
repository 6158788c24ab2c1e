"""Attesting: what is bound to a model's files, and what is refused because it is about others."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from documents import check_document
from evidence_bundles import DEMO, Papers, papers, result
from forebear.attest.archive import read_archive
from forebear.attest.dsse import read_envelope
from forebear.attest.statements import LINEAGE, MANIFEST, ROOT, SVR, read_statement
from forebear.bom.files import describe_files, manifest_digests
from forebear.errors import InputError, UsageError
from forebear.inspect.attest import attest
from forebear.sources import open_source


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return papers(tmp_path_factory.mktemp("papers"))


def test_a_statement_is_bound_to_the_digests_of_files_and_signature(made: Papers) -> None:
    found = attest(made.signer, str(made.model), results=[str(made.scan)], model_signature=str(made.signature))
    (envelope,) = found.envelopes.values()
    statement = read_statement(read_envelope(envelope).payload)
    files, _ = describe_files(open_source(str(made.model)))
    assert statement.digests(MANIFEST) == (manifest_digests(files)["SHA-256"],)
    signed = json.loads(base64.b64decode(json.loads(made.signature.read_bytes())["dsseEnvelope"]["payload"]))
    assert statement.digests(ROOT) == (signed["subject"][0]["digest"]["sha256"],)
    assert statement.predicate_type == LINEAGE and found.notes == ()
    check_document(found.to_json())


def test_papers_beside_the_files_change_no_digest(made: Papers, tmp_path: Path) -> None:
    bare = attest(made.signer, str(made.model), bom=str(made.bom)).subjects
    inside = made.model / "bom.json"
    inside.write_bytes(made.bom.read_bytes())
    (made.model / "model.sig").write_text("{}")
    (made.model / "scan.dsse.json").write_text("{}")
    try:
        assert attest(made.signer, str(made.model), bom=str(inside)).subjects == bare
        (made.model / "notes.json").write_text("{}")
        assert attest(made.signer, str(made.model), bom=str(inside)).subjects != bare
    finally:
        for name in ("bom.json", "model.sig", "scan.dsse.json", "notes.json"):
            (made.model / name).unlink(missing_ok=True)


def test_a_document_about_no_files_says_so(made: Papers, tmp_path: Path) -> None:
    probe = result(tmp_path, schema="forebear.probe/1", verdict="consistent", created="2026-06-01T00:00:00Z")
    found = attest(made.signer, results=[str(probe)])
    (statement,) = found.statements.values()
    assert statement.predicate_type == SVR and found.subjects == () and len(statement.subjects) == 1
    assert "about no model's files" in found.notes[0]
    check_document(found.to_json())


def test_a_result_about_another_model_is_not_attested(made: Papers) -> None:
    with pytest.raises(InputError, match="a result about another model"):
        attest(made.signer, str(DEMO / "twin"), results=[str(made.scan)])


def test_a_bill_of_other_files_is_not_attested(made: Papers, tmp_path: Path) -> None:
    bom = json.loads(made.bom.read_bytes())
    wrong = {"type": "file", "name": "README.md", "bom-ref": "f", "hashes": [{"alg": "SHA-256", "content": "ab" * 32}]}
    bom["metadata"]["component"]["components"] = [wrong]
    path = tmp_path / "bom.json"
    path.write_text(json.dumps(bom))
    with pytest.raises(InputError, match=r"README\.md has another SHA-256 than it says"):
        attest(made.signer, str(made.model), bom=str(path))


def test_a_bill_that_describes_no_model_is_not_attested_for_one(made: Papers, tmp_path: Path) -> None:
    path = tmp_path / "software.json"
    program = {"type": "application", "name": "editor"}
    path.write_text(json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": program}}))
    with pytest.raises(InputError, match="describes no model"):
        attest(made.signer, str(made.model), bom=str(path))


def test_a_signature_of_other_files_is_not_bound_in(made: Papers) -> None:
    with pytest.raises(InputError, match="not of these files"):
        attest(made.signer, str(DEMO / "twin"), bom=str(made.bom), model_signature=str(made.signature))
    with pytest.raises(UsageError, match="name the model, too"):
        attest(made.signer, bom=str(made.bom), model_signature=str(made.signature))


def test_there_has_to_be_something_to_attest(made: Papers, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to attest"):
        attest(made.signer, str(made.model))
    for name, text in (("a.json", "[]"), ("b.json", "{"), ("c.json", '{"a":1,"a":2}')):
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError):
            attest(made.signer, str(made.model), results=[str(tmp_path / name)])
    with pytest.raises(UsageError, match="no result that can be attested"):
        attest(made.signer, results=[str(result(tmp_path, schema="forebear.tree/1"))])


def test_a_bundle_takes_several_results_of_a_kind(made: Papers, tmp_path: Path) -> None:
    one = result(tmp_path, schema="forebear.policy/1", decision="deny")
    (tmp_path / "more").mkdir()
    two = result(tmp_path / "more", schema="forebear.policy/1", decision="pass")
    found = attest(made.signer, results=[str(one), str(two)], bundle=True)
    assert found.bundle is not None
    names = set(read_archive(found.bundle, "x"))
    assert {"results/policy.json", "results/policy-2.json", "attestations/policy-2.dsse.json"} <= names


def test_a_reference_that_has_changed_is_left_out(made: Papers) -> None:
    scan = json.loads(made.scan.read_bytes())
    scan["ancestors"][0]["digest"] = "00" * 20
    path = made.scan.with_name("changed.json")
    path.write_text(json.dumps(scan))
    found = attest(made.signer, str(made.model), results=[str(path)], index=made.index, bundle=True)
    assert found.bundle is not None
    assert [n for n in read_archive(found.bundle, "x") if n.startswith("fingerprints/")] == ["fingerprints/model.json"]
