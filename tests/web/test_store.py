"""What outlives the process."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from forebear.errors import IndexError_, UsageError
from forebear.web.store import Job, SqliteStore, State, Upload
from forebear.web.store.sqlite import MOST_EVENTS


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "home" / "service.sqlite")


def job(id: str, owner: str = "a") -> Job:
    return Job(id, owner, "scan", {"target": "org/name"})


def test_a_finished_job_outlives_the_process_and_others_wait_again(store: SqliteStore) -> None:
    for id in ("one", "two", "three"):
        store.add_job(job(id))
    assert [j.id for j in (store.claim(), store.claim()) if j] == ["one", "two"]
    store.tell("one", "reading\x1b[2J the model")
    assert store.finish("one", State.DONE, b"{}", None)
    left = SqliteStore(store.path)  # as after kill -9: nothing was closed
    assert left.recover() == 1
    assert [(j.id, j.state, j.attempts) for j in left.jobs("a", 10)] == [
        ("three", State.QUEUED, 0),
        ("two", State.QUEUED, 1),
        ("one", State.DONE, 1),
    ]
    assert left.result("one") == b"{}" and left.result("two") is None
    assert [(e.seq, e.kind, e.text) for e in left.events("one")] == [
        (1, "state", "queued"),
        (2, "state", "running"),
        (3, "step", "reading [2J the model"),
        (4, "state", "done"),
    ]
    assert [e.seq for e in left.events("one", 3)] == [4] and left.events("one", 10**30) == []


def test_what_was_cancelled_stays_so(store: SqliteStore) -> None:
    store.add_job(job("one"))
    store.claim()
    assert store.cancel("one") and not store.cancel("one")
    assert not store.finish("one", State.DONE, b"{}", None) and not store.again("one")
    found = store.job("one")
    assert found is not None and found.state is State.CANCELLED and store.result("one") is None
    store.tell("one", "late")
    assert [e.kind for e in store.events("one")] == ["state"] * 3


def test_who_asks_much_does_not_keep_others_waiting(store: SqliteStore) -> None:
    for k in range(5):
        store.add_job(job(f"a{k}"))
    store.add_job(job("b0", "b"))
    assert [j.id for j in (store.claim(), store.claim(), store.claim()) if j] == ["a0", "b0", "a1"]
    assert store.unfinished("a") == 5 and store.unfinished("b") == 1


def test_jobs_in_pages_and_their_end(store: SqliteStore) -> None:
    for k in range(5):
        store.add_job(job(f"j{k}", "ab"[k % 2]))
    assert [j.id for j in store.jobs(None, 2)] == ["j4", "j3"]
    assert [j.id for j in store.jobs("a", 2, before="j4")] == ["j2", "j0"]
    assert not store.remove("j0") and store.cancel("j0") and store.expire("2000-01-01T00:00:00Z") == 0
    assert store.expire("9000-01-01T00:00:00Z") == 1 and store.job("j0") is None and store.events("j0") == []
    assert store.claim() is not None and not store.remove("j1")


def test_steps_are_bounded_and_the_end_is_told(store: SqliteStore) -> None:
    store.add_job(job("one"))
    store.claim()
    store._db.execute("INSERT INTO events VALUES ('one', ?, '', 'step', 'x')", (MOST_EVENTS,))
    store.tell("one", "one too many")
    store.finish("one", State.FAILED, None, {"message": "no"})
    assert [e.text for e in store.events("one")][-2:] == ["x", "failed"]


def test_uploads(store: SqliteStore) -> None:
    store.add_upload(Upload("u", "a", "model", 1.0))
    store.grow("u", 10)
    assert store.uploads("a") == [Upload("u", "a", "model", 1.0, 10, 1)] and store.uploads("b") == []
    store.drop_upload("u")
    assert store.upload("u") is None


def test_only_its_user_reads_it_and_other_files_are_refused(store: SqliteStore, tmp_path: Path) -> None:
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
