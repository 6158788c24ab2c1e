"""What only the store in a file has."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from forebear.errors import IndexError_, UsageError
from forebear.web.store import Session, SqliteStore, State, open_store
from forebear.web.store.sqlite_tables import STEPS


def test_only_its_user_reads_it_and_other_files_are_refused(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "home" / "service.sqlite")
    assert store.path.stat().st_mode & 0o077 == 0 and store.path.parent.stat().st_mode & 0o077 == 0
    (tmp_path / "text").write_text("no database, but long enough to be taken for one" * 9)
    with pytest.raises(IndexError_, match="text"):
        SqliteStore(tmp_path / "text")
    other = sqlite3.connect(tmp_path / "other")
    other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(IndexError_, match="not the database of a service"):
        SqliteStore(tmp_path / "other")
    store._db.execute("PRAGMA user_version = 99")
    with pytest.raises(IndexError_, match="newer"):
        SqliteStore(store.path)
    with pytest.raises(UsageError, match="cannot be written"):
        SqliteStore(tmp_path / "text" / "below")


def test_a_file_of_the_first_version_is_brought_up_and_its_running_job_waits_again(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "service.sqlite")
    for statement in STEPS[0].split(";"):
        old.execute(statement)
    old.execute("PRAGMA user_version = 1")
    old.execute("INSERT INTO jobs VALUES (1, 'one', 'a', 'scan', '{}', 'running', 1, '', '', '', NULL, NULL)")
    old.commit()
    old.close()
    store = open_store(tmp_path)
    assert store.beat("s", 60.0, (), "here") == 1
    found = store.claim("s")
    assert found is not None and (found.id, found.attempts) == ("one", 2) and store.finish(found, State.DONE, b"", None)


def test_a_file_of_before_sessions_gets_their_tables(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "service.sqlite")
    for statement in ";".join(STEPS[:2]).split(";"):
        old.execute(statement)
    old.execute("PRAGMA user_version = 2")
    old.commit()
    old.close()
    store = open_store(tmp_path)
    store.add_session(Session("s", "ann", 1e12), 2, 9)
    assert store.take_form("s", "a", 9) is None and store.take_form("s", "a", 9) == ""
    store.end_session("s")
    store.close()
    kept = sqlite3.connect(tmp_path / "service.sqlite")
    assert kept.execute("SELECT count(*) FROM forms").fetchone() == (0,)  # with their session
    kept.close()


def test_a_file_of_before_the_counter_gets_it_from_its_results(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "service.sqlite")
    old.executescript(";".join(STEPS[:3]))
    old.execute("PRAGMA user_version = 3")
    for number, (owner, result) in enumerate((("a", b"12345"), ("a", b"6"), ("b", None))):
        old.execute(
            "INSERT INTO jobs VALUES (?, ?, ?, 'scan', '{}', 'done', 1, '', '', '2026', NULL, ?, '')",
            (number, f"j{number}", owner, result),
        )
    old.commit()
    old.close()
    store = open_store(tmp_path)
    assert (store.kept("a"), store.kept("b")) == (6, 0)
    assert store.remove("j0") and store.kept("a") == 1 and store.expire("2027") == 2 and store.kept("a") == 0
    store.close()


def test_other_addresses_are_refused_and_not_repeated(tmp_path: Path) -> None:
    for address in ("mysql://me:pa55@h/m", "me:pa55@h", str(tmp_path)):
        with pytest.raises(UsageError, match="no address of a database") as raised:
            open_store(tmp_path, address)
        assert "pa55" not in str(raised.value)
