"""How a model is written into the local index's tables; inside a transaction of the caller's."""

from __future__ import annotations

import sqlite3

from forebear.index.base import Addition
from forebear.index.records import (
    SKETCHES,
    checksum,
    provenance_record,
    record_of,
    seal,
    sketches_of,
    stays,
    text_bytes,
)
from forebear.index.tally import note
from forebear.index.towers import put_towers
from forebear.signals import Fingerprint
from forebear.types import created

COLUMNS = "name, digest, row, checksum, location, added, record, signature, seal"


def insert(db: sqlite3.Connection, row: int, payload: bytes, addition: Addition) -> None:
    """A new record and what is kept beside it."""
    mark = addition.fingerprint
    record, signature = record_of(mark), mark.code.signature.astype("<f2").tobytes()
    db.execute("INSERT INTO rows (row) VALUES (?)", (row,))
    db.execute(
        f"INSERT INTO models ({COLUMNS}) VALUES (?, ?, ?, ?, CAST(? AS TEXT), ?, ?, ?, ?)",
        (
            mark.name,
            mark.digest,
            row,
            checksum(payload),
            text_bytes(addition.location),
            created(),
            record,
            signature,
            seal(mark.name, mark.digest, record, signature),
        ),
    )
    _put_beside(db, row, addition, new=True)


def keep_beside(db: sqlite3.Connection, row: int, addition: Addition) -> None:
    """The same model again: it may have moved, and more may have been measured of it. A private one stays as it is."""
    stored = db.execute("SELECT record FROM provenance WHERE row = ?", (row,)).fetchone()
    if stays(stored[0] if stored else None, addition):
        return
    name = addition.fingerprint.name
    note(db, name)
    db.execute("UPDATE models SET location = CAST(? AS TEXT) WHERE name = ?", (text_bytes(addition.location), name))
    _put_beside(db, row, addition)


def _put_beside(db: sqlite3.Connection, row: int, addition: Addition, new: bool = False) -> None:
    _put_sketches(db, row, addition.fingerprint)
    if addition.fingerprint.towers or not new:
        put_towers(db, row, addition.fingerprint)
    if addition.provenance is not None:
        db.execute(
            "INSERT OR REPLACE INTO provenance (row, record) VALUES (?, CAST(? AS TEXT))",
            (row, text_bytes(provenance_record(addition.provenance))),
        )


def forget(db: sqlite3.Connection, row: int) -> None:
    """Drop the record of a row, and what is kept beside it."""
    note(db, db.execute("SELECT name FROM models WHERE row = ?", (row,)).fetchone()[0])
    for table in ("models", "sketches", "towers", "provenance"):
        db.execute(f"DELETE FROM {table} WHERE row = ?", (row,))


def _put_sketches(db: sqlite3.Connection, row: int, fingerprint: Fingerprint) -> None:
    """Keep what was measured; what was not leaves what is there."""
    sketches = sketches_of(fingerprint)
    if any(s is not None for s in sketches):
        kept = ", ".join(f"{column} = coalesce(excluded.{column}, {column})" for column in SKETCHES)
        db.execute(
            f"INSERT INTO sketches (row, {', '.join(SKETCHES)}) VALUES (?, ?, ?, ?)"
            f" ON CONFLICT (row) DO UPDATE SET {kept}",
            (row, *sketches),
        )
