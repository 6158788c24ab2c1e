"""``forebear bom`` as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from boms import check_bom
from chained import probe
from models import tiny_llama


def run(tmp_path: Path, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FOREBEAR_HOME": str(tmp_path / "home"), "NO_COLOR": "1", **more}
    command = [sys.executable, "-m", "forebear", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_llama(tmp_path / "model", seed=1)


def test_json_and_cyclonedx_are_the_same_document(model: Path, tmp_path: Path) -> None:
    texts = [
        run(tmp_path, "bom", model, *form, SOURCE_DATE_EPOCH="0").stdout
        for form in (["--format", "cyclonedx"], ["-f", "json"])
    ]
    assert texts[0] and len(set(texts)) == 1
    check_bom(json.loads(texts[0]))


def test_a_table_is_the_default_and_a_file_is_cyclonedx(model: Path, tmp_path: Path) -> None:
    shown = run(tmp_path, "bom", model)
    assert shown.stdout == run(tmp_path, "bom", model, "--format", "table").stdout and "not known" in shown.stdout
    target = tmp_path / "bom"
    run(tmp_path, "bom", model, "--output", target)
    check_bom(json.loads(target.read_text("utf-8")))
    run(tmp_path, "bom", model, "--output", target, "--format", "table")
    assert target.read_text("utf-8") == shown.stdout


def test_summaries_for_people(model: Path, tmp_path: Path) -> None:
    for form, head in (("table", "model\n"), ("md", "# model\n")):
        done = run(tmp_path, "bom", model, "--format", form)
        assert done.returncode == 0 and done.stdout.startswith(head)
        for words in ("Apache-2.0", "model.safetensors", "not known", "no references"):
            assert words in done.stdout, (form, words)
    assert "model.safetensors" not in run(tmp_path, "bom", model, "-f", "table", "--quiet").stdout


def test_the_output_is_a_whole_file(model: Path, tmp_path: Path) -> None:
    target = tmp_path / "bom.cdx.json"
    done = run(tmp_path, "bom", model, "--no-scan", "-o", target, "--offline", "--no-progress", "--verbose")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    check_bom(json.loads(target.read_text("utf-8")))
    done = run(tmp_path, "bom", model, "--output", tmp_path / "no" / "where.json")
    assert done.returncode == 2 and done.stderr.startswith("forebear: --output")


def test_a_damaged_card_is_said_and_the_rest_is_kept(model: Path, tmp_path: Path) -> None:
    (model / "README.md").write_text("---\na: [\n---\n")
    done = run(tmp_path, "bom", model, "--format", "json")
    assert done.returncode == 4 and done.stderr.count("\n") == 1 and "README.md" in done.stderr
    document = json.loads(done.stdout)
    check_bom(document)
    assert any(p["name"].startswith("forebear:problems") and "README.md" in p["value"] for p in document["properties"])


@pytest.mark.parametrize(("target", "code"), [("nothing", 2), ("result.json", 2), ("empty", 4)])
def test_bad_targets_are_one_line(target: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text("{}")
    (tmp_path / "empty").mkdir()
    done = run(tmp_path, "bom", tmp_path / target)
    assert done.returncode == code and done.stdout == ""
    assert done.stderr.startswith("forebear: ") and done.stderr.count("\n") == 1


def test_help_and_unknown_formats(tmp_path: Path) -> None:
    assert "Example: forebear bom ./my-model" in " ".join(run(tmp_path, "bom", "--help").stdout.split())
    assert run(tmp_path, "bom", tmp_path, "--format", "xml").returncode == 2


def test_formats_for_machines(model: Path, tmp_path: Path) -> None:
    old = json.loads(run(tmp_path, "bom", model, "--no-scan", "-f", "cyclonedx-1.6").stdout)
    assert (old["bomFormat"], old["specVersion"]) == ("CycloneDX", "1.6")
    spdx = json.loads(run(tmp_path, "bom", model, "--no-scan", "-f", "spdx").stdout)
    assert "spdx.org/rdf/3.0.1" in spdx["@context"] and any(e.get("name") == "model" for e in spdx["@graph"])
    record = json.loads(run(tmp_path, "bom", model, "--no-scan", "-f", "record").stdout)
    assert record["schema"] == "forebear.bom-record/1" and record["model"]["name"] == "model"


def test_a_declaration_is_read_from_a_file(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "training.yaml"
    file.write_text("schema: forebear.training/1\nstages: [{kind: rl, method: GRPO, reward: unit tests}]\n")
    done = run(tmp_path, "bom", model, "--no-scan", "--declaration", file)
    assert done.returncode == 0 and "GRPO" in done.stdout and "unit tests" in done.stdout
    file.write_text("schema: forebear.training/1\nstagess: []\n")
    done = run(tmp_path, "bom", model, "--no-scan", "--declaration", file)
    assert done.returncode == 4 and "did you mean stages?" in done.stderr and done.stderr.count("\n") == 1


def test_a_saved_probe_becomes_a_product(tmp_path: Path) -> None:
    saved = tmp_path / "probe.json"
    saved.write_text(json.dumps(probe({"kimi k2.5": ["agreement/1", "token-counts/1"]}, model="acme-coder")))
    shown = run(tmp_path, "bom", saved)
    assert shown.returncode == 0 and shown.stdout.startswith("acme-coder\n") and "probable" in shown.stdout
    document = json.loads(run(tmp_path, "bom", saved, "-f", "json").stdout)
    check_bom(document)
    assert [s["endpoints"] for s in document["services"]] == [["https://api.example/v1"]]


def test_names_of_strangers_cannot_write_to_the_terminal(model: Path, tmp_path: Path) -> None:
    (model / "a\x1b[31m|<b>").write_text("x")
    for form in ("json", "table", "md"):
        done = run(tmp_path, "bom", model, "--format", form)
        assert done.returncode == 0 and "\x1b" not in done.stdout
    assert "<b>" not in done.stdout.replace("\\<", "")
