"""What can still be read of a damaged database, row by row, and which of it is what was written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

from forebear.errors import one_line
from forebear.index.records import checksum, entry_of, is_name, provenance_of, sketched
from forebear.index.search import ROW_BYTES
from forebear.index.towers import DAMAGE, tower_of
from forebear.signals.activations import Activations

BLOCK = 128
"""Rows that are read at a time, and looked for one by one where that fails: 3 MB of sketches."""
UNREADABLE = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What reading a damaged page raises: what SQLite says of it quotes it, and that need not be text."""
MOST_FAILURES = 200_000
"""Rows of one table on damaged pages after which the rest of it is given up: a minute."""


class Damaged(ValueError):
    """Something that was read is not what was written; the message says what."""


def rows_of(db: sqlite3.Connection, table: str, most: int) -> Iterator[dict[str, Any]]:
    """Every row of a table that can be read, text as bytes.

    A page that is damaged hides the rows on it; their neighbours are found by number, block by block, and inside of a
    block that fails one by one.

    Args:
        db: a connection with ``text_factory`` bytes.
        table: one with row numbers.
        most: the largest number that is looked for where the table does not say.
    """
    try:
        last = db.execute(f"SELECT max(rowid) FROM {table}").fetchone()[0]
    except UNREADABLE:
        last = most
    at, failures = 0, 0
    while last is not None and at <= last and failures < MOST_FAILURES:
        try:
            found = _between(db, table, at, last, BLOCK)
        except UNREADABLE:
            found = []
            for number in range(at, min(at + BLOCK, last + 1)):
                try:
                    found += _between(db, table, number, number, 1)
                except UNREADABLE:
                    failures += 1
            at += BLOCK
        else:
            at = found[-1]["_id"] + 1 if found else last + 1
        for row in found:
            yield {key: value for key, value in row.items() if key != "_id"}


def _between(db: sqlite3.Connection, table: str, first: int, last: int, most: int) -> list[dict[str, Any]]:
    query = f"SELECT rowid AS _id, * FROM {table} WHERE rowid BETWEEN ? AND ? ORDER BY rowid LIMIT ?"
    cursor = db.execute(query, (first, last, most))
    names = [column[0] for column in cursor.description]
    found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    if any(not isinstance(row["_id"], int) or not first <= row["_id"] <= last for row in found):
        raise sqlite3.DatabaseError("rows out of order")
    return found


def names_in_index(db: sqlite3.Connection) -> set[bytes]:
    """Names that the tree of names still knows, from both of its ends up to where it is damaged."""
    found: set[bytes] = set()
    for order in ("ASC", "DESC"):
        cursor = db.cursor()
        try:
            cursor.execute(f"SELECT name FROM models ORDER BY name {order}")
            while row := cursor.fetchone():
                found.add(row[0])
        except UNREADABLE:
            continue
    return {name for name in found if isinstance(name, bytes)}


def checked_model(row: Mapping[str, Any], payload: bytes) -> None:
    """Raise :class:`Damaged` unless a record and its row of codes are what was written."""
    if len(payload) < ROW_BYTES:
        raise Damaged("its code is missing")
    seen = readable(row)
    if seen.get("checksum") != checksum(payload):
        raise Damaged("its code is damaged")
    try:
        nothing = dict.fromkeys(("spectra", "tokens", "activations", "provenance"))
        entry = entry_of({"seal": None, **seen, **nothing}, payload)
    except DAMAGE:
        raise Damaged("its record is damaged") from None
    if not is_name(entry.name):
        raise Damaged("its record is damaged")


def checked_beside(table: str, row: Mapping[str, Any], name: str) -> None:
    """Raise :class:`Damaged` unless what is kept beside a record can be read."""
    try:
        if table == "sketches":
            sketched({"name": name, **row})
            if row.get("activations") is not None:
                Activations.from_bytes(row["activations"])
        elif table == "towers":
            tower_of(readable(row))
        else:
            provenance_of(readable(row)["record"])
    except (*DAMAGE, AttributeError):
        raise Damaged("it is damaged" if table == "provenance" else f"{table} are damaged") from None


def readable(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its text as text, except blobs (``signature``, ``code``, sketches)."""
    blobs = {"signature", "code", "spectra", "tokens", "activations"}
    return {
        key: value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) and key not in blobs else value
        for key, value in row.items()
    }


def text_of(value: Any) -> str:
    """Anything that was read, in one line for people."""
    return one_line(value.decode("utf-8", "replace")) if isinstance(value, bytes) else ""
