"""Search by activations: scores beside a cohort, what the index keeps, and damage."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from forebear.activations.pooled import DEPTHS, SHALLOW
from forebear.errors import IndexError_
from forebear.index import LocalIndex, migrations
from forebear.index.cohort import FEWEST_COHORT, Cohort, Depth, Named, Query, alike, between_depths
from forebear.signals import Fingerprint
from forebear.signals.activations import Activations, activations, units
from forebear.signals.projection import nothing
from index.fingerprints import make_fingerprint, make_sketched, same
from signals.hidden import hidden, pooled_states


def sketch(seed: int, drift: float = 0.0) -> Activations:
    return activations(pooled_states(hidden(seed, drift)))


def named(count: int, first: int = 0) -> list[Named]:
    return [(f"m{seed}", sketch(seed)) for seed in range(first, first + count)]


def marked(seed: int, drift: float = 0.0) -> Fingerprint:
    return replace(make_fingerprint(f"m{seed}", seed), activations=sketch(seed, drift))


def filled(folder: Path, count: int) -> LocalIndex:
    index = LocalIndex(folder)
    for seed in range(count):
        index.add(marked(seed), f"/models/m{seed}")
    return index


def test_the_parent_comes_first_far_beyond_everybody_else() -> None:
    references = named(14)
    for seed in (0, 5, 13):
        found = alike(sketch(seed, 0.8), references, references, 14)
        assert found.found[0].name == f"m{seed}" and found.normalised and found.cohort == found.references == 14
        assert found.found[0].score > 8 > 4 > found.found[1].score
        assert [f.score for f in found.found] == sorted((f.score for f in found.found), reverse=True)
        assert found.beside == tuple(sorted(found.beside, reverse=True)) and len(found.beside) == 14


def test_strangers_stay_within_what_is_usual() -> None:
    references = named(16)
    best = [alike(sketch(seed), references, references, 1).found[0].score for seed in range(100, 140)]
    assert max(best) < 5 and np.mean(best) < 3


def test_a_reference_outside_of_the_cohort_is_enrolled_by_being_there() -> None:
    cohort = named(10)
    found = alike(sketch(50, 0.5), [*cohort, ("late", sketch(50))], cohort, 2)
    assert found.found[0].name == "late" and found.found[0].score > 8


def test_kin_in_the_cohort_do_not_say_what_is_usual() -> None:
    """One of the cohort is the query's sister: codes show that it is kin of the parent, which is not a member."""
    cohort = [*named(11), ("sister", sketch(60, 0.4))]
    references = [("parent", sketch(60)), *cohort]
    known = alike(sketch(60, 0.6), references, cohort, 2, lambda name: frozenset({"sister"} - {name}))
    unknown = alike(sketch(60, 0.6), references, cohort, 2)
    for found in (known, unknown):
        assert {f.name for f in found.found} == {"parent", "sister"}
    parent, other = (next(f.score for f in found.found if f.name == "parent") for found in (known, unknown))
    assert parent > 8 > 2 * other


def test_a_small_cohort_leaves_bare_cosines() -> None:
    few = named(FEWEST_COHORT - 1)
    found = alike(sketch(2, 0.5), few, few, 1)
    assert not found.normalised and found.found[0].name == "m2" and 0.4 < found.found[0].score <= 1
    assert found.found[0].score == pytest.approx(np.mean([c for c in found.found[0].by_depth[:SHALLOW] if c]))


def test_an_empty_index() -> None:
    found = alike(sketch(1), (), (), 3)
    assert not found.found and not found.beside and not found.normalised and found.references == 0


def test_a_copy_has_cosine_one_at_its_own_depths() -> None:
    references = named(9)
    best = alike(sketch(4), references, references, 1).found[0]
    assert best.by_depth == pytest.approx([1.0] * 5, abs=1e-6)


def test_the_map_of_depths_shows_layers_that_moved() -> None:
    states = hidden(3)
    later = activations(pooled_states([states[k] for k in (0, 0, 1, 2, 3)]))
    members = named(9, first=20)
    found = between_depths(sketch(3), later, members)
    best = [int(np.argmax([c or 0.0 for c in row])) for row in found]
    assert best[:4] in ([0, 2, 3, 4], [1, 2, 3, 4])
    assert found[1][1] is not None and found[1][2] is not None and found[1][2] > 0.4 > 0.2 > found[1][1]
    shallow = activations(pooled_states(states).at(DEPTHS[:SHALLOW]))
    assert between_depths(shallow, later, members)[4] == [None] * 5
    assert between_depths(sketch(3), sketch(3), ())[2][2] == pytest.approx(1.0, abs=1e-6)


def test_a_member_is_seen_as_any_other_model_is() -> None:
    """It has no part in the mean that it is held against: cosines are as if it were in no cohort."""
    cohort = named(12)
    inside = Query(sketch(4, 0.7), Cohort(cohort)).likeness("m4", sketch(4))
    outside = Query(sketch(4, 0.7), Cohort([m for m in cohort if m[0] != "m4"])).likeness("m4", sketch(4))
    assert inside is not None and outside is not None
    assert inside.score == pytest.approx(outside.score, rel=0.1)
    assert inside.by_depth == pytest.approx(outside.by_depth, rel=1e-3)


