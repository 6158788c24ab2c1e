"""Verifying: model signatures, statements and bundles, with and without the model, and what each failure is called."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import forebear
from documents import check_document
from evidence_bundles import DEMO, Papers, papers, result
from forebear.attest.documents import canonical
from forebear.attest.dsse import sign
from forebear.attest.statements import MODEL, Statement, Subject
from forebear.attest.trust import trust_in
from forebear.errors import InputError, UsageError
from forebear.inspect.attest import attest
from forebear.inspect.verify_signature import SignatureVerification
from signers import key_files


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return papers(tmp_path_factory.mktemp("papers"))


def verify(made: Papers, file: Path, target: str | Path = "", **how: Any) -> SignatureVerification:
    answer = forebear.verify_signature(str(file), str(target), **{"keys": [made.public], **how})
    check_document(json.loads(json.dumps(answer.to_json())))
    return answer


def altered(made: Papers, tmp_path: Path, name: str = "README.md") -> Path:
    model = Path(shutil.copytree(made.model, tmp_path / "model"))
    (model / name).write_bytes((model / name).read_bytes() + b" ")
    return model


def test_a_signed_model(made: Papers, tmp_path: Path) -> None:
    answer = verify(made, made.signature, made.model)
    assert (answer.verdict, answer.kind, answer.findings) == ("verified", "model-signature", ())
    wrong = verify(made, made.signature, altered(made, tmp_path))
    assert wrong.verdict == "failed" and [f.id for f in wrong.findings] == ["file-hash-mismatch"]
    assert verify(made, made.signature).verdict == "inconclusive"  # no model to hold it against
    assert verify(made, made.signature, made.model, keys=()).verdict == "inconclusive"
    _, other = key_files(tmp_path)
    stranger = verify(made, made.signature, made.model, keys=[other])
    assert stranger.verdict == "failed" and [f.id for f in stranger.findings] == ["signature-invalid"]
    assert not any(c.id.startswith("files") for c in stranger.checks)  # what a forger lists is not read


def test_files_beside_the_signed_ones(made: Papers, tmp_path: Path) -> None:
    model = Path(shutil.copytree(made.model, tmp_path / "model"))
    signature = Path(shutil.copy(made.signature, model / "model.sig"))
    assert verify(made, signature, model).verdict == "verified"  # the signature is no file of the model
    (model / "evil.py").write_text("x")
    assert verify(made, signature, model).verdict == "failed"
    assert verify(made, signature, model, allow_extra=True).verdict == "verified"


def test_a_statement_with_its_document_and_its_model(made: Papers, tmp_path: Path) -> None:
    envelopes = attest(made.signer, str(made.model), str(made.bom), [str(made.scan)]).envelopes
    for document, envelope in envelopes.items():
        path = tmp_path / "x.dsse.json"
        path.write_bytes(envelope)
        assert verify(made, path).verdict == "verified"
        assert verify(made, path, made.model, document=document).verdict == "verified"
        other = verify(made, path, altered(made, tmp_path / Path(document).name))
        assert other.verdict == "failed" and other.findings[0].id == "file-hash-mismatch"
        changed = tmp_path / "changed.json"
        changed.write_bytes(Path(document).read_bytes() + b"\n")
        wrong = verify(made, path, document=str(changed))
        assert wrong.verdict == "failed" and wrong.findings[0].id == "signature-invalid"


def test_what_was_signed_is_said_and_a_signed_failure_is_none_the_less_one(made: Papers, tmp_path: Path) -> None:
    denied = result(tmp_path, schema="forebear.policy/1", decision="deny")
    found = attest(made.signer, str(made.model), results=[str(denied), str(made.scan)])
    path = tmp_path / "x.dsse.json"
    said = {}
    for document, envelope in found.envelopes.items():
        path.write_bytes(envelope)
        said[document] = verify(made, path).says
        assert verify(made, path, keys=()).says == ()  # of what nobody vouches for nothing is said
    assert said[str(denied)] == ("FOREBEAR_POLICY_DENY",)
    assert said[str(made.scan)][0].startswith("lineage: ") and "related to org/base" in said[str(made.scan)][0]
    assert verify(made, made.bundle).says == said[str(made.scan)] and verify(made, made.bundle, keys=()).says == ()


def test_a_statement_that_names_no_files_cannot_be_held_against_a_model(made: Papers, tmp_path: Path) -> None:
    (envelope,) = attest(made.signer, bom=str(made.bom)).envelopes.values()
    path = tmp_path / "x.dsse.json"
    path.write_bytes(envelope)
    assert verify(made, path).verdict == "verified" and verify(made, path, made.model).verdict == "inconclusive"


def test_a_bundle_with_its_model(made: Papers, tmp_path: Path) -> None:
    answer = verify(made, made.bundle, made.model)
    assert answer.verdict == "verified" and answer.kind == "bundle" and answer.replay.recomputed
    assert {c.id for c in answer.checks} >= {"model", "files", "fingerprint", "bundle/signature", "bundle/files"}
    wrong = verify(made, made.bundle, altered(made, tmp_path / "card"))
    failed = {c.id: c.status.value for c in wrong.checks if c.status.value == "fail"}
    assert wrong.verdict == "failed" and set(failed) == {"model", "files/altered/README.md"}
    other = verify(made, made.bundle, DEMO / "twin")
    assert {c.id for c in other.checks if c.status.value == "fail"} >= {"model", "fingerprint"}


def test_a_bundle_without_a_key_is_not_believed(made: Papers) -> None:
    answer = verify(made, made.bundle, keys=())
    assert answer.verdict == "inconclusive" and answer.signers == () and answer.replay.recomputed


def test_an_altered_file_of_a_bundle_has_its_finding(made: Papers) -> None:
    from forebear.attest.archive import read_archive, write_archive

    files = read_archive(made.bundle.read_bytes(), "x")
    path = made.bundle.with_name("altered.zip")
    path.write_bytes(write_archive({**files, "bom.json": b"{}"}))
    answer = verify(made, path)
    assert answer.verdict == "failed" and [f.id for f in answer.findings] == ["file-hash-mismatch"]
    assert "bom.json is not as it was signed" in answer.findings[0].message


@pytest.mark.parametrize("document", [{"bomFormat": "CycloneDX"}, {"schema": "forebear.scan/1"}, {"@graph": []}])
def test_what_is_not_signed_is_not_decided(document: dict[str, Any], made: Papers, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(canonical(document))
    answer = verify(made, path)
    assert (answer.verdict, answer.kind) == ("inconclusive", "unsigned")
    assert "not signed" in answer.checks[0].message
    path.write_bytes(canonical({"bomFormat": "CycloneDX", "signature": {}}))
    assert "JSF" in verify(made, path).checks[0].message


def test_what_can_not_be_read_is_refused_in_a_line(made: Papers, tmp_path: Path) -> None:
    for raw in (b"", b"hello", b"[]", b'{"a":1}', b"PK\x03\x04junk", b"{" * 10_000):
        path = tmp_path / "x"
        path.write_bytes(raw)
        with pytest.raises(InputError) as refused:
            verify(made, path)
        assert "\n" not in str(refused.value)
    with pytest.raises(UsageError, match="no such file"):
        verify(made, tmp_path / "none")
    with pytest.raises(InputError, match="no regular file"):
        verify(made, tmp_path)


def test_a_model_statement_that_no_file_could_have_made(made: Papers, tmp_path: Path) -> None:
    predicate: dict[str, Any] = {"resources": [], "serialization": {}}
    path = tmp_path / "model.sig"
    path.write_bytes(
        sign(Statement((Subject("m", "ab" * 32),), MODEL, predicate).to_bytes(), made.signer.key).to_bytes()
    )
    with pytest.raises(InputError, match="without resources"):
        verify(made, path, made.model)


def test_whom_to_trust_is_said_in_full() -> None:
    with pytest.raises(UsageError, match="belong together"):
        trust_in(identity="a@example.org")
    with pytest.raises(UsageError, match="no time"):
        trust_in(at="yesterday")
    assert trust_in().empty and not trust_in(identity="a", issuer="b").empty
    assert trust_in(at="2026-01-01").at.tzinfo is not None
