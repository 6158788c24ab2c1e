"""Model signatures: both ways between us and the OpenSSF library, and every way in which a model differs."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from forebear.attest.dsse import Envelope, read_envelope, sign
from forebear.attest.keyless import check_keyless, sign_keyless
from forebear.attest.oms import Manifest, check_files, read_manifest, root_of, sign_model
from forebear.attest.statements import MODEL, Statement, Subject
from forebear.bom.checks import CheckStatus
from forebear.errors import FormatError, InputError, UsageError
from forebear.inspect.sign import Credentials, credentials
from signers import certificate, key_files, pem

signing = pytest.importorskip("model_signing.signing", reason="needs the [sign] extra")
verifying = pytest.importorskip("model_signing.verifying", reason="needs the [sign] extra")
hashing = pytest.importorskip("model_signing.hashing", reason="needs the [sign] extra")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    for name in ("model.safetensors", "README.md", "config.json", "sub/tokenizer.json"):
        (folder / name).write_text(f"content of {name}")
    return folder


@pytest.fixture
def signer(tmp_path: Path) -> Credentials:
    return credentials(key_files(tmp_path, "signer")[0])


def signature(model: Path, signer: Credentials, **how: Any) -> bytes:
    return sign_model(model, signer.path, signer.key, signer.passphrase, signer.chain, **how)


def listed(model: Path, signer: Credentials, **how: Any) -> Manifest:
    return read_manifest(read_envelope(signature(model, signer, **how)))


def failures(manifest: Manifest, model: Path, **how: Any) -> list[str]:
    return [c.id for c in check_files(manifest, model, **how) if c.status is CheckStatus.FAIL]


@pytest.mark.parametrize("curve", ["P-256", "P-384", "P-521"])
def test_the_library_verifies_what_we_sign(curve: str, model: Path, tmp_path: Path) -> None:
    private, public = key_files(tmp_path, curve=curve)
    path = tmp_path / "model.sig"
    path.write_bytes(signature(model, credentials(private)))
    verifying.Config().use_elliptic_key_verifier(public_key=public).verify(model, path)
    (model / "README.md").write_text("altered")
    with pytest.raises(ValueError, match="Hash mismatch"):
        verifying.Config().use_elliptic_key_verifier(public_key=public).verify(model, path)


def test_the_library_verifies_what_we_sign_with_a_certificate(model: Path, tmp_path: Path) -> None:
    private, _ = key_files(tmp_path, passphrase=b"phrase")
    key: Any = load_pem_private_key(private.read_bytes(), b"phrase")
    root_key = ec.generate_private_key(ec.SECP256R1())
    root = certificate(root_key, "root", authority=True)
    (tmp_path / "root.pem").write_bytes(pem(root))
    (tmp_path / "own.pem").write_bytes(pem(certificate(key, "signer", (root_key, root))))
    os.environ["A_PHRASE"] = "phrase"
    try:
        signer = credentials(private, [tmp_path / "own.pem"], "A_PHRASE")
        raw = signature(model, signer)
    finally:
        del os.environ["A_PHRASE"]
    path = tmp_path / "model.sig"
    path.write_bytes(raw)
    verifying.Config().use_certificate_verifier(certificate_chain=[tmp_path / "root.pem"]).verify(model, path)


@pytest.mark.parametrize(
    "how",
    [
        lambda c: c.use_file_serialization(hashing_algorithm="blake2"),
        lambda c: c.use_file_serialization(hashing_algorithm="blake3"),
        lambda c: c.use_shard_serialization(shard_size=1_000_000),
        lambda c: c.set_ignored_paths(paths=["README.md"]),
    ],
)
def test_we_verify_what_the_library_signs(how: Any, model: Path, tmp_path: Path, signer: Credentials) -> None:
    (model / "model.safetensors").write_bytes(bytes(2_500_000))
    path = tmp_path / "model.sig"
    config = signing.Config().use_elliptic_key_signer(private_key=signer.path)
    config.set_hashing_config(how(hashing.Config())).sign(model, path)
    manifest = read_manifest(read_envelope(path.read_bytes()))
    assert failures(manifest, model) == []
    with open(model / "model.safetensors", "r+b") as stream:
        stream.seek(2_000_001)
        stream.write(b"x")
    assert len(failures(manifest, model)) == 1


def test_altered_missing_and_added_files_are_told_apart(model: Path, signer: Credentials) -> None:
    manifest = listed(model, signer)
    assert failures(manifest, model) == []
    (model / "config.json").write_text("altered")
    (model / "sub" / "tokenizer.json").unlink()
    (model / "extra.py").write_text("import os")
    wanted = ["files/altered/config.json", "files/missing/sub/tokenizer.json", "files/added/extra.py"]
    assert failures(manifest, model) == wanted
    assert failures(manifest, model, extra_allowed=True) == wanted[:2]


def test_a_renamed_file_is_missing_and_added(model: Path, signer: Credentials) -> None:
    manifest = listed(model, signer)
    (model / "README.md").rename(model / "README.txt")  # the root digest would not change: it does not cover names
    assert root_of(manifest.resources.values()) == manifest.root
    assert failures(manifest, model) == ["files/missing/README.md", "files/added/README.txt"]


def test_weights_that_were_left_out_are_not_passed_over(model: Path, signer: Credentials) -> None:
    manifest = listed(model, signer, ignore=["model.safetensors"])
    assert failures(manifest, model) == ["files/left-out"]
    assert failures(listed(model, signer, ignore=["sub"]), model) == []


def test_the_signature_itself_and_gits_files_are_no_part_of_it(model: Path, signer: Credentials) -> None:
    (model / ".gitattributes").write_text("x")
    raw = signature(model, signer, ignore=["model.sig"])
    (model / "model.sig").write_bytes(raw)
    manifest = read_manifest(read_envelope(raw))
    assert ".gitattributes" in manifest.ignored and failures(manifest, model) == []


def test_links_are_followed_only_when_asked(model: Path, signer: Credentials, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("x")
    (model / "link.bin").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="symbolic link; --follow-links"):
        signature(model, signer)
    manifest = listed(model, signer, follow_links=True)
    assert failures(manifest, model) == [] and "link.bin" in manifest.resources
    (tmp_path / "elsewhere").unlink()
    with pytest.raises(InputError):
        check_files(manifest, model)


def forged(signer: Credentials, predicate: dict[str, Any], digest: str = "") -> Envelope:
    resources = predicate.get("resources") or []
    found = digest or root_of(r["digest"] for r in resources if isinstance(r, dict) and "digest" in r)
    return sign(Statement((Subject("m", found),), MODEL, predicate).to_bytes(), signer.key)


HOW = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
FILE = {"name": "a", "digest": "ab" * 32, "algorithm": "sha256"}


@pytest.mark.parametrize(
    ("predicate", "digest"),
    [
        ({"resources": [FILE], "serialization": HOW}, "cd" * 32),
        ({"resources": [], "serialization": HOW}, "cd" * 32),
        ({"resources": [FILE]}, ""),
        ({"resources": [FILE, FILE], "serialization": HOW}, ""),
        ({"resources": [{**FILE, "name": "../a"}], "serialization": HOW}, ""),
        ({"resources": [{**FILE, "name": "/a"}], "serialization": HOW}, ""),
        ({"resources": [{**FILE, "algorithm": 1}], "serialization": HOW}, ""),
        ({"resources": [FILE], "serialization": {**HOW, "ignore_paths": "x"}}, ""),
        ({"resources": ["x"], "serialization": HOW}, "cd" * 32),
    ],
)
def test_manifests_that_contradict_themselves_are_refused(
    predicate: dict[str, Any], digest: str, signer: Credentials
) -> None:
    with pytest.raises(FormatError):
        read_manifest(forged(signer, predicate, digest))


@pytest.mark.parametrize(
    "how",
    [
        *({"hash_type": "md5"}, {"method": "x"}, {"method": "shards"}),
        *({"method": "shards", "shard_size": size} for size in (1, "9")),
    ],
)
def test_ways_of_hashing_that_are_not_known_are_refused(how: dict[str, Any], model: Path, signer: Credentials) -> None:
    manifest = read_manifest(forged(signer, {"resources": [FILE], "serialization": {**HOW, **how}}))
    with pytest.raises(FormatError, match="way of hashing"):
        check_files(manifest, model)


def test_a_shard_beyond_all_numbers_is_refused(model: Path, signer: Credentials) -> None:
    how = {**HOW, "method": "shards", "shard_size": 123_456_789}
    signed = forged(signer, {"resources": [FILE], "serialization": how})
    manifest = read_manifest(replace(signed, payload=signed.payload.replace(b"123456789", b"1e999")))
    with pytest.raises(FormatError, match="way of hashing"):
        check_files(manifest, model)


def test_other_kinds_of_statements_are_none_of_models(signer: Credentials) -> None:
    with pytest.raises(FormatError, match="no model signature"):
        read_manifest(sign(Statement((Subject("m", "ab" * 32),), "other", {}).to_bytes(), signer.key))


def test_sigstore_takes_the_network(model: Path, tmp_path: Path) -> None:  # FOREBEAR_OFFLINE is set for all tests
    with pytest.raises(UsageError, match="takes the network"):
        sign_keyless(model)
    with pytest.raises(UsageError, match="takes the network"):
        check_keyless(model, tmp_path / "model.sig", "a@example.org", "https://example.org")


def test_its_envelope_is_a_sigstore_bundle(model: Path, signer: Credentials) -> None:
    data = json.loads(signature(model, signer))
    assert data["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    payload = json.loads(base64.b64decode(data["dsseEnvelope"]["payload"]))
    assert payload["predicateType"] == MODEL and {r["name"] for r in payload["predicate"]["resources"]} == {
        "README.md",
        "config.json",
        "model.safetensors",
        "sub/tokenizer.json",
    }
