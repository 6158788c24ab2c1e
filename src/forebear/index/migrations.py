"""The index's schema, one step per version; an index of an older Forebear is brought up to date when it is opened."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from forebear.errors import IndexError_

_VALID = "CASE WHEN json_valid({0}) THEN {0} END"  # a damaged record has no shape, and is no reason to fail
_SHAPE_OF = (
    f"coalesce(json_extract({_VALID}, '$.shape'), 'null'),"
    f" CAST(json_extract({_VALID}, '$.shape.width') AS INTEGER),"
    f" CAST(coalesce(json_extract({_VALID}, '$.shape.family'), 'unknown') AS TEXT)"
)
_ONE_MORE = (
    f"INSERT INTO shapes SELECT {_SHAPE_OF.format('NEW.record')}, 1 WHERE true"
    " ON CONFLICT (shape) DO UPDATE SET models = models + 1;"
)
_ONE_LESS = (
    f"UPDATE shapes SET models = models - 1"
    f" WHERE shape = coalesce(json_extract({_VALID.format('OLD.record')}, '$.shape'), 'null');"
)
_TO_COMPARE = "{0}spectra IS NOT NULL OR {0}tokens IS NOT NULL"

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
    # 2: sketches that outlast a change of coordinates, apart from the records because they are large
    """
    CREATE TABLE sketches (row INTEGER PRIMARY KEY, spectra BLOB, tokens BLOB) STRICT;
    """,
    # 3: the sketch of activations, where one was asked for
    """
    ALTER TABLE sketches ADD COLUMN activations BLOB;
    """,
    # 4: what models behind an API are compared with: a user's tokenizers, and how enrolled models continue texts
    """
    CREATE TABLE tokenizers (
        name TEXT PRIMARY KEY,
        battery TEXT NOT NULL,
        added TEXT NOT NULL,
        record TEXT NOT NULL
    ) STRICT;
    CREATE TABLE behaviours (
        name TEXT PRIMARY KEY,
        prompts TEXT NOT NULL,
        added TEXT NOT NULL,
        record TEXT NOT NULL
    ) STRICT;
    """,
    # 5: encoders beside a language model, each with a code of its own
    """
    CREATE TABLE towers (
        row INTEGER NOT NULL,
        place INTEGER NOT NULL,
        record TEXT NOT NULL,
        code BLOB NOT NULL,
        signature BLOB NOT NULL,
        PRIMARY KEY (row, place)
    ) STRICT;
    """,
    # 6: who measured a fingerprint, and what hubs say about repositories, read or not
    """
    CREATE TABLE provenance (row INTEGER PRIMARY KEY, record TEXT NOT NULL) STRICT;
    CREATE TABLE listings (
        name TEXT NOT NULL,
        revision TEXT NOT NULL,
        seen TEXT NOT NULL,
        record TEXT NOT NULL,
        PRIMARY KEY (name, revision, record)
    ) STRICT;
    """,
    # 7: what is asked of the whole index, kept by triggers so that nobody has to read a million records for it
    """
    CREATE TABLE tally (models INTEGER NOT NULL, changes INTEGER NOT NULL, born TEXT NOT NULL) STRICT;
    INSERT INTO tally SELECT count(*), 0, lower(hex(randomblob(16))) FROM models;
    CREATE TABLE shapes (
        shape TEXT PRIMARY KEY,
        width INTEGER,
        family TEXT NOT NULL,
        models INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX shapes_width ON shapes (width);
    ALTER TABLE models ADD COLUMN seal TEXT;
    """
    + "".join(
        f"CREATE TRIGGER models_{name} AFTER {event} ON models BEGIN {does} UPDATE tally SET {change}; END;"
        for name, event, does, change in (
            ("come", "INSERT", _ONE_MORE, "models = models + 1, changes = changes + 1"),
            ("go", "DELETE", _ONE_LESS, "models = models - 1, changes = changes + 1"),
            ("change", "UPDATE OF record", _ONE_LESS + _ONE_MORE, "changes = changes + 1"),
        )
    )
    + """
    CREATE TRIGGER models_move AFTER UPDATE OF location, digest, row ON models
        WHEN (OLD.location, OLD.digest, OLD.row) IS NOT (NEW.location, NEW.digest, NEW.row)
        BEGIN UPDATE tally SET changes = changes + 1; END;
    CREATE TRIGGER sketches_come AFTER INSERT ON sketches BEGIN UPDATE tally SET changes = changes + 1; END;
    CREATE TRIGGER sketches_go AFTER DELETE ON sketches BEGIN UPDATE tally SET changes = changes + 1; END;
    CREATE TRIGGER sketches_change AFTER UPDATE ON sketches
        WHEN (OLD.spectra, OLD.tokens, OLD.activations) IS NOT (NEW.spectra, NEW.tokens, NEW.activations)
        BEGIN UPDATE tally SET changes = changes + 1; END;
    CREATE TRIGGER towers_come AFTER INSERT ON towers BEGIN UPDATE tally SET changes = changes + 1; END;
    CREATE TRIGGER towers_go AFTER DELETE ON towers BEGIN UPDATE tally SET changes = changes + 1; END;
    """
    + f"INSERT INTO shapes SELECT {_SHAPE_OF.format('record')}, count(*) FROM models GROUP BY 1;",
    # 8: how many sketches there are to compare, and which references went or changed when (new ones have new rows)
    f"""
    ALTER TABLE tally ADD COLUMN sketched INTEGER NOT NULL DEFAULT 0;
    UPDATE tally SET sketched = (SELECT count(*) FROM sketches WHERE {_TO_COMPARE.format("")});
    CREATE TRIGGER sketched_come AFTER INSERT ON sketches WHEN {_TO_COMPARE.format("NEW.")}
        BEGIN UPDATE tally SET sketched = sketched + 1; END;
    CREATE TRIGGER sketched_go AFTER DELETE ON sketches WHEN {_TO_COMPARE.format("OLD.")}
        BEGIN UPDATE tally SET sketched = sketched - 1; END;
    CREATE TRIGGER sketched_change AFTER UPDATE ON sketches
        WHEN ({_TO_COMPARE.format("NEW.")}) <> ({_TO_COMPARE.format("OLD.")})
        BEGIN UPDATE tally SET sketched = sketched + iif({_TO_COMPARE.format("NEW.")}, 1, -1); END;
    CREATE TABLE changes (name TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE INDEX changes_number ON changes (number);
    """,
)
"""Every step, oldest first; never edited once released, only added to."""

VERSION = len(STEPS)
BUSY_SECONDS = 60
START_OVER = "move the folder away and add the models again"


def migrate(connection: sqlite3.Connection, path: Path, fresh: bool = True) -> None:
    """Bring a database to :data:`VERSION`.

    Args:
        connection: outside any transaction.
        path: of the database, for messages.
        fresh: whether the database may be empty; False where there are codes already.

    Raises:
        IndexError_: it was written by a newer Forebear, or it is empty and may not be.
    """
    if _checked(connection, path, fresh) == VERSION:
        return
    _use_wal(connection)
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in STEPS[_checked(connection, path, fresh) :]:  # another process may have done it meanwhile
            for statement in statements(step):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one; those that make triggers hold semicolons of their own."""
    text = ""
    for piece in script.split(";"):
        text += piece + ";"
        if sqlite3.complete_statement(text):
            if text.strip(" \n;"):
                yield text
            text = ""


def _checked(connection: sqlite3.Connection, path: Path, fresh: bool) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise IndexError_(
            f"{path}: the index has version {version}, this Forebear knows up to {VERSION}", "upgrade Forebear"
        )
    if version < 0 or (version == 0 and not fresh):
        raise IndexError_(f"{path}: has lost its records", START_OVER)
    return version


def _use_wal(connection: sqlite3.Connection) -> None:
    """Write-ahead logging; SQLite does not wait by itself where two processes switch it on at once."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
