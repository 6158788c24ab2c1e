"""What is asked of the whole index at once: always what reading every record gives."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from forebear.errors import IndexError_
from forebear.index import Addition, LocalIndex, Provenance, migrations
from forebear.index.migrations import VERSION, statements
from forebear.index.tally import sketched
from forebear.signals.generators import comparable_shapes
from index.fingerprints import SHAPE, as_of_before, make_fingerprint, make_sketched

SHAPES: list[dict[str, Any]] = [
    dict(SHAPE),
    {**SHAPE, "width": 4096},
    {**SHAPE, "layers": 40},
    {"parameters": 1, "family": None, "coins": []},
]


def mixed(index: LocalIndex) -> None:
    """Additions, replacements and removals of several shapes."""
    index.add_many([Addition(make_fingerprint(f"m{k}", k, shape=SHAPES[k % len(SHAPES)]), f"/m{k}") for k in range(20)])
    for k in (3, 7):
        index.remove(f"m{k}")
    index.add(make_fingerprint("m4", 99, shape=SHAPES[1]), "/other", replace=True)


def check(index: LocalIndex) -> None:
    shapes = [dict(e.fingerprint.shape) for e in index.entries()]
    assert index.count() == len(shapes)
    for shape in SHAPES[:3]:
        assert index.comparable(shape) == sum(bool(comparable_shapes(s, shape)[0]) for s in shapes)
    families = [s["family"] or "unknown" for s in shapes]
    assert index.info()["families"] == {f: families.count(f) for f in sorted(set(families))}


def test_as_reading_every_record(tmp_path: Path) -> None:
    index = LocalIndex(tmp_path)
    mixed(index)
    check(index)
    for entry in list(index.entries()):
        index.remove(entry.name)
    check(index)


@pytest.mark.parametrize("version", [4, 5, 6, 7])
def test_an_index_of_before_is_counted_when_it_is_opened(tmp_path: Path, version: int) -> None:
    index = LocalIndex(tmp_path)
    mixed(index)
    index.add_many([Addition(make_sketched(f"s{k}", k), "/s") for k in range(3)])
    as_of_before(tmp_path, version)
    check(index)
    index.remove("m1")
    index.remove("s1")
    check(index)
    with closing(sqlite3.connect(tmp_path / "index.db")) as db:
        assert sketched(db) == 2


def test_the_state_changes_with_the_references_and_only_then(tmp_path: Path) -> None:
    index = LocalIndex(tmp_path)
    index.add(make_sketched("a", 1), "/a")
    seen = [index.state()]
    index.add(make_sketched("a", 1), "/a", provenance=Provenance(by="me"))
    index.add(make_fingerprint("a", 1), "/a")  # sketches stay
    index.remove("b")
    list(index.entries())
    assert index.state() == seen[0]
    one, other = make_sketched("a", 1), make_sketched("a", 2)
    steps: list[Callable[[], object]] = [
        lambda: index.add(replace(one, spectra=other.spectra), "/a"),
        lambda: index.add(one, "/moved"),
        lambda: index.add(make_fingerprint("b", 2), "/b"),
        lambda: index.remove("b"),
        lambda: index.keep_calibration("text"),
    ]
    for step in steps:
        step()
        assert index.state() not in seen
        seen.append(index.state())
    another = LocalIndex(tmp_path / "another")
    another.add(make_sketched("a", 1), "/a")
    assert another.state() not in seen


def test_sketches_that_can_be_compared_are_counted(tmp_path: Path) -> None:
    index = LocalIndex(tmp_path)
    whole = make_sketched("a", 1)
    counts = []
    for change in (
        lambda: index.add(make_fingerprint("a", 1), "/a"),
        lambda: index.add(replace(whole, tokens=None), "/a"),
        lambda: index.add(whole, "/a"),
        lambda: index.add_many([Addition(make_sketched("b", 2), "/b"), Addition(make_fingerprint("c", 3), "/c")]),
        lambda: index.add(make_fingerprint("b", 9), "/b", replace=True),
        lambda: index.remove("a"),
    ):
        change()
        with closing(sqlite3.connect(tmp_path / "index.db")) as db:
            counts.append(sketched(db))
    assert counts == [0, 1, 1, 2, 1, 0]


def test_no_record_is_read(tmp_path: Path) -> None:
    """Damage in every record is not noticed, because none of them is looked at."""
    index = LocalIndex(tmp_path)
    mixed(index)
    before = index.count(), index.comparable(SHAPE), index.info()["families"]
    with closing(sqlite3.connect(tmp_path / "index.db", isolation_level=None)) as db:
        db.execute("DROP TRIGGER models_change")
        db.execute("UPDATE models SET record = '{'")
    assert (index.count(), index.comparable(SHAPE), index.info()["families"]) == before


@pytest.mark.parametrize("change", ["DELETE FROM tally", "UPDATE shapes SET shape = '['"])
def test_damage_is_one_line(tmp_path: Path, change: str) -> None:
    index = LocalIndex(tmp_path)
    mixed(index)
    with closing(sqlite3.connect(tmp_path / "index.db", isolation_level=None)) as db:
        db.execute(change.replace("shape = '['", "shape = '[' || rowid"))
    with pytest.raises(IndexError_, match="damaged record") as refused:
        (index.count() if "tally" in change else index.comparable(SHAPE))
    assert "repair" in refused.value.hint


def test_scripts_are_cut_into_statements_and_triggers_stay_whole() -> None:
    script = "CREATE TABLE a (x); CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM a; DELETE FROM a; END;\n ;"
    first, second = statements(script)
    assert first == "CREATE TABLE a (x);" and second.strip().endswith("END;")
    assert list(statements(" \n")) == []


def test_a_newer_version_migrates_while_an_older_one_reads_and_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older one finishes what it is at, undisturbed; the next time it is refused in words."""
    index = LocalIndex(tmp_path)
    mixed(index)
    as_of_before(tmp_path, 6)
    database = tmp_path / "index.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as older:
        older.execute("BEGIN")
        names = older.execute("SELECT count(*) FROM models").fetchone()
        check(index)  # brings it to the newest version
        assert older.execute("SELECT count(*) FROM models").fetchone() == names  # as it was when it began
        older.execute("COMMIT")
        assert older.execute("PRAGMA user_version").fetchone()[0] == VERSION
    as_of_before(tmp_path, 6)
    with closing(sqlite3.connect(database, isolation_level=None)) as older:
        older.execute("BEGIN IMMEDIATE")
        older.execute("DELETE FROM models WHERE name = 'm5'")
        monkeypatch.setattr("forebear.index.storage.BUSY_SECONDS", 0.05)
        with pytest.raises(IndexError_, match="locked") as busy:
            index.count()
        assert "another process" in busy.value.hint
        older.execute("COMMIT")
    check(index)
    assert index.get("m5") is None
    monkeypatch.setattr(migrations, "VERSION", 6)
    monkeypatch.setattr(migrations, "STEPS", migrations.STEPS[:6])
    for call in (index.count, lambda: index.add(make_fingerprint("x", 50), "/x")):
        with pytest.raises(IndexError_, match=f"version {VERSION}") as refused:
            call()
        assert "upgrade Forebear" in refused.value.hint
