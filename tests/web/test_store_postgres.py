"""What only the store in PostgreSQL has: migrations, schemas, several servers on one database."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from forebear.errors import IndexError_, UsageError
from forebear.web.app import create_app
from forebear.web.settings import Settings
from forebear.web.store import Job, Session, Store, open_store

pytest.importorskip("psycopg", reason="needs the [postgres] extra")

from forebear.index import open_index
from forebear.index.postgres.database import Cursor
from forebear.web.store.postgres import NEXT, OWNERS, PostgresStore
from forebear.web.store.postgres_tables import TABLES
from index.fingerprints import make_fingerprint


def test_servers_that_start_at_once_make_the_tables_once(database: str, tmp_path: Path) -> None:
    made: list[Store] = []
    threads = [threading.Thread(target=lambda: made.append(open_store(tmp_path, database))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4 and made[0].jobs(None, 1) == []
    for store in made:
        store.close()


def test_a_database_of_the_first_version_gets_the_tables_of_sessions(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("forebear.web.store.postgres.TABLES", replace(TABLES, steps=TABLES.steps[:1]))
        old = open_store(tmp_path, database)
        old.add_job(Job("one", "a", "scan", {}))
        with pytest.raises(IndexError_, match="damaged"):
            old.session("s")
        old.close()
    store = open_store(tmp_path, database)
    store.add_session(Session("s", "ann", 1e12), 2, 9)
    assert store.take_form("s", "a", 9) is None and store.take_form("s", "a", 9) == "" and store.job("one") is not None
    store.end_session("s")
    assert store.session("s") is None and store._rows("SELECT * FROM forms") == []  # type: ignore[attr-defined]
    store.close()


def test_a_database_of_before_the_counter_gets_it_from_its_results(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("forebear.web.store.postgres.TABLES", replace(TABLES, steps=TABLES.steps[:2]))
        old = open_store(tmp_path, database)
        for k, result in enumerate((b"12345", b"6", None)):
            old.add_job(Job(f"j{k}", "aab"[k], "scan", {}, created="2026"))
            assert old.claim("s") is not None
            old._changed(  # type: ignore[attr-defined]
                "UPDATE jobs SET state = 'done', ended = '2026', result = %b WHERE id = %s", result, f"j{k}"
            )
    store = open_store(tmp_path, database)
    old._changed("UPDATE jobs SET result = '67' WHERE id = 'j1'")  # type: ignore[attr-defined] # the older one goes on
    assert (store.kept("a"), store.kept("b")) == (7, 0)
    assert store.remove("j0") and store.kept("a") == 2 and store.expire("2027") == 2 and store.kept("a") == 0
    old.close()
    store.close()


def plans(store: PostgresStore, sql: str, *values: object) -> list[dict[str, Any]]:
    """Every node of what the server did for a statement."""
    document = store._rows(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *values)[0]["QUERY PLAN"]
    waiting, nodes = [document[0]["Plan"]], []
    while waiting:
        nodes.append(waiting.pop())
        waiting += nodes[-1].get("Plans", ())
    return nodes


def test_a_job_is_claimed_without_looking_at_all_that_wait(database: str, tmp_path: Path) -> None:
    """Of four thousand jobs of four owners no more rows are read than of four hundred, and none are sorted."""
    store = open_store(tmp_path, database)
    assert isinstance(store, PostgresStore)
    read = []
    for more in (400, 3600):
        store._changed(
            "INSERT INTO jobs (id, owner, kind, request, state, attempts, created) SELECT gen_random_uuid()::text,"
            " substr('abcd', 1 + mod(g, 4), 1), 'scan', '{}', 'queued', 0, '' FROM generate_series(1, %s) g",
            more,
        )
        store._changed("ANALYZE jobs")
        found = plans(store, OWNERS, "s")
        lock = NEXT[NEXT.index("(\n") + 1 : NEXT.rindex(")")].replace("FOR UPDATE SKIP LOCKED", "")
        found += plans(store, lock, "a", "s")
        assert not [n for n in found if n["Node Type"] in ("Sort", "Seq Scan", "Incremental Sort")]
        scans = [n for n in found if "Relation Name" in n]
        read.append(sum((n["Actual Rows"] + n.get("Rows Removed by Filter", 0)) * n["Actual Loops"] for n in scans))
    assert read[1] <= read[0] < 25
    assert [job.owner for _ in range(5) if (job := store.claim("s"))] == ["b", "c", "d", "a", "b"]
    store.close()


def test_the_next_job_of_an_owner_is_taken_where_the_first_is_just_being_taken(database: str, tmp_path: Path) -> None:
    first, second = (open_store(tmp_path, database) for _ in range(2))
    assert isinstance(first, PostgresStore)
    for id, owner in (("a0", "a"), ("a1", "a"), ("b0", "b")):
        first.add_job(Job(id, owner, "scan", {}))

    def while_it_is_locked(cursor: Cursor) -> list[str]:
        cursor.execute("SELECT 1 FROM jobs WHERE id IN ('a0', 'b0') FOR UPDATE")
        return [job.id for _ in range(3) if (job := second.claim("t")) is not None]

    assert first._change(while_it_is_locked) == ["a1"]
    assert [job.id for _ in range(3) if (job := second.claim("t")) is not None] == ["b0", "a0"]
    first.close()
    second.close()


def test_a_newer_one_and_an_index_are_refused(database: str, tmp_path: Path) -> None:
    store = open_store(tmp_path, database)
    store._changed("UPDATE service_version SET version = 99")  # type: ignore[attr-defined]
    store.close()
    with pytest.raises(IndexError_, match="the service has version 99"):
        open_store(tmp_path, database)
    index = open_index(f"{database}x")
    index.add(make_fingerprint("m", 1), "/m")
    with pytest.raises(IndexError_, match="holds something else"):
        open_store(tmp_path, f"{database}x")


def test_no_password_is_told(tmp_path: Path) -> None:
    address = "postgresql://me:pa55w0rd@127.0.0.1:1/m?connect_timeout=2"
    with pytest.raises(IndexError_) as raised:
        open_store(tmp_path, address)
    assert "pa55w0rd" not in str(raised.value) and "me@127.0.0.1:1/m" in str(raised.value)
    assert "pa55w0rd" not in repr(Settings(tmp_path, database=address))


def test_servers_of_one_database_share_a_folder(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREBEAR_HOME", str(tmp_path))
    first, second = (create_app(Settings(tmp_path / "a", database=database)) for _ in range(2))
    assert len(first.state.service.store.servers()) == 2
    with pytest.raises(UsageError, match="keeps its uploads elsewhere"):
        create_app(Settings(tmp_path / "b", database=database))
    store = first.state.service.store
    assert len(store.servers()) == 2
    store.add_job(Job("one", "a", "scan", {}))
    for app in (first, second):
        app.state.service.crew.stop()
        app.state.service.store.close()
    assert store.servers() == {}
    third = create_app(Settings(tmp_path / "b", database=database))  # nobody alive keeps them elsewhere
    third.state.service.crew.stop()
    third.state.service.store.close()