def test_cosines_are_those_of_vectors_without_mean_and_whitened() -> None:
    """What is computed from inner products, once more with the vectors themselves."""
    depth = Depth(units([s for _, s in named(9)])[:, 1], 1, nothing())
    one, other = (units([sketch(seed)])[0, 1].astype(np.float64) for seed in (30, 31))
    members = units([s for _, s in named(9)])[:, 1].astype(np.float64)
    rest = members - members.mean(axis=0)
    _, sizes, axes = np.linalg.svd(rest, full_matrices=False)
    power, axes = sizes[:-1] ** 2 / 9, axes[:-1]
    kept = np.sqrt(np.median(power) / (power + np.median(power)))
    x, y = (v - members.mean(axis=0) for v in (one, other))
    x, y = (v - ((axes @ v) * (1 - kept)) @ axes for v in (x, y))
    places = depth.place(one.astype(np.float32)), depth.place(other.astype(np.float32))
    found = depth.cosine(*places, frozenset())
    assert found == pytest.approx(x @ y / np.linalg.norm(x) / np.linalg.norm(y), abs=1e-5)


def test_models_that_read_other_texts_are_left_out() -> None:
    few = activations(pooled_states(hidden(1), np.arange(128) < 40))
    references = [*named(9), ("few", few)]
    assert "few" not in [f.name for f in alike(sketch(1), references, references[:9], 20).found]
    assert Query(few, Cohort(references[:9])).likeness(*references[0]) is None


def test_the_index_keeps_them(tmp_path: Path) -> None:
    index = filled(tmp_path, 10)
    entry = index.get("m4")
    assert entry is not None and same(entry.fingerprint, marked(4))
    assert next(index.entries()).fingerprint.activations is None  # large, and not wanted there
    found = index.alike(marked(4, 0.5), 3)
    assert found.found[0].name == "m4" and found.found[0].score > 8 and found.cohort == 10 and len(found.found) == 3
    assert {name for name, _ in index.cohort()} == {f"m{k}" for k in range(10)}


def test_only_independent_references_are_a_cohort(tmp_path: Path) -> None:
    index = filled(tmp_path, 10)
    index.add(replace(marked(4, 0.3), name="sister", digest="f" * 40), "/models/sister")
    assert index.alike(marked(70)).cohort == 10 and index.alike(marked(70)).references == 11
    first, second, *_ = index.alike(marked(4, 0.5), 3).found
    assert {first.name, second.name} == {"m4", "sister"} and second.score > 8  # each told without the other


def test_a_model_without_activations(tmp_path: Path) -> None:
    index = LocalIndex(tmp_path)
    with pytest.raises(ValueError, match="no activations"):
        index.alike(make_fingerprint("m", 1))
    assert index.alike(marked(1)).found == () and index.cohort() == ()
    index.add(make_fingerprint("plain", 1), "/m")
    assert index.alike(marked(1)).found == ()


def test_what_is_added_later_joins_what_is_there(tmp_path: Path) -> None:
    """Sketches of weights stay when activations come, and the other way round; the index is another one then."""
    index, weights = LocalIndex(tmp_path), make_sketched("m", 1)
    index.add(weights, "/m")
    before = index.state()
    assert index.add(replace(weights, spectra=None, tokens=None, activations=sketch(1)), "/m") is False
    after = index.state()
    assert before != after
    index.add(weights, "/m")
    assert index.state() == after
    entry = index.get("m")
    assert entry is not None and entry.fingerprint.activations is not None and entry.fingerprint.spectra is not None
    index.add(replace(make_sketched("m", 2), activations=None), "/m", replace=True)
    entry = index.get("m")
    assert entry is not None and entry.fingerprint.activations is None


def test_damage_is_told(tmp_path: Path) -> None:
    index = filled(tmp_path, 2)
    with closing(sqlite3.connect(tmp_path / "index.db")) as db:
        db.execute("UPDATE sketches SET activations = x'0102' WHERE row = 1")
        db.commit()
    for ask in (lambda: index.alike(marked(0)), index.cohort):
        with pytest.raises(IndexError_, match="a sketch of m1 is damaged"):
            ask()


def test_an_index_of_the_version_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as older:
        older.setattr(migrations, "VERSION", 2)
        older.setattr(migrations, "STEPS", migrations.STEPS[:2])
        with closing(sqlite3.connect(tmp_path / "index.db", isolation_level=None)) as db:
            migrations.migrate(db, tmp_path / "index.db")
    index = LocalIndex(tmp_path)
    index.add(marked(1), "/m1")
    assert index.alike(marked(1)).found[0].name == "m1"


def test_shallow_and_deep_sketches_side_by_side() -> None:
    shallow = [(n, activations(pooled_states(hidden(k)).at(DEPTHS[:SHALLOW]))) for k, (n, _) in enumerate(named(9))]
    found = alike(sketch(3, 0.5), shallow, shallow, 1).found[0]
    assert found.name == "m3" and found.by_depth[-1] is None and found.score > 8
