"""``forebear index export``, ``import``, ``watch`` and ``add --private`` as people call them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from documents import check_document
from edits import drifted
from forebear.cli import app
from forebear.errors import ForebearError
from models import tiny_llama
from signers import key_files


def call(home: Path, *arguments: object, code: int = 0, **environment: str) -> str:
    given = {"FOREBEAR_HOME": str(home), "NO_COLOR": "1", "COLUMNS": "200", **environment}
    done = CliRunner().invoke(app, [*map(str, arguments)], env=given)
    error = done.exception
    found = error.exit_code if isinstance(error, ForebearError) else done.exit_code
    assert found == code, (found, done.output, error)
    return str(error) if isinstance(error, ForebearError) else done.output


def document(home: Path, *arguments: object, code: int = 0) -> dict[str, Any]:
    found = json.loads(call(home, *arguments, "--format", "json", code=code))
    check_document(found)
    return dict(found)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models and a child, an index with a public, a guarded and a found one, and a key."""
    where = tmp_path_factory.mktemp("exchange")
    public, ours = tiny_llama(where / "public"), tiny_llama(where / "ours", seed=5)
    home, day = where / "home", 1_700_000_000
    call(home, "index", "add", public, FOREBEAR_IDENTITY="ACME lab", SOURCE_DATE_EPOCH=str(day))
    call(home, "index", "add", ours, "--private", "--effort", "quick", SOURCE_DATE_EPOCH=str(day + 86_400))
    call(
        home, "index", "add", drifted(ours, "found", 0.1), "--effort", "quick", SOURCE_DATE_EPOCH=str(day + 2 * 86_400)
    )
    key_files(where, "signer")
    return where


def test_a_private_model_is_marked(folder: Path) -> None:
    home = folder / "home"
    assert "ours (private)" in call(home, "index", "list")
    rows = {row["name"]: row["provenance"] for row in document(home, "index", "list")["models"]}
    assert rows["ours"]["private"] and not rows["public"]["private"] and rows["public"]["by"] == "ACME lab"
    shown = document(home, "index", "show", "ours")
    assert (shown["location"], shown["sketches"], shown["licence"]) == ("", [], None)
    assert "--with-sketches goes with --private" in call(
        home, "index", "add", folder / "ours", "--with-sketches", code=2
    )
    again = "kept as a private model"
    assert again in call(home, "index", "add", folder / "ours", code=2)
    asked = ("--private", "--activations")
    assert "keeps a sketch" in call(home, "index", "add", folder / "ours", *asked, code=2)


def test_export_and_import(folder: Path, tmp_path: Path) -> None:
    home, theirs, file = folder / "home", tmp_path / "theirs", tmp_path / "ours.fbx"
    said = call(home, "index", "export", file, "--key", folder / "signer.pem")
    for line in ("2 references written", "signed by key", "1 private model", "without where it lies"):
        assert line in said
    made = document(home, "index", "export", tmp_path / "again", "--key", folder / "signer.pem")
    assert file.read_bytes() == (tmp_path / "again").read_bytes() and made["private_left_out"] == 1
    assert call(home, "index", "export", file, "--only", "public", "--format", "md").startswith("# ")
    call(home, "index", "export", file, "--key", folder / "signer.pem", "--no-sketches")
    key = ("--key", folder / "signer.pub")
    assert "--unsigned" in call(theirs, "index", "import", file, code=2)
    assert document(theirs, "index", "import", file, *key, "--dry-run")["added"] == 2 and not theirs.exists()
    said = " ".join(call(theirs, "index", "import", file, *key).split())
    assert "2 of 2 references added" in said and "verified: signed by key" in said
    done = document(theirs, "index", "import", file, *key)
    assert (done["already_there"], done["signature"]) == (2, "verified")
    assert "public (imported)" in call(theirs, "index", "list")
    assert document(theirs, "index", "show", "public")["provenance"]["by"] == "ACME lab"
    call(theirs, "index", "add", tiny_llama(tmp_path / "other", seed=9), "--name", "public", "--replace")
    refused = document(theirs, "index", "import", file, *key, code=1)
    assert refused["conflicts"] == [{"name": "public", "why": "the index has another model of this name"}]
    assert "1 refused" in call(theirs, "index", "import", file, *key, code=1)
    assert "- refused" not in call(theirs, "index", "import", file, *key, "--replace", "--format", "md")


