"""Candidates for ``search=approximate``: which codes share sixteen coins in a row somewhere with a query.

Locality-sensitive hashing by bit sampling (Indyk and Motwani 1998): the 4,096 positions are cut into 256 stretches of
16, and two codes meet where a stretch has all its coins in both and all of them agree. With a share r of coins agreeing
over k common stretches, a relative is missed with probability (1 - r^16)^k. Codes with fewer than :data:`FEWEST` whole
stretches, and those added since the candidates were built, are counted one by one, so they are never missed; of two
others at least 128 stretches are common.

Postings are built here and kept in the server, a segment per :data:`SEGMENT` rows and in it a row per place: the ids in
the order of their sixteen bits, and where each value begins (in a small segment, each value of the first few bits, for
more candidates). PostgreSQL reads slices of such values without the rest. A segment never changes; the next
build adds another one, and adding models costs nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.index.postgres.bits import Bits
from forebear.index.postgres.database import Cursor, Database
from forebear.signals.sign_code import CODE_BYTES

STRETCHES = CODE_BYTES // 2
FEWEST = 192
SEGMENT = 1_000_000
"""Rows of a segment: 1.1 GB of memory while it is built, 1.2 GB in the server. Each costs a query 256 looks into it."""
VALUES = 1 << 16
_WHOLE = "(get_byte({0}, {1}) + 256 * get_byte({0}, {1} + 1) + 65536 * get_byte({0}, {1} + 2))"
"""Of four bytes, the lowest first; the highest is 0, a segment being smaller than that."""
NEAR = f"""
    SELECT DISTINCT first + {_WHOLE.format("slice", "at")} AS id FROM (
        SELECT first, substring(ids, 4 * start + 1, 4 * (stop - start)) AS slice, stop - start AS size FROM (
            SELECT first, ids, {_WHOLE.format("edges", 0)} AS start, {_WHOLE.format("edges", 4)} AS stop FROM (
                SELECT first, ids, substring(offsets, 4 * (sign >> (16 - bits)) + 1, 8) AS edges
                FROM segments JOIN postings USING (first)
                JOIN unnest(%(places)s::smallint[], %(signs)s::integer[]) AS t (place, sign) USING (place) OFFSET 0
            ) AS looked_up OFFSET 0
        ) AS bounded WHERE stop > start OFFSET 0
    ) AS cut, generate_series(0, 4 * size - 4, 4) AS at
"""
"""The ids that share a stretch, taken apart in the server: sending slices back and forth took longer than reading them.
OFFSET 0 keeps what was cut from being cut once per use."""


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
    return {"places": [int(p) for p in places], "signs": [int(values[p]) for p in places]}


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
        bits = min(16, (64 * count + 1).bit_length())
        made = list(_postings(ids[:count], codes[:count], bits))
        db.write(lambda cursor, segment=(first, stop, bits), made=made: _keep(cursor, segment, made))  # type: ignore[misc]
    return total


def _postings(ids: NDArray[np.uint32], codes: NDArray[np.uint16], bits: int) -> Iterator[tuple[int, bytes, bytes]]:
    """Place, where each value begins, and the ids in the order of their values."""
    for place in range(STRETCHES):
        ones, zeros = codes[:, 0, place], codes[:, 1, place]
        there = np.flatnonzero((ones | zeros) == VALUES - 1)
        values = ones[there] >> (16 - bits)
        edges = np.zeros((1 << bits) + 1, dtype="<u4")
        np.cumsum(np.bincount(values, minlength=1 << bits), out=edges[1:])
        order = np.argsort(values, kind="stable")
        yield place, edges.tobytes(), ids[there[order]].astype("<u4").tobytes()


def _keep(cursor: Cursor, segment: tuple[int, int, int], made: list[tuple[int, bytes, bytes]]) -> None:
    cursor.execute("INSERT INTO segments VALUES (%s, %s, %s)", segment)
    with cursor.copy("COPY postings (first, place, offsets, ids) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(("int8", "int2", "bytea", "bytea"))
        for row in made:
            copy.write_row((segment[0], *row))


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
