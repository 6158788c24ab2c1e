"""Candidates by an approximate search: what is said of them is what comparing every sketch says."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("faiss", reason="needs the [ann] extra")

from forebear.index import Addition, LocalIndex, ann
from forebear.index.nominate import Sketched
from growing import growth, steps
from index.fingerprints import disguised, make_fingerprint, make_sketched

COUNT = 60


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ann") / "index"
    marks = [make_sketched(f"m{k}", k) for k in range(COUNT)]
    LocalIndex(folder).add_many([Addition(m, "/m") for m in [*marks, make_fingerprint("bare", 900)]])
    return folder


@pytest.fixture
def index(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalIndex:
    """Sixty references with sketches, four independent ones for a consensus, and ten candidates."""
    shutil.copytree(made, tmp_path / "index")
    monkeypatch.setattr("forebear.index.local.MOST_FAMILIES", 4)
    monkeypatch.setattr(ann, "FEWEST", 10)
    monkeypatch.setattr(ann.candidates, "__defaults__", (10,))
    return LocalIndex(tmp_path / "index")


def files(index: LocalIndex) -> set[str]:
    return {path.name for path in index.folder.iterdir()}


def test_the_same_is_said_of_what_is_found(index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in (3, 30, 59):
        mark = disguised(make_sketched(f"m{seed}", seed), seed)
        few = index.nominate(mark, 5)
        with monkeypatch.context() as patch:
            patch.setattr(ann, "FEWEST", 10**9)
            every = index.nominate(mark, COUNT)
        assert few.found[0].name == every.found[0].name == f"m{seed}"
        scores = {n.name: (n.score, n.spectra, n.tokens) for n in every.found}
        for one in few.found:  # sums of blocks of another size are rounded elsewhere
            assert (one.score, one.spectra, one.tokens) == pytest.approx(scores[one.name], abs=1e-9)
        assert (few.families, few.p) == (every.families, every.p)
        assert few.notes[-1] == f"an approximate search chose 10 of {COUNT} sketched references to compare"
    assert {ann.FILE, ann.ABOUT} <= files(index) and not any(name.endswith(".part") for name in files(index))


def test_later_ones_are_found_and_removed_ones_are_not(index: LocalIndex) -> None:
    gone, late = make_sketched("m7", 7), make_sketched("late", 77)
    assert index.nominate(disguised(gone, 7), 1).found[0].name == "m7"
    before = (index.folder / ann.FILE).read_bytes()
    index.remove("m7")
    index.add(late, "/late")
    assert "m7" not in {n.name for n in index.nominate(disguised(gone, 7), 5).found}
    assert index.nominate(disguised(late, 7), 1).found[0].name == "late"
    assert (index.folder / ann.FILE).read_bytes() == before  # neither makes it stale


def test_it_is_made_anew_when_it_is_stale_and_equal_when_it_is_not(index: LocalIndex) -> None:
    query = disguised(make_sketched("m5", 5), 5)
    first = index.nominate(query, 3)
    before = (index.folder / ann.FILE).read_bytes()
    (index.folder / ann.ABOUT).unlink()
    assert index.nominate(query, 3) == first and (index.folder / ann.FILE).read_bytes() == before
    index.add_many([Addition(make_sketched(f"n{k}", 200 + k), "/n") for k in range(20)])
    index.nominate(query, 3)
    assert json.loads((index.folder / ann.ABOUT).read_text())["covered"] == COUNT + 20
    index.add(make_sketched("bare", 900), "/m")  # sketches of a reference that had none
    assert index.nominate(disguised(make_sketched("bare", 900), 1), 1).found[0].name == "bare"


@pytest.mark.parametrize("damage", ["cut", "noise", "words", "another index"])
def test_a_damaged_file_is_made_anew_or_not_used(index: LocalIndex, damage: str) -> None:
    query = disguised(make_sketched("m5", 5), 5)
    index.nominate(query, 1)
    file, about = index.folder / ann.FILE, index.folder / ann.ABOUT
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:100])
    elif damage == "noise":
        file.write_bytes(np.random.default_rng(0).bytes(file.stat().st_size))
    elif damage == "words":
        about.write_text("[]")
    else:
        about.write_text(about.read_text().replace('"born": "', '"born": "0'))
    assert index.nominate(query, 1).found[0].name == "m5"


def test_all_are_compared_where_it_cannot_be_used(index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    query = disguised(make_sketched("m5", 5), 5)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "faiss", None)
        assert "approximate" not in " ".join(index.nominate(query, 1).notes)
    (index.folder / ann.FILE).mkdir()
    found = index.nominate(query, 1)
    assert found.found[0].name == "m5" and "approximate" not in " ".join(found.notes)
    with closing(sqlite3.connect(index.folder / "index.db", isolation_level=None)) as db:
        db.execute("UPDATE sketches SET tokens = x'00' WHERE row = 50")
    (index.folder / ann.FILE).rmdir()
    with pytest.raises(Exception, match="a sketch of m50 is damaged"):
        index.nominate(query, 1)


def test_whether_the_file_is_stale_is_known_without_counting_all_sketches(tmp_path: Path) -> None:
    def work(n: int) -> int:
        folder = tmp_path / str(n)
        if not folder.exists():
            LocalIndex(folder).add(make_sketched("a", 1), "/a")
        with closing(sqlite3.connect(folder / "index.db", isolation_level=None)) as db:
            for row in range(1, n):
                db.execute("INSERT OR REPLACE INTO sketches VALUES (?, x'00', NULL, NULL)", (row,))
            born = db.execute("SELECT born FROM tally").fetchone()[0]
            about = {"version": ann.VERSION, "born": born, "last": n, "covered": n, "families": [], "bytes": 0}
            (folder / ann.ABOUT).write_text(json.dumps(about))
            (folder / ann.FILE).touch()
            return steps(db, lambda: ann._about(db, folder))

    assert growth(work, 100) < 1.7


def test_vectors_are_about_the_similarity_of_sketches() -> None:
    """A disguised copy lies far nearer than others do, by each of its two halves; a missing sketch is no direction."""
    marks = [make_sketched(f"m{k}", k) for k in range(12)]
    some = [Sketched(m.name, m.spectra, m.tokens) for m in marks]
    space = ann.Space(some[:4])
    vectors = space.vectors(some)
    copy = disguised(marks[8], 8)
    near = space.vectors([Sketched("q", copy.spectra, copy.tokens)])[0]
    for half in (slice(0, ann.SPECTRAL), slice(ann.SPECTRAL, None)):
        products = vectors[:, half] @ near[half]
        assert products.argmax() == 8 and products[8] > 0.8 > 0.75 > np.sort(products)[-2]
    assert not space.vectors([Sketched("none", None, None)]).any()
