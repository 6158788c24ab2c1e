"""The index on this machine: SQLite records beside one memory-mapped array of codes.

``index.db`` holds a record per model, ``codes.bin`` 1,024 bytes per row. A writer takes SQLite's write lock, writes
its row, then commits the record that points to it; so any number of processes may add at once, a killed one loses
only the model it was at, and a reader never sees a record without its code.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.errors import IndexError_, UsageError
from forebear.index.base import Entry, Hit
from forebear.index.migrations import BUSY_SECONDS, VERSION, migrate
from forebear.index.records import check_name, checksum, entry_of, is_name, record_of
from forebear.index.search import ROW_BYTES, ROW_WORDS, agreements, best, row_of
from forebear.signals import Fingerprint
from forebear.signals.binomial import log10_tail
from forebear.signals.generators import comparable_shapes
from forebear.signals.sign_code import SignCode
from forebear.types import created

OWN_FOLDER = "set FOREBEAR_HOME to a folder of your own"
START_OVER = "move the folder away and add the models again"


def home() -> Path:
    """Where the index lives: ``FOREBEAR_HOME``, else the platform's user data directory."""
    if chosen := os.environ.get("FOREBEAR_HOME"):
        return Path(chosen).expanduser()
    from platformdirs import user_data_path

    return user_data_path("forebear", appauthor=False)


