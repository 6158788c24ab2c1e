"""The index on this machine: SQLite records beside one memory-mapped array of codes.

``index.db`` holds a record per model, ``codes.bin`` 1,024 bytes per row. A writer takes SQLite's write lock, writes
its row, then commits the record that points to it; so any number of processes may add at once, a killed one loses
only the model it was at, and a reader never sees a record without its code.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace as replaced
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from forebear.errors import IndexError_, UsageError
from forebear.index.base import Addition, Entry, Hit, Likenesses, Listing, Nominations, Provenance, TowerHits
from forebear.index.cohort import MOST_COHORT, Named, alike
from forebear.index.independent import POOL, independent, kin
from forebear.index.listings import listings_in, put_listings
from forebear.index.migrations import START_OVER, VERSION
from forebear.index.nominate import MOST_FAMILIES, Sketched, nominate
from forebear.index.records import (
    SKETCHES,
    check_name,
    checksum,
    entry_of,
    is_name,
    sketched,
)
from forebear.index.search import agreements, best, row_of
from forebear.index.storage import Storage
from forebear.index.towers import DAMAGE, search_towers, towers_of
from forebear.index.writing import COLUMNS, forget, insert, keep_beside
from forebear.signals import Fingerprint
from forebear.signals.activations import Activations
from forebear.signals.binomial import log10_tail
from forebear.signals.generators import comparable_shapes
from forebear.signals.sign_code import SignCode
from forebear.signals.towers import TowerMark

CALIBRATION = "calibration.json"
"""What ``forebear index calibrate`` keeps beside the index."""
PAGE = 1_000  # records that are held at a time while all are gone through
RECORD = ", ".join(f"models.{column}" for column in COLUMNS.split(", ")) + ", provenance.record AS provenance"
WITH_PROVENANCE = "FROM models LEFT JOIN provenance ON provenance.row = models.row"
SKETCHED = "SELECT name, models.row, spectra, tokens FROM models LEFT JOIN sketches ON sketches.row = models.row"
ACTIVE = (
    "SELECT name, models.row, activations FROM models JOIN sketches ON sketches.row = models.row"
    " WHERE activations IS NOT NULL"
)


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

    @property
    def where(self) -> str:
        """See :attr:`Index.where`."""
        return str(self.folder)

    address = where

    def add(
        self, fingerprint: Fingerprint, location: str, replace: bool = False, provenance: Provenance | None = None
    ) -> bool:
        """See :meth:`Index.add`.

        Raises:
            UsageError: the name is taken by another model and ``replace`` is not set.
            IndexError_: the index cannot be written.
        """
        return self.add_many((Addition(fingerprint, location, provenance),), replace)[0]

    def add_many(self, additions: Iterable[Addition], replace: bool = False) -> tuple[bool, ...]:
        """See :meth:`Index.add_many`; raises as :meth:`add`."""
        done: list[bool] = []
        gone: list[int] = []
        additions = tuple(additions)
        for addition in additions:
            check_name(addition.fingerprint.name)
        with self._files.open(write=True) as db:
            first = row = db.execute("SELECT coalesce(max(row), -1) + 1 FROM rows").fetchone()[0]
            payloads: list[bytes] = []
            for addition in additions:
                old = self._taken(db, addition, replace)
                if old is not None and old["digest"] == addition.fingerprint.digest and not replace:
                    keep_beside(db, old["row"], addition)
                    done.append(False)
                    continue
                if old is not None:
                    forget(db, old["row"])
                    gone.append(old["row"])
                payloads.append(row_of(addition.fingerprint.code))
                insert(db, row, payloads[-1], addition)
                done.append(True)
                row += 1
            if payloads:
                self._files.append(first, b"".join(payloads))
        for place in gone:
            self._files.blank(place)
        return tuple(done)

    def _taken(self, db: sqlite3.Connection, addition: Addition, replace: bool) -> sqlite3.Row | None:
        """The record that stands under the name; ``UsageError`` where that is another model's and has to stay."""
        mark = addition.fingerprint
        old: sqlite3.Row | None = db.execute("SELECT digest, row FROM models WHERE name = ?", (mark.name,)).fetchone()
        if old is not None and old["digest"] != mark.digest and not replace:
            raise UsageError(
                f"{mark.name} is already in the index, and is another model",
                "choose another --name, or --replace it",
            )
        return old

    def holding(self, digest: str) -> tuple[str, ...]:
        """See :meth:`Index.holding`."""
        if self._files.absent():
            return ()
        with self._files.open() as db:
            return tuple(r[0] for r in db.execute("SELECT name FROM models WHERE digest = ? ORDER BY name", (digest,)))

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
        none, last, more = ", ".join(f"NULL AS {column}" for column in SKETCHES), "", True
        while more:
            with self._files.open() as db:
                select = f"SELECT {RECORD}, {none} {WITH_PROVENANCE} WHERE name > ? ORDER BY name LIMIT {PAGE}"
                rows = db.execute(select, (last,)).fetchall()
            yield from (entry for row in rows if (entry := self._entry(row)) is not None)
            more = len(rows) == PAGE
            last = rows[-1]["name"] if rows else ""

    def remove(self, name: str) -> bool:
        """See :meth:`Index.remove`. The row is blanked and never used again."""
        if self._files.absent() or not is_name(name):
            return False
        with self._files.open(write=True) as db:
            row = db.execute("SELECT row FROM models WHERE name = ?", (name,)).fetchone()
            if row is None:
                return False
            db.execute("DELETE FROM models WHERE name = ?", (name,))
            forget(db, row["row"])
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

            def relatives(name: str) -> frozenset[str]:
                return frozenset(members[k][0] for k in kin(codes[taken], codes[places[name]])) - {name}

            every = (self._active(row) for row in db.execute(f"{ACTIVE} ORDER BY models.row"))
            return alike(mark.activations, every, members, limit, relatives)

    def keep_listings(self, listings: Iterable[Listing]) -> int:
        """See :meth:`Index.keep_listings`."""
        with self._files.open(write=True) as db:
            return put_listings(db, listings)

    def listings(self, name: str | None = None) -> Iterator[Listing]:
        """See :meth:`Index.listings`."""
        if self._files.absent():
            return
        with self._files.open() as db:
            try:
                yield from listings_in(db, name)
            except DAMAGE:
                raise IndexError_(f"{self._files.database}: damaged listing", START_OVER) from None

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
        pool = db.execute(f"{select} ORDER BY digest LIMIT {POOL + 1}").fetchall()
        if any(not 0 <= row["row"] < len(codes) for row in pool):
            raise self._files.short()
        rows = codes[np.array([row["row"] for row in pool[:POOL]], dtype=np.int64)]
        places, all_of_them = independent(rows, most)
        return [pool[place] for place in places], all_of_them and len(pool) <= POOL

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
            tables = f"{WITH_PROVENANCE} LEFT JOIN sketches USING (row)"
            row: sqlite3.Row | None = db.execute(
                f"SELECT {RECORD}, {', '.join(SKETCHES)} {tables} WHERE name = ?", (name,)
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
