"""Search in the server: every code counted exactly, or only candidates that share sixteen coins in a row somewhere.

The order is that of :func:`forebear.index.search.best`, in the same double arithmetic: excess of agreement in standard
deviations, then the older row. With pgvector a distance is taken without copying the code, which is three times as fast;
the counts are the same.

Candidates are locality-sensitive hashing by bit sampling (Indyk and Motwani 1998): the 4,096 positions are cut into 256
stretches of 16, and two codes meet where a stretch has all its coins in both and all of them agree. With a share r of
coins agreeing, a relative is missed with probability (1 - r^16)^256. Codes with fewer than :data:`FEWEST_KEYS` whole
stretches, and those added since the index was built, are counted one by one, so they are never missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from forebear.index.base import Hit
from forebear.index.postgres.bits import Bits, opposite
from forebear.index.postgres.database import Cursor
from forebear.index.search import ROW_BYTES
from forebear.signals.binomial import log10_tail
from forebear.signals.sign_code import CODE_BYTES

FEWEST_KEYS = 128
"""Whole stretches below which a code is always counted."""
BUILT = "candidates"
"""Name of the text that says up to which row candidates were built."""
PARALLEL = "SET LOCAL parallel_tuple_cost = 0; SET LOCAL parallel_setup_cost = 0"
"""A row costs more to count than the planner thinks and nothing to hand on."""


def vector_schema(cursor: Cursor) -> str | None:
    """The schema of pgvector, where this database has it."""
    row = cursor.execute(
        "SELECT quote_ident(nspname) AS at FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace"
        " WHERE extname = 'vector'"
    ).fetchone()
    return None if row is None else str(row["at"])


def best_in(cursor: Cursor, table: str, columns: str, where: Sequence[str], values: dict[str, Any], code: Bits, limit: int) -> list[dict[str, Any]]:
    """The rows of a table with codes that agree most: ``columns``, ``agree`` and ``shared``, best first.

    Args:
        cursor: inside a transaction.
        table: ``codes`` or ``towers``.
        columns: that order equal ones.
        where: conditions; a row that meets one of them is counted, and they exclude each other.
        values: of the conditions.
        code: the query.
        limit: how many.
    """
    if limit <= 0:
        return []
    if (vector := vector_schema(cursor)) is not None:
        agree = f"(n + %(n)s - {vector}.hamming_distance(code, %(same)s)) / 2"
        against = f"(n + %(n)s - {vector}.hamming_distance(code, %(opposite)s)) / 2"
    else:
        agree, against = "bit_count(code & %(same)s)", "bit_count(code & %(opposite)s)"
    parts = (
        f"(SELECT {columns}, ({agree})::float8 AS agree, ({against})::float8 AS against FROM {table} WHERE {one} OFFSET 0)"
        for one in where
    )  # OFFSET 0 keeps the counts from being made once per use
    cursor.connection.execute(PARALLEL)
    cursor.execute(
        f"SELECT {columns}, agree::integer AS agree, (agree + against)::integer AS shared"
        f" FROM ({' UNION ALL '.join(parts)}) AS counted WHERE agree + against > 0"
        f" ORDER BY (2 * agree - (agree + against)) / sqrt(agree + against) DESC, {columns} LIMIT %(limit)s",
        {**values, "same": code, "opposite": opposite(code), "n": int.from_bytes(code).bit_count(), "limit": limit},
    )
    return cursor.fetchall()


def search_codes(cursor: Cursor, code: Bits, limit: int, approximate: bool) -> tuple[Hit, ...]:
    """The references whose codes agree most."""
    where, values = ["true"], dict[str, Any]()
    keys = keys_of(code) if approximate else []
    last = built(cursor) if len(keys) >= FEWEST_KEYS else None
    if last is not None:
        where = [f"id <= {last} AND code_keys(code) && %(keys)s", f"id <= {last} AND {sparse()}", f"id > {last}"]
        where[1] += " AND NOT code_keys(code) && %(keys)s"
        values["keys"] = keys
        cursor.execute("SET LOCAL enable_seqscan = off")
    found = best_in(cursor, "codes", "id", where, values, code, limit)
    ids = [row["id"] for row in found]
    named = {
        row["id"]: row["name"] for row in cursor.execute("SELECT id, name FROM models WHERE id = ANY(%s)", (ids,))
    }
    return tuple(
        Hit(named[row["id"]], row["agree"], row["shared"], log10_tail(row["agree"], row["shared"])) for row in found
    )


def keys_of(code: Bits) -> list[int]:
    """The stretches of a code that have all their coins, as numbers: place, then the sixteen signs."""
    ones = np.frombuffer(code, dtype=">u2", count=CODE_BYTES // 2)
    zeros = np.frombuffer(code, dtype=">u2", count=(ROW_BYTES - CODE_BYTES) // 2, offset=CODE_BYTES)
    places = np.flatnonzero((ones | zeros) == 0xFFFF)
    return [(int(place) << 16) | int(ones[place]) for place in places]


def sparse() -> str:
    """The condition under which a code has too few keys to be found by them."""
    return f"cardinality(code_keys(code)) < {FEWEST_KEYS}"


def built(cursor: Cursor) -> int | None:
    """The last row for which there are candidates; None where they were never built."""
    row = cursor.execute("SELECT content FROM texts WHERE name = %s", (BUILT,)).fetchone()
    return None if row is None else int(bytes(row["content"]))


def build(cursor: Cursor) -> int:
    """Build the candidates of all rows there are, in place of those of before; how many rows there were.

    What is added later is not among them: it is counted one by one until they are built again, so adding stays fast.
    """
    cursor.execute("SET LOCAL statement_timeout = 0")
    last = cursor.execute("SELECT coalesce(max(id), -1) AS last, count(*) AS rows FROM codes").fetchone()
    assert last is not None
    cursor.execute("DROP INDEX IF EXISTS codes_keys, codes_sparse")
    condition = f"id <= {int(last['last'])}"
    cursor.execute(f"CREATE INDEX codes_keys ON codes USING gin (code_keys(code)) WHERE {condition}".encode())
    cursor.execute(f"CREATE INDEX codes_sparse ON codes (id) WHERE {condition} AND {sparse()}".encode())
    cursor.execute(
        "INSERT INTO texts VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET content = excluded.content",
        (BUILT, str(last["last"]).encode()),
    )
    cursor.execute("ANALYZE codes")
    return int(last["rows"])
