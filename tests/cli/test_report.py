"""Pages and formats of continuous integration as people call them: files, exit codes, bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import reports
from edits import drifted
from forebear.cli import app
from forebear.cli.options import typed
from forebear.errors import ForebearError
from forebear.index import LocalIndex
from forebear.inspect import enrol
from models import tiny_llama


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base, its child, and an index that knows the base."""
    place = tmp_path_factory.mktemp("models")
    base = tiny_llama(place / "base", seed=1)
    drifted(base, "child", 0.1)
    enrol(str(base), LocalIndex(place.parent / "home"), "org/base")
    return place


@pytest.fixture(autouse=True)
def home(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREBEAR_HOME", str(models.parent / "home"))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1774000000")
    for name in ("CI_PROJECT_DIR", "GITHUB_WORKSPACE", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


def call(*args: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in args])


def failed(done: Result) -> ForebearError:
    assert isinstance(done.exception, ForebearError)
    return done.exception


def test_a_saved_result_becomes_the_page_that_the_command_writes(models: Path, tmp_path: Path) -> None:
    kept, page, later = (tmp_path / name for name in ("r.json", "r.html", "later.html"))
    base, child = models / "base", models / "child"
    assert call("compare", base, child, "-o", kept).exit_code == 0
    assert call("compare", base, child, "--format", "html", "-o", page).exit_code == 0
    assert call("report", kept, "-o", later).exit_code == 0
    for file in (page, later):
        text = file.read_text("utf-8")
        assert text.startswith("<!DOCTYPE html>") and "child against base" in text.replace("<bdi>", "")
    assert "Document r.json" in later.read_text("utf-8")
    assert call("report", kept).stdout.startswith("<!DOCTYPE html>")


def test_every_command_writes_a_page(models: Path, tmp_path: Path) -> None:
    child = models / "child"
    for name, *command in (
        ("scan", "scan", child, "--no-fetch"),
        ("policy", "scan", child, "--no-fetch", "--policy", "baseline"),
        ("set", "scan", "-r", models, "-j", "1"),
        ("tree", "tree", models, "-j", "1"),
        ("licence", "licence", child),
    ):
        page = tmp_path / f"{name}.html"
        done = call(*command, "-o", page)
        assert done.exit_code in (0, 1, 3), done.output
        text = page.read_text("utf-8")
        assert "child" in text and "How to reproduce it" in text
    assert "References: 1 in the index (1 llama)" in (tmp_path / "scan.html").read_text("utf-8")
    assert "Baseline transparency" in (tmp_path / "policy.html").read_text("utf-8")


def test_policies_on_many_documents_are_one_page(models: Path, tmp_path: Path) -> None:
    for name in ("base", "child"):
        call("scan", models / name, "--no-fetch", "-o", tmp_path / f"{name}.json")
    done = call("policy", "check", "-r", tmp_path, "--policy", "baseline", "-f", "html", "-o", tmp_path / "p.html")
    assert done.exit_code in (0, 1, 3)
    assert "child.json" in (tmp_path / "p.html").read_text("utf-8")


def test_gitlab_and_github_name_files_of_the_repository(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI_PROJECT_DIR", str(models.parent))
    one = json.loads(call("scan", models / "child", "--no-fetch", "--format", "gitlab").stdout)
    many = json.loads(call("scan", "-r", models, "-j", "1", "--format", "gitlab").stdout)
    assert one and {e["location"]["path"].split("/")[0] for e in (*one, *many)} == {models.name}
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    done = call("scan", "-r", models, "-j", "1", "--format", "github")
    assert "::note " not in done.stdout and "ancestor-undeclared" in done.stdout
    assert f"file={models.name}/child/" in done.stdout and done.stdout.startswith("::")
    said = (tmp_path / "summary.md").read_text("utf-8")
    assert said.startswith("## Forebear: ") and "child" in said
    kept = tmp_path / "r.json"
    call("scan", models / "child", "--no-fetch", "-o", kept)
    done = call("policy", "check", kept, "--policy", "baseline", "--format", "github")
    assert done.exit_code in (1, 3) and "title=forebear%3A policy/T" in done.stdout
    assert (tmp_path / "summary.md").read_text("utf-8").startswith(said)  # a later command of the step adds to it
    monkeypatch.delenv("CI_PROJECT_DIR")
    monkeypatch.chdir(tmp_path.parent)
    gitlab = json.loads(call("policy", "check", kept, "--policy", "baseline", "--format", "gitlab").stdout)
    assert {"policy/T2"} <= {e["check_name"] for e in gitlab}
    assert {e["location"]["path"] for e in gitlab} == {f"{tmp_path.name}/r.json"}


def test_an_unreadable_model_is_told_to_machines_as_well(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"no model")
    for how in ("gitlab", "github"):
        done = call("scan", tmp_path, "--no-fetch", "--format", how)
        assert failed(done).exit_code == 4 and "unreadable" in done.stdout


def test_the_command_is_told_without_its_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    address = "https://me:word@host.example/m.safetensors?X-Amz-Signature=abc123"
    monkeypatch.setattr("sys.argv", ["/usr/bin/forebear", "scan", address, "--effort", "deep"])
    assert typed().startswith("forebear scan ") and typed().endswith(" --effort deep")
    assert "host.example/m.safetensors" in typed() and "word" not in typed() and "abc123" not in typed()
    monkeypatch.setattr("sys.argv", ["/usr/bin/pytest", "secret"])
    assert typed() == ""


def test_what_no_report_is_written_of_is_told_in_a_line(tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    for text, code, said in (
        ("{", 4, "r.json"),
        ("[]", 4, "no JSON object"),
        ("{}", 2, "without a schema"),
        ('{"schema": []}', 2, "without a schema"),
        ('{"schema": {"a": 1}}', 2, "without a schema"),
        ('{"schema": "forebear.probe/1"}', 2, "give a result of scan"),
        ('{"schema": "forebear.tree/1", "members": 5}', 4, "r.json: "),
    ):
        file.write_text(text, "utf-8")
        error = failed(call("report", file))
        assert error.exit_code == code and said in str(error), text
    assert failed(call("report", tmp_path / "none.json")).exit_code == 4
    damaged = reports.tree()
    damaged["edges"][0]["verdict"] = "made up"
    file.write_text(json.dumps(damaged), "utf-8")
    assert "edges/0/verdict" in str(failed(call("report", file)))
    file.write_text(json.dumps(reports.tree()), "utf-8")
    assert call("report", file, "--format", "pdf").exit_code == 2
    assert failed(call("report", file, "-o", tmp_path / "no" / "x.html")).exit_code == 2


def test_a_summary_that_cannot_be_written_is_told(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "no" / "summary.md"))
    error = failed(call("scan", models / "child", "--no-fetch", "--format", "github"))
    assert error.exit_code == 2 and "GITHUB_STEP_SUMMARY" in str(error)
