"""What PostgreSQL does for a question, counted: second passes, statements, rows of the tally; nothing is missed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace as replaced
from typing import Any

import pytest

from forebear.index import Addition
from index.fingerprints import SHAPE, make_code, make_fingerprint

pytest.importorskip("psycopg", reason="needs the [postgres] extra")

from forebear.index.postgres import PostgresIndex, migrations, search
from forebear.index.postgres.bits import bits_of
from forebear.index.postgres.database import Cursor, Database
from forebear.index.postgres.writing import add_batch
from forebear.index.search import row_of
from forebear.signals.sign_code import SignCode
from index.conftest import schema

DENSITIES = (1.0, 0.97, 0.5, 0.1, 0.02)


@pytest.fixture(params=("postgres", "pgvector"))
def index(request: pytest.FixtureRequest, numbers: Iterator[int]) -> Iterator[PostgresIndex]:
    made = PostgresIndex(schema(request.getfixturevalue("server"), request.param, numbers))
    yield made
    made.close()


class Watched:
    """A cursor that keeps what it is asked, and what the server did for it."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self.asked: list[str] = []
        self.nodes: list[dict[str, Any]] = []

    def execute(self, sql: str, values: Any = None) -> Cursor:
        self.asked.append(sql)
        if "AS every" in sql:
            row = self._cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}".encode(), values).fetchone()
            waiting = [row["QUERY PLAN"][0]["Plan"]] if row is not None else []
            while waiting:
                self.nodes.append(waiting.pop())
                waiting += self.nodes[-1].get("Plans", ())
        return self._cursor.execute(sql.encode(), values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


def watched(index: PostgresIndex, code: SignCode, limit: int, approximate: bool = False) -> Watched:
    def work(cursor: Cursor) -> Watched:
        seen = Watched(cursor)
        search.search_codes(seen, bits_of(row_of(code)), limit, approximate)  # type: ignore[arg-type]
        return seen

    return index._db.read(work)


def filled(index: PostgresIndex, each: int = 1) -> None:
    """A hundred and fifty codes of all densities, and some that are equal."""
    marks = [make_fingerprint(f"m{k}", k, code=make_code(k, DENSITIES[k % 5])) for k in range(150)]
    marks += [make_fingerprint(f"c{k}", k, code=make_code(k)) for k in range(0, 20, each)]
    index.add_many([Addition(mark, "/") for mark in marks])


def test_what_has_to_be_reached_leaves_out_nothing(index: PostgresIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """The best of a few rows are a bound for the best of all: answers are those of counting every row both ways."""
    filled(index)
    for limit in (1, 3, 20, 100):
        for seed, share in ((3, 1.0), (5, 0.9), (149, 0.1), (500, 0.9)):
            monkeypatch.setattr(search, "SAMPLE", 1)
            few = index.search(make_code(seed, share), limit)
            monkeypatch.setattr(search, "SAMPLE", 1_000)
            assert few == index.search(make_code(seed, share), limit) and len(few) == limit


def test_a_row_that_cannot_be_among_the_best_is_counted_once(
    index: PostgresIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add_many([Addition(make_fingerprint(f"m{k}", k, code=make_code(k, 0.97)), "/") for k in range(200)])
    monkeypatch.setattr(search, "SAMPLE", 10)
    seen = watched(index, make_code(0, 0.97), 1)
    once = next(n for n in seen.nodes if n.get("Relation Name") == "codes")
    assert once["Rows Removed by Filter"] >= 198 and once["Actual Rows"] == 1  # m0 is among the first rows
    assert len(seen.asked) == 4


def test_candidates_are_found_and_counted_by_one_statement(index: PostgresIndex) -> None:
    filled(index)
    index.build_candidates()
    seen = watched(index, make_code(0, 1.0), 5, approximate=True)
    assert ["postings" in sql for sql in seen.asked].count(True) == 1 and len(seen.asked) <= 4
    assert not any(node["Node Type"] == "Gather" for node in seen.nodes)  # no worker is worth its start


def test_the_tally_stays_small_and_right(index: PostgresIndex) -> None:
    wide = {**SHAPE, "width": 4096}
    for k in range(100):
        index.add(make_fingerprint(f"m{k}", k, shape=wide if k % 4 == 0 else SHAPE), "/")
    for k in range(0, 100, 5):
        index.remove(f"m{k}")
    rows = index._rows("SELECT count(*) AS n, sum(changes) AS changes FROM tally")[0]
    assert rows["n"] < 40 and rows["changes"] == 120
    assert (index.count(), index.comparable(wide), index.info()["families"]) == (80, 20, {"llama": 80})


def test_an_index_of_before_is_counted_and_so_is_what_a_process_of_before_adds(index: PostgresIndex) -> None:
    older = PostgresIndex(index.address)
    older._db = Database(index._db.address, replaced(migrations.INDEX, steps=migrations.STEPS[:1]))
    columns = "id, name, digest, shape, location, added"
    insert = (
        f"INSERT INTO models ({columns}) SELECT g, 'm' || g, '', '{{}}', '', '' FROM generate_series(%s::int, %s) g"
    )
    older._db.write(lambda cursor: cursor.execute(insert.encode(), (0, 4)).rowcount)
    mark = index.changed().mark
    assert index.count() == 5
    states = [index.state()]
    older._db.write(lambda cursor: cursor.execute(insert.encode(), (5, 6)).rowcount)
    states.append(index.state())
    older._db.write(lambda cursor: cursor.execute("DELETE FROM models WHERE name = 'm0'").rowcount)
    states.append(index.state())
    names = index.changed(mark).names
    assert index.count() == 6 and names is not None and {"m0", "m5", "m6"} <= set(names) and len(set(states)) == 3
    older.close()


def test_what_is_just_being_written_when_a_mark_is_made_is_told_later(index: PostgresIndex) -> None:
    """A transaction that began before another one, and ends after it."""
    other = PostgresIndex(index.address)
    other.add(make_fingerprint("first", 1), "/")

    def hold(cursor: Cursor) -> tuple[str, str]:
        add_batch(cursor, [Addition(make_fingerprint("held", 2), "/")], False)
        other.add(make_fingerprint("late", 3), "/")
        return other.changed().mark, other.state()

    mark, state = index._db.write(hold)
    names = index.changed(mark).names
    assert names is not None and "held" in names and "first" not in names and other.state() != state
    other.close()
