"""``forebear bom score`` as a process: real bills, the gate, several models, software, what cannot be read."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bills import record_of, written
from documents import check_document
from forebear.bom.formats import format_named
from forebear.bom.record import Model, Record
from models import tiny_llama
from shared import shared

DOCS = Path(__file__).parents[2] / "docs" / "bom-score.md"


def run(home: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FOREBEAR_HOME": str(home), "NO_COLOR": "1", "COLUMNS": "100"}
    command = [sys.executable, "-m", "forebear", "bom", "score", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model, and a true bill of it."""
    folder = tmp_path_factory.mktemp("place")
    model = tiny_llama(folder / "model", seed=1)
    return model, written(record_of(model), folder / "true.cdx.json")


def several(path: Path) -> Path:
    """A bill about two models, of which only the second has a licence."""
    document: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "components": [
            {"type": "machine-learning-model", "bom-ref": "a", "name": "acme/one"},
            {
                "type": "machine-learning-model",
                "bom-ref": "b",
                "name": "acme/two",
                "licenses": [{"license": {"id": "MIT"}}],
            },
        ],
    }
    path.write_text(json.dumps(document))
    return path


def software(path: Path) -> Path:
    document: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 3,
        "metadata": {
            "timestamp": "2026-01-01T00:00:00Z",
            "authors": [{"name": "Acme"}],
            "tools": {"components": [{"type": "application", "name": "syft", "version": "1.0"}]},
        },
        "components": [{"type": "library", "name": "left-pad", "version": "1.0"}],
    }
    path.write_text(json.dumps(document))
    return path


