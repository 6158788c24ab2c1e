"""``forebear bom verify`` and ``bom diff`` as processes: exit codes, formats, one line for what cannot be read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bills import base, record_of, written
from documents import check_document
from edits import drifted, move_gains
from forebear.bom.formats import format_named, read_bom
from forebear.bom.record import Record
from forebear.catalogue import explanation
from forebear.index import LocalIndex
from forebear.inspect import enrol
from models import tiny_llama


def run(home: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FOREBEAR_HOME": str(home), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "forebear", "bom", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Home of an index with a base, a child of it, and the child's true bill."""
    folder = tmp_path_factory.mktemp("place")
    parent = tiny_llama(folder / "base", seed=1)
    move_gains(parent, 1)
    index = LocalIndex(folder / "home")
    enrol(str(parent), index, "org/base")
    child = drifted(parent, "child", 0.1)
    return folder / "home", child, written(record_of(child, index), folder / "true.cdx.json")


@pytest.fixture(scope="module")
def false(place: tuple[Path, Path, Path]) -> Path:
    """A bill of the child with another number of parameters."""
    record: Record = record_of(place[1], relatives=(base("org/base"),))
    model = record.model.model_copy(update={"parameters": 7_000_000_001})
    return written(record.model_copy(update={"model": model}), place[1].parent / "false.cdx.json")


def test_exit_codes(place: tuple[Path, Path, Path], false: Path, tmp_path: Path) -> None:
    home, child, true = place
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    expected = (
        ((true, child), 0, "This bill of materials is true as far as it was tested."),
        ((false, child), 1, "This bill of materials does not verify."),
        ((true,), 3, "Not settled: something that has to be tested could not be."),
    )
    for arguments, code, line in expected:
        done = run(home, "verify", *arguments)
        assert (done.returncode, done.stdout.splitlines()[0], done.stderr) == (code, line, "")
    unusable: tuple[tuple[list[Path], int], ...] = (
        ([broken], 4),
        ([tmp_path / "none.json"], 2),
        ([true, tmp_path / "gone"], 2),
        ([], 2),
    )
    for given, code in unusable:
        done = run(home, "verify", *given)
        assert (done.returncode, done.stdout) == (code, "") and done.stderr


def test_every_format(place: tuple[Path, Path, Path], false: Path, tmp_path: Path) -> None:
    home, child, _ = place
    for how in ("json", "md", "sarif", "junit"):
        target = tmp_path / f"out.{how}"
        done = run(home, "verify", false, child, "--format", how, "-o", target)
        assert (done.returncode, done.stdout) == (1, "")
        text = target.read_text()
        if how == "json":
            document = json.loads(text)
            check_document(document)
            assert document["verdict"] == "failed" and document["claims"][0]["status"] == "unverified"
        elif how == "md":
            assert "**This bill of materials does not verify**" in text and "| fail | facts/parameters |" in text
        elif how == "sarif":
            (finding,) = json.loads(text)["runs"][0]["results"]
            assert finding["ruleId"] == "claim-contradicted" and "facts/parameters" in finding["properties"]["evidence"]
        else:
            (case,) = ElementTree.fromstring(text).iter("testcase")
            assert case.find("failure") is not None


def test_an_open_answer_is_a_skipped_case(place: tuple[Path, Path, Path]) -> None:
    done = run(place[0], "verify", place[2], "-f", "junit")
    (case,) = ElementTree.fromstring(done.stdout).iter("testcase")
    assert done.returncode == 3 and case.find("skipped") is not None and case.find("failure") is None


def test_a_profile_that_is_asked_for_is_demanded(place: tuple[Path, Path, Path]) -> None:
    done = run(place[0], "verify", place[2], place[1], "--profile", "cyclonedx-ml", "--verbose")
    assert done.returncode == 1 and "profile/cyclonedx-ml/version" in done.stdout


def test_a_misspelt_command_is_not_taken_for_a_model(place: tuple[Path, Path, Path]) -> None:
    done = run(place[0], "veriffy", place[2])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "forebear: veriffy: no such file, and no command; did you mean forebear bom verify?\n"


def test_help_has_an_example(place: tuple[Path, Path, Path]) -> None:
    for command in ("verify", "diff"):
        assert f"Example: forebear bom {command}" in " ".join(run(place[0], command, "--help").stdout.split())


def test_differences(place: tuple[Path, Path, Path], false: Path) -> None:
    home, _, true = place
    same = run(home, "diff", true, true, "--fail-on", "note")
    assert (same.returncode, same.stdout.splitlines()[0]) == (0, "Nothing changed.")
    done = run(home, "diff", true, false)
    assert done.returncode == 0 and "Lineage" in done.stdout and "7000000001" in done.stdout
    assert run(home, "diff", true, false, "--fail-on", "warning").returncode == 1
    assert run(home, "diff", true, false, "--fail-on", "never").returncode == 0
    document = json.loads(run(home, "diff", true, false, "-f", "json").stdout)
    check_document(document)
    assert document["changes"][0]["part"] == "lineage" and not document["equal"]
    assert run(home, "diff", true, false, "-f", "md").stdout.startswith("# ")
    assert run(home, "diff", true, true.parent / "none").returncode == 2


def test_every_check_that_is_shown_can_be_explained(place: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """The ids beside the messages are no words of people: explain knows each."""
    ids = set()
    spdx = tmp_path / "true.spdx.json"
    write = format_named("spdx").write
    assert write
    spdx.write_text(json.dumps(write(read_bom(json.loads(place[2].read_text())).records[0])))
    for bill in (place[2], spdx):
        arguments = ("verify", bill, place[1], "-f", "json", "--profile", "spdx-ai")
        ids |= {check["id"] for check in json.loads(run(place[0], *arguments).stdout)["checks"]}
    assert len({i.partition("/")[0] for i in ids}) > 10
    for identifier in ids:
        found = explanation(identifier)
        assert found is not None and found.kind == "check", identifier
