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
from dataclasses import replace as replaced
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from forebear.errors import IndexError_, UsageError
from forebear.index.base import Entry, Hit, Likenesses, Nominations, TowerHits
from forebear.index.cohort import MOST_COHORT, Named, alike
from forebear.index.migrations import START_OVER, VERSION
from forebear.index.nominate import MOST_FAMILIES, Sketched, nominate
from forebear.index.records import (
    SKETCHES,
    check_name,
    checksum,
    entry_of,
    is_name,
    record_of,
    sketched,
    sketches_of,
    text_bytes,
)
from forebear.index.search import agreements, best, row_of
from forebear.index.storage import Storage
from forebear.index.towers import DAMAGE, put_towers, search_towers, towers_of
from forebear.signals import Fingerprint
from forebear.signals.activations import Activations
from forebear.signals.binomial import log10_tail
from forebear.signals.generators import comparable_shapes
from forebear.signals.sign_code import SignCode
from forebear.signals.towers import TowerMark
from forebear.types import created

CALIBRATION = "calibration.json"
"""What ``forebear index calibrate`` keeps beside the index."""
COLUMNS = "name, digest, row, checksum, location, added, record, signature"
SKETCHED = "SELECT name, models.row, spectra, tokens FROM models LEFT JOIN sketches ON sketches.row = models.row"
ACTIVE = (
    "SELECT name, models.row, activations FROM models JOIN sketches ON sketches.row = models.row"
    " WHERE activations IS NOT NULL"
)
POOL = 256
"""Sketched references among which independent ones are looked for; the first by digest, which is as good as by lot."""
SAME_LINEAGE = -4.0
"""log10 tail of two codes from which on only one of them counts for the consensus; generous, it costs one reference."""


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
        self._files = Storage(self.folder)

    def add(self, fingerprint: Fingerprint, location: str, replace: bool = False) -> bool:
        """See :meth:`Index.add`.

        Raises:
            UsageError: the name is taken by another model and ``replace`` is not set.
            IndexError_: the index cannot be written.
        """
        check_name(fingerprint.name)
        with self._files.open(write=True) as db:
            old = db.execute("SELECT digest, row FROM models WHERE name = ?", (fingerprint.name,)).fetchone()
            if old is not None and old["digest"] == fingerprint.digest and not replace:
                db.execute(
                    "UPDATE models SET location = CAST(? AS TEXT) WHERE name = ?",
                    (text_bytes(location), fingerprint.name),
                )
                _put_sketches(db, old["row"], fingerprint)
                put_towers(db, old["row"], fingerprint)
                return False
            if old is not None and not replace:
                raise UsageError(
                    f"{fingerprint.name} is already in the index, and is another model",
                    "choose another --name, or --replace it",
                )
            row = db.execute("SELECT coalesce(max(row), -1) + 1 FROM rows").fetchone()[0]
            payload = row_of(fingerprint.code)
            self._files.append(row, payload)
            db.execute("INSERT INTO rows (row) VALUES (?)", (row,))
            db.execute("DELETE FROM models WHERE name = ?", (fingerprint.name,))
            if old is not None:
                _forget(db, old["row"])
            _put_sketches(db, row, fingerprint)
            put_towers(db, row, fingerprint)
            db.execute(
                f"INSERT INTO models ({COLUMNS}) VALUES (?, ?, ?, ?, CAST(? AS TEXT), ?, ?, ?)",
                (
                    fingerprint.name,
                    fingerprint.digest,
                    row,
                    checksum(payload),
                    text_bytes(location),
                    created(),
                    record_of(fingerprint),
                    fingerprint.code.signature.astype("<f2").tobytes(),
                ),
            )
        if old is not None:
            self._files.blank(old["row"])
        return True

    def get(self, name: str) -> Entry | None:
        """See :meth:`Index.get`."""
        row = None if self._files.absent() or not is_name(name) else self._record(name)
        entry = None if row is None else self._entry(row)
        if row is None or entry is None:
            return None
        with self._files.open() as db:
            try:
                towers = towers_of(db, row["row"])
            except DAMAGE:
                raise self._damaged(row) from None
        return replaced(entry, fingerprint=replaced(entry.fingerprint, towers=towers))

    def entries(self) -> Iterator[Entry]:
        """See :meth:`Index.entries`."""
        if self._files.absent():
            return
        with self._files.open() as db:
            none = ", ".join(f"NULL AS {column}" for column in SKETCHES)
            rows = db.execute(f"SELECT {COLUMNS}, {none} FROM models ORDER BY name").fetchall()
        for row in rows:
            if (entry := self._entry(row)) is not None:
                yield entry

    def remove(self, name: str) -> bool:
        """See :meth:`Index.remove`. The row is blanked and never used again."""
        if self._files.absent() or not is_name(name):
            return False
        with self._files.open(write=True) as db:
            row = db.execute("SELECT row FROM models WHERE name = ?", (name,)).fetchone()
            if row is None:
                return False
            db.execute("DELETE FROM models WHERE name = ?", (name,))
            _forget(db, row["row"])
        self._files.blank(row["row"])
        return True

    def search(self, code: SignCode, limit: int = 20) -> Sequence[Hit]:
        """See :meth:`Index.search`."""
        if self._files.absent():
            return ()
        with self._files.open() as db:
            try:
                known = np.fromiter((r[0] for r in db.execute("SELECT row FROM models")), dtype=np.int64)
            except (TypeError, ValueError):
                raise IndexError_(f"{self._files.database}: damaged record", START_OVER) from None
            if not known.size:
                return ()
            rows = self._files.rows()
            if known.min() < 0 or known.max() >= len(rows):
                raise self._files.short()
            agree, shared = agreements(rows, np.frombuffer(row_of(code), dtype=np.uint64))
            live = np.zeros(len(rows), dtype=bool)
            live[known] = True
            shared[~live] = 0
            hits = [(int(r), int(agree[r]), int(shared[r])) for r in best(agree, shared, limit)]
            names = [db.execute("SELECT name FROM models WHERE row = ?", (row,)).fetchone() for row, _, _ in hits]
            if None in names:
                raise IndexError_(f"{self._files.database}: damaged record", START_OVER)
        return tuple(Hit(name[0], k, n, log10_tail(k, n)) for name, (_, k, n) in zip(names, hits, strict=True))

    def search_towers(self, tower: TowerMark, limit: int = 20) -> TowerHits:
        """See :meth:`Index.search_towers`."""
        if self._files.absent():
            return TowerHits()
        with self._files.open() as db:
            try:
                return search_towers(db, tower, limit)
            except DAMAGE:
                raise IndexError_(f"{self._files.database}: damaged record of a tower", START_OVER) from None

    def nominate(self, mark: Fingerprint, limit: int = 3) -> Nominations:
        """See :meth:`Index.nominate`. Streams every sketch once; a million of them are 25 GB."""
        query = Sketched(mark.name, mark.spectra, mark.tokens)
        if self._files.absent():
            return nominate(query, (), (), False, limit)
        with self._files.open() as db:
            families, complete = self._families(db)
            every = (self._sketched(row) for row in db.execute(f"{SKETCHED} ORDER BY models.row"))
            return nominate(query, every, families, complete, limit)

    def cohort(self) -> Sequence[Named]:
        """See :meth:`Index.cohort`."""
        if self._files.absent():
            return ()
        with self._files.open() as db:
            return self._cohort(db)

    def alike(self, mark: Fingerprint, limit: int = 5) -> Likenesses:
        """See :meth:`Index.alike`. Streams every sketch once, 41 KB each."""
        if mark.activations is None:
            raise ValueError(f"{mark.name} has no activations")
        if self._files.absent():
            return alike(mark.activations, (), (), limit)
        with self._files.open() as db:
            rows, _ = self._independent(db, ACTIVE, MOST_COHORT)
            members = [self._active(row) for row in rows]
            places = {row["name"]: row["row"] for row in db.execute(ACTIVE)}
            codes = self._files.rows()
            taken = np.array([row["row"] for row in rows], dtype=np.int64)

            def kin(name: str) -> frozenset[str]:
                agree, shared = agreements(codes[taken], codes[places[name]])
                tails = (log10_tail(int(k), int(n)) if n else 0.0 for k, n in zip(agree, shared, strict=True))
                return frozenset(
                    m for (m, _), tail in zip(members, tails, strict=True) if tail <= SAME_LINEAGE and m != name
                )

            every = (self._active(row) for row in db.execute(f"{ACTIVE} ORDER BY models.row"))
            return alike(mark.activations, every, members, limit, kin)

    def count(self) -> int:
        """See :meth:`Index.count`."""
        if self._files.absent():
            return 0
        with self._files.open() as db:
            return int(db.execute("SELECT count(*) FROM models").fetchone()[0])

    def comparable(self, shape: Mapping[str, Any]) -> int:
        """See :meth:`Index.comparable`."""
        if self._files.absent() or shape.get("family") is None:
            return 0
        with self._files.open() as db:
            rows = db.execute(
                "SELECT json_extract(record, '$.shape') FROM models WHERE json_extract(record, '$.shape.width') = ?",
                (shape["width"],),
            ).fetchall()
        try:
            return sum(bool(comparable_shapes(json.loads(row[0]), shape)[0]) for row in rows)
        except (ValueError, KeyError, TypeError):
            raise IndexError_(f"{self._files.database}: damaged record", START_OVER) from None

    def state(self) -> str:
        """See :meth:`Index.state`."""
        digest = sha256()
        if not self._files.absent():
            with self._files.open() as db:
                for row in db.execute("SELECT name, digest, row, location, added FROM models ORDER BY name"):
                    digest.update(repr(tuple(row)).encode())
                sketches = db.execute("SELECT row, activations IS NULL FROM sketches ORDER BY row")
                digest.update(repr([tuple(row) for row in sketches]).encode())
                towers = db.execute("SELECT row, place FROM towers ORDER BY row, place")
                digest.update(repr([tuple(row) for row in towers]).encode())
        digest.update(repr(self._files.read_text(CALIBRATION)).encode())
        return digest.hexdigest()

    def calibration(self) -> tuple[str, str] | None:
        """See :meth:`Index.calibration`.

        Raises:
            IndexError_: it cannot be read.
        """
        text = self._files.read_text(CALIBRATION)
        return None if text is None else (str(self.folder / CALIBRATION), text)

    def keep_calibration(self, text: str) -> str:
        """See :meth:`Index.keep_calibration`.

        Raises:
            IndexError_: it cannot be written.
        """
        self._files.write_text(CALIBRATION, text)
        return str(self.folder / CALIBRATION)

    def info(self) -> dict[str, Any]:
        """See :meth:`Index.info`."""
        size = sum(p.stat().st_size for p in (self._files.database, self._files.codes) if p.exists())
        families: dict[str, int] = {}
        if not self._files.absent():
            with self._files.open() as db:
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

    def _families(self, db: sqlite3.Connection) -> tuple[list[Sketched], bool]:
        """Independent references with sketches, and whether there are no others but their relatives."""
        wanted = "WHERE spectra IS NOT NULL OR tokens IS NOT NULL"
        rows, complete = self._independent(db, f"{SKETCHED} {wanted}", MOST_FAMILIES)
        return [self._sketched(row) for row in rows], complete

    def _cohort(self, db: sqlite3.Connection) -> list[Named]:
        return [self._active(row) for row in self._independent(db, ACTIVE, MOST_COHORT)[0]]

    def _independent(self, db: sqlite3.Connection, select: str, most: int) -> tuple[list[sqlite3.Row], bool]:
        """Rows of references no two of whose codes agree, and whether there are no others but their relatives."""
        codes = self._files.rows()
        found: list[sqlite3.Row] = []
        taken: list[int] = []
        pool = db.execute(f"{select} ORDER BY digest LIMIT {POOL + 1}").fetchall()
        for row in pool[:POOL]:
            if not 0 <= row["row"] < len(codes):
                raise self._files.short()
            agree, shared = agreements(codes[np.array(taken, dtype=np.int64)], codes[row["row"]])
            if any(log10_tail(int(k), int(n)) <= SAME_LINEAGE for k, n in zip(agree, shared, strict=True) if n):
                continue
            if len(found) == most:
                return found, False
            found.append(row)
            taken.append(row["row"])
        return found, len(pool) <= POOL

    def _sketched(self, row: sqlite3.Row) -> Sketched:
        try:
            return sketched(row)
        except ValueError:
            raise self._damaged(row) from None

    def _active(self, row: sqlite3.Row) -> Named:
        try:
            return row["name"], Activations.from_bytes(row["activations"])
        except ValueError:
            raise self._damaged(row) from None

    def _damaged(self, row: sqlite3.Row) -> IndexError_:
        return IndexError_(
            f"{self._files.database}: a sketch of {row['name']} is damaged", "add that model again with --replace"
        )

    def _record(self, name: str) -> sqlite3.Row | None:
        with self._files.open() as db:
            row: sqlite3.Row | None = db.execute(
                f"SELECT {COLUMNS}, {', '.join(SKETCHES)} FROM models LEFT JOIN sketches USING (row) WHERE name = ?",
                (name,),
            ).fetchone()
        return row

    def _entry(self, row: sqlite3.Row) -> Entry | None:
        """The entry of a record; None where it was removed after the record was read."""
        payload = self._files.read_row(row["row"])
        if checksum(payload) != row["checksum"]:
            latest = self._record(row["name"])  # another process may just have replaced or removed it
            if latest is None or latest["row"] != row["row"]:
                return None if latest is None else self._entry(latest)
            raise IndexError_(
                f"{self._files.codes}: the code of {row['name']} is damaged", "add that model again with --replace"
            )
        try:
            return entry_of(row, payload)
        except (ValueError, KeyError, TypeError):
            raise IndexError_(
                f"{self._files.database}: the record of {row['name']} is damaged", "add that model again with --replace"
            ) from None


def _forget(db: sqlite3.Connection, row: int) -> None:
    """Drop what is kept of a row beside its record."""
    for table in ("sketches", "towers"):
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
