"""The index on this machine: SQLite records beside one memory-mapped array of codes.

``index.db`` holds a record per model, ``codes.bin`` 1,024 bytes per row. A writer takes SQLite's write lock, writes
its row, then commits the record that points to it; so any number of processes may add at once, a killed one loses
only the model it was at, and a reader never sees a record without its code.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.errors import IndexError_, UsageError, one_line
from forebear.index.base import Entry, Hit
from forebear.index.migrations import VERSION, migrate
from forebear.index.search import ROW_BYTES, ROW_WORDS, agreements, best, row_of
from forebear.signals import Fingerprint
from forebear.signals.binomial import log10_tail
from forebear.signals.declared import Declared
from forebear.signals.generators import SLOTS, comparable_shapes
from forebear.signals.sign_code import CODE_BYTES, SignCode
from forebear.signals.vocabulary import Vocabulary
from forebear.types import created

BUSY_SECONDS = 60
MAX_NAME = 200


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
            with closing(sqlite3.connect(self.database, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
                connection.row_factory = sqlite3.Row
                connection.execute("PRAGMA busy_timeout = 60000")
                migrate(connection)
                connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
        except sqlite3.DatabaseError as error:
            raise IndexError_(
                f"{self.database}: {error}",
                "if it stays damaged, move the folder away and add the models again",
            ) from None
        except PermissionError:
            raise IndexError_(
                f"{self.folder}: permission denied", "set FOREBEAR_HOME to a folder of your own"
            ) from None
        except OSError as error:
            raise IndexError_(f"{self.folder}: {error.strerror}", "set FOREBEAR_HOME to a folder of your own") from None

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
                db.execute("UPDATE models SET location = ? WHERE name = ?", (location, fingerprint.name))
                return False
            if old is not None and not replace:
                raise UsageError(
                    f"{fingerprint.name} is already in the index, and is another model",
                    "choose another --name, or --replace it",
                )
            row = db.execute("SELECT coalesce(max(row), -1) + 1 FROM rows").fetchone()[0]
            payload = row_of(fingerprint.code)
            self._write_row(row, payload)
            db.execute("INSERT INTO rows (row) VALUES (?)", (row,))
            db.execute("DELETE FROM models WHERE name = ?", (fingerprint.name,))
            db.execute(
                "INSERT INTO models (name, digest, row, checksum, location, added, record, signature)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    fingerprint.name,
                    fingerprint.digest,
                    row,
                    _checksum(payload),
                    location,
                    created(),
                    json.dumps(_record(fingerprint)),
                    fingerprint.code.signature.astype("<f2").tobytes(),
                ),
            )
        if old is not None:
            self._write_row(old["row"], bytes(ROW_BYTES))
        return True

    def get(self, name: str) -> Entry | None:
        """See :meth:`Index.get`."""
        if not self.database.exists():
            return None
        with self._open() as db:
            row = db.execute("SELECT * FROM models WHERE name = ?", (name,)).fetchone()
        return None if row is None else self._entry(row)

    def entries(self) -> Iterator[Entry]:
        """See :meth:`Index.entries`."""
        if not self.database.exists():
            return
        with self._open() as db:
            rows = db.execute("SELECT * FROM models ORDER BY name").fetchall()
        for row in rows:
            yield self._entry(row)

    def remove(self, name: str) -> bool:
        """See :meth:`Index.remove`. The row is blanked and never used again."""
        if not self.database.exists():
            return False
        with self._open(write=True) as db:
            row = db.execute("SELECT row FROM models WHERE name = ?", (name,)).fetchone()
            if row is None:
                return False
            db.execute("DELETE FROM models WHERE name = ?", (name,))
        self._write_row(row["row"], bytes(ROW_BYTES))
        return True

    def search(self, code: SignCode, limit: int = 20) -> Sequence[Hit]:
        """See :meth:`Index.search`."""
        if not self.database.exists():
            return ()
        with self._open() as db:
            names = {r["row"]: r["name"] for r in db.execute("SELECT row, name FROM models")}
        if not names:
            return ()
        rows = self._rows()
        if len(rows) <= max(names):
            raise IndexError_(f"{self.codes}: shorter than the index says", "add the models again")
        agree, shared = agreements(rows, np.frombuffer(row_of(code), dtype=np.uint64))
        live = np.zeros(len(rows), dtype=bool)
        live[list(names)] = True
        shared = np.where(live, shared, 0)
        return tuple(
            Hit(names[int(r)], int(agree[r]), int(shared[r]), log10_tail(int(agree[r]), int(shared[r])))
            for r in best(agree, shared, limit)
        )

    def count(self) -> int:
        """See :meth:`Index.count`."""
        if not self.database.exists():
            return 0
        with self._open() as db:
            return int(db.execute("SELECT count(*) FROM models").fetchone()[0])

    def comparable(self, shape: Mapping[str, Any]) -> int:
        """See :meth:`Index.comparable`."""
        if not self.database.exists() or shape.get("family") is None:
            return 0
        with self._open() as db:
            rows = db.execute(
                "SELECT json_extract(record, '$.shape') FROM models WHERE json_extract(record, '$.shape.width') = ?",
                (shape["width"],),
            ).fetchall()
        return sum(bool(comparable_shapes(json.loads(row[0]), shape)[0]) for row in rows)

    def info(self) -> dict[str, Any]:
        """See :meth:`Index.info`."""
        size = sum(p.stat().st_size for p in (self.database, self.codes) if p.exists())
        families: dict[str, int] = {}
        for entry in self.entries():
            family = str(entry.fingerprint.shape.get("family") or "unknown")
            families[family] = families.get(family, 0) + 1
        return {
            "path": str(self.folder),
            "models": self.count(),
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

    def _rows(self) -> NDArray[np.uint64]:
        try:
            size = self.codes.stat().st_size // ROW_BYTES
            if size == 0:
                return np.zeros((0, ROW_WORDS), dtype=np.uint64)
            return np.memmap(self.codes, dtype=np.uint64, mode="r", shape=(size, ROW_WORDS))
        except FileNotFoundError:
            raise IndexError_(f"{self.codes}: missing", "add the models again") from None

    def _entry(self, row: sqlite3.Row) -> Entry:
        try:
            with open(self.codes, "rb") as stream:
                payload = os.pread(stream.fileno(), ROW_BYTES, row["row"] * ROW_BYTES)
        except OSError:
            payload = b""
        if _checksum(payload) != row["checksum"]:
            raise IndexError_(
                f"{self.codes}: the code of {row['name']} is damaged", "add that model again with --replace"
            )
        record = json.loads(row["record"])
        signature = np.frombuffer(row["signature"], dtype="<f2").reshape(SLOTS, 2, -1).astype(np.float16)
        code = record["code"]
        return Entry(
            Fingerprint(
                row["name"],
                record["target"],
                row["digest"],
                record["shape"],
                SignCode(
                    np.frombuffer(payload[:CODE_BYTES], dtype=np.uint8),
                    np.frombuffer(payload[CODE_BYTES:], dtype=np.uint8),
                    tuple(code["layers"]),
                    signature,
                    tuple(code["groups"]),
                    code["keyed_by"],
                    tuple(code["repeats"]),
                ),
                _vocabulary(record["vocabulary"]),
                _declared(record["declared"]),
                record["dtype"],
                record["content"],
            ),
            row["location"],
            row["added"],
        )


def check_name(name: str) -> None:
    """Raise ``UsageError`` for a name that cannot be shown or typed."""
    if not name or len(name) > MAX_NAME or one_line(name) != name:
        raise UsageError(f"{one_line(name)!r} cannot be a name in the index", "give a short one with --name")


def _record(fingerprint: Fingerprint) -> dict[str, Any]:
    code = fingerprint.code
    return {
        "target": fingerprint.target,
        "shape": dict(fingerprint.shape),
        "code": {
            "layers": list(code.layers),
            "groups": list(code.groups),
            "keyed_by": code.keyed_by,
            "repeats": list(code.repeats),
        },
        "vocabulary": asdict(fingerprint.vocabulary) if fingerprint.vocabulary else None,
        "declared": asdict(fingerprint.declared),
        "dtype": fingerprint.dtype,
        "content": fingerprint.content,
    }


def _declared(data: dict[str, Any]) -> Declared:
    return Declared(
        tuple(data["base_models"]),
        data["relation"],
        data["licence"],
        tuple(data["licence_files"]),
        data["from_scratch"],
    )


def _vocabulary(data: dict[str, Any] | None) -> Vocabulary | None:
    return Vocabulary(data["size"], data["digest"], tuple(data["smallest"])) if data else None


def _checksum(payload: bytes) -> str:
    return hashlib.blake2b(payload, digest_size=8).hexdigest()
