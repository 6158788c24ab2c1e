"""``index repair`` as people and scripts see it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from documents import check_document
from forebear.cli import app
from forebear.index import Addition, LocalIndex
from forebear.index.search import ROW_BYTES
from index.fingerprints import make_fingerprint


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOREBEAR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_COLOR", "1")
    index = LocalIndex()
    index.add_many([Addition(make_fingerprint(f"org/m{k}", k), f"/models/m {k}") for k in range(5)])
    return index.folder


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner(env={"COLUMNS": "120"}).invoke(app, ["index", "repair", *arguments])
    return done.exit_code, done.output


def test_nothing_wrong(home: Path) -> None:
    code, said = run()
    assert code == 0 and "Nothing is wrong" in said and "5 references" in " ".join(said.split())
    document = json.loads(run("--format", "json")[1])
    check_document(document)
    assert (document["status"], document["kept"], document["lost"], document["old"]) == ("intact", 5, [], None)


def test_what_was_lost_and_how_to_get_it_back(home: Path) -> None:
    os.truncate(home / "codes.bin", 4 * ROW_BYTES)
    code, said = run("--format", "json")
    document = json.loads(said)
    check_document(document)
    assert code == 1 and document["status"] == "repaired" and document["kept"] == 4
    assert document["lost"] == [
        {
            "name": "org/m4",
            "what": "reference",
            "why": "its code is missing",
            "location": "/models/m 4",
            "again": "forebear index add '/models/m 4' --name org/m4",
        }
    ]
    assert (Path(document["old"]) / "index.db").exists()


def test_the_table_and_markdown(home: Path) -> None:
    for options, start in (((), "4 references are intact"), (("--format", "md"), "```text")):
        LocalIndex().add(make_fingerprint("org/m4", 4), "/models/m 4")
        os.truncate(home / "codes.bin", (home / "codes.bin").stat().st_size - 1)
        code, said = run(*options)
        assert code == 1 and said.startswith(start) and "org/m4" in said and "its code is missing" in said
        assert "The files as they were" in said


def test_no_database(home: Path) -> None:
    (home / "index.db").write_bytes(b"noise" * 1000)
    done = CliRunner().invoke(app, ["index", "repair"], standalone_mode=False)
    assert "index.db" in str(done.exception) and "add the models again" in str(done.exception)
    assert "\n" not in str(done.exception)


def test_an_index_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREBEAR_INDEX", "s3://somewhere")
    done = CliRunner().invoke(app, ["index", "repair"], standalone_mode=False)
    assert "no index can be opened by s3://" in str(done.exception)
