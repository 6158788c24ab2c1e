"""The examples of docs/signing.md run, in their order; its lineage example is as its schema wants it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from documents import registry
from evidence_bundles import DEMO
from forebear.report.schemas import schema

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_the_examples_run(tmp_path: Path) -> None:
    text = (DOCS / "signing.md").read_text("utf-8")
    blocks = re.findall(r"<!-- example -->\n```sh\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 4
    shutil.copytree(DEMO / "finetune", tmp_path / "my-model")
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "forebear"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m forebear "$@"\n')
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "FOREBEAR_HOME": str(tmp_path / "home")}

    def run(lines: str) -> str:
        command = ["sh", "-e", "-c", lines]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, (lines, done.stdout, done.stderr)
        return done.stdout

    run(f"forebear index add '{DEMO / 'base'}' --quiet")
    said = [run(block) for block in blocks]
    assert [text.count("Verified: signed by whom you trust") for text in said] == [0, 1, 2, 2]
    assert "The code of these weights, measured now, is the bundle's." in " ".join(said[3].split())


def test_the_example_of_the_predicate_is_valid() -> None:
    text = (DOCS / "signing" / "lineage-v1.md").read_text("utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    document = json.loads(example.replace("c0ff…", "c0" * 32))
    Draft202012Validator(schema("lineage-v1"), registry=registry()).validate(document)
    told = set(re.findall(r"`([a-zA-Z]+)", text))
    properties = schema("lineage-v1")["properties"]
    assert set(properties) <= told  # every field is described
    inner = properties["ancestors"]["items"]["properties"]
    assert set(inner) - {"digest", "verdict", "tests", "log10P", "log10E"} <= told
