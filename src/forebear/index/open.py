"""Which index a command works on: the one on this machine, or the one that ``FOREBEAR_INDEX`` names."""

from __future__ import annotations

import os
import re
from pathlib import Path

from forebear.errors import MissingExtra, UsageError, one_line
from forebear.index.base import Index
from forebear.index.blackbox import RecordStore
from forebear.index.local import LocalIndex
from forebear.index.local_records import LocalRecords

POSTGRES = ("postgresql://", "postgres://")
_MISSPELT = re.compile(r"^postgres\w*:|\bpassword=", re.IGNORECASE)


def open_index(where: str | None = None) -> Index:
    """The index at a place.

    Args:
        where: a folder, or the address of a PostgreSQL database (``postgresql://…``, the extra ``[postgres]``); default
            ``FOREBEAR_INDEX``, else the index of this machine.

    Raises:
        UsageError: it is neither.
        IndexError_: a database cannot be reached, or is not an index.
    """
    chosen = _chosen(where)
    if chosen.startswith(POSTGRES):
        _need_psycopg()
        from forebear.index.postgres import PostgresIndex

        return PostgresIndex(chosen)
    return LocalIndex(Path(chosen).expanduser() if chosen else None)


def open_records(where: str | None = None) -> RecordStore:
    """Tokenizers and behaviours of the index at a place; see :func:`open_index`."""
    chosen = _chosen(where)
    if chosen.startswith(POSTGRES):
        _need_psycopg()
        from forebear.index.postgres import PostgresRecords

        return PostgresRecords(chosen)
    return LocalRecords(Path(chosen).expanduser() if chosen else None)


def _chosen(where: str | None) -> str:
    chosen = where if where is not None else os.environ.get("FOREBEAR_INDEX", "")
    if "://" in chosen and not chosen.startswith(POSTGRES):
        scheme = one_line(chosen.split("://", 1)[0])[:40]
        raise UsageError(f"no index can be opened by {scheme}://", "give a folder or postgresql://…")
    if "://" not in chosen and _MISSPELT.search(chosen):  # as a folder it would be made, and its name shown
        raise UsageError(
            "the address of the index cannot be read", "a database is postgresql://user@host:5432/database"
        )
    return chosen


def _need_psycopg() -> None:
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise MissingExtra("postgres", "an index in PostgreSQL") from None
