"""The examples of docs/signing.md run, in their order; its lineage example is as its schema wants it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from documents import registry
from evidence_bundles import DEMO
from forebear.cli import app
from forebear.report.schemas import schema

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (DOCS / "signing.md").read_text("utf-8")
    blocks = re.findall(r"<!-- example -->\n```sh\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 4
    shutil.copytree(DEMO / "finetune", tmp_path / "my-model")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOREBEAR_HOME", str(tmp_path / "home"))

    def run(line: str) -> str:
        program, *arguments = shlex.split(line)
        if program == "forebear":
            done = CliRunner().invoke(app, arguments)
            assert done.exit_code == 0, (line, done.output, done.exception)
            return done.output
        assert program == "openssl"
        subprocess.run([program, *arguments], check=True, capture_output=True, timeout=60)
        return ""

    run(f"forebear index add '{DEMO / 'base'}' --quiet")
    said = ["".join(map(run, block.splitlines())) for block in blocks]
    assert [text.count("Verified: signed by whom you trust") for text in said] == [0, 1, 2, 2]
    assert "The code of these weights, measured now, is the bundle's." in " ".join(said[3].split())
    both = " ".join(said[3].split())  # without the model, then with it
    assert both.count("only the models' files") == 1
    assert both.index("only the models' files") < both.index("that the references are what their names say")


def test_the_example_of_the_predicate_is_valid_and_every_field_is_described() -> None:
    text = (DOCS / "signing" / "lineage-v1.md").read_text("utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    wanted = schema("lineage-v1")
    Draft202012Validator(wanted, registry=registry()).validate(json.loads(example.replace("c0ff…", "c0" * 32)))
    table = set(re.findall(r"[a-zA-Z0-9]+", " ".join(re.findall(r"`([^`]+)`", text.partition("## Example")[0]))))
    assert _fields(wanted) - {"slices/2"} <= table


def _fields(part: Any) -> set[str]:
    """Names of all properties, at any depth."""
    if isinstance(part, list):
        return set().union(*map(_fields, part))
    if not isinstance(part, dict):
        return set()
    own = set(part["properties"]) if isinstance(part.get("properties"), dict) else set()
    return own.union(*map(_fields, part.values()))
