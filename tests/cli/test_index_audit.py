"""``forebear index audit`` and ``statistics`` as people call them: formats, exit codes, refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from documents import check_document
from edits import drifted
from forebear.cli import app
from forebear.errors import UsageError
from forebear.index import Listing, LocalIndex
from models import tiny_llama


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of a base, a child with a card that names another base, and that base."""
    place = tmp_path_factory.mktemp("audit")
    base = tiny_llama(place / "base", seed=1, hidden=256, intermediate=512, heads=8, kv_heads=4)
    tiny_llama(place / "named", seed=2, hidden=256, intermediate=512, heads=8, kv_heads=4)
    child = drifted(base, "child", 0.1)
    (child / "README.md").write_text("---\nbase_model: named\nlicense: mit\n---\n# Child\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOREBEAR_HOME", str(place / "home"))
        names = [str(place / name) for name in ("base", "named", "child")]
        done = CliRunner().invoke(app, ["index", "add", *names, "--effort", "quick"])
        assert done.exit_code == 0, done.output
    LocalIndex(place / "home").keep_listings(
        [Listing("q/orphan", base_models=("gone/away",), relation="quantized", published="2024-05-01T00:00:00Z")]
    )
    return place


@pytest.fixture(autouse=True)
def at_home(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREBEAR_HOME", str(place / "home"))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["index", *arguments])


def test_an_audit_in_every_format(tmp_path: Path) -> None:
    done = run("audit")
    assert done.exit_code == 0 and "child names named as its base" in done.stdout
    assert "is not established" in done.stdout and "1 to look into, 1 note" in done.stdout
    document = json.loads(run("audit", "--format", "json").stdout)
    check_document(document)
    assert [(r["kind"], r["who"], r["other"], r["level"]) for r in document["rows"]] == [
        ("contradiction", "child", "base", "warning"),
        ("orphan", "q/orphan", "gone/away", "note"),
    ]
    results = json.loads(run("audit", "--format", "sarif").stdout)["runs"][0]["results"]
    assert [(r["ruleId"], r["level"]) for r in results] == [
        ("base-not-found", "warning"),
        ("quantisation-orphaned", "note"),
    ]
    file = tmp_path / "audit.md"
    assert run("audit", "-o", str(file)).exit_code == 0 and "| warning | child names" in file.read_text()
    assert "clears:" in run("audit", "--verbose").stdout and "child names" not in run("audit", "--quiet").stdout


def test_exit_codes_and_kinds() -> None:
    assert run("audit", "--fail-on", "warning").exit_code == 1
    assert run("audit", "--fail-on", "warning", "--only", "orphan").exit_code == 0
    assert run("audit", "--fail-on", "note", "--limit", "1", "--declared-only").exit_code == 1
    assert run("audit", "child", "--fail-on", "warning").exit_code == 1
    assert "not asked for" in run("audit", "--declared-only").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nobody"], "nobody is not in the index"),
        (["--recheck", "--only", "orphan"], "measures again"),
        (["--sample", "2"], "goes with --recheck"),
    ],
)
def test_a_call_that_makes_no_sense(arguments: list[str], words: str) -> None:
    done = run("audit", *arguments)
    assert isinstance(done.exception, UsageError) and words in str(done.exception)
    assert done.exception.exit_code == 2


def test_a_poisoned_entry_costs_the_exit_code(place: Path) -> None:
    done = run("audit", "--recheck")
    assert done.exit_code == 0 and "3 confirmed" in done.stdout
    index = LocalIndex(place / "home")
    before, other = index.get("base"), index.get("named")
    assert before is not None and other is not None
    index.add(replace(before.fingerprint, code=other.fingerprint.code), before.location, replace=True)
    try:
        done = run("audit", "--recheck", "--format", "json")
        check_document(document := json.loads(done.stdout))
        assert done.exit_code == 1
        assert {r["name"]: r["status"] for r in document["rechecked"]} == {
            "base": "does_not_match",
            "child": "confirmed",
            "named": "confirmed",
        }
        assert "base" in run("audit", "--recheck").stdout
        index.add(before.fingerprint, str(place / "nowhere"), replace=True)
        assert run("audit", "base", "--recheck").exit_code == 3
        assert "| base | unreachable |" in run("audit", "base", "--recheck", "--format", "md").stdout
    finally:
        index.add(before.fingerprint, before.location, replace=True)


def test_statistics_in_every_format(tmp_path: Path) -> None:
    assert "2 derivatives: 2 declare a base" in run("statistics").stdout
    check_document(json.loads(run("statistics", "-f", "json").stdout))
    for how, words in (("md", "# Statistics"), ("csv", "table,month,key"), ("svg", "<svg")):
        file = tmp_path / f"statistics.{how}"
        assert run("statistics", "-o", str(file)).exit_code == 0 and words in file.read_text()
    assert run("statistics", "--seat", "the moon").exit_code == 2
