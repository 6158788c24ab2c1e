"""The schema: from nothing, by several at once, and from the future."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from forebear.errors import IndexError_
from forebear.index import LocalIndex, migrations
from forebear.index.migrations import VERSION, migrate
from index.fingerprints import make_fingerprint

MIGRATE = """
import sqlite3, sys, time
from pathlib import Path
from forebear.index.migrations import migrate
path = Path(sys.argv[1])
time.sleep(max(0.0, float(sys.argv[2]) - time.time()))
connection = sqlite3.connect(path, timeout=60, isolation_level=None)
migrate(connection, path)
print(connection.execute("PRAGMA user_version").fetchone()[0])
"""


def opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=60, isolation_level=None)


def version(path: Path) -> int:
    with closing(opened(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_from_scratch_and_again(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with closing(opened(path)) as connection:
        migrate(connection, path)
        migrate(connection, path)
        assert connection.execute("SELECT count(*) FROM models").fetchone()[0] == 0
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert version(path) == VERSION


def test_two_processes_at_once(tmp_path: Path) -> None:
    for turn in range(3):
        path = tmp_path / f"{turn}.db"
        start = str(time.time() + 0.5)
        both = [
            subprocess.Popen(
                [sys.executable, "-c", MIGRATE, str(path), start],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        for process in both:
            out, err = process.communicate(timeout=60)
            assert (out.strip(), err) == (str(VERSION), "")


def test_waits_for_another_one_that_writes(tmp_path: Path) -> None:
    """Switching to write-ahead logging does not wait by itself."""
    path = tmp_path / "index.db"
    with closing(opened(path)) as other, closing(opened(path)) as connection:
        other.execute("CREATE TABLE unrelated (x)")
        other.execute("BEGIN IMMEDIATE")
        with pytest.MonkeyPatch.context() as patch:
            connection.execute("PRAGMA busy_timeout = 0")
            patch.setattr(time, "sleep", lambda _: other.execute("COMMIT"))
            migrate(connection, path)
    assert version(path) == VERSION


def test_a_failing_step_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "index.db"
    monkeypatch.setattr(migrations, "STEPS", ("CREATE TABLE one (x); CREATE TABLE one (x)",))
    with closing(opened(path)) as connection:
        with pytest.raises(sqlite3.OperationalError, match="already exists"):
            migrate(connection, path)
        assert not connection.in_transaction
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    assert version(path) == 0


def test_an_older_index_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = LocalIndex(tmp_path)
    index.add(make_fingerprint("kept", 1), "/models/kept")
    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, "ALTER TABLE models ADD COLUMN note TEXT"))
    monkeypatch.setattr(migrations, "VERSION", VERSION + 1)
    assert index.get("kept") is not None
    assert version(tmp_path / "index.db") == VERSION + 1
    with closing(opened(tmp_path / "index.db")) as connection:
        assert connection.execute("SELECT note FROM models").fetchall() == [(None,)]


def test_a_newer_index_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with closing(opened(path)) as connection:
        connection.execute("CREATE TABLE models (something TEXT)")
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    before = path.read_bytes()
    index = LocalIndex(tmp_path)
    for call in (lambda: index.count(), lambda: index.add(make_fingerprint("a", 1), "/a"), lambda: index.get("a")):
        with pytest.raises(IndexError_) as raised:
            call()
        assert raised.value.exit_code == 4
        assert f"version {VERSION + 1}" in raised.value.message and str(path) in raised.value.message
        assert "upgrade" in raised.value.hint
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["index.db"]
