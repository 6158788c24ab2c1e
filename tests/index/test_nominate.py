"""Search by sketches: who is nominated, how it is scaled, what old and damaged indexes give."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from forebear.errors import IndexError_
from forebear.index import LocalIndex, local, migrations
from forebear.index import nominate as module
from forebear.index.nominate import FEWEST_FOR_P, Sketched, nominate
from forebear.signals import Fingerprint
from forebear.signals.sign_code import SignCode
from index.fingerprints import disguised, make_fingerprint, make_sketched, make_sketches, same


def filled(folder: Path, count: int) -> tuple[LocalIndex, list[Fingerprint]]:
    index = LocalIndex(folder)
    marks = [make_sketched(f"m{seed}", seed) for seed in range(count)]
    for mark in marks:
        index.add(mark, f"/models/{mark.name}")
    return index, marks


def relative(mark: Fingerprint, name: str, seed: int) -> Fingerprint:
    """A child that kept its coordinates: nine bits of ten agree."""
    rng = np.random.default_rng([seed, 9])
    flips = np.packbits(rng.random(4096) < 0.1) & mark.code.valid
    c = mark.code
    code = SignCode(c.bits ^ flips, c.valid, c.layers, c.signature, c.groups, c.keyed_by, c.repeats)
    return replace(disguised(mark, seed), name=name, code=code)


def without(mark: Fingerprint, sketch: str) -> Fingerprint:
    return replace(mark, spectra=None) if sketch == "spectra" else replace(mark, tokens=None)


def names(index: LocalIndex, mark: Fingerprint, limit: int = 3) -> list[str]:
    return [n.name for n in index.nominate(mark, limit).found]


def test_the_right_reference_comes_first(tmp_path: Path) -> None:
    index, marks = filled(tmp_path, 12)
    for seed, mark in enumerate(marks):
        thief = disguised(mark, seed)
        found = index.nominate(thief, 12)
        assert found.found[0].name == mark.name
        assert [n.score for n in found.found] == sorted((n.score or 0.0 for n in found.found), reverse=True)
        best, second = found.found[0].score, found.found[1].score
        assert best is not None and second is not None and best > 6 and second < 4
        assert found.families == 12
        assert index.search(thief.code)[0].log10_p > -5  # the codes say nothing


@pytest.mark.parametrize("lost", ["spectra", "tokens"])
def test_one_sketch_is_enough(lost: str, tmp_path: Path) -> None:
    """Of the model in question or of the references; the other one is not scored."""
    index, marks = filled(tmp_path / "whole", 8)
    thief = disguised(marks[5], 5)
    first = index.nominate(without(thief, lost)).found[0]
    assert first.name == "m5" and getattr(first, lost) is None
    poor = LocalIndex(tmp_path / "poor")
    for mark in marks:
        poor.add(without(mark, lost), "/m")
    again = poor.nominate(thief).found[0]
    assert again.name == "m5" and getattr(again, lost) is None


def test_other_tokens_leave_the_spectra(tmp_path: Path) -> None:
    index, marks = filled(tmp_path, 8)
    thief = replace(disguised(marks[2], 2), tokens=make_sketches(77, vocabulary=5000)[1])
    first = index.nominate(thief).found[0]
    assert first.name == "m2" and first.tokens is None and first.spectra is not None


def test_relatives_count_once_and_a_large_family_is_still_found(tmp_path: Path) -> None:
    index, marks = filled(tmp_path, 6)
    for k in range(30):
        index.add(relative(marks[0], f"child{k}", k), "/m")
    found = index.nominate(disguised(marks[0], 99), 31)
    assert found.families == 6
    assert {n.name for n in found.found} == {"m0"} | {f"child{k}" for k in range(30)}
    assert names(index, disguised(marks[3], 3), 1) == ["m3"]


def test_few_references_are_only_ordered(tmp_path: Path) -> None:
    for count in (1, 2):
        index, marks = filled(tmp_path / str(count), count)
        found = index.nominate(disguised(marks[-1], 1))
        assert found.found[0].name == marks[-1].name and found.p is None
        assert any("too few for a consensus" in note for note in found.notes)


def test_nothing_to_compare(tmp_path: Path) -> None:
    thief = disguised(make_sketched("m", 0), 0)
    assert LocalIndex(tmp_path / "none").nominate(thief).found == ()
    index, _ = filled(tmp_path / "some", 4)
    bare = index.nominate(make_fingerprint("bare", 9), 2)
    assert [(n.name, n.score) for n in bare.found] == [("m0", None), ("m1", None)]
    assert any(note.startswith("4 references have no sketch") for note in bare.notes) and bare.p is None
    assert index.nominate(thief, 0).found == ()


def test_references_without_sketches_come_last(tmp_path: Path) -> None:
    index, marks = filled(tmp_path, 4)
    for seed in range(20, 23):
        index.add(make_fingerprint(f"old{seed}", seed), "/m")
    found = index.nominate(disguised(marks[1], 1), 20)
    assert found.found[0].name == "m1" and [n.name for n in found.found[4:]] == ["old20", "old21", "old22"]
    assert any(note.startswith("3 references have no sketch") for note in found.notes)


# -- the empirical p ------------------------------------------------------------------------------------------------


def test_p_of_strangers_is_no_smaller_than_chance_and_that_of_a_child_is_at_its_floor() -> None:
    """A stranger is one more of the references, every time of others: ranks of 1 to 21, a little high if anything."""
    ranks = []
    for turn in range(16):
        families = [sketched(100 * turn + seed) for seed in range(FEWEST_FOR_P)]
        found = nominate(sketched(100 * turn + 50), families, families, True, 1)
        assert found.p is not None
        ranks.append(round(found.p * (FEWEST_FOR_P + 1)))
    assert min(ranks) >= 1 and max(ranks) <= FEWEST_FOR_P + 1 and len(set(ranks)) > 5
    assert np.mean(ranks) > 8  # 11 is fair, with a standard error of 1.5
    thief = disguised(make_sketched("m", 1503), 3)
    child = nominate(Sketched("thief", thief.spectra, thief.tokens), families, families, True, 1)
    assert child.p == pytest.approx(1 / (FEWEST_FOR_P + 1)) and child.found[0].name == "s1503"
    assert not any("no p-value" in note for note in child.notes)
    for known, complete in ((families, False), (families[:-1], True)):
        found = nominate(sketched(100), known, known, complete, 1)
        assert found.p is None and any("no p-value" in note for note in found.notes)


def sketched(seed: int) -> Sketched:
    return Sketched(f"s{seed}", *make_sketches(seed))


def test_p_needs_all_references_to_be_stood_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index, marks = filled(tmp_path, FEWEST_FOR_P)
    thief = disguised(marks[0], 0)
    assert index.nominate(thief).p == pytest.approx(1 / (FEWEST_FOR_P + 1))
    monkeypatch.setattr(local, "MOST_FAMILIES", FEWEST_FOR_P - 1)
    found = index.nominate(thief)
    assert (found.families, found.p) == (FEWEST_FOR_P - 1, None) and found.found[0].name == "m0"
    monkeypatch.undo()
    monkeypatch.setattr(local, "POOL", FEWEST_FOR_P - 1)
    assert index.nominate(thief).p is None


def test_blocks_give_what_one_pass_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index, marks = filled(tmp_path, 9)
    whole = index.nominate(disguised(marks[7], 7), 9)
    monkeypatch.setattr(module, "BLOCK", 2)
    again = index.nominate(disguised(marks[7], 7), 9)
    assert [n.name for n in again.found] == [n.name for n in whole.found]
    assert [n.score for n in again.found] == pytest.approx([n.score for n in whole.found])


# -- storage --------------------------------------------------------------------------------------------------------


def test_sketches_come_back_and_go_with_their_model(tmp_path: Path) -> None:
    index, marks = filled(tmp_path, 3)
    entry = index.get("m1")
    assert entry is not None and same(entry.fingerprint, marks[1])
    assert all(e.fingerprint.spectra is None and e.fingerprint.tokens is None for e in index.entries())
    other = make_sketched("m1", 50)
    index.add(other, "/other", replace=True)
    assert names(index, disguised(other, 1), 1) == ["m1"]
    index.remove("m1")
    index.add(make_fingerprint("m0", 60), "/plain", replace=True)
    with closing(sqlite3.connect(tmp_path / "index.db")) as db:
        assert db.execute("SELECT count(*) FROM sketches").fetchone()[0] == 1


def test_adding_again_adds_what_was_missing_and_loses_nothing(tmp_path: Path) -> None:
    index = LocalIndex(tmp_path)
    mark = make_sketched("m", 1)
    plain = replace(mark, spectra=None, tokens=None)
    index.add(plain, "/m")
    before = index.state()
    assert index.add(mark, "/m") is False
    assert index.state() != before
    assert index.add(plain, "/m") is False
    entry = index.get("m")
    assert entry is not None and same(entry.fingerprint, mark)


def test_an_index_of_before_keeps_working(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made by the first version of the schema, its records as that version wrote them."""
    monkeypatch.setattr(migrations, "STEPS", migrations.STEPS[:1])
    monkeypatch.setattr(migrations, "VERSION", 1)
    old = LocalIndex(tmp_path)
    with old._files.open(write=True):
        pass
    monkeypatch.undo()
    index = LocalIndex(tmp_path)
    for seed in range(3):
        index.add(make_fingerprint(f"m{seed}", seed), "/m")
    thief = disguised(make_sketched("m", 1), 1)
    found = index.nominate(thief)
    assert [n.name for n in found.found] == ["m0", "m1", "m2"] and found.families == 0
    assert index.info()["version"] == migrations.VERSION


@pytest.mark.parametrize("column", ["spectra", "tokens"])
def test_a_damaged_sketch_is_one_line(column: str, tmp_path: Path) -> None:
    index, marks = filled(tmp_path, 3)
    with closing(sqlite3.connect(tmp_path / "index.db")) as db:
        db.execute(f"UPDATE sketches SET {column} = x'00' WHERE row = 1")
        db.commit()
    for call in (lambda: index.nominate(disguised(marks[0], 0)), lambda: index.get("m1")):
        with pytest.raises(IndexError_, match="m1 is damaged") as raised:
            call()
        assert "--replace" in raised.value.hint
    assert index.get("m0") is not None