def test_bad_files_and_calls(folder: Path, tmp_path: Path) -> None:
    home, file = folder / "home", tmp_path / "x.fbx"
    call(home, "index", "export", file, "--key", folder / "signer.pem")
    raw = file.read_bytes()
    other = key_files(tmp_path, "other")
    assert "wrongly signed" in call(home, "index", "import", file, "--key", other[1], code=4)
    assert "contradict" in call(home, "index", "import", file, "--key", other[1], "--unsigned", code=2)
    assert "private key" in call(home, "index", "import", file, "--key", other[0], code=2)
    file.write_bytes(raw[:-9])
    assert "x.fbx: cut off" in call(home, "index", "import", file, "--unsigned", code=4)
    file.write_bytes(b"not one of ours")
    assert "no exchange file" in call(home, "index", "import", file, "--unsigned", code=4)
    assert "no such file" in call(home, "index", "import", tmp_path / "nothing", "--unsigned", code=2)
    assert "not in the index" in call(home, "index", "export", file, "--only", "nothing", code=2)
    assert "is private" in call(home, "index", "export", file, "--only", "ours", code=2)
    assert "goes with --key" in call(home, "index", "export", file, "--certificate", other[1], code=2)
    assert "nothing to export" in call(tmp_path / "empty", "index", "export", file, code=2)


def test_watch(folder: Path, tmp_path: Path) -> None:
    home = folder / "home"
    said = call(home, "index", "watch", code=1)
    assert "1 depends on it" in said and "found and ours" in said and "one in a million" not in said
    packs = ("--packs", tmp_path / "packs", "--key", folder / "signer.pem", "--contact", "legal@acme.example")
    found = document(home, "index", "watch", *packs, code=1)
    (row,) = found["matches"]
    assert row["pack"] and (row["found"]["name"], row["guarded"]["name"]) == ("found", "ours")
    assert "legal@acme.example" in (Path(row["pack"]) / "letter.md").read_text()
    assert str(folder) not in "".join(p.read_text() for p in Path(row["pack"]).iterdir())
    page = call(home, "index", "watch", "--since", "2023-11-16", "--format", "md", code=1)
    assert page.startswith("# Entries that depend on a guarded model") and "## found and ours" in page
    assert "nothing ties them" in call(home, "index", "watch", "--since", "2024-01-01")
    assert document(home, "index", "watch", "--guard", "public")["matches"] == []
    older = call(home, "index", "watch", "--guard", "found", code=0)
    assert "nothing ties" in older  # the other one is private, and nobody's finding
    key = ("--key", folder / "signer.pub")
    assert "verified" in call(home, "index", "watch", "--check", row["pack"], *key)
    assert document(home, "index", "watch", "--check", row["pack"], code=3)["verdict"] == "inconclusive"
    assert "pass: Computed again" in call(home, "index", "watch", "--check", row["pack"], *key, "--format", "md")


def test_watch_that_cannot_be(folder: Path, tmp_path: Path) -> None:
    home = folder / "home"
    assert "not in the index" in call(home, "index", "watch", "--guard", "nobody", code=2)
    assert "no time" in call(home, "index", "watch", "--since", "lately", code=2)
    assert "--packs DIR" in call(home, "index", "watch", "--contact", "me", code=2)
    assert "no evidence pack" in call(home, "index", "watch", "--check", tmp_path, code=2)
    assert "no model is guarded" in call(tmp_path / "empty", "index", "watch", code=2)
