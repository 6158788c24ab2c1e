"""The index's schema, one step per version; an index of an older Forebear is brought up to date when it is opened."""

from __future__ import annotations

import sqlite3

from forebear.errors import IndexError_

STEPS: tuple[str, ...] = (
    # 1: records, and the rows of codes.bin that have ever been given out
    """
    CREATE TABLE models (
        name TEXT PRIMARY KEY,
        digest TEXT NOT NULL,
        row INTEGER NOT NULL UNIQUE,
        checksum TEXT NOT NULL,
        location TEXT NOT NULL,
        added TEXT NOT NULL,
        record TEXT NOT NULL,
        signature BLOB NOT NULL
    ) STRICT;
    CREATE INDEX models_digest ON models (digest);
    CREATE TABLE rows (row INTEGER PRIMARY KEY) STRICT;
    """,
)
"""Every step, oldest first; never edited once released, only added to."""

VERSION = len(STEPS)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to :data:`VERSION`.

    Raises:
        IndexError_: it was written by a newer Forebear.
    """
    if _version(connection) == VERSION:
        return
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)  # another process may have done it meanwhile
        if version > VERSION:
            raise IndexError_(
                f"the index has version {version}, this Forebear knows up to {VERSION}", "upgrade Forebear"
            )
        for step in STEPS[version:]:
            for statement in step.split(";"):
                if statement.strip():
                    connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
