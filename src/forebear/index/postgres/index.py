"""The index in a PostgreSQL database, which any number of machines read and write at once.

Records, codes, sketches and towers are tables (`migrations`). Codes are searched in the server (`search`); what is
scored by functions is read from it and given to the same functions as the local index uses, so both give one answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace as replaced
from hashlib import sha256
from typing import Any

from forebear.errors import IndexError_
from forebear.index.base import (
    Addition,
    Changed,
    Entry,
    Hit,
    LayerHit,
    Likenesses,
    Listing,
    Nominations,
    Provenance,
    TowerHits,
)
from forebear.index.cohort import Named, alike
from forebear.index.listings import listing_of
from forebear.index.nominate import Sketched, nominate
from forebear.index.postgres import candidates, layers, search, sketches
from forebear.index.postgres.address import SEARCHES, address_of
from forebear.index.postgres.bits import bits_of, row_from
from forebear.index.postgres.database import Cursor, Database
from forebear.index.postgres.migrations import VERSION
from forebear.index.postgres.writing import add_batch, put_listings
from forebear.index.records import SKETCHES, check_name, code_of, entry_of, is_name, text_bytes
from forebear.index.search import row_of
from forebear.signals import Fingerprint
from forebear.signals.binomial import log10_tail
from forebear.signals.generators import comparable_shapes
from forebear.signals.sign_code import SignCode
from forebear.signals.towers import TowerMark

CALIBRATION = "calibration"
DAMAGE = (ValueError, KeyError, TypeError, IndexError)
"""What a damaged record raises when it is read."""
RECORD = (
    "models.id, name, digest, location, added, records.record, signature, code, provenance.record AS provenance,"
    " NULL AS seal"  # pages have checksums of the server's own
)
WHOLE = "FROM models JOIN records USING (id) JOIN codes USING (id) LEFT JOIN provenance USING (id)"
STATE = """
    SELECT (SELECT born FROM version) AS born, (SELECT sum(changes)::text FROM tally) AS changes,
           (SELECT encode(content, 'hex') FROM texts WHERE name = 'calibration') AS calibration
