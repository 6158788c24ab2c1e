"""What only the store in PostgreSQL has: migrations, schemas, several servers on one database."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from forebear.errors import IndexError_, UsageError
from forebear.web.app import create_app
from forebear.web.settings import Settings
from forebear.web.store import Job, Session, Store, open_store

pytest.importorskip("psycopg", reason="needs the [postgres] extra")

from forebear.index import open_index
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
