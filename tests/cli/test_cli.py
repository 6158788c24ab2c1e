"""Every command with real input, with bad input, and what a person sees."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from documents import check_document
from edits import copy, drifted
from forebear.cli import app
from forebear.cli.options import tell_expected
from forebear.errors import InputError, UsageError
from forebear.inspect import demo
from models import tiny_llama, write_safetensors


class Shell:
    """Runs the command line as a process of its own."""

    def __init__(self, home: Path) -> None:
        own = {"FOREBEAR_HOME": str(home), "FOREBEAR_CACHE": str(home.with_name("cache"))}
        self.environment = {**os.environ, **own, "NO_COLOR": "1", "COLUMNS": "100"}

    def __call__(self, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "forebear", *map(str, arguments)],
            capture_output=True,
            text=True,
            env={**self.environment, **more},
            timeout=120,
        )

    def json(self, *arguments: object, **more: str) -> dict[str, Any]:
        done = self(*arguments, "--format", "json", **more)
        assert done.stdout, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        check_document(document)
        return document


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "home")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_llama(tmp_path / "base", seed=1)


def one_line(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """One clear line on stderr, the right exit code, nothing on stdout, no traceback."""
    assert done.returncode == code, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("forebear: ")
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def test_without_arguments_it_says_what_to_try(shell: Shell) -> None:
    done = shell()
    assert done.returncode == 0
    assert all(c in done.stdout for c in ("forebear demo", "forebear index add", "forebear scan"))


def test_version_and_help(shell: Shell) -> None:
    assert shell("--version").stdout.startswith("forebear 0.")
    command: list[str]
    for command in ([], ["scan"], ["compare"], ["demo"], ["explain"], ["doctor"], ["index"], ["cache"]):
        done = shell(*command, "--help")
        assert done.returncode == 0
        if command and command not in (["index"], ["cache"]):
            assert f"Example: forebear {command[0]}" in " ".join(done.stdout.split())
    for name in ("add", "list", "show", "remove", "search", "path", "info"):
        assert f"Example: forebear index {name}" in " ".join(shell("index", name, "--help").stdout.split())
    for name in ("path", "info", "clear"):
        assert f"Example: forebear cache {name}" in " ".join(shell("cache", name, "--help").stdout.split())


def test_every_command_takes_the_common_options(shell: Shell, base: Path) -> None:
    shell("index", "add", base)
    commands: list[list[object]] = [
        ["scan", base],
        ["compare", base, base],
        ["demo"],
        ["explain"],
        ["explain", "derived"],
        ["doctor"],
        ["index", "add", base],
        ["index", "list"],
        ["index", "show", "base"],
        ["index", "search", base],
        ["index", "path"],
        ["index", "info"],
        ["index", "remove", "base"],
        ["cache", "path"],
        ["cache", "info"],
        ["cache", "clear"],
    ]
    for command in commands:
        done = shell(*command, "--quiet", "--verbose", "--offline", "--no-progress", "--format", "json")
        assert done.returncode == 0, (command, done.stderr)
        check_document(json.loads(done.stdout))
    assert shell("scan", base, FOREBEAR_LOG_LEVEL="loud").returncode == 2


def test_scan_finds_what_index_add_was_taught(shell: Shell, base: Path) -> None:
    added = shell.json("index", "add", base, "--name", "org/base")
    assert [m["status"] for m in added["models"]] == ["added"]
    child = drifted(base, "child", 0.1)
    found = shell.json("scan", child)
    assert found["related"] is True
    assert [a["name"] for a in found["ancestors"]] == ["org/base"]
    table = shell("scan", child)
    assert table.returncode == 0
    assert "The weights are not independent" in table.stdout and "org/base" in table.stdout
    assert "\x1b[" not in table.stdout and table.stderr == ""
    markdown = shell("scan", child, "--format", "md").stdout
    assert markdown.startswith("# child\n") and "p ≤ 1e-30" in markdown


def test_scan_without_references_is_inconclusive_and_says_what_would_settle_it(shell: Shell, base: Path) -> None:
    found = shell.json("scan", base)
    assert (found["verdict"], found["related"]) == ("inconclusive", None)
    assert found["findings"][0]["id"] == "no-reference-tested"
    assert shell("scan", base).returncode == 0
    assert "forebear index add" in shell("scan", base).stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--expect", "related"], 3),
        (["--expect", "unrelated"], 1),
        (["--expect", "base"], 3),
        (["--expect", "somebody-else"], 3),
        ([], 0),
    ],
)
def test_expectations_decide_the_exit_code(arguments: list[str], code: int, shell: Shell, base: Path) -> None:
    """The random child has unmoved gains: descent and a shared start are not told apart, which settles nothing."""
    child = drifted(base, "child", 0.4)
    assert shell("compare", base, child, *arguments).returncode == code


@pytest.mark.parametrize("slip", ["relatd", "Related", "unrelatd", " related"])
def test_a_slip_of_the_pen_is_no_name_of_a_model(slip: str) -> None:
    for call in (["compare", "a", "b"], ["scan", "a"], ["scan", "-r", "a"]):
        error = CliRunner().invoke(app, [*call, "--expect", slip]).exception
        assert isinstance(error, UsageError) and "did you mean" in error.hint


def test_a_name_that_the_answer_lacks_is_told(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tiny_llama(base.with_name("other"), seed=2)
    done = CliRunner().invoke(app, ["compare", str(base), str(other), "--expect", "zoo/base"])
    assert done.exit_code == 3
    assert done.stderr == "forebear: --expect zoo/base: no model of that name is in the answer; it names base\n"
    tell_expected("base", ["zoo/Base"])
    tell_expected("related", [])
    tell_expected(None, [])
    assert capsys.readouterr().err == ""
    tell_expected("x", "abcdef")
    tell_expected("x", [])
    assert capsys.readouterr().err.splitlines() == [
        "forebear: --expect x: no model of that name is in the answer; it names a, b, c, d, e, …",
        "forebear: --expect x: no model of that name is in the answer; it names none",
    ]


def test_a_folder_of_models_leads_to_a_scan_of_all(base: Path) -> None:
    for name in ("b", "c", "d"):
        copy(base, name)
    (base.parent / "empty").mkdir()
    error = CliRunner().invoke(app, ["scan", str(base.parent)]).exception
    assert isinstance(error, InputError) and "forebear scan -r" in error.hint
    assert error.message.endswith("4 folders below it with weights (b, base, c, …)"), error
    error = CliRunner().invoke(app, ["scan", str(base.parent / "empty")]).exception
    assert isinstance(error, InputError) and "empty" in str(error) and "-r" not in error.hint


def test_an_identical_copy_meets_the_expectation(shell: Shell, base: Path) -> None:
    assert shell("compare", base, copy(base, "copy"), "--expect", "related").returncode == 0


def test_strangers_do_not_settle_any_expectation(shell: Shell, base: Path, tmp_path: Path) -> None:
    tiny_llama(tmp_path / "other", seed=2)
    for expected in ("related", "unrelated"):
        assert shell("compare", base, tmp_path / "other", "--expect", expected).returncode == 3


def test_findings_at_the_chosen_level_fail(shell: Shell, base: Path) -> None:
    assert shell("scan", base, "--fail-on", "note").returncode == 1
    assert shell("scan", base, "--fail-on", "never").returncode == 0


def test_output_goes_to_a_file_whole(shell: Shell, base: Path, tmp_path: Path) -> None:
    target = tmp_path / "result.json"
    done = shell("scan", base, "--format", "json", "--output", target)
    assert done.returncode == 0 and done.stdout == ""
    check_document(json.loads(target.read_text()))
    assert list(tmp_path.glob(".*.part")) == []
    one_line(shell("scan", base, "-o", tmp_path / "no" / "such" / "folder.json"), 2, "--output")


def test_reproducible_time_stamp(shell: Shell, base: Path) -> None:
    assert shell.json("scan", base, SOURCE_DATE_EPOCH="0")["created"] == "1970-01-01T00:00:00Z"


def test_index_commands(shell: Shell, base: Path, tmp_path: Path) -> None:
    other = tiny_llama(tmp_path / "other", seed=2)
    assert shell.json("index", "list")["models"] == []
    assert shell("index", "add", base, other).returncode == 0
    assert shell.json("index", "add", base)["models"][0]["status"] == "already there"
    assert [m["name"] for m in shell.json("index", "list")["models"]] == ["base", "other"]
    shown = shell.json("index", "show", "base")
    assert (shown["family"], shown["sketches"]) == ("llama", ["spectra/1", "token-geometry/1"])
    assert shell.json("index", "info")["models"] == 2
    assert shell("index", "path").stdout.strip().endswith("home")
    hits = shell.json("index", "search", base)["hits"]
    assert hits[0]["name"] == "base" and hits[0]["agree"] == hits[0]["n"]
    assert shell.json("index", "path")["path"].endswith("home")
    assert shell.json("index", "remove", "base")["removed"] == ["base"]
    assert "not in the index: base" in shell("index", "remove", "base").stderr
    one_line(shell("index", "show", "othr"), 2, "did you mean other?")
    for command in (["list"], ["show", "other"], ["info"], ["search", str(other)]):
        assert shell("index", *command).returncode == 0
        assert shell("index", *command, "--format", "md").stdout.startswith("```text")


def test_a_taken_name_is_refused_and_replaced_only_on_request(shell: Shell, base: Path, tmp_path: Path) -> None:
    other = tiny_llama(tmp_path / "other", seed=2)
    shell("index", "add", base, "--name", "x")
    done = shell("index", "add", other, "--name", "x")
    assert done.returncode == 2 and "already in the index" in done.stderr
    assert shell("index", "add", other, "--name", "x", "--replace").returncode == 0
    assert shell("index", "add", base, other, "--name", "y").returncode == 2


def test_one_bad_model_does_not_cost_the_others(shell: Shell, base: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = shell("index", "add", tmp_path / "empty", base)
    assert done.returncode == 4
    assert "failed" in done.stdout and "added" in done.stdout
    assert [m["name"] for m in shell.json("index", "list")["models"]] == ["base"]


def test_interrupting_index_add_loses_nothing_that_was_added(shell: Shell, tmp_path: Path) -> None:
    folders = [tiny_llama(tmp_path / f"m{k}", seed=k) for k in range(30)]
    process = subprocess.Popen(
        [sys.executable, "-m", "forebear", "index", "add", *map(str, folders * 20)],
        env=shell.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and len(shell.json("index", "list")["models"]) < 3:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    kept = {m["name"] for m in shell.json("index", "list")["models"]}
    said = {line.split()[1] for line in out.splitlines() if line.startswith("added")}
    assert said <= kept and len(kept) >= 3
    assert "Traceback" not in err
    # Through before the signal came: 0, or Python's own answer while it is shutting down.
    assert process.returncode == 4 or (process.returncode in (0, -signal.SIGINT) and len(kept) == 30)
    assert shell("index", "add", *folders).returncode == 0
    assert len(shell.json("index", "list")["models"]) == 30


def test_bad_input_is_one_clear_line(shell: Shell, base: Path, tmp_path: Path) -> None:
    one_line(shell("scan", tmp_path / "nowhere"), 2, "no such file")
    (tmp_path / "empty").mkdir()
    one_line(shell("scan", tmp_path / "empty"), 4, "empty directory")
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "notes.txt").write_text("hello")
    one_line(shell("scan", tmp_path / "text"), 4, "no model weights")
    weights = base / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    one_line(shell("scan", base), 4, "model.safetensors", "truncated")
    weights.write_bytes((10**11).to_bytes(8, "little") + whole[8:])
    one_line(shell("scan", base), 4, "100,000,000,000")
    weights.write_bytes(whole)
    (base / "config.json").write_text("[1, 2]")
    one_line(shell("scan", base), 4, "config.json", "found a list")
    one_line(shell("compare", base, base), 4, "config.json")


def test_a_symbolic_link_in_a_loop_is_one_clear_line(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    one_line(shell("scan", tmp_path / "a"), 4, "symbolic link")


def test_a_partly_readable_model_is_answered_and_said(shell: Shell, base: Path) -> None:
    (base / "README.md").write_bytes(b"caf\xe9")
    done = shell("scan", base, "--format", "json")
    assert done.returncode == 4
    assert "UTF-8" in done.stderr and done.stderr.count("\n") == 1
    check_document(json.loads(done.stdout))


def test_a_huge_tokenizer_is_left_out_and_said(shell: Shell, base: Path) -> None:
    with open(base / "tokenizer.json", "r+b") as stream:
        stream.truncate(200_000_000)
    done = shell("scan", base, "--format", "json")
    assert done.returncode == 4
    assert "tokenizer.json: 200,000,000 bytes" in done.stderr
    assert json.loads(done.stdout)["cost"]["peak_memory_bytes"] < 300_000_000


def test_names_of_strangers_cannot_write_to_the_terminal(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "evil"
    folder.mkdir()
    write_safetensors(folder / "model.safetensors", {"\x1b[31mred\nline": np.ones((4, 4), dtype=np.float32)})
    done = shell("scan", folder)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr
    (folder / "config.json").write_text(json.dumps({"model_type": "\x1b]0;owned\x07[bold]x[/bold]"}))
    done = shell("scan", folder)
    assert "\x1b" not in done.stdout + done.stderr and "\x07" not in done.stdout


def test_explain_knows_verdicts_findings_and_signals(shell: Shell) -> None:
    for topic in ("same_init_or_derived", "no-reference-tested", "sign-code/1", "sign-code"):
        done = shell("explain", topic)
        assert done.returncode == 0 and len(done.stdout) > 200, topic
        check_document(shell.json("explain", topic))
    assert "sign-code/1" in shell("explain").stdout
    one_line(shell("explain", "sign-cod/1"), 2, "did you mean sign-code/1?")


def test_doctor_says_what_is_there(shell: Shell, tmp_path: Path) -> None:
    done = shell("doctor")
    assert done.returncode == 0
    names = [c["name"] for c in shell.json("doctor")["checks"]]
    assert names == ["python", "numpy", "sqlite", "index", "search", "torch", "network", "cache"]
    deep = tmp_path / ("long" * 30) / "home"
    deep.mkdir(parents=True)
    (deep / "index.db").write_bytes(b"not a database at all" * 100)
    shell.environment["FOREBEAR_HOME"] = str(deep)
    broken = shell("doctor")
    assert broken.returncode == 4 and f"{deep}/index.db" in "".join(broken.stdout.split())  # cut nowhere
    place = shell("index", "path").stdout
    assert str(deep) in "".join(place.split())


def test_a_closed_pipe_is_not_an_error(shell: Shell, base: Path) -> None:
    line = f"'{sys.executable}' -m forebear scan '{base}' --format json | head -1"
    done = subprocess.run(["bash", "-c", line], env=shell.environment, capture_output=True, text=True)
    assert done.stdout == "{\n" and done.stderr == ""


def test_demo_needs_nothing_and_leaves_nothing(shell: Shell, tmp_path: Path) -> None:
    document = shell.json("demo")
    verdicts = {c["name"]: c["scan"]["verdict"] for c in document["cases"]}
    assert verdicts["finetune"] in ("dependent", "same_init_or_derived")
    assert verdicts["permuted"] in ("dependent", "same_init_or_derived")
    assert verdicts["twin"] == "inconclusive"
    assert not (tmp_path / "home").exists()
    assert "twin" in shell("demo").stdout


def test_the_demo_models_can_be_kept(tmp_path: Path) -> None:
    assert demo.keep(tmp_path) == ("base", "finetune", "permuted", "twin")
    assert all((tmp_path / name / "model.safetensors").is_file() for name in ("base", "finetune", "permuted", "twin"))
    shutil.rmtree(tmp_path / "base")
    for folder, why in ((tmp_path, "finetune is there already"), (tmp_path / "twin" / "LICENSE", "Not a directory")):
        done = CliRunner().invoke(app, ["demo", "--keep", str(folder)])
        assert isinstance(done.exception, UsageError) and why in done.exception.message, done.exception
    assert not (tmp_path / "base").exists()


def test_an_error_is_not_told_in_front_of_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREBEAR_HOME", str(tmp_path / "home"))
    gone = CliRunner().invoke(app, ["index", "remove", "nothere"])
    assert gone.stdout == "" and isinstance(gone.exception, UsageError)
    (empty := tmp_path / "empty").mkdir()
    failed = " ".join(CliRunner().invoke(app, ["index", "add", str(empty)]).stdout.replace("\n", "").split())
    assert failed.count("empty:") == 1, failed


def test_questions_take_a_policy_as_check_does() -> None:
    by = [CliRunner().invoke(app, ["policy", "questions", how, "us-federal"]).output for how in ("--pack", "--policy")]
    assert by[0] == by[1] and "Q-" in by[0]


def test_the_help_of_bom_leads_to_its_options() -> None:
    assert "forebear bom write --help" in " ".join(CliRunner().invoke(app, ["bom", "--help"]).output.split())


def test_it_runs_without_a_home_that_can_be_written(shell: Shell, base: Path, tmp_path: Path) -> None:
    done = shell("index", "add", base, FOREBEAR_HOME="/proc/forebear")
    assert done.returncode == 4 and "FOREBEAR_HOME" in done.stderr
    assert shutil.which("bash")