"""


class PostgresIndex:
    """An index in PostgreSQL 14 or newer. One that does not exist yet is empty; the first ``add`` makes its tables.

    Args:
        address: ``postgresql://user@host:port/database``, with options of libpq's, and of ours: ``schema`` (default
            ``forebear``), ``search=approximate`` (default ``exact``), ``timeout`` (seconds a statement may take).

    Raises:
        UsageError: the address cannot be read.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._db = Database(address_of(address))

    @property
    def where(self) -> str:
        """See :attr:`Index.where`."""
        return self._db.address.where

    def close(self) -> None:
        """Give the connection back; the next use makes another one."""
        self._db.close()

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
        additions = tuple(additions)
        for addition in additions:
            check_name(addition.fingerprint.name)
        batches = _batches(additions)
        return self._db.write(lambda cursor: tuple(d for batch in batches for d in add_batch(cursor, batch, replace)))

    def holding(self, digest: str) -> tuple[str, ...]:
        """See :meth:`Index.holding`."""
        if not digest.isprintable() or self._db.absent():
            return ()
        rows = self._rows("SELECT name FROM models WHERE digest = %s ORDER BY name", digest)
        return tuple(row["name"] for row in rows)

    def get(self, name: str) -> Entry | None:
        """See :meth:`Index.get`."""
        if not is_name(name) or self._db.absent():
            return None

        def work(cursor: Cursor) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
            tables = f"{WHOLE} LEFT JOIN sketches USING (id)"
            row = cursor.execute(f"SELECT {RECORD}, {', '.join(SKETCHES)} {tables} WHERE name = %s", (name,)).fetchone()
            place = None if row is None else row["id"]
            return row, cursor.execute("SELECT * FROM towers WHERE id = %s ORDER BY place", (place,)).fetchall()

        row, towers = self._db.read(work)
        if row is None:
            return None
        entry = self._entry(row)
        try:
            return replaced(entry, fingerprint=replaced(entry.fingerprint, towers=tuple(map(_tower, towers))))
        except DAMAGE:
            raise self._damaged(name) from None

    def entries(self) -> Iterator[Entry]:
        """See :meth:`Index.entries`."""
        if self._db.absent():
            return
        none = ", ".join(f"NULL AS {column}" for column in SKETCHES)
        for row in self._db.stream(f"SELECT {RECORD}, {none} {WHOLE} ORDER BY name"):
            yield self._entry(row)

    def places(self) -> Iterator[tuple[str, str]]:
        """See :meth:`Index.places`."""
        rows = [] if self._db.absent() else self._rows("SELECT name, location FROM models ORDER BY name")
        return ((row["name"], place) for row in rows if (place := _text(row["location"])).startswith("/"))

    def remove(self, name: str) -> bool:
        """See :meth:`Index.remove`."""
        if not is_name(name) or self._db.absent():
            return False
        return self._db.write(lambda cursor: cursor.execute("DELETE FROM models WHERE name = %s", (name,)).rowcount > 0)

    def search(self, code: SignCode, limit: int = 20) -> Sequence[Hit]:
        """See :meth:`Index.search`. With ``search=approximate`` only candidates are counted, see `search`."""
        if self._db.absent():
            return ()
        approximate = self._db.address.search != SEARCHES[0]
        return self._db.read(lambda cursor: search.search_codes(cursor, bits_of(row_of(code)), limit, approximate))

    def search_many(self, codes: Sequence[SignCode], limit: int = 20) -> Sequence[Sequence[Hit]]:
        """See :meth:`Index.search_many`. One pass for each, all over the same references."""
        if self._db.absent():
            return tuple(() for _ in codes)
        approximate, queries = self._db.address.search != SEARCHES[0], [bits_of(row_of(code)) for code in codes]
        return self._db.read(
            lambda cursor: tuple(search.search_codes(cursor, query, limit, approximate) for query in queries)
        )

    def search_layers(self, code: SignCode, limit: int = 20) -> Sequence[LayerHit]:
        """See :meth:`Index.search_layers`. Streams every code once, 1 KB each."""
        if self._db.absent():
            return ()
        try:
            found = layers.nearest(self._db.stream(layers.EVERY_CODE), code, limit)
            return self._db.read(lambda cursor: layers.told(cursor, found, code))
        except DAMAGE:
            raise IndexError_(f"{self.where}: damaged code or record") from None

    def search_towers(self, tower: TowerMark, limit: int = 20) -> TowerHits:
        """See :meth:`Index.search_towers`."""
        if self._db.absent():
            return TowerHits()

        def work(cursor: Cursor) -> TowerHits:
            kinds = [
                row["kind"]
                for row in cursor.execute("SELECT DISTINCT ON (kind) kind, record FROM towers ORDER BY kind").fetchall()
                if comparable_shapes(json.loads(row["record"])["shape"], tower.shape)[0]
            ]
            tested = cursor.execute(
                "SELECT count(DISTINCT id) AS tested FROM towers WHERE kind = ANY(%s)", (kinds,)
            ).fetchone()
            values, bits = {"kinds": kinds}, bits_of(row_of(tower.code))
            found = search.best_in(cursor, "towers", "id, place", ["kind = ANY(%(kinds)s)"], values, bits, limit)
            ids = [row["id"] for row in found]
            rows = cursor.execute("SELECT id, name FROM models WHERE id = ANY(%s)", (ids,)).fetchall()
            named = {row["id"]: row["name"] for row in rows}
            hits = ((named[row["id"]], row["agree"], row["shared"]) for row in found)
            count = int(tested["tested"]) if tested is not None else 0
            return TowerHits(count, tuple(Hit(name, k, n, log10_tail(k, n)) for name, k, n in hits))

        try:
            return self._db.read(work)
        except DAMAGE:
            raise IndexError_(f"{self.where}: damaged record of a tower") from None

    def nominate(self, mark: Fingerprint, limit: int = 3) -> Nominations:
        """See :meth:`Index.nominate`. Streams every sketch once; a million of them are 25 GB."""
        query = Sketched(mark.name, mark.spectra, mark.tokens)
        if self._db.absent():
            return nominate(query, (), (), False, limit)
        families, complete = self._db.read(sketches.families)
        every = (sketches.sketched_row(row, self._damaged) for row in self._db.stream(sketches.EVERY_SKETCH))
        return nominate(query, every, [sketches.sketched_row(f, self._damaged) for f in families], complete, limit)

    def cohort(self) -> Sequence[Named]:
        """See :meth:`Index.cohort`."""
        if self._db.absent():
            return ()
        return [sketches.active_row(row, self._damaged) for row in self._db.read(sketches.members)]

    def alike(self, mark: Fingerprint, limit: int = 5) -> Likenesses:
        """See :meth:`Index.alike`. Streams every sketch once, 41 KB each."""
        if mark.activations is None:
            raise ValueError(f"{mark.name} has no activations")
        if self._db.absent():
            return alike(mark.activations, (), (), limit)
        rows = self._db.read(sketches.members)
        members = [sketches.active_row(row, self._damaged) for row in rows]
        seen = sketches.Kin(rows)
        every = (
            sketches.active_row(seen.passing(row), self._damaged) for row in self._db.stream(sketches.EVERY_ACTIVE)
        )
        return alike(mark.activations, every, members, limit, seen.of)

    def keep_listings(self, listings: Iterable[Listing]) -> int:
        """See :meth:`Index.keep_listings`."""
        kept = tuple(listings)
        return self._db.write(lambda cursor: put_listings(cursor, kept))

    def listings(self, name: str | None = None) -> Iterator[Listing]:
        """See :meth:`Index.listings`."""
        if self._db.absent():
            return
        where, values = ("", ()) if name is None else ("WHERE name = %s", (text_bytes(name),))
        for row in self._db.stream(f"SELECT * FROM listings {where} ORDER BY name, seen, revision", values):
            try:
                yield listing_of(_text(row["name"]), _text(row["revision"]), _text(row["seen"]), row["record"])
            except DAMAGE:
                raise IndexError_(f"{self.where}: damaged listing") from None

    def count(self) -> int:
        """See :meth:`Index.count`."""
        return 0 if self._db.absent() else int(self._rows("SELECT coalesce(sum(models), 0) AS n FROM tally")[0]["n"])

    def comparable(self, shape: Mapping[str, Any]) -> int:
        """See :meth:`Index.comparable`."""
        if shape.get("family") is None or not isinstance(shape["width"], int) or self._db.absent():
            return 0
        rows = self._rows(
            "SELECT shape, sum(models) AS n FROM tally WHERE width = %s::numeric GROUP BY shape HAVING sum(models) > 0",
            shape["width"],
        )
        try:
            return sum(int(row["n"]) for row in rows if comparable_shapes(json.loads(row["shape"]), shape)[0])
        except DAMAGE:
            raise IndexError_(f"{self.where}: damaged record") from None

    def state(self) -> str:
        """See :meth:`Index.state`."""
        rows = [] if self._db.absent() else self._rows(STATE)
        return sha256(repr([tuple(row.values()) for row in rows]).encode()).hexdigest()

    def changed(self, since: str = "") -> Changed:
        """See :meth:`Index.changed`."""
        return Changed("", None) if self._db.absent() else self._db.read(lambda cursor: sketches.changed(cursor, since))

    def calibration(self) -> tuple[str, str] | None:
        """See :meth:`Index.calibration`."""
        rows = [] if self._db.absent() else self._rows("SELECT content FROM texts WHERE name = %s", CALIBRATION)
        return (f"{self.where}: {CALIBRATION}", bytes(rows[0]["content"]).decode("utf-8", "replace")) if rows else None

    def keep_calibration(self, text: str) -> str:
        """See :meth:`Index.keep_calibration`."""
        sql = "INSERT INTO texts VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET content = excluded.content"
        self._db.write(lambda cursor: cursor.execute(sql, (CALIBRATION, text_bytes(text))).rowcount)
        return f"{self.where}: {CALIBRATION}"

    def info(self) -> dict[str, Any]:
        """See :meth:`Index.info`; and which role this account has, and how codes are searched."""
        facts: dict[str, Any] = {"path": self.where, "models": 0, "bytes": 0, "version": VERSION, "families": {}}
        if self._db.absent():
            return facts
        return {**facts, **self._db.read(lambda cursor: sketches.facts(cursor, self._db.address))}

    def build_candidates(self) -> int:
        """Build what ``search=approximate`` finds its candidates by, of what was added since; of how many codes.

        Raises:
            IndexError_: this account may not write.
        """
        return candidates.build(self._db)

    def _rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        return self._db.read(lambda cursor: cursor.execute(sql.encode(), values).fetchall())

    def _entry(self, row: Mapping[str, Any]) -> Entry:
        try:
            return entry_of({**row, "location": _text(row["location"])}, row_from(row["code"]))
        except DAMAGE:
            raise self._damaged(row["name"]) from None

    def _damaged(self, name: str) -> IndexError_:
        return IndexError_(f"{self.where}: the record of {name} is damaged", "add that model again with --replace")


def _batches(additions: Sequence[Addition]) -> list[list[Addition]]:
    """The additions in their order, cut before a name that the batch already has."""
    batches: list[list[Addition]] = [[]]
    names: set[str] = set()
    for addition in additions:
        if addition.fingerprint.name in names:
            batches.append([])
            names.clear()
        names.add(addition.fingerprint.name)
        batches[-1].append(addition)
    return [batch for batch in batches if batch]


def _text(raw: bytes) -> str:
    return bytes(raw).decode("utf-8", "surrogatepass")


def _tower(row: Mapping[str, Any]) -> TowerMark:
    data = json.loads(row["record"])
    code = code_of(data["code"], row_from(row["code"]), row["signature"])
    return TowerMark(str(data["component"]), dict(data["shape"]), code)
