"""Signing a model: whose key, which files, and where the signature lies."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from documents import check_document
from evidence_bundles import DEMO
from forebear.errors import UsageError
from forebear.inspect.sign import credentials, sign_files
from forebear.inspect.verify_signature import verify_signature
from forebear.sources import open_source
from signers import certificate, key_files, pem


def test_a_certificate_has_to_be_of_the_key(tmp_path: Path) -> None:
    private, _ = key_files(tmp_path)
    stranger = certificate(ec.generate_private_key(ec.SECP256R1()), "stranger")
    (tmp_path / "other.pem").write_bytes(pem(stranger))
    with pytest.raises(UsageError, match="the certificate of another key"):
        credentials(private, [tmp_path / "other.pem"])


def test_the_pass_phrase_opens_the_key_and_is_in_nothing_that_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = key_files(tmp_path, passphrase=b"hidden words")
    monkeypatch.setenv("FOREBEAR_KEY_PASSPHRASE", "hidden words")
    signer = credentials(private)
    made = sign_files(str(DEMO / "base"), signer, tmp_path / "model.sig")
    (tmp_path / "model.sig").write_bytes(made.signature)
    assert verify_signature(str(tmp_path / "model.sig"), str(DEMO / "base"), keys=[public]).verdict == "verified"
    assert "hidden" not in f"{signer!r}{made!r}{made.to_json()}{made.signature!r}"
    check_document(made.to_json())


def test_a_signature_inside_of_the_model_is_no_part_of_it(tmp_path: Path) -> None:
    private, public = key_files(tmp_path)
    model = Path(shutil.copytree(DEMO / "base", tmp_path / "model"))
    for _ in range(2):  # the second time it lies there already
        made = sign_files(str(model), credentials(private), model / "model.sig")
        (model / "model.sig").write_bytes(made.signature)
        assert "model.sig" in made.manifest.ignored and "model.sig" not in made.manifest.resources
        assert verify_signature(str(model / "model.sig"), str(model), keys=[public]).verdict == "verified"
    moved = Path(shutil.copytree(model, tmp_path / "elsewhere"))
    assert verify_signature(str(moved / "model.sig"), str(moved), keys=[public]).verdict == "verified"


def test_one_file_can_be_signed(tmp_path: Path) -> None:
    private, public = key_files(tmp_path)
    weights = Path(shutil.copy(DEMO / "base" / "model.safetensors", tmp_path / "w.safetensors"))
    made = sign_files(str(weights), credentials(private), tmp_path / "w.sig")
    (tmp_path / "w.sig").write_bytes(made.signature)
    assert len(made.manifest.resources) == 1
    assert verify_signature(str(tmp_path / "w.sig"), str(weights), keys=[public]).verdict == "verified"
    weights.write_bytes(weights.read_bytes() + b"x")
    assert verify_signature(str(tmp_path / "w.sig"), str(weights), keys=[public]).verdict == "failed"


def test_only_what_is_here_can_be_signed(tmp_path: Path) -> None:
    private, _ = key_files(tmp_path)
    for target in ("org/name", str(tmp_path / "none"), "ollama:model", ""):
        with pytest.raises(UsageError):
            sign_files(target, credentials(private), tmp_path / "model.sig")
    assert open_source(str(DEMO / "base")).only is None
