"""Which store a service has: a file of its own, or the database that the operator names."""

from __future__ import annotations

from pathlib import Path

from forebear.errors import MissingExtra, UsageError
from forebear.web.store.base import Store
from forebear.web.store.sqlite import SqliteStore

POSTGRES = ("postgresql://", "postgres://")
FILE = "service.sqlite"


def open_store(home: Path, address: str = "") -> Store:
    """The store of a service; made, or brought to the newest version, where that is needed.

    Args:
        home: folder of the service, where the file lies.
        address: of a PostgreSQL database (the extra ``postgres``), "" for the file.

    Raises:
        UsageError: it is no such address, or the file cannot be written.
        IndexError_: the database cannot be reached or is not a service's.
    """
    if not address:
        return SqliteStore(home / FILE)
    if not address.startswith(POSTGRES):  # not repeated: it may hold a password
        raise UsageError("--database: no address of a database", "give postgresql://user@host:5432/database")
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise MissingExtra("postgres", "a service's data in PostgreSQL") from None
    from forebear.web.store.postgres import PostgresStore

    return PostgresStore(address)
