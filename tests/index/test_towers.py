"""Towers in an index: kept beside the records, found by their codes, and no matter to an index that has none."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from forebear.errors import IndexError_
from forebear.index import LocalIndex
from forebear.index.base import TowerHits
from forebear.signals import Fingerprint
from forebear.signals.towers import TowerMark
from index.fingerprints import SHAPE, make_code, make_fingerprint, same_code

GROUPS = ("value_output", "query_key")
TOWER = {**SHAPE, "family": "clip", "coins": list(GROUPS), "width": 64, "layers": 6}


def tower(seed: int, component: str = "vision tower", **shape: object) -> TowerMark:
    return TowerMark(component, {**TOWER, **shape}, replace(make_code(seed), groups=GROUPS))


def holding(name: str, seed: int, *towers: TowerMark) -> Fingerprint:
    return make_fingerprint(name, seed, towers=towers)


@pytest.fixture
def index(tmp_path: Path) -> LocalIndex:
    """Two models with a tower, one with two, one without."""
    index = LocalIndex(tmp_path)
    index.add(holding("one", 1, tower(11)), "/one")
    index.add(holding("two", 2, tower(12)), "/two")
    index.add(holding("both", 3, tower(13), tower(14, "audio tower", width=32)), "/both")
    index.add(make_fingerprint("text", 4), "/text")
    return index


def run(index: LocalIndex, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(index.folder / "index.db")) as db, db:
        db.execute(statement, values)


def test_what_goes_in_comes_out(index: LocalIndex) -> None:
    entry = index.get("both")
    assert entry is not None
    sight, sound = entry.fingerprint.towers
    assert (sight.component, sound.component) == ("vision tower", "audio tower")
    assert dict(sight.shape) == TOWER and sound.shape["width"] == 32
    assert same_code(sight.code, tower(13).code) and same_code(sound.code, tower(14).code)
    assert (text := index.get("text")) is not None and text.fingerprint.towers == ()


def test_the_model_with_the_tower_is_found_first(index: LocalIndex) -> None:
    hits = index.search_towers(tower(12))
    assert hits.tested == 3 and hits.found[0].name == "two" and hits.found[0].agree == hits.found[0].n > 3_000
    assert all(abs(2 * h.agree - h.n) < 6 * h.n**0.5 for h in hits.found[1:])
    assert len(index.search_towers(tower(12), 1).found) == 1


def test_towers_of_another_shape_are_not_compared(index: LocalIndex) -> None:
    assert index.search_towers(tower(14, width=32)).found[0].name == "both"
    assert index.search_towers(tower(14, width=32)).tested == 1
    assert index.search_towers(tower(14, width=48)) == TowerHits()
    assert LocalIndex(index.folder / "none").search_towers(tower(1)) == TowerHits()


def test_replacing_and_removing_take_towers_along(index: LocalIndex) -> None:
    index.add(holding("one", 5, tower(15)), "/one", replace=True)
    assert index.search_towers(tower(11)).found[0].agree < 3_000
    assert index.search_towers(tower(15)).found[0].name == "one"
    assert index.remove("two") and index.search_towers(tower(12)).tested == 2


def test_an_index_of_before_has_none_until_a_model_is_added_again(index: LocalIndex) -> None:
    for change in (
        *(f"DROP TABLE {table}" for table in ("towers", "provenance", "listings")),
        "PRAGMA user_version = 4",
    ):
        run(index, change)
    before = index.state()
    assert index.search_towers(tower(11)) == TowerHits()
    assert (entry := index.get("one")) is not None and entry.fingerprint.towers == ()
    assert not index.add(holding("one", 1, tower(11)), "/one")
    assert index.search_towers(tower(11)).found[0].name == "one" and index.state() != before


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE towers SET record = '{'",
        "UPDATE towers SET record = '{}'",
        "UPDATE towers SET record = '[1]'",
        "UPDATE towers SET code = x'00'",
        "UPDATE towers SET signature = x'0000'",
    ],
)
def test_damage_is_one_line(index: LocalIndex, change: str) -> None:
    run(index, change)
    for call in (lambda: index.get("one"), lambda: index.search_towers(tower(1))):
        with pytest.raises(IndexError_) as caught:
            call()
        assert "damaged" in str(caught.value) and "\n" not in str(caught.value)
    assert index.get("text") is not None
