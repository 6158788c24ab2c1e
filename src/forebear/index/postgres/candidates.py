"""Candidates for ``search=approximate``: which codes share sixteen coins in a row somewhere with a query.

Locality-sensitive hashing by bit sampling (Indyk and Motwani 1998): the 4,096 positions are cut into 256 stretches of
16, and two codes meet where a stretch has all its coins in both, all of them agree, and so do :data:`ALIKE` of the
:data:`AFTER` that follow. With a share r of coins agreeing over k common stretches, a relative is missed with
probability (1 - r^16 P)^k, P being that of ALIKE successes or more in AFTER draws of chance r. Codes with fewer than
:data:`FEWEST` whole stretches, and those added since the candidates were built, are counted one by one, so they are
never missed; of two others at least 128 stretches are common.

Postings are built here and kept in the server, a segment per :data:`SEGMENT` rows. Of each place the ids are in the
order of their sixteen bits (in a small segment: of the first few, for more candidates), each with the coins that
follow. They lie in rows of :data:`IDS` or fewer, those whose first bits are the same, with where each value begins: one
look reads a page of the table and one of its index. A segment never changes; the next build adds another one, and
adding models costs nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.index.postgres.bits import Bits
from forebear.index.postgres.database import Cursor, Database
from forebear.signals.sign_code import CODE_BYTES

STRETCHES = CODE_BYTES // 2
FEWEST = 192
AFTER, ALIKE = 24, 14
"""Counting a code costs more than finding it, since it lies somewhere in a gigabyte. Of codes that meet by chance three
in four have fewer coins alike among those that follow, of relatives with r = 0.8 one in 250."""
SEGMENT = 1_000_000
"""Rows of a segment: 1 GB of memory while it is built, 1.8 GB in the server. Each costs a query 256 looks into it."""
IDS, _LOW = 256, 7
"""Ids of a row of postings, at most, where values are evenly spread: five such rows fill a page. And of how many values
they are, as a power of two, at most."""
VALUES = 1 << 16
_NUMBER = "(get_byte({0}, {1}) + 256 * get_byte({0}, {1} + 1) + 65536 * get_byte({0}, {1} + 2))"
"""Of three bytes, the lowest first: an entry is an id of the segment and what follows."""
NEAR = f"""
    SELECT DISTINCT first + {_NUMBER.format("slice", "at")} AS id FROM (
        SELECT first, next, substring(entries, 6 * start + 1, 6 * (stop - start)) AS slice, stop - start AS size FROM (
            SELECT first, next, entries, {_NUMBER.format("edges", "4 * value")} AS start,
                {_NUMBER.format("edges", "4 * value + 4")} AS stop
            FROM (
                SELECT first, next, edges, entries, (sign >> (16 - bits)) & ((1 << low) - 1) AS value
                FROM segments AS s
                CROSS JOIN unnest(%(places)s::smallint[], %(signs)s::integer[], %(next)s::integer[])
                    AS t (place, sign, next)
                CROSS JOIN LATERAL (
                    SELECT edges, entries FROM postings
                    WHERE first = s.first AND place = t.place AND high = sign >> (16 - bits + low) OFFSET 0
                ) AS one OFFSET 0
            ) AS looked_up OFFSET 0
        ) AS bounded WHERE stop > start OFFSET 0
    ) AS cut, generate_series(0, 6 * size - 6, 6) AS at
    WHERE bit_count(({_NUMBER.format("slice", "at + 3")} # next)::bit({AFTER})) <= {AFTER - ALIKE}
"""
"""The ids that share a stretch, taken apart in the server: sending slices back and forth took longer than reading them.
OFFSET 0 keeps what was cut from being cut once per use, and postings from being read whole for a join."""


def stretches_of(code: bytes) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    """The signs of every stretch ``(256,)``, and which have all their coins ``(256,)``."""
    halves = np.frombuffer(code, dtype=">u2").reshape(2, STRETCHES)
    return halves[0].astype(np.uint16), (halves[0] | halves[1]) == VALUES - 1


def whole(code: bytes) -> int:
    """How many stretches of a code have all their coins."""
    return int(stretches_of(code)[1].sum())


def built(cursor: Cursor) -> int | None:
    """The last row for which there are candidates; None where there are none."""
    row = cursor.execute("SELECT max(last) AS last FROM segments").fetchone()
    return None if row is None or row["last"] is None else int(row["last"])


def candidates(cursor: Cursor, code: Bits) -> list[int]:
    """Rows that share a stretch with a code, ascending; some may be gone."""
    return [int(row["id"]) for row in cursor.execute(f"{NEAR} ORDER BY id", _stretches(code)).fetchall()]


def _stretches(code: Bits) -> dict[str, Any]:
    values, there = stretches_of(code)
    places = np.flatnonzero(there)
    after = _following(values[(places + 1) % STRETCHES], values[(places + 2) % STRETCHES])
    return {"places": places.tolist(), "signs": values[places].tolist(), "next": after.tolist()}


def _following(one: NDArray[np.uint16], other: NDArray[np.uint16]) -> NDArray[np.uint32]:
    """The coins after a stretch, of the signs of the next one and of the one after it."""
    return (one.astype(np.uint32) << 8 | other >> 8).astype(np.uint32)


def build(db: Database) -> int:
    """Build the candidates of what was added since the last time; of how many rows.

    Raises:
        IndexError_: this account may not write, or another process is building.
    """

    def bounds(cursor: Cursor) -> tuple[int, int]:
        # whoever holds an id that is not yet to be seen holds this table too (`writing.add_batch`)
        cursor.execute("LOCK TABLE models IN SHARE MODE")
        row = cursor.execute("SELECT coalesce(max(id), -1) AS last FROM models").fetchone()
        last = built(cursor)
        return (-1 if last is None else last), int(row["last"]) if row is not None else -1

    before, last = db.write(bounds)
    total = 0
    for first in range(before + 1, last + 1, SEGMENT):
        stop = min(first + SEGMENT - 1, last)
        sql = f"SELECT id, code FROM codes WHERE id BETWEEN %s AND %s AND whole >= {FEWEST} ORDER BY id"
        ids = np.zeros(SEGMENT, dtype=np.uint32)
        codes = np.zeros((SEGMENT, 2, STRETCHES), dtype=np.uint16)
        count = 0
        for row in db.stream(sql, (first, stop)):
            ids[count] = row["id"] - first
            codes[count] = np.frombuffer(row["code"], dtype=">u2").reshape(2, STRETCHES)
            count += 1
        total += count
        keep = partial(_keep, first=first, last=stop, ids=ids[:count], codes=codes[:count])
        db.write(keep)
    return total


def _keep(cursor: Cursor, first: int, last: int, ids: NDArray[np.uint32], codes: NDArray[np.uint16]) -> None:
    bits = min(16, (64 * len(ids) + 1).bit_length())
    each = len(ids) / (1 << bits)  # ids of a value
    low = next((n for n in range(_LOW, 0, -1) if each * (1 << n) <= IDS), 0)
    cursor.execute("INSERT INTO segments VALUES (%s, %s, %s, %s)", (first, last, bits, low))
    for place in range(STRETCHES):
        with cursor.copy("COPY postings (first, place, high, edges, entries) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(("int8", "int2", "int2", "bytea", "bytea"))
            for row in _postings(ids, codes, place, bits, low):
                copy.write_row((first, place, *row))


def _postings(
    ids: NDArray[np.uint32], codes: NDArray[np.uint16], place: int, bits: int, low: int
) -> Iterator[tuple[int, bytes, bytes]]:
    """Rows of a place: the high bits of its values, where each of them begins, and entries in the order of values."""
    ones, zeros = codes[:, 0, place], codes[:, 1, place]
    there = np.flatnonzero((ones | zeros) == VALUES - 1)
    values = ones[there] >> (16 - bits)
    order = there[np.argsort(values, kind="stable")]
    after = _following(codes[order, 0, (place + 1) % STRETCHES], codes[order, 0, (place + 2) % STRETCHES])
    entries = np.empty((len(order), 2, 3), dtype=np.uint8)
    for part, numbers in enumerate((ids[order], after)):
        entries[:, part] = numbers.astype("<u4").view(np.uint8).reshape(-1, 4)[:, :3]
    begins = np.zeros((1 << bits) + 1, dtype="<u4")
    np.cumsum(np.bincount(values, minlength=1 << bits), out=begins[1:])
    size = 1 << low
    for high in np.flatnonzero(begins[size::size] > begins[:-1:size]).tolist():
        edges = begins[size * high : size * (high + 1) + 1]
        yield high, (edges - edges[0]).tobytes(), entries[edges[0] : edges[-1]].tobytes()


def conditions(cursor: Cursor, code: Bits) -> tuple[list[str], dict[str, Any]]:
    """Which rows are to be counted for a query, as conditions of `search.best_in` and their values."""
    last = built(cursor)
    if last is None or whole(code) < FEWEST:
        return ["true"], {}
    return (
        [
            f"id = ANY(ARRAY({NEAR} ORDER BY id)) AND whole >= {FEWEST}",
            f"id <= {last} AND whole < {FEWEST}",
            f"id > {last}",
        ],
        _stretches(code),
    )
