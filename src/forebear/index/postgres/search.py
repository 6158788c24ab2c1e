"""Search in the server: every code counted exactly, or with ``search=approximate`` only candidates (`candidates`).

The order is that of :func:`forebear.index.search.best`, in the same double arithmetic: excess of agreement in standard
deviations, then the older row. With pgvector a distance is taken without copying the code, which is three times as
fast; the counts are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from forebear.index.base import Hit
from forebear.index.postgres.bits import BITS, Bits, opposite
from forebear.index.postgres.candidates import conditions
from forebear.index.postgres.database import Cursor
from forebear.signals.binomial import log10_tail

PARALLEL = "SET LOCAL parallel_tuple_cost = 0; SET LOCAL parallel_setup_cost = 0"
"""A row costs more to count than the planner thinks and nothing to hand on."""


SAMPLE = 100
"""Rows, for each that is wanted, of which the best say what a row has to reach at least: one in a hundred does."""
FEWEST_SHARED = f"greatest(agree, n + %(n)s - {BITS // 2}, 1)"
"""Positions that two codes share at least: the fewer they are, the better is what agrees."""


def vector_schema(cursor: Cursor) -> str | None:
    """The schema of pgvector, where this database has it."""
    row = cursor.execute(
        "SELECT quote_ident(nspname) AS at FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace"
        " WHERE extname = 'vector'"
    ).fetchone()
    return None if row is None else str(row["at"])


def best_in(
    cursor: Cursor, table: str, columns: str, where: Sequence[str], values: dict[str, Any], code: Bits, limit: int
) -> list[dict[str, Any]]:
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
    given = {**values, "same": code, "opposite": opposite(code), "n": int.from_bytes(code).bit_count(), "limit": limit}

    def counted(one: str, more: str = "") -> str:
        """Rows with both counts; OFFSET 0 keeps each count from being made once per use."""
        once = f"SELECT {columns}, n, code, ({agree})::float8 AS agree FROM {table} WHERE {one} {more} OFFSET 0"
        return (
            f"SELECT {columns}, agree, agree + ({against})::float8 AS shared FROM ({once}) AS once"
            f" WHERE {_score(FEWEST_SHARED)} >= %(floor)s OFFSET 0"
        )

    given["floor"] = float("-inf")
    if len(where) == 1:
        few = counted(where[0], f"LIMIT {SAMPLE * limit}")
        cursor.execute(
            f"SELECT {_score('shared')} AS z FROM ({few}) AS few WHERE shared > 0"
            f" ORDER BY z DESC OFFSET %(limit)s - 1 LIMIT 1",
            given,
        )
        if (row := cursor.fetchone()) is not None:
            given["floor"] = row["z"]
        cursor.connection.execute(PARALLEL)  # few rows are counted sooner than a worker has started
    cursor.execute(
        f"SELECT {columns}, agree::integer AS agree, shared::integer AS shared"
        f" FROM ({' UNION ALL '.join(f'({counted(one)})' for one in where)}) AS every WHERE shared > 0"
        f" ORDER BY {_score('shared')} DESC, {columns} LIMIT %(limit)s",
        given,
    )
    return cursor.fetchall()


def _score(shared: str) -> str:
    return f"(2 * agree - {shared}) / sqrt({shared})"


def search_codes(cursor: Cursor, code: Bits, limit: int, approximate: bool) -> tuple[Hit, ...]:
    """The references whose codes agree most."""
    where, values = conditions(cursor, code) if approximate else (["true"], {})
    found = best_in(cursor, "codes", "id", where, values, code, limit)
    ids = [row["id"] for row in found]
    named = {row["id"]: row["name"] for row in cursor.execute("SELECT id, name FROM models WHERE id = ANY(%s)", (ids,))}
    return tuple(
        Hit(named[row["id"]], row["agree"], row["shared"], log10_tail(row["agree"], row["shared"])) for row in found
    )
