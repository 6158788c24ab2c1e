"""``forebear traffic`` as people call it: formats, files, standard input, exit codes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from captures import KIMI, chat, har, saved
from documents import check_document
from forebear.cli import app


@pytest.fixture
def capture(tmp_path: Path) -> str:
    return saved(tmp_path, har([chat("acme-1", KIMI)]))


def test_every_format_names_the_identifier(capture: str, tmp_path: Path) -> None:
    for how in ("table", "json", "md"):
        file = tmp_path / f"out.{how}"
        done = CliRunner().invoke(app, ["traffic", capture, "-f", how, "-o", str(file)])
        assert done.exit_code == 0 and done.stdout == "", done.output
        text = file.read_text("utf-8")
        assert KIMI in text
        if how == "json":
            check_document(json.loads(text))
    assert KIMI in CliRunner().invoke(app, ["traffic", capture, "--quiet"]).stdout


def test_standard_input_is_a_file_too() -> None:
    done = CliRunner().invoke(app, ["traffic", "-", "-f", "json"], input=har([chat("gpt-4o", "gpt-4o")]))
    assert done.exit_code == 0 and json.loads(done.stdout)["captures"][0]["file"] == "-"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], 0),
        (["--fail-on", "note"], 1),
        (["--expect", "kimi-k2.5"], 0),
        (["--expect", "gpt-4o"], 1),
        (["--expect", "acme-9"], 1),
        (["--expect", " "], 2),
    ],
)
def test_exit_codes_are_those_of_the_contract(options: list[str], code: int, capture: str) -> None:
    done = CliRunner().invoke(app, ["traffic", capture, *options])
    assert getattr(done.exception, "exit_code", done.exit_code) == code


@pytest.mark.parametrize("options", [[], ["-q"], ["-f", "json"], ["-f", "md"]])
@pytest.mark.parametrize(("name", "word"), [("kimi-k2.5", "met"), ("gpt-4o", "contradicted")])
def test_an_expectation_is_answered_in_words_in_every_format(
    options: list[str], name: str, word: str, capture: str
) -> None:
    done = CliRunner().invoke(app, ["traffic", capture, "--expect", name, *options])
    assert f"Expected {name}: {word}." in done.stdout.replace("\\", "")
    if "json" in options:
        document = json.loads(done.stdout)
        check_document(document)
        assert document["expected"]["met"] is (word == "met")


def test_an_expectation_that_nothing_settles_is_3(tmp_path: Path) -> None:
    path = saved(tmp_path, har([chat("acme-1", "acme-1")]))
    assert CliRunner().invoke(app, ["traffic", path, "--expect", "gpt-4o"]).exit_code == 3


def test_what_cannot_be_read_is_4_and_what_could_be_is_kept(capture: str, tmp_path: Path) -> None:
    cut = saved(tmp_path, Path(capture).read_bytes()[:-5], "cut")
    done = CliRunner().invoke(app, ["traffic", cut, str(tmp_path / "none"), "-f", "json"])
    assert done.exit_code == 4
    document = json.loads(done.stdout)
    assert document["identifiers"][0]["identifier"] == KIMI and len(document["problems"]) == 2
    assert len(done.stderr.splitlines()) == 2 and all(
        line.startswith("forebear: ") for line in done.stderr.splitlines()
    )
    assert CliRunner().invoke(app, ["traffic"]).exit_code == 2


def test_damage_is_one_line_a_file_that_says_what_was_read(capture: str, tmp_path: Path) -> None:
    whole = Path(capture).read_bytes()
    files = {
        "cut.gz": (gzip.compress(whole)[:-30], "1 record with something to see was read"),
        "empty": (b"", "it is empty"),
        "bytes": (bytes(range(32)) * 99, "nothing that could name a model in what was read"),
    }
    for name, (content, words) in files.items():
        done = CliRunner().invoke(app, ["traffic", saved(tmp_path, content, name)])
        (line,) = done.stderr.splitlines()
        assert done.exit_code == 4 and line.startswith("forebear: ") and name in line and line.endswith(words)
        assert "not read whole:" in done.stdout
