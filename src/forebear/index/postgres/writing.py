"""How models are written into PostgreSQL's tables; inside a transaction of the caller's.

Names are reserved row by row: whoever inserts a name first has it, another transaction that wants it waits for that one
to end, and sees what it left. Everything that is large goes in by binary COPY under the reserved ids.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

from forebear.errors import UsageError
from forebear.index.base import Addition, Listing
from forebear.index.listings import GONE, listing_record
from forebear.index.postgres.bits import bits_of
from forebear.index.postgres.candidates import whole
from forebear.index.postgres.database import Cursor
from forebear.index.records import (
    SKETCHES,
    code_data,
    provenance_of,
    provenance_record,
    record_of,
    sketches_of,
    stays,
    text_bytes,
)
from forebear.index.search import row_of
from forebear.signals import Fingerprint
from forebear.types import created

LARGEST = 2**63


def add_batch(cursor: Cursor, additions: Sequence[Addition], replace: bool) -> list[bool]:
    """Write models of which no two have one name; what :meth:`Index.add` gives, for each.

    Raises:
        UsageError: a name is another model's and ``replace`` is not set.
    """
    cursor.execute("LOCK TABLE models IN ROW EXCLUSIVE MODE")  # before ids are taken, see `candidates.build`
    ids = [
        row["id"]
        for row in cursor.execute("SELECT nextval('ids') AS id FROM generate_series(1, %s)", (len(additions),))
    ]
    waiting = dict(zip((a.fingerprint.name for a in additions), zip(ids, additions, strict=True), strict=True))
    done = dict.fromkeys(waiting, True)
    while waiting:
        fresh = {name: waiting.pop(name) for name in _reserve(cursor, waiting)}
        _write(cursor, fresh)
        if not waiting:
            break
        taken = cursor.execute(
            "SELECT id, name, digest FROM models WHERE name = ANY(%s) ORDER BY name FOR UPDATE", (sorted(waiting),)
        ).fetchall()  # a name that was taken and is gone again is reserved in the next round
        for old in taken:
            addition = waiting[old["name"]][1]
            if replace:
                cursor.execute("DELETE FROM models WHERE id = %s", (old["id"],))
            elif old["digest"] == addition.fingerprint.digest:
                _keep_beside(cursor, old["id"], addition)
                done[old["name"]] = False
                del waiting[old["name"]]
            else:
                raise UsageError(
                    f"{old['name']} is already in the index, and is another model",
                    "choose another --name, or --replace it",
                )
    return [done[a.fingerprint.name] for a in additions]


def _reserve(cursor: Cursor, wanted: dict[str, tuple[int, Addition]]) -> list[str]:
    """Insert records under the names that are free, in the order of names, so that writers never wait in a circle."""
    now = created()
    columns: list[list[Any]] = [[] for _ in range(7)]
    for name in sorted(wanted):
        place, addition = wanted[name]
        mark = addition.fingerprint
        family, width = mark.shape.get("family"), mark.shape.get("width")
        values = (
            place,
            name,
            mark.digest,
            None if family is None else text_bytes(str(family)),
            width if isinstance(width, int) and -LARGEST <= width < LARGEST else None,
            json.dumps(dict(mark.shape)),
            text_bytes(addition.location),
        )
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    rows = cursor.execute(
        "INSERT INTO models (id, name, digest, family, width, shape, location, added)"
        " SELECT t.*, %s FROM unnest(%b::bigint[], %b::text[], %b::text[], %b::bytea[], %b::bigint[], %b::text[],"
        " %b::bytea[]) AS t ON CONFLICT (name) DO NOTHING RETURNING name",
        (now, *columns),
    ).fetchall()
    return [row["name"] for row in rows]


def _write(cursor: Cursor, fresh: dict[str, tuple[int, Addition]]) -> None:
    """What belongs to new records, by COPY, in the order of their ids."""
    rows = sorted(fresh.values(), key=lambda pair: pair[0])
    marks = [(place, addition.fingerprint) for place, addition in rows]
    codes = ((p, bits_of(row_of(m.code))) for p, m in marks)
    _copy(cursor, "codes (id, whole, code)", ("int8", "int2", "bit"), ((p, whole(c), c) for p, c in codes))
    _copy(
        cursor,
        "records (id, record, signature)",
        ("int8", "text", "bytea"),
        ((p, record_of(m), m.code.signature.astype("<f2").tobytes()) for p, m in marks),
    )
    sketched = [(p, *sketches_of(m)) for p, m in marks]
    sketched = [row for row in sketched if any(s is not None for s in row[1:])]
    _copy(cursor, f"sketches (id, {', '.join(SKETCHES)})", ("int8", "bytea", "bytea", "bytea"), sketched)
    _put_towers(cursor, marks)
    said = [(p, provenance_record(a.provenance)) for p, a in rows if a.provenance is not None]
    _copy(cursor, "provenance (id, record)", ("int8", "text"), said)


def _keep_beside(cursor: Cursor, place: int, addition: Addition) -> None:
    """The same model again: it may have moved, and more may have been measured of it. A private one stays as it is."""
    stored = cursor.execute("SELECT record FROM provenance WHERE id = %s", (place,)).fetchone()
    if stays(stored["record"] if stored else None, addition):
        return
    mark = addition.fingerprint
    kept, said = provenance_of(stored["record"] if stored else None), addition.provenance
    beside = said is not None and said.private and not (kept is not None and kept.private)
    sketches = sketches_of(mark)
    if any(s is not None for s in sketches):
        names, both = ", ".join(SKETCHES), ", ".join(f"coalesce(excluded.{c}, sketches.{c})" for c in SKETCHES)
        beside |= (
            cursor.execute(
                f"INSERT INTO sketches (id, {names}) VALUES (%s, %s, %s, %s) ON CONFLICT (id)"
                f" DO UPDATE SET ({names}) = ROW({both})"
                f" WHERE ({', '.join(f'sketches.{c}' for c in SKETCHES)}) IS DISTINCT FROM ({both})",
                (place, *sketches),
            ).rowcount
            > 0
        )
    beside |= cursor.execute("DELETE FROM towers WHERE id = %s", (place,)).rowcount > 0 or bool(mark.towers)
    _put_towers(cursor, [(place, mark)])
    cursor.execute(
        "UPDATE models SET location = %(location)s, written = pg_current_xact_id()"
        " WHERE id = %(id)s AND (location <> %(location)s OR %(beside)s)",
        {"location": text_bytes(addition.location), "id": place, "beside": beside},
    )
    if addition.provenance is not None:
        cursor.execute(
            "INSERT INTO provenance VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET record = excluded.record",
            (place, provenance_record(addition.provenance)),
        )


def _put_towers(cursor: Cursor, marks: Iterable[tuple[int, Fingerprint]]) -> None:
    rows = [
        (
            place,
            number,
            kind_of(tower.shape),
            json.dumps({"component": tower.component, "shape": dict(tower.shape), "code": code_data(tower.code)}),
            bits_of(row_of(tower.code)),
            tower.code.signature.astype("<f2").tobytes(),
        )
        for place, mark in marks
        for number, tower in enumerate(mark.towers)
    ]
    columns = "towers (id, place, kind, record, code, signature)"
    _copy(cursor, columns, ("int8", "int4", "bytea", "text", "bit", "bytea"), rows)


def kind_of(shape: Any) -> bytes:
    """A digest of a tower's shape: what says whether two towers can be compared."""
    return sha256(json.dumps(dict(shape), sort_keys=True).encode()).digest()


