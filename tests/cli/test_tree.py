"""``forebear tree`` as people call it: formats, files, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from documents import check_document
from edits import drifted
from forebear.cli import app
from models import tiny_llama


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("models")
    drifted(tiny_llama(place / "base", seed=1), "child", 0.1)
    tiny_llama(place / "other", seed=2)
    return place


def test_every_format_names_every_model(folder: Path, tmp_path: Path) -> None:
    for how in ("table", "json", "md", "dot", "svg"):
        file = tmp_path / f"tree.{how}"
        done = CliRunner().invoke(app, ["tree", str(folder), "-j", "1", "--format", how, "-o", str(file)])
        assert done.exit_code == 0, done.output
        text = file.read_text("utf-8")
        assert all(name in text for name in ("base", "child", "other"))
        if how == "json":
            check_document(json.loads(text))
        if how == "svg":
            ElementTree.fromstring(text)


def test_a_damaged_model_costs_the_exit_code_and_not_the_answer(folder: Path, tmp_path: Path) -> None:
    broken = tiny_llama(tmp_path / "broken", seed=3) / "model.safetensors"
    broken.write_bytes(b"no model")
    names = [str(folder / "base"), str(folder / "child"), str(tmp_path / "broken")]
    done = CliRunner().invoke(app, ["tree", *names, "-j", "1", "--effort", "quick", "--format", "json"])
    assert done.exit_code == 4
    document = json.loads(done.stdout)
    assert len(document["edges"]) == 1 and len(document["problems"]) == 1
    assert "broken" in done.stderr


def test_a_call_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["tree"]).exit_code == 2
    done = CliRunner().invoke(app, ["tree", str(tmp_path / "none*")])
    assert done.exit_code == 2 or getattr(done.exception, "exit_code", 0) == 2
