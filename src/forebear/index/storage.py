"""The two files of the local index: opening, locking and damage."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forebear.errors import IndexError_
from forebear.index.migrations import BUSY_SECONDS, START_OVER, migrate
from forebear.index.search import ROW_BYTES, ROW_WORDS

MOST_TEXT = 8_000_000
"""Bytes that are read of a text file beside the index."""
MEND = f"forebear index repair keeps what is intact; else {START_OVER}"
NO_ROOM = "make room and try again; what was there before is unchanged"
CACHE_KIB = 65_536
"""Pages that a writer keeps: names and digests come in no order, and touch the whole of their trees."""
OWN_FOLDER = "set FOREBEAR_HOME to a folder of your own"


class Storage:
    """``index.db`` and ``codes.bin`` in one folder, which need not exist."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "index.db"
        self.codes = folder / "codes.bin"

    @contextmanager
    def open(self, write: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection; with ``write``, inside one transaction that holds the write lock."""
        try:
            if write:
                self.folder.mkdir(parents=True, exist_ok=True)
            used = self._size() > 0  # before connecting: codes are written only after the schema
            before = self._place()
            with closing(self._connect(write)) as connection:
                connection.row_factory = sqlite3.Row
                connection.text_factory = lambda raw: raw.decode("utf-8", "surrogatepass")
                migrate(connection, self.database, fresh=not used)
                connection.execute(f"PRAGMA cache_size = -{CACHE_KIB if write else 2_000}")
                connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                try:
                    if write and before is not None and self._place() != before:  # a repair, while this one waited
                        raise IndexError_(f"{self.database}: another file was put in its place", "try again")
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:  # SQLite ends it itself after some errors
                        connection.execute("ROLLBACK")
                    raise
        except sqlite3.DatabaseError as error:
            raise IndexError_(f"{self.database}: {error}", _advice(error)) from None
        except UnicodeError:
            raise IndexError_(f"{self.database}: damaged text", MEND) from None
        except PermissionError:
            raise IndexError_(f"{self.folder}: permission denied", OWN_FOLDER) from None
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            raise IndexError_(f"{self.folder}: {error.strerror}", NO_ROOM if full else OWN_FOLDER) from None

    def _connect(self, write: bool) -> sqlite3.Connection:
        if write:
            return sqlite3.connect(self.database, timeout=BUSY_SECONDS, isolation_level=None)
        mode = "mode=rw"
        if not os.access(self.folder, os.W_OK) and not self.database.with_name("index.db-wal").exists():
            mode = "mode=ro&immutable=1"  # else SQLite wants to create files even to read
        uri = f"{self.database.absolute().as_uri()}?{mode}"
        return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)

    def _place(self) -> int | None:
        return self.database.stat().st_ino if self.database.exists() else None

    def _size(self) -> int:
        return self.codes.stat().st_size if self.codes.exists() else 0

    def absent(self) -> bool:
        """Whether there is no index yet."""
        try:
            used = self._size() > 0  # before the next line: a writer creates the database first
            if self.database.exists():
                return False
        except OSError as error:
            raise IndexError_(f"{self.folder}: {error.strerror}", OWN_FOLDER) from None
        if used:
            raise IndexError_(f"{self.database}: missing, though {self.codes.name} is there", START_OVER)
        return True

    def append(self, row: int, payload: bytes) -> None:
        """Write a new row durably; only under the write lock.

        Raises:
            IndexError_: rows before it are missing.
        """
        if row * ROW_BYTES > self._size():
            raise self.short()
        self._write(row, payload)

    def read_row(self, row: int) -> bytes:
        """The bytes of one row; fewer where the file does not hold it."""
        try:
            with open(self.codes, "rb") as stream:
                return os.pread(stream.fileno(), ROW_BYTES, row * ROW_BYTES)
        except (OSError, OverflowError, TypeError):  # as a damaged record may say
            return b""

    def _write(self, row: int, payload: bytes) -> None:
        """All of it, durably, or an error with the file as long as it was."""
        descriptor = os.open(self.codes, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            before, at, left = os.fstat(descriptor).st_size, row * ROW_BYTES, memoryview(payload)
            try:
                while left:  # a disk that is nearly full takes a part and says so only the next time
                    done = os.pwrite(descriptor, left, at)
                    at, left = at + done, left[done:]
                os.fsync(descriptor)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(descriptor, before)
                raise
        finally:
            os.close(descriptor)

    def blank(self, row: int) -> None:
        """Zero a row that no record points to any more; nothing depends on it, so failing is no error."""
        with suppress(OSError, OverflowError, TypeError):
            if self.codes.stat().st_size >= (row + 1) * ROW_BYTES:  # never paper over a file that was cut
                self._write(row, bytes(ROW_BYTES))

    def rows(self) -> NDArray[np.uint64]:
        """All rows, memory-mapped."""
        try:
            size = self.codes.stat().st_size // ROW_BYTES
            if size == 0:
                return np.zeros((0, ROW_WORDS), dtype=np.uint64)
            return np.memmap(self.codes, dtype=np.uint64, mode="r", shape=(size, ROW_WORDS))
        except FileNotFoundError:
            raise IndexError_(f"{self.codes}: missing", START_OVER) from None
        except OSError as error:
            raise IndexError_(f"{self.codes}: {error.strerror}", OWN_FOLDER) from None

    def read_text(self, name: str) -> str | None:
        """A small text file of the folder, None where there is none; what is no UTF-8 in it becomes no letter."""
        try:
            with open(self.folder / name, "rb") as stream:
                return stream.read(MOST_TEXT).decode("utf-8", "replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise IndexError_(f"{self.folder / name}: {error.strerror}", OWN_FOLDER) from None

    def write_text(self, name: str, text: str) -> None:
        """Write a small text file, whole or not at all."""
        temporary = self.folder / f".{name}.{os.getpid()}.part"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary.write_text(text, "utf-8")
            temporary.replace(self.folder / name)
        except OSError as error:
            raise IndexError_(f"{self.folder / name}: {error.strerror}", OWN_FOLDER) from None
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def damaged(self, what: str = "record") -> IndexError_:
        """The error for a record that is not what Forebear wrote."""
        return IndexError_(f"{self.database}: damaged {what}", MEND)

    def short(self) -> IndexError_:
        """The error for codes that end before a record's row."""
        return IndexError_(f"{self.codes}: shorter than the index says", MEND)


def _advice(error: sqlite3.DatabaseError) -> str:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return "another process is writing to it; try again"
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return OWN_FOLDER
    if code == sqlite3.SQLITE_FULL:
        return NO_ROOM
    return f"if it stays damaged, {MEND}"
