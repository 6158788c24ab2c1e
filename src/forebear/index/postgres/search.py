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
UNCOMPILED = "SET LOCAL jit = off"
"""The planner expects a thousand times the candidates that there are, for which it would compile the statement."""
SAMPLE = 100
"""Rows, for each that is wanted, of which the best say what a row has to reach at least: one in a hundred does."""
POSITIONS = BITS // 2
SCORE = "(2 * agree - (agree + against)) / sqrt(agree + against)"


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
    coins = int.from_bytes(code).bit_count()
    given = {**values, "same": code, "opposite": opposite(code), "n": coins, "limit": limit}

    def counted(one: str, more: str = "") -> str:
        """Rows with both counts; OFFSET 0 keeps the counts from being made once per use."""
        counts = f"({agree})::float8 AS agree, ({against})::float8 AS against"
        return f"(SELECT {columns}, {counts} FROM {table} WHERE {one} OFFSET 0 {more})"

    if len(where) == 1:
        cursor.execute(
            f"SELECT {SCORE} AS z FROM {counted(where[0], f'LIMIT {SAMPLE * limit}')} AS few"
            " WHERE agree + against > 0 ORDER BY z DESC OFFSET %(limit)s - 1 LIMIT 1",
            given,
        )
        if (row := cursor.fetchone()) is not None:
            where = [f"{where[0]} AND {agree} >= {_fewest(coins, row['z'])}"]
        cursor.connection.execute(PARALLEL)
    else:  # few rows are counted sooner than a worker has started
        cursor.connection.execute(UNCOMPILED)
    cursor.execute(
        f"SELECT {columns}, agree::integer AS agree, (agree + against)::integer AS shared"
        f" FROM ({' UNION ALL '.join(map(counted, where))}) AS every WHERE agree + against > 0"
        f" ORDER BY {SCORE} DESC, {columns} LIMIT %(limit)s",
        given,
    )
    return cursor.fetchall()


def _fewest(coins: int, score: float) -> str:
    """How many coins of a row have to agree, at least, for a score.

    A row of n coins shares s >= f = n + coins - 4,096 with the query; a of them agree, its score is (2a - s) / sqrt(s)
    and falls with s. So it is at most that at s = f, (2a - f) / sqrt(f), or that at s = a, sqrt(a), where a is above f.
    """
    f, square = f"(n - {POSITIONS - coins})", f"{max(score, 0.0) ** 2!r}::float8"
    least = f"CASE WHEN {f} > {square} THEN ({f} + {score!r}::float8 * sqrt({f})) / 2 ELSE {square} END"
    return f"{least} - 0.001::float8"  # whole numbers are compared with what was rounded


def search_codes(cursor: Cursor, code: Bits, limit: int, approximate: bool) -> tuple[Hit, ...]:
    """The references whose codes agree most."""
    where, values = conditions(cursor, code) if approximate else (["true"], {})
    found = best_in(cursor, "codes", "id", where, values, code, limit)
    ids = [row["id"] for row in found]
    named = {row["id"]: row["name"] for row in cursor.execute("SELECT id, name FROM models WHERE id = ANY(%s)", (ids,))}
    return tuple(
        Hit(named[row["id"]], row["agree"], row["shared"], log10_tail(row["agree"], row["shared"])) for row in found
    )
