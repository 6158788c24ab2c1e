"""``scan -r`` of a hub's owner or collection: rows as of a folder, what is not for us, a second run, bad calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from documents import check_document
from edits import drifted
from forebear.cli import app
from forebear.errors import ForebearError
from forebear.index import LocalIndex
from forebear.inspect import enrol
from forebear.inspect.scan import scan
from hub import Fault, Hub, folder_files
from models import tiny_llama

COLLECTION = "hf:collections/org/best-0123456789abcdef01234567"
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index that holds a base, and a child of it."""
    folder = tmp_path_factory.mktemp("home")
    base = tiny_llama(folder / "base", seed=1)
    enrol(str(base), LocalIndex(folder / "home"), "org/base")
    drifted(base, "child", 0.1)
    return folder


@pytest.fixture
def shelf(hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """An owner with a child of the reference, a gated copy of it, and a repository without weights."""
    monkeypatch.setenv("FOREBEAR_HOME", str(home / "home"))
    child = folder_files(home / "child")
    hub.add("org/child", child)
    hub.add("org/closed", child, gated=True)
    hub.add("org/empty", {"README.md": b"soon"})
    hub.add("other/copy", child)
    hub.collections["org/best-0123456789abcdef01234567"] = [
        ("model", "other/copy"),
        ("dataset", "org/texts"),
        ("model", "org/gone"),
        ("model", "org/child"),
        ("model", "org/child"),
    ]
    return hub


@pytest.fixture
def run() -> Iterator[Run]:
    yield lambda *arguments: CliRunner().invoke(app, ["scan", "-r", *arguments, "-j", "1"])


def document(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    check_document(found)
    return found


def errors(found: Mapping[str, Any]) -> dict[str, str | None]:
    return {m["path"]: m["error"] for m in found["models"]}


def test_an_owners_models_are_rows_and_those_that_are_not_for_us_say_why(shelf: Hub, run: Run, home: Path) -> None:
    result = run("hf:org")
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["org/child", "org/closed", "org/empty"]
    assert "org/base" in lines[1] and "≤ 1e-30" in lines[1] and "unreadable" in lines[2] and "unreadable" in lines[3]
    assert lines[-1].startswith("3 models, 1 related to a reference, 2 unreadable")
    assert result.exit_code == 4
    told = result.stderr.splitlines()
    assert told[0].startswith("forebear: org/closed: gated; accept its terms on the hub")
    assert told[1].startswith("forebear: org/empty: ") and "no model weights" in told[1] and len(told) == 2
    (child, *_) = document(run("hf:org", "--format", "json"))["models"]
    single = scan(f"hf:org/child@{shelf.repositories['org/child'].commit}", fetch=False).to_json()
    for each in (single, child["scan"]):
        del each["cost"], each["created"]
    assert child["scan"] == json.loads(json.dumps(single))


def test_models_are_read_in_ranges_and_a_second_run_reads_nothing_again(
    shelf: Hub, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = document(run("hf:org", "--format", "json"))
    assert all(r.range for r in shelf.log if r.host == "lfs") and any(r.host == "lfs" for r in shelf.log)
    shelf.forget()
    monkeypatch.chdir(tmp_path)  # where the user stands is nothing to a hub's list
    second = document(run("hf:org", "--format", "json"))
    assert [m["kept"] for m in second["models"]] == [True, False, False]
    assert not [r for r in shelf.log if "org/child" in r.path or r.host == "lfs"]
    assert second["models"][0]["scan"] == first["models"][0]["scan"] and errors(second) == errors(first)
    shelf.add("org/child", {**folder_files_of(shelf, "org/child"), "NOTES.md": b"changed"})
    third = document(run("hf:org", "--format", "json"))
    assert third["summary"]["kept"] == 0, "another commit is another model"
    assert document(run("hf:org", "--format", "json", "--fresh"))["summary"]["kept"] == 0


def folder_files_of(hub: Hub, name: str) -> dict[str, bytes]:
    repository = hub.repositories[name]
    entries = repository.commits[repository.commit]
    return {path: entry.content.read(0, entry.content.size) for path, entry in entries.items()}


def test_a_collection(shelf: Hub, run: Run) -> None:
    found = document(run(COLLECTION, "--format", "json"))
    assert list(errors(found)) == ["org/child", "org/gone", "other/copy"]
    assert found["target"] == COLLECTION and found["complete"] is True and found["summary"]["related"] == 2
    assert "not found or gated" in str(errors(found)["org/gone"])
    shelf.forget()
    again = document(run(COLLECTION, "--format", "json"))
    assert [m["kept"] for m in again["models"]] == [True, False, True]
    assert not [r for r in shelf.log if "/tree/" in r.path or r.host == "lfs"]
    readable = shelf.collections["org/best-0123456789abcdef01234567"]
    readable.remove(("model", "org/gone"))
    assert run(COLLECTION).exit_code == 0
    assert run(COLLECTION, "--fail-on", "note").exit_code == 1


def test_a_limit_takes_the_first_of_the_list(shelf: Hub, run: Run) -> None:
    assert list(errors(document(run("hf:org", "--limit", "2", "--format", "json")))) == ["org/child", "org/closed"]
    shelf.forget()
    assert list(errors(document(run(COLLECTION, "--limit", "1", "--format", "json")))) == ["other/copy"]
    assert not [r for r in shelf.log if "org/child" in r.path]


def test_formats_of_machines(shelf: Hub, run: Run) -> None:
    sarif = json.loads(run("hf:org", "--format", "sarif").stdout)["runs"][0]
    assert {r["ruleId"] for r in sarif["results"]} == {"ancestor-undeclared"}
    place = sarif["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert place == "org/child" and len(sarif["invocations"][0]["toolExecutionNotifications"]) == 2
    junit = run("hf:org", "--format", "junit").stdout
    assert junit.count("<testcase") == 3 and 'errors="2"' in junit and 'name="closed"' in junit


def test_a_list_that_breaks_off_keeps_what_it_gave(shelf: Hub, run: Run) -> None:
    shelf.models_page = 1
    shelf.fault(Fault("cursor=2", status=404, times=None))
    result = run("hf:org", "--format", "json")
    found = document(result)
    assert list(errors(found)) == ["org/child", "org/closed"] and result.exit_code == 4
    assert len(found["problems"]) == 1 and "the hub's listing" in found["problems"][0]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("hf:nobody",), 4, "hf:nobody: the hub lists no model"),
        (("hf:collections/org/none",), 4, "hf:collections/org/none: not found"),
        (("hf:collections/org/data",), 4, "hf:collections/org/data: there is no model in it"),
        (("hf:collections/org",), 2, "--recursive takes a folder, hf:org or hf:collections/OWNER/SLUG"),
        (("hf:org/child",), 2, "--recursive takes a folder, hf:org or hf:collections/OWNER/SLUG"),
        (("hf:",), 2, "no such folder"),
        ((".", "--limit", "2"), 2, "--limit goes with hf:org or hf:collections/OWNER/SLUG"),
    ],
)
def test_bad_calls_are_one_clear_line(arguments: tuple[str, ...], code: int, words: str, shelf: Hub, run: Run) -> None:
    shelf.collections["org/data"] = [("dataset", "org/texts"), ("model", "../../etc")]
    refusal(run(*arguments), code, words)


@pytest.mark.parametrize("source", ["hf:org", COLLECTION])
def test_offline_asks_nobody(source: str, shelf: Hub, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREBEAR_OFFLINE", "1")
    refusal(run(source), 2, "the network is off limits")
    assert shelf.log == []


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"items": 3}', b'{"items": [3, {"type": "model", "id": 1}]}'])
def test_what_is_no_collection_is_one_clear_line(body: bytes, shelf: Hub, run: Run) -> None:
    shelf.fault(Fault("/api/collections", body=body))
    refusal(run(COLLECTION), 4, COLLECTION)


def refusal(result: Result, code: int, words: str) -> None:
    """The error that ended a command, which its entry point shows as one line."""
    error = result.exception
    assert isinstance(error, ForebearError) and (error.exit_code, result.stdout) == (code, ""), result.output
    assert words in str(error) and "\n" not in str(error)
