"""Sketches of references read from PostgreSQL, those that are independent of one another; facts about the tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from forebear.errors import IndexError_
from forebear.index.base import Changed
from forebear.index.cohort import MOST_COHORT, Named
from forebear.index.independent import POOL, independent, kin
from forebear.index.kernels import Words
from forebear.index.nominate import MOST_FAMILIES, Sketched
from forebear.index.postgres.address import Address
from forebear.index.postgres.bits import row_from
from forebear.index.postgres.candidates import built
from forebear.index.postgres.database import Cursor
from forebear.index.postgres.search import vector_schema
from forebear.index.records import sketched
from forebear.index.search import ROW_WORDS
from forebear.signals.activations import Activations

Row = dict[str, Any]
Damaged = Callable[[str], IndexError_]

EVERY_SKETCH = "SELECT name, spectra, tokens FROM models LEFT JOIN sketches USING (id) ORDER BY models.id"
_ACTIVE = "FROM models JOIN sketches USING (id) JOIN codes USING (id) WHERE activations IS NOT NULL"
EVERY_ACTIVE = f"SELECT name, code, activations {_ACTIVE} ORDER BY models.id"


def families(cursor: Cursor) -> tuple[list[Row], bool]:
    """Independent references with sketches, and whether there are no others but their relatives."""
    return _independent(
        cursor,
        "SELECT name, code, spectra, tokens FROM models JOIN sketches USING (id) JOIN codes USING (id)"
        " WHERE spectra IS NOT NULL OR tokens IS NOT NULL",
        MOST_FAMILIES,
    )


def members(cursor: Cursor) -> list[Row]:
    """Independent references with activations."""
    return _independent(cursor, f"SELECT name, code, activations {_ACTIVE}", MOST_COHORT)[0]


def _independent(cursor: Cursor, select: str, most: int) -> tuple[list[Row], bool]:
    pool = cursor.execute(f"{select} ORDER BY digest, models.id LIMIT {POOL + 1}".encode()).fetchall()
    places, all_of_them = independent(_words(pool[:POOL]), most)
    return [pool[place] for place in places], all_of_them and len(pool) <= POOL


def _words(rows: list[Row]) -> Words:
    packed = b"".join(row_from(row["code"]) for row in rows)
    return np.frombuffer(packed, dtype=np.uint64).reshape(len(rows), ROW_WORDS)


class Kin:
    """Which members of a cohort the reference that is being read depends on, as far as codes tell.

    Args:
        rows: of the members.
    """

    def __init__(self, rows: list[Row]) -> None:
        self._names = [str(row["name"]) for row in rows]
        self._codes = _words(rows)
        self._passing: Row = {}

    def passing(self, row: Row) -> Row:
        """Remember the row that is read now."""
        self._passing = row
        return row

    def of(self, name: str) -> frozenset[str]:
        """The members of one lineage with the row that was read last."""
        code = _words([self._passing])[0]
        return frozenset(self._names[k] for k in kin(self._codes, code)) - {name}


def sketched_row(row: Mapping[str, Any], damaged: Damaged) -> Sketched:
    """Name and sketches of a row."""
    try:
        return sketched(row)
    except (ValueError, TypeError):
        raise damaged(row["name"]) from None


def active_row(row: Mapping[str, Any], damaged: Damaged) -> Named:
    """Name and activations of a row."""
    try:
        return row["name"], Activations.from_bytes(row["activations"])
    except (ValueError, TypeError):
        raise damaged(row["name"]) from None


def facts(cursor: Cursor, address: Address) -> Row:
    """What ``forebear index info`` says beyond the address."""
    row = cursor.execute(
        "SELECT (SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c"
        " WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'r') AS bytes,"
        " CASE WHEN pg_has_role(c.relowner, 'USAGE') THEN 'owner'"
        " WHEN has_table_privilege(c.oid, 'INSERT') THEN 'writer' ELSE 'reader' END AS role"
        " FROM pg_class c WHERE c.oid = 'models'::regclass",
        (address.schema,),
    ).fetchone()
    counted = cursor.execute(
        "SELECT family, sum(models) AS n FROM tally GROUP BY family HAVING sum(models) > 0"
    ).fetchall()
    found = {_family(one["family"]): int(one["n"]) for one in counted}
    last, vector = built(cursor), vector_schema(cursor)
    how = address.search if address.search == "exact" or last is not None else "exact (candidates were never built)"
    return {
        "models": sum(found.values()),
        "bytes": int(row["bytes"]) if row is not None else 0,
        "families": dict(sorted(found.items())),
        "role": row["role"] if row is not None else "reader",
        "search": f"{how}, {'pgvector' if vector is not None else 'without pgvector'}",
    }


def changed(cursor: Cursor, since: str) -> Changed:
    """See :meth:`Index.changed`.

    A mark is the oldest transaction that is still going on: what was written before it has been seen, what it and later
    ones write has perhaps not.
    """
    row = cursor.execute("SELECT born, pg_snapshot_xmin(pg_current_snapshot())::text AS oldest FROM version").fetchone()
    assert row is not None  # whoever calls has seen the version
    born, oldest, names = str(row["born"]), str(row["oldest"]), None
    found = re.fullmatch(rf"{re.escape(born)} ([0-9]{{1,19}})", since)
    if found is not None and int(found[1]) <= int(oldest):  # else it is another server's
        rows = cursor.execute(
            "SELECT name FROM models WHERE written >= %(since)s::text::xid8"
            " UNION SELECT name FROM removed WHERE written >= %(since)s::text::xid8 ORDER BY name",
            {"since": found[1]},
        )
        names = tuple(row["name"] for row in rows)
    return Changed(f"{born} {oldest}", names)


def _family(raw: bytes | None) -> str:
    return "unknown" if raw is None else bytes(raw).decode("utf-8", "replace")