def states(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    document = json.loads(done.stdout)
    check_document(document)
    return {result["id"]: result["state"] for result in document["results"]}


def test_the_first_lines_are_the_answer(place: tuple[Path, Path], tmp_path: Path) -> None:
    done = run(tmp_path, place[1])
    title, share = done.stdout.splitlines()[:2]
    assert (done.returncode, done.stderr) == (0, "")
    assert title == "model, held against “G7: SBOM for AI, minimum elements (May 2026)”"
    there, applies = map(int, re.findall(r"(\d+) of (\d+) required", share)[0])
    assert share.startswith(f"  {100 * there // applies} %: ")
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_with_the_model_what_holds_is_verified_and_what_does_not_is_contradicted(
    place: tuple[Path, Path], tmp_path: Path
) -> None:
    alone = states(run(tmp_path, place[1], "-f", "json"))
    true = states(run(tmp_path, place[1], place[0], "-f", "json"))
    assert alone["model-hash"] == "declared" and true["model-hash"] == "verified"
    (place[0] / "config.json").write_text((place[0] / "config.json").read_text() + " ")
    altered = states(run(tmp_path, place[1], place[0], "-f", "json"))
    (place[0] / "config.json").write_text((place[0] / "config.json").read_text()[:-1])
    assert altered["model-hash"] == "contradicted"


def test_the_gate(place: tuple[Path, Path], tmp_path: Path) -> None:
    share = json.loads(run(tmp_path, place[1], "-f", "json").stdout)["share"]
    assert 0 < share < 1
    assert run(tmp_path, place[1], "--min", 100 * share - 0.01).returncode == 0
    assert run(tmp_path, place[1], "--min", 100 * share + 0.01).returncode == 1
    assert run(tmp_path, place[1], "--min", 101).returncode == 2


def test_of_several_models_one_is_scored_and_the_others_are_named(tmp_path: Path) -> None:
    bill = several(tmp_path / "two.json")
    first = run(tmp_path, bill, "-q")
    assert "Of 2 models in the bill this is one; not looked at: acme/two" in " ".join(first.stdout.split())
    second = run(tmp_path, bill, "--model", "acme/two", "-f", "json")
    assert states(run(tmp_path, bill, "-f", "json"))["model-licence"] == "absent"
    assert states(second)["model-licence"] == "declared"
    assert (json.loads(second.stdout)["subject"], json.loads(second.stdout)["others"]) == ("acme/two", ["acme/one"])
    none = run(tmp_path, bill, "--model", "acme/three")
    assert none.returncode == 2 and "acme/one, acme/two" in none.stderr


def test_what_was_checked_of_one_model_verifies_nothing_of_another(place: tuple[Path, Path], tmp_path: Path) -> None:
    document = json.loads(place[1].read_text())
    document.setdefault("components", []).append(
        {"type": "machine-learning-model", "bom-ref": "z", "name": "acme/other", "version": "1"}
    )
    bill = tmp_path / "two.json"
    bill.write_text(json.dumps(document))
    other = states(run(tmp_path, bill, place[0], "--model", "acme/other", "-f", "json"))
    first = states(run(tmp_path, bill, place[0], "-f", "json"))
    assert first["model-name"] == "verified" and other["model-name"] != "verified"


def test_software_without_a_model_passes_no_gate(tmp_path: Path) -> None:
    bill = software(tmp_path / "soft.json")
    done = run(tmp_path, bill)
    assert done.returncode == 0 and "The bill describes no model" in done.stdout and "%" not in done.stdout
    assert run(tmp_path, bill, "--min", 1).returncode == 3
    found = states(run(tmp_path, bill, "-f", "json"))
    assert found["metadata-version"] == found["metadata-tool-version"] == "declared"
    assert found["model-name"] == "not_applicable"
    none = run(tmp_path, bill, "--profile", "spdx-ai", "--min", 0)
    assert none.returncode == 3 and "None of the required elements" in none.stdout


def test_a_profile_as_documented(place: tuple[Path, Path], tmp_path: Path) -> None:
    example = re.search(r"<!-- example: house.toml -->\n```toml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert example
    profile = tmp_path / "house.toml"
    profile.write_text(example[1])
    assert states(run(tmp_path, place[1], "--profile", profile, "-f", "json")) == {
        "base-model": "absent",
        "data-licence": "not_applicable",
    }


@pytest.mark.sweep(3)
@pytest.mark.parametrize("profile", ["g7-ai", "uk-base-model", "spdx-ai"])
@pytest.mark.parametrize("version", ["cyclonedx", "cyclonedx-1.6", "spdx"])
def test_every_profile_reads_every_format(profile: str, version: str, tmp_path: Path) -> None:
    record = Record(model=Model(name="acme/one", version="3"), created="2026-11-29T00:00:00Z")
    write = format_named(version).write
    assert write
    bill = tmp_path / "bill.json"
    bill.write_text(json.dumps(write(record)))
    found = states(run(tmp_path, bill, "--profile", profile, "-f", "json"))
    assert found.get("model-version", found.get("ai-package-version", "declared")) == "declared"


def test_markdown_says_the_same(tmp_path: Path) -> None:
    done = run(tmp_path, several(tmp_path / "two.json"), "-f", "md")
    assert done.stdout.startswith("# acme/one, held against “G7") and "| absent | Licence of the model |" in done.stdout


def test_what_cannot_be_used_is_one_line(place: tuple[Path, Path], tmp_path: Path) -> None:
    files = {"empty.json": "", "bill.xml": '<?xml version="1.0"?><bom/>', "other.json": '{"a": 1}', "house.toml": "x ="}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    cases: tuple[tuple[tuple[object, ...], int], ...] = (
        ((tmp_path / "empty.json",), 4),
        ((tmp_path / "bill.xml",), 4),
        ((tmp_path / "other.json",), 4),
        ((place[1], "--profile", tmp_path / "house.toml"), 4),
        ((place[1], "--profile", "g7"), 2),
        ((tmp_path / "gone.json",), 2),
        ((place[1], tmp_path / "gone"), 2),
        ((place[1], "--key", place[1]), 2),
    )
    for arguments, code in cases:
        done = run(tmp_path, *arguments)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (code, "", 1), arguments
        assert done.stderr.startswith("forebear: ")


@pytest.mark.shared
def test_real_bills_of_others(tmp_path: Path) -> None:
    bills = ("AndrewSnyk__sko-demo/aibom.json", "spdx__spdx-examples/ai/example02/spdx3.0/sbom.spdx3.json")
    for name in bills:
        done = run(tmp_path, shared("artefacts") / "boms" / name, "--profile", "uk-base-model", "-f", "json")
        found = states(done)
        assert done.returncode == 0 and found["base-model"] == "absent" and "declared" in found.values()