class LocalIndex:
    """The default index. Opening one that does not exist yet gives an empty one; the first ``add`` creates it.

    Args:
        folder: default :func:`home`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or home()
        self.database = self.folder / "index.db"
        self.codes = self.folder / "codes.bin"

    @contextmanager
    def _open(self, write: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection; with ``write``, inside one transaction that holds the write lock."""
        try:
            if write:
                self.folder.mkdir(parents=True, exist_ok=True)
            used = self._has_codes()  # before connecting: codes are written only after the schema
            with closing(self._connect(write)) as connection:
                connection.row_factory = sqlite3.Row
                connection.text_factory = lambda raw: raw.decode("utf-8", "surrogatepass")
                migrate(connection, self.database, fresh=not used)
                connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:  # SQLite ends it itself after some errors
                        connection.execute("ROLLBACK")
                    raise
        except sqlite3.DatabaseError as error:
            raise IndexError_(f"{self.database}: {error}", _advice(error)) from None
        except UnicodeError:
            raise IndexError_(f"{self.database}: damaged text", START_OVER) from None
        except PermissionError:
            raise IndexError_(f"{self.folder}: permission denied", OWN_FOLDER) from None
        except OSError as error:
            raise IndexError_(f"{self.folder}: {error.strerror}", OWN_FOLDER) from None

    def _connect(self, write: bool) -> sqlite3.Connection:
        if write:
            return sqlite3.connect(self.database, timeout=BUSY_SECONDS, isolation_level=None)
        mode = "mode=rw"
        if not os.access(self.folder, os.W_OK) and not self.database.with_name("index.db-wal").exists():
            mode = "mode=ro&immutable=1"  # else SQLite wants to create files even to read
        uri = f"{self.database.absolute().as_uri()}?{mode}"
        return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)

    def _has_codes(self) -> bool:
        return self.codes.exists() and self.codes.stat().st_size > 0

    def _absent(self) -> bool:
        """Whether there is no index yet."""
        used = self._has_codes()  # before the next line: a writer creates the database first
        if self.database.exists():
            return False
        if used:
            raise IndexError_(f"{self.database}: missing, though {self.codes.name} is there", START_OVER)
        return True

    def add(self, fingerprint: Fingerprint, location: str, replace: bool = False) -> bool:
        """See :meth:`Index.add`.

        Raises:
            UsageError: the name is taken by another model and ``replace`` is not set.
            IndexError_: the index cannot be written.
        """
        check_name(fingerprint.name)
        with self._open(write=True) as db:
            old = db.execute("SELECT digest, row FROM models WHERE name = ?", (fingerprint.name,)).fetchone()
            if old is not None and old["digest"] == fingerprint.digest and not replace:
                db.execute(
                    "UPDATE models SET location = CAST(? AS TEXT) WHERE name = ?", (_raw(location), fingerprint.name)
                )
                return False
            if old is not None and not replace:
                raise UsageError(
                    f"{fingerprint.name} is already in the index, and is another model",
                    "choose another --name, or --replace it",
                )
            row = db.execute("SELECT coalesce(max(row), -1) + 1 FROM rows").fetchone()[0]
            if row * ROW_BYTES > (self.codes.stat().st_size if self.codes.exists() else 0):
                raise self._short()
            payload = row_of(fingerprint.code)
            self._write_row(row, payload)
            db.execute("INSERT INTO rows (row) VALUES (?)", (row,))
            db.execute("DELETE FROM models WHERE name = ?", (fingerprint.name,))
            db.execute(
                "INSERT INTO models (name, digest, row, checksum, location, added, record, signature)"
                " VALUES (?, ?, ?, ?, CAST(? AS TEXT), ?, ?, ?)",
                (
                    fingerprint.name,
                    fingerprint.digest,
                    row,
                    checksum(payload),
                    _raw(location),
                    created(),
                    record_of(fingerprint),
                    fingerprint.code.signature.astype("<f2").tobytes(),
                ),
            )
        if old is not None:
            self._blank(old["row"])
        return True

    def get(self, name: str) -> Entry | None:
        """See :meth:`Index.get`."""
        row = None if self._absent() or not is_name(name) else self._record(name)
        return None if row is None else self._entry(row)

    def entries(self) -> Iterator[Entry]:
        """See :meth:`Index.entries`."""
        if self._absent():
            return
        with self._open() as db:
            rows = db.execute("SELECT * FROM models ORDER BY name").fetchall()
        for row in rows:
            if (entry := self._entry(row)) is not None:
                yield entry

    def remove(self, name: str) -> bool:
        """See :meth:`Index.remove`. The row is blanked and never used again."""
        if self._absent() or not is_name(name):
            return False
        with self._open(write=True) as db:
            row = db.execute("SELECT row FROM models WHERE name = ?", (name,)).fetchone()
            if row is None:
                return False
            db.execute("DELETE FROM models WHERE name = ?", (name,))
        self._blank(row["row"])
        return True

    def search(self, code: SignCode, limit: int = 20) -> Sequence[Hit]:
        """See :meth:`Index.search`."""
        if self._absent():
            return ()
        with self._open() as db:
            known = np.fromiter((r[0] for r in db.execute("SELECT row FROM models")), dtype=np.int64)
            if not known.size:
                return ()
            rows = self._rows()
            if known.min() < 0 or known.max() >= len(rows):
                raise self._short()
            agree, shared = agreements(rows, np.frombuffer(row_of(code), dtype=np.uint64))
            live = np.zeros(len(rows), dtype=bool)
            live[known] = True
            shared[~live] = 0
            hits = [(int(r), int(agree[r]), int(shared[r])) for r in best(agree, shared, limit)]
            names = [db.execute("SELECT name FROM models WHERE row = ?", (row,)).fetchone()[0] for row, _, _ in hits]
        return tuple(Hit(name, k, n, log10_tail(k, n)) for name, (_, k, n) in zip(names, hits, strict=True))

    def count(self) -> int:
        """See :meth:`Index.count`."""
        if self._absent():
            return 0
        with self._open() as db:
            return int(db.execute("SELECT count(*) FROM models").fetchone()[0])

    def comparable(self, shape: Mapping[str, Any]) -> int:
        """See :meth:`Index.comparable`."""
        if self._absent() or shape.get("family") is None:
            return 0
        with self._open() as db:
            rows = db.execute(
                "SELECT json_extract(record, '$.shape') FROM models WHERE json_extract(record, '$.shape.width') = ?",
                (shape["width"],),
            ).fetchall()
        try:
            return sum(bool(comparable_shapes(json.loads(row[0]), shape)[0]) for row in rows)
        except (ValueError, KeyError, TypeError):
            raise IndexError_(f"{self.database}: damaged record", START_OVER) from None

    def info(self) -> dict[str, Any]:
        """See :meth:`Index.info`."""
        size = sum(p.stat().st_size for p in (self.database, self.codes) if p.exists())
        families: dict[str, int] = {}
        if not self._absent():
            with self._open() as db:
                families = dict(
                    db.execute(
                        "SELECT coalesce(json_extract(record, '$.shape.family'), 'unknown') AS family, count(*)"
                        " FROM models GROUP BY family ORDER BY family"
                    ).fetchall()
                )
        return {
            "path": str(self.folder),
            "models": sum(families.values()),
            "bytes": size,
            "version": VERSION,
            "families": families,
        }

    def _write_row(self, row: int, payload: bytes) -> None:
        descriptor = os.open(self.codes, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            os.pwrite(descriptor, payload, row * ROW_BYTES)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _blank(self, row: int) -> None:
        """Zero a row that no record points to any more; nothing depends on it, so failing is no error."""
        with suppress(OSError):
            if self.codes.stat().st_size >= (row + 1) * ROW_BYTES:  # never paper over a file that was cut
                self._write_row(row, bytes(ROW_BYTES))

    def _rows(self) -> NDArray[np.uint64]:
        try:
            size = self.codes.stat().st_size // ROW_BYTES
            if size == 0:
                return np.zeros((0, ROW_WORDS), dtype=np.uint64)
            return np.memmap(self.codes, dtype=np.uint64, mode="r", shape=(size, ROW_WORDS))
        except FileNotFoundError:
            raise IndexError_(f"{self.codes}: missing", START_OVER) from None
        except OSError as error:
            raise IndexError_(f"{self.codes}: {error.strerror}", OWN_FOLDER) from None

    def _short(self) -> IndexError_:
        return IndexError_(f"{self.codes}: shorter than the index says", START_OVER)

    def _record(self, name: str) -> sqlite3.Row | None:
        with self._open() as db:
            row: sqlite3.Row | None = db.execute("SELECT * FROM models WHERE name = ?", (name,)).fetchone()
        return row

    def _entry(self, row: sqlite3.Row) -> Entry | None:
        """The entry of a record; None where it was removed after the record was read."""
        try:
            with open(self.codes, "rb") as stream:
                payload = os.pread(stream.fileno(), ROW_BYTES, row["row"] * ROW_BYTES)
        except (OSError, OverflowError):
            payload = b""
        if checksum(payload) != row["checksum"]:
            latest = self._record(row["name"])  # another process may just have replaced or removed it
            if latest is None or latest["row"] != row["row"]:
                return None if latest is None else self._entry(latest)
            raise IndexError_(
                f"{self.codes}: the code of {row['name']} is damaged", "add that model again with --replace"
            )
        try:
            return entry_of(row, payload)
        except (ValueError, KeyError, TypeError):
            raise IndexError_(
                f"{self.database}: the record of {row['name']} is damaged", "add that model again with --replace"
            ) from None


def _raw(text: str) -> bytes:
    """Text as SQLite keeps it; paths may hold bytes that are no UTF-8, which Python shows as lone surrogates."""
    return text.encode("utf-8", "surrogatepass")


def _advice(error: sqlite3.DatabaseError) -> str:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return "another process is writing to it; try again"
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return OWN_FOLDER
    return f"if it stays damaged, {START_OVER}"
