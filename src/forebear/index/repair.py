"""A damaged index put right: what is intact goes into fresh files, which then take the place of the old ones.

Every record is held against its seal and its row of codes against the record's checksum, so nothing is kept that is not
what was written. Rows keep their numbers: whichever of the two files is already the new one when the machine stops, a
record still points to its own code or to one that its checksum refuses. The old files stay under another name.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from forebear.errors import IndexError_
from forebear.index.base import Provenance
from forebear.index.local import home
from forebear.index.migrations import BUSY_SECONDS, START_OVER, VERSION, migrate
from forebear.index.records import provenance_record, text_bytes
from forebear.index.salvage import (
    UNREADABLE,
    Damaged,
    checked_beside,
    checked_model,
    names_in_index,
    rows_of,
    text_of,
)
from forebear.index.search import ROW_BYTES
from forebear.index.storage import NO_ROOM, Storage

DERIVED = frozenset(("tally", "shapes", "rows", "changes"))
"""Tables that the others give."""
BESIDE = ("sketches", "towers", "provenance")
COPIED_ROWS = 4_096


@dataclass(frozen=True)
class Loss:
    """Something that could not be kept.

    Attributes:
        name: of the reference, "" where not even that can be read.
        what: ``reference`` where all of it is lost, else the part: ``sketches``, ``towers`` or ``provenance``.
        why: a clause.
        location: where the model was read from when it was added, "" where that is lost as well.
    """

    name: str
    what: str
    why: str
    location: str = ""


@dataclass(frozen=True)
class Repair:
    """What a repair found and did.

    Attributes:
        path: of the index.
        damaged: whether anything was wrong.
        kept: references that are intact.
        losses: by name.
        old: where the damaged files are now, "" where nothing was changed.
    """

    path: str
    damaged: bool
    kept: int
    losses: tuple[Loss, ...]
    old: str


def repair(folder: Path | None = None, on_step: Callable[[str], None] = lambda _: None) -> Repair:
    """Keep what is intact of an index. Nothing is changed where nothing is wrong; no other process should write.

    Args:
        folder: default :func:`~forebear.index.local.home`.
        on_step: told what is being done.

    Raises:
        IndexError_: nothing of the records can be read, a newer Forebear wrote them, another process is writing, or
            there is no room for the fresh files. The index is then as it was.
    """
    files = Storage(folder or home())
    if files.absent():
        return Repair(str(files.folder), False, 0, (), "")
    fresh = None
    try:
        fresh = Path(tempfile.mkdtemp(prefix=".repair-", dir=files.folder))
        new = Storage(fresh)
        with closing(sqlite3.connect(files.database, timeout=BUSY_SECONDS, isolation_level=None)) as old:
            old.text_factory = bytes
            sound = _opened(old, files)
            with new.open(write=True) as db:
                done = _Copy(old, db, files)
                losses = done.run(on_step, sound)
        if sound and not losses:
            return Repair(str(files.folder), False, done.kept, (), "")
        before = _stamp(files)
        on_step("copying codes")
        _copy_codes(files, new, done.live)
        if _stamp(files) != before:
            raise IndexError_(f"{files.folder}: another process wrote to the index meanwhile", "run repair again")
        return Repair(str(files.folder), True, done.kept, losses, str(_swap(files, new)))
    except UNREADABLE as error:
        said = "its schema is damaged" if isinstance(error, UnicodeDecodeError) else str(error)
        raise IndexError_(f"{files.database}: {said}", _hint(error)) from None
    except OSError as error:
        raise IndexError_(f"{files.folder}: {error.strerror}", NO_ROOM) from None
    finally:
        if fresh is not None:
            shutil.rmtree(fresh, ignore_errors=True)


def _hint(error: Exception) -> str:
    busy = getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return "another process is writing to it; try again" if busy else f"nothing of it can be read: {START_OVER}"


def _opened(old: sqlite3.Connection, files: Storage) -> bool:
    """Whether the database is sound; the write lock is held as far as damage allows."""
    version = int(old.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        migrate(old, files.database)  # which refuses it in words
    if old.execute("SELECT 1 FROM sqlite_master WHERE name = 'models'").fetchone() is None:
        raise IndexError_(f"{files.database}: has lost its records", START_OVER)
    try:
        old.execute("BEGIN IMMEDIATE")
        return bool(old.execute("PRAGMA integrity_check(1)").fetchone()[0] == b"ok")
    except UNREADABLE as error:
        if _hint(error).startswith("another"):
            raise
        return False


class _Copy:
    """One pass over a damaged database into a fresh one.

    Attributes:
        kept: references so far.
        live: rows of codes that they point to, with their names.
    """

    def __init__(self, old: sqlite3.Connection, new: sqlite3.Connection, files: Storage) -> None:
        self._old, self._new, self._files = old, new, files
        self._losses: list[Loss] = []
        self._types: dict[str, dict[str, str]] = {}
        self.kept = 0
        self.live: dict[int, str] = {}

    def run(self, on_step: Callable[[str], None], sound: bool) -> tuple[Loss, ...]:
        """Copy all tables; what was lost, by name. ``sound`` says whether no page is damaged."""
        last = self._files.codes.stat().st_size // ROW_BYTES - 1 if self._files.codes.exists() else -1
        on_step("checking records")
        for row in rows_of(self._old, "models", last + 1):
            self._model(row)
        for table in BESIDE:
            on_step(f"checking {table}")
            for row in self._rows(table, last + 1):
                self._beside(table, row)
        if not sound or self._losses:
            self._guard()
        every = self._new.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        for table in sorted({r[0] for r in every} - DERIVED - {"models", *BESIDE}):
            for row in self._rows(table, 1_000_000):
                self._put(table, row)
        told = {loss.name for loss in self._losses} | set(self.live.values())
        for name in sorted(names_in_index(self._old)):
            if text_of(name) not in told:
                self._losses.append(Loss(text_of(name), "reference", "its record lies on a damaged page"))
        last = max(last, *self.live) if self.live else last
        if last >= 0:  # rows are never given out twice
            self._new.execute("INSERT INTO rows (row) VALUES (?)", (last,))
        return tuple(sorted(self._losses, key=lambda loss: (loss.name, loss.what)))

    def _rows(self, table: str, most: int) -> Iterable[dict[str, Any]]:
        there = self._old.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        return rows_of(self._old, table, most) if there else []  # an older Forebear's index lacks some

    def _model(self, row: dict[str, Any]) -> None:
        name, number = text_of(row["name"]), row["row"]
        try:
            payload = self._files.read_row(number) if isinstance(number, int) and number >= 0 else b""
            try:
                checked_model(row, payload)
            except UnicodeError:
                raise Damaged("its record is damaged") from None
            if not self._put("models", row):
                raise Damaged("its record stands twice")
        except Damaged as damage:
            self._losses.append(Loss(name, "reference", str(damage), text_of(row["location"])))
        else:
            self.live[number] = name
            self.kept += 1

    def _beside(self, table: str, row: dict[str, Any]) -> None:
        name = self.live.get(row["row"])
        if name is None:
            return  # of a reference that is lost, or was removed
        try:
            checked_beside(table, row, name)
            if not self._put(table, row):
                raise Damaged(f"{table} stand twice")
        except Damaged as damage:
            where = self._new.execute("SELECT location FROM models WHERE row = ?", (row["row"],)).fetchone()
            self._losses.append(Loss(name, table, str(damage), where[0] if where else ""))

    def _guard(self) -> None:
        """Keep as private what may have been: guarded references have no location, and their provenance is lost."""
        nowhere = "SELECT row, name FROM models WHERE location = '' AND row NOT IN (SELECT row FROM provenance)"
        for row, name in self._new.execute(nowhere).fetchall():
            record = text_bytes(provenance_record(Provenance(private=True)))
            self._put("provenance", {"row": row, "record": record})
            self._losses = [x for x in self._losses if (x.name, x.what) != (name, "provenance")]
            self._losses.append(Loss(name, "provenance", "it is damaged or gone; kept as a private one"))

    def _put(self, table: str, row: dict[str, Any]) -> bool:
        """Whether a row could be written: the fresh tables refuse values of another type, and names twice."""
        if table not in self._types:
            columns = self._new.execute(f"PRAGMA table_info({table})").fetchall()
            self._types[table] = {c["name"]: c["type"] for c in columns}
        types = self._types[table]
        known = {key: value for key, value in row.items() if key in types}
        values = ", ".join("CAST(? AS TEXT)" if types[key] == "TEXT" else "?" for key in known)
        try:
            self._new.execute(f"INSERT INTO {table} ({', '.join(known)}) VALUES ({values})", tuple(known.values()))
        except sqlite3.IntegrityError:
            return False
        return True


def _copy_codes(files: Storage, new: Storage, live: dict[int, str]) -> None:
    """Codes of live rows at their places, zeros elsewhere."""
    rows = max(files.codes.stat().st_size // ROW_BYTES if files.codes.exists() else 0, max(live, default=-1) + 1)
    blank = bytes(ROW_BYTES)
    with open(new.codes, "wb") as stream:
        for first in range(0, rows, COPIED_ROWS):
            numbers = range(first, min(first + COPIED_ROWS, rows))
            stream.write(b"".join(files.read_row(k) if k in live else blank for k in numbers))
        stream.flush()
        os.fsync(stream.fileno())


def _stamp(files: Storage) -> tuple[tuple[int, int] | None, ...]:
    """Sizes and times of the files, another one after anybody wrote."""
    wal = files.database.with_name("index.db-wal")
    return tuple((p.stat().st_size, p.stat().st_mtime_ns) if p.exists() else None for p in (files.database, wal))


def _swap(files: Storage, new: Storage) -> Path:
    """Put the fresh files in place, each at once; where the old ones are kept."""
    stem = f"damaged-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    kept = next(p for k in range(1000) if not (p := files.folder / (f"{stem}-{k}" if k else stem)).exists())
    kept.mkdir()
    for path in (files.database, files.codes):
        if path.exists():
            try:
                os.link(path, kept / path.name)
            except OSError:  # a file system without links
                shutil.copy2(path, kept / path.name)
    for end in ("-wal", "-shm"):  # before the new database is there, to which they do not belong
        with suppress(FileNotFoundError):
            files.database.with_name(f"index.db{end}").rename(kept / f"index.db{end}")
    new.codes.replace(files.codes)
    new.database.replace(files.database)
    with suppress(OSError):
        descriptor = os.open(files.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return kept
