"""The index on this machine: SQLite records beside one memory-mapped array of codes.

``index.db`` holds a record per model, ``codes.bin`` 1,024 bytes per row. A writer takes SQLite's write lock, writes
its row, then commits the record that points to it; so any number of processes may add at once, a killed one loses
only the model it was at, and a reader never sees a record without its code.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace as replaced
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from forebear.errors import IndexError_, UsageError
from forebear.index import base, tally
from forebear.index.ann import candidates
from forebear.index.base import Addition, Entry, Hit, LayerHit, Likenesses, Listing, Nominations, Provenance, TowerHits
from forebear.index.cohort import MOST_COHORT, Named, alike
from forebear.index.independent import POOL, independent, kin
from forebear.index.kernels import Words
from forebear.index.listings import listings_in, put_listings
from forebear.index.lookup import hits, last_row, layer_hits
from forebear.index.migrations import VERSION
from forebear.index.nominate import MOST_FAMILIES, Sketched, nominate
from forebear.index.records import SKETCHES, check_name, checksum, entry_of, is_name, sketched
from forebear.index.search import ROW_WORDS, row_of
from forebear.index.storage import Storage
from forebear.index.towers import DAMAGE, search_towers, towers_of
from forebear.index.writing import COLUMNS, forget, insert, keep_beside
from forebear.signals import Fingerprint
from forebear.signals.activations import Activations
from forebear.signals.sign_code import SignCode
from forebear.signals.towers import TowerMark

T = TypeVar("T")

NO_ROWS: Words = np.zeros((0, ROW_WORDS), dtype=np.uint64)
PAGE = 1_000
"""Records that are in memory at a time where all are read: 10 MB."""
CALIBRATION = "calibration.json"
"""What ``forebear index calibrate`` keeps beside the index."""
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
        none = ", ".join(f"NULL AS {column}" for column in SKETCHES)
        page = f"SELECT {RECORD}, {none} {WITH_PROVENANCE} WHERE name > ? ORDER BY name LIMIT {PAGE}"
        last = ""
        while True:
            with self._files.open() as db:
                rows = db.execute(page, (last,)).fetchall()
            for row in rows:
                if (entry := self._entry(row)) is not None:
                    yield entry
            if len(rows) < PAGE:
                return
            last = rows[-1]["name"]

    def places(self) -> Iterator[tuple[str, str]]:
        """See :meth:`Index.places`."""
        return iter(() if self._files.absent() else self._told(tally.places))

    def remove(self, name: str) -> bool:
        """See :meth:`Index.remove`. The row is blanked and never used again."""
        if self._files.absent() or not is_name(name):
            return False
        with self._files.open(write=True) as db:
            row = db.execute("SELECT row FROM models WHERE name = ?", (name,)).fetchone()
            if row is None:
                return False
            forget(db, row["row"])
        self._files.blank(row["row"])
        return True

    def search(self, code: SignCode, limit: int = 20) -> Sequence[Hit]:
        """See :meth:`Index.search`."""
        return self.search_many((code,), limit)[0]

    def search_many(self, codes: Sequence[SignCode], limit: int = 20) -> Sequence[Sequence[Hit]]:
        """See :meth:`Index.search_many`."""
        with self._searched() as (db, rows):
            return hits(db, rows, codes, limit)

    def search_layers(self, code: SignCode, limit: int = 20) -> Sequence[LayerHit]:
        """See :meth:`Index.search_layers`."""
        with self._searched() as (db, rows):
            return layer_hits(db, rows, code, limit)

    @contextmanager
    def _searched(self) -> Iterator[tuple[sqlite3.Connection, Words]]:
        """The records, and all rows of codes; no rows where there are no records."""
        if self._files.absent():
            with closing(sqlite3.connect(":memory:")) as nothing:
                yield nothing, NO_ROWS
            return
        with self._files.open() as db:
            try:
                last = last_row(db)
                rows = NO_ROWS if last < 0 else self._files.rows()
                if last >= len(rows):
                    raise self._files.short()
                yield db, rows
            except DAMAGE:
                raise self._files.damaged() from None

    def search_towers(self, tower: TowerMark, limit: int = 20) -> TowerHits:
        """See :meth:`Index.search_towers`."""
        if self._files.absent():
            return TowerHits()
        with self._files.open() as db:
            try:
                return search_towers(db, tower, limit)
            except DAMAGE:
                raise self._files.damaged("record of a tower") from None

    def nominate(self, mark: Fingerprint, limit: int = 3) -> Nominations:
        """See :meth:`Index.nominate`.

        Streams every sketch once, 25 KB each; of twenty thousand and more those that :mod:`forebear.index.ann` chooses.
        """
        query = Sketched(mark.name, mark.spectra, mark.tokens)
        if self._files.absent():
            return nominate(query, (), (), False, limit)
        with self._files.open() as db:
            families, complete = self._families(db)
            few = candidates(db, self.folder, query, families)
            where = "" if few is None else "WHERE models.row IN (SELECT value FROM json_each(:rows))"
            every = db.execute(f"{SKETCHED} {where} ORDER BY models.row", {"rows": few and few.rows})
            found = nominate(query, (self._sketched(row) for row in every), families, complete, limit)
        return found if few is None else replaced(found, notes=(*found.notes, few.note))

    def cohort(self) -> Sequence[Named]:
        """See :meth:`Index.cohort`."""
        if self._files.absent():
            return ()
        with self._files.open() as db:
            return [self._active(row) for row in self._independent(db, ACTIVE, MOST_COHORT)[0]]

    def alike(self, mark: Fingerprint, limit: int = 5) -> Likenesses:
        """See :meth:`Index.alike`. Streams every sketch once, 41 KB each."""
        if mark.activations is None:
            raise ValueError(f"{mark.name} has no activations")
        if self._files.absent():
            return alike(mark.activations, (), (), limit)
        with self._files.open() as db:
            rows, _ = self._independent(db, ACTIVE, MOST_COHORT)
            members = [self._active(row) for row in rows]
            codes = self._files.rows()
            taken = np.array([row["row"] for row in rows], dtype=np.int64)

            def relatives(name: str) -> frozenset[str]:
                place = db.execute("SELECT row FROM models WHERE name = ?", (name,)).fetchone()["row"]
                return frozenset(members[k][0] for k in kin(codes[taken], codes[place])) - {name}

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
                raise self._files.damaged("listing") from None

    def count(self) -> int:
        """See :meth:`Index.count`."""
        return 0 if self._files.absent() else self._told(tally.count)

    def comparable(self, shape: Mapping[str, Any]) -> int:
        """See :meth:`Index.comparable`."""
        if self._files.absent() or shape.get("family") is None:
            return 0
        return self._told(lambda db: tally.comparable(db, shape))

    def state(self) -> str:
        """See :meth:`Index.state`."""
        references = "" if self._files.absent() else self._told(tally.state)
        return sha256(repr((references, self._files.read_text(CALIBRATION))).encode()).hexdigest()

    def changed(self, since: str = "") -> base.Changed:
        """See :meth:`Index.changed`."""
        return base.Changed("", None) if self._files.absent() else self._told(lambda db: tally.changed(db, since))

    def _told(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        with self._files.open() as db:
            try:
                return ask(db)
            except DAMAGE:
                raise self._files.damaged() from None

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
        families = {} if self._files.absent() else self._told(tally.families)
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
