"""``forebear sign``, ``attest`` and ``verify`` as people call them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from documents import check_document
from evidence_bundles import DEMO
from forebear.cli import app
from forebear.errors import ForebearError
from signers import bill, key_files


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, a bill, a scan of it, and a key."""
    where = tmp_path_factory.mktemp("cli")
    shutil.copytree(DEMO / "finetune", where / "model")
    bill(where / "bom.json")
    key_files(where, "signer")
    call(where, "index", "add", DEMO / "base", "--quiet", code=0)
    call(where, "scan", where / "model", "-o", where / "scan.json", code=0)
    return where


def call(folder: Path, *arguments: object, code: int | None = None) -> str:
    environment = {"FOREBEAR_HOME": str(folder / "home"), "NO_COLOR": "1"}
    done = CliRunner().invoke(app, [*map(str, arguments)], env=environment)
    error = done.exception
    found = error.exit_code if isinstance(error, ForebearError) else done.exit_code
    assert code is None or found == code, (found, done.output, error)
    return str(error) if isinstance(error, ForebearError) else done.output


def document(text: str) -> dict[str, Any]:
    found = json.loads(text)
    check_document(found)
    return dict(found)


def test_sign_and_verify_a_model(folder: Path, tmp_path: Path) -> None:
    signature = tmp_path / "model.sig"
    said = call(folder, "sign", folder / "model", "-k", folder / "signer.pem", "-o", signature, code=0)
    assert "6 files signed" in said and "root digest sha256:" in said
    text = call(folder, "sign", folder / "model", "-k", folder / "signer.pem", "-o", signature, "-f", "json", code=0)
    assert document(text)["files"] == 6
    page = call(folder, "sign", folder / "model", "-k", folder / "signer.pem", "-o", signature, "-f", "md", code=0)
    assert page.startswith("# model: 6 files signed")
    key = ("--key", folder / "signer.pub")
    assert "Verified" in call(folder, "verify", signature, folder / "model", *key, code=0)
    answer = document(call(folder, "verify", signature, folder / "model", *key, "-f", "json", code=0))
    assert answer["verdict"] == "verified" and answer["findings"] == []
    assert "Not decided" in call(folder, "verify", signature, folder / "model", code=3)
    assert "Not verified" in call(folder, "verify", signature, DEMO / "base", *key, code=1)


def test_attest_and_verify_a_document(folder: Path, tmp_path: Path) -> None:
    envelope, key = tmp_path / "x.dsse.json", ("-k", folder / "signer.pub")
    for option, path in (("--bom", "bom.json"), ("--result", "scan.json")):
        arguments = (option, folder / path, "--key", folder / "signer.pem")
        said = call(folder, "attest", folder / "model", *arguments, "-o", envelope, code=0)
        assert "1 statement signed about model" in said and "bound to manifest sha256:" in said
        call(folder, "verify", envelope, *key, code=0)
        call(folder, "verify", envelope, folder / path, *key, code=0)  # a document in the place of the model
        call(folder, "verify", envelope, folder / "model", *key, "--document", folder / path, code=0)
        text = call(folder, "attest", folder / "model", *arguments, "-o", envelope, "-f", "json", code=0)
        assert document(text)["attestations"][0]["document"] == str(folder / path)
        text = call(folder, "attest", folder / "model", *arguments, "-o", envelope, "-f", "md", code=0)
        assert text.startswith("# 1 statement signed about model")
    other = call(folder, "verify", envelope, folder / "bom.json", *key, code=1)
    assert "about another document" in other


def test_a_bundle_and_its_formats(folder: Path, tmp_path: Path) -> None:
    signature, bundle = tmp_path / "model.sig", tmp_path / "bundle.zip"
    key, mine = ("-k", folder / "signer.pub"), ("-k", folder / "signer.pem")
    call(folder, "sign", folder / "model", *mine, "-o", signature, code=0)
    papers = ("--bom", folder / "bom.json", "--result", folder / "scan.json", "--signature", signature)
    said = call(folder, "attest", folder / "model", *papers, *mine, "--bundle", bundle, code=0)
    assert "2 statements signed" in said
    table = call(folder, "verify", bundle, folder / "model", *key, code=0)
    assert "coins of the two codes agree" in " ".join(table.split()) and "Believed" in table
    page = call(folder, "verify", bundle, *key, "-f", "md", code=0)
    assert page.startswith("# ") and "## Recomputed" in page
    answer = tmp_path / "answer.json"
    assert call(folder, "verify", bundle, *key, "-o", answer, code=0) == ""
    assert document(answer.read_text())["kind"] == "bundle"
    quiet = call(folder, "verify", bundle, *key, "--quiet", code=0)
    assert "lineage: " in quiet and "Recomputed" not in quiet


def test_calls_that_are_not_usable(folder: Path, tmp_path: Path) -> None:
    model, mine = folder / "model", ("-k", folder / "signer.pem")
    bundle = ("--bundle", tmp_path / "b.zip")
    cases: list[tuple[tuple[object, ...], str]] = [
        (("sign", model), "sign with --key"),
        (("sign", model, *mine, "--sigstore"), "sign with --key"),
        (("sign", model, "--sigstore"), "takes the network"),
        (("sign", "org/name", *mine), "not"),
        (("sign", model, "-k", folder / "signer.pub"), "not a private key"),
        (("attest", model, "--bom", folder / "bom.json"), "attest with --key"),
        (("attest", model, *mine), "one document at a time"),
        (("attest", model, *mine, *bundle), "nothing to attest"),
        (("attest", model, *mine, "--bom", folder / "bom.json", *bundle, "-o", "x"), "two ways to write"),
        (("verify", folder / "none.sig"), "no such file"),
        (("verify", folder / "bom.json", "-k", folder / "signer.pem"), "a private key"),
        (("verify", folder / "bom.json", "--at", "soon"), "no time"),
    ]
    for arguments, words in cases:
        assert words in call(folder, *arguments, code=2), arguments


def test_unsigned_is_3_and_unreadable_4(folder: Path, tmp_path: Path) -> None:
    assert "It is not signed" in call(folder, "verify", folder / "bom.json", "-k", folder / "signer.pub", code=3)
    (tmp_path / "x").write_text("hello")
    call(folder, "verify", tmp_path / "x", "-k", folder / "signer.pub", code=4)


def test_every_command_has_help_with_an_example() -> None:
    for command in ("sign", "attest", "verify"):
        said = " ".join(CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output.split())
        assert f"Example: forebear {command}" in said and "--offline" in said
