"""``forebear licence`` as a process."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from documents import check_document
from models import tiny_llama

BASE = "moonshotai/Kimi-K2.5"


def run(tmp_path: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FOREBEAR_HOME": str(tmp_path / "home"), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "forebear", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


@pytest.fixture
def bom(tmp_path: Path) -> Path:
    ancestor = {"type": "machine-learning-model", "name": BASE}
    subject = {"type": "machine-learning-model", "name": "acme/coder", "pedigree": {"ancestors": [ancestor]}}
    path = tmp_path / "bom.cdx.json"
    path.write_text(json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": subject}}))
    return path


def org(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "org.yaml"
    path.write_text(text)
    return path


def test_a_duty_that_is_not_met_is_told_and_exits_1(bom: Path, tmp_path: Path) -> None:
    large = org(tmp_path, "uses: [commercial]\nrevenue: 80 million USD per month\ndisplays: []\n")
    done = run(tmp_path, "licence", bom, "--org", large)
    assert done.returncode == 1 and 'display in the interface "Kimi K2.5"' in done.stdout
    assert run(tmp_path, "licence", bom, "--org", large, "--fail-on", "never").returncode == 0
    shown = org(tmp_path, 'revenue: 80 million USD per month\ndisplays: ["built on Kimi K2.5"]\n')
    assert run(tmp_path, "licence", bom, "--org", shown).returncode == 0


def test_unknown_facts_are_conditional(bom: Path, tmp_path: Path) -> None:
    done = run(tmp_path, "licence", bom, "--format", "json")
    document = json.loads(done.stdout)
    check_document(document)
    (shown,) = (d for d in document["duties"] if d["kind"] == "display_ui")
    assert shown["status"] == "conditional"
    assert [o.partition(" above")[0] for o in shown["on"]] == [
        "whether the use is commercial",
        "monthly active users",
        "revenue",
        'whether the interface shows "Kimi K2.5"',
    ]
    assert done.returncode == 0 and run(tmp_path, "licence", bom, "--fail-on", "warning").returncode == 1


def test_both_spellings_and_all_formats(bom: Path, tmp_path: Path) -> None:
    assert run(tmp_path, "license", bom).stdout == run(tmp_path, "licence", bom).stdout
    assert run(tmp_path, "licence", bom, "-f", "md").stdout.startswith("# Licences of acme/coder")
    target = tmp_path / "out.json"
    done = run(tmp_path, "licence", bom, "-f", "json", "-o", target, "--no-progress")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    check_document(json.loads(target.read_text("utf-8")))
    assert "Example: forebear licence" in " ".join(run(tmp_path, "licence", "--help").stdout.split())


def test_a_model_and_its_saved_scan(tmp_path: Path) -> None:
    model = tiny_llama(tmp_path / "model", card=f"---\nlicense: mit\nbase_model: {BASE}\n---\n")
    live = run(tmp_path, "licence", model, "-f", "json", "--no-scan")
    saved = tmp_path / "result.json"
    run(tmp_path, "scan", model, "-f", "json", "-o", saved)
    again = run(tmp_path, "licence", saved, "-f", "json")
    ours, theirs = (json.loads(d.stdout) for d in (live, again))
    check_document(theirs)
    assert [d["kind"] for d in ours["duties"]] == [d["kind"] for d in theirs["duties"]]


@pytest.mark.parametrize(
    ("facts", "words"),
    [("revenu: 3\n", "did you mean revenue?"), ("revenue: 20M USD\n", "per month"), ("a: &a [*a]\n", "org.yaml")],
)
def test_wrong_facts_are_one_line_and_exit_4(bom: Path, tmp_path: Path, facts: str, words: str) -> None:
    done = run(tmp_path, "licence", bom, "--org", org(tmp_path, facts))
    assert done.returncode == 4 and done.stdout == ""
    assert words in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(("target", "code"), [("nothing", 2), ("empty", 4), ("list.json", 4), ("other.json", 4)])
def test_bad_targets(target: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "other.json").write_text('{"schema": "x"}')
    done = run(tmp_path, "licence", tmp_path / target)
    assert done.returncode == code and done.stdout == "" and done.stderr.count("\n") == 1


@pytest.mark.skipif(importlib.util.find_spec("scancode") is not None, reason="ScanCode is installed")
def test_a_second_opinion_without_its_extra_exits_2(bom: Path, tmp_path: Path) -> None:
    done = run(tmp_path, "licence", bom, "--second-opinion")
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    assert "forebear[scancode]" in done.stderr
    assert "--second-opinion" in run(tmp_path, "licence", "--help").stdout