def _copy(cursor: Cursor, table: str, types: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    if isinstance(rows, list) and not rows:
        return
    with cursor.copy(f"COPY {table} FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def put_listings(cursor: Cursor, listings: Iterable[Listing]) -> int:
    """Keep listings; how many said something new. A repository that is listed again is no longer gone."""
    fresh: dict[bytes, tuple[Any, ...]] = {}
    listings = tuple(listings)
    cursor.execute(
        "DELETE FROM listings WHERE name = ANY(%s::bytea[]) AND record LIKE %s",
        ([text_bytes(one.name) for one in listings if not one.gone], f'%"{GONE}": true%'),
    )
    for one in listings:
        record = listing_record(one)
        name, revision, seen = text_bytes(one.name), text_bytes(one.revision), text_bytes(one.seen)
        key = sha256(b"".join(sha256(part).digest() for part in (name, revision, record.encode()))).digest()
        fresh.setdefault(key, (key, name, revision, seen, record))
    columns = list(zip(*(fresh[key] for key in sorted(fresh)), strict=True)) if fresh else [()] * 5
    return cursor.execute(
        "INSERT INTO listings SELECT * FROM unnest(%s::bytea[], %s::bytea[], %s::bytea[], %s::bytea[], %s::text[])"
        " ON CONFLICT DO NOTHING",
        [list(column) for column in columns],
    ).rowcount
