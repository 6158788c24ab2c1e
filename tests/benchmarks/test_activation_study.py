"""The study of activations: nothing that is reported was learned from, and its numbers are what they say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from activation import tables
from activation.baselines import BASELINES
from activation.models import COPIES, learned, parted, reported, steps_of, strangers
from activation.scores import Asked, Bench, Classroom, calibrated_best, calibrated_pairs, calibrated_teacher
from activation.sketch import Sample, Seen, seen
from activation.students import KINDS, controls, schools
from activation_projection import learn
from activation_study import CALIBRATING
from zoo.build import build
from zoo.recipes import ci_set

from derivations import DERIVATIONS
from forebear.index import Likeness
from forebear.lineage.activations import BEST, Teacher
from forebear.lineage.calibration import ANY, Calibration, Scores
from forebear.signals.activations import activations
from index.fingerprints import make_fingerprint
from signals.hidden import hidden, pooled_states

LEAST = 8
CALIBRATION = Calibration(
    {},
    {f"{BEST}:{LEAST}": Scores(LEAST, {ANY: tuple(k / 100 for k in range(199))}, tuple((9.0, 8.0) for _ in range(9)))},
)


def asked(name: str, base: str, *scores: tuple[str, float]) -> Asked:
    return Asked(name, "light", base, frozenset({base} - {""}), tuple(Likeness(n, s, (s,) * 5) for n, s in scores))


def made(seed: int, drift: float = 0.0, key: str = "", **shape: Any) -> Seen:
    words = make_fingerprint("x", 1).vocabulary
    mark = make_fingerprint(key or f"m{seed}", seed, vocabulary=words)
    mark = replace(mark, shape={**mark.shape, **shape})
    sample = Sample(key or f"m{seed}", Path("nowhere"))
    return Seen(sample, activations(pooled_states(hidden(seed, drift))), mark, "", Path("nowhere"))


# who takes part


def test_nothing_that_is_reported_was_learned_from() -> None:
    families, other = reported(), learned()
    own = {r.digest for f in families for r in (f.base, *f.children.values())}
    theirs = {r.digest for f in other for r in (f.base, *f.children.values())}
    outside = {r.digest for r in strangers()}
    assert not own & theirs and not own & outside and not theirs & outside
    starts = [
        {(r.family, r.init_seed) for r in group} for group in ([f.base for f in families], [f.base for f in other])
    ]
    assert not starts[0] & starts[1]
    assert len(families) >= 40 and len(outside) >= 300
    assert all(c.start is not None for f in families for c in f.children.values())
    one, two = parted(other)
    assert not {f.base.digest for f in one} & {f.base.digest for f in two} and len(two) >= 8


def test_every_teacher_has_five_students_and_a_twin() -> None:
    found = schools()
    told = [s for s in found if s.teacher.family not in CALIBRATING]
    assert len(told) >= 6 and {s.teacher.family for s in found} >= CALIBRATING
    for school in found:
        assert set(school.students) == set(KINDS) and len(KINDS) == 5
        assert all(s.teacher == school.teacher and s.start is None for s in school.students.values())
        assert school.twin.corpus == school.teacher.corpus and school.twin.init_seed != school.teacher.init_seed
        assert len({s.digest for s in school.students.values()} | {school.teacher.digest}) == 6
    assert len({s.digest for f in found for s in f.students.values()}) == 5 * len(found)
    assert {c.tokenizer for c in controls()} >= {s.teacher.tokenizer for s in found} - {"grammar"}


def test_a_teacher_is_part_of_the_recipe_and_nothing_older_changes() -> None:
    one, other, *_ = ci_set()
    taught = replace(one, objective="imitation", teacher=other)
    assert len({one.digest, taught.digest, replace(taught, teacher=one).digest}) == 3
    assert '"teacher"' not in one.canonical and other.digest in taught.canonical
    assert (one.generation, taught.generation) == (0, 1)


def test_copies_are_steps_that_exist() -> None:
    dense, routed = (next(f.base for f in reported() if f.base.family == kind) for kind in ("llama", "mixtral"))
    for name in COPIES:
        assert all(step.partition(":")[0] in DERIVATIONS for step in steps_of(name, routed))
    assert "permute-experts" in steps_of("every symmetry", routed)
    assert "permute-experts" not in steps_of("every symmetry", dense)


def test_small_runs_are_small() -> None:
    assert len(reported(True)) == 14 and len(learned(True)) == 16 and len(strangers(True)) == 6
    assert sum(len(s.students) for s in schools(True)) == 8


# what is counted


def test_auc_counts_pairs() -> None:
    assert tables.auc([2, 3], [0, 1]) == 1 and tables.auc([0, 1], [2, 3]) == 0
    assert tables.auc([1, 1], [1, 1]) == 0.5 and tables.auc([2, 0], [1]) == 0.5


def test_the_threshold_is_above_all_but_the_allowed_share() -> None:
    limit = tables.threshold(CALIBRATION, LEAST)
    null = CALIBRATION.signals[f"{BEST}:{LEAST}"].null[ANY]
    assert sum(score >= limit for score in null) == 1  # p = (1 + 1) / 200
    few = Calibration({}, {f"{BEST}:8": Scores(8, {ANY: (1.0,) * 50})})
    assert tables.threshold(few, 8) == float("inf")


def test_rates_at_the_threshold() -> None:
    kin = [
        asked("a1", "a", ("a", 9.0), ("b", 1.0)),
        asked("b1", "b", ("a", 8.0), ("b", 1.0)),
        asked("b2", "b", ("b", 1.0)),
    ]
    aliens = [asked("s1", "", ("a", 5.0)), asked("s2", "", ("b", 1.0))]
    found = tables.identification(kin, aliens, CALIBRATION, LEAST)
    assert (found["top1"], found["found"], found["wrong"], found["accepted"]) == (2, 1, 1, 1)
    assert found["bases"] == 2 and 0 < found["cllr_min"] <= found["cllr"] + 1e-9
    assert found["cllr_interval"][0] <= found["cllr"] <= found["cllr_interval"][1] + 0.5
    row = tables.method("ours", kin, aliens)
    assert row["top1"] == pytest.approx(2 / 3) and row["auc_open"] == pytest.approx((1 + 1 + 0.25) / 3)
    (kind,) = tables.by_kind(kin, CALIBRATION, LEAST)
    assert (kind["n"], kind["top1"], kind["found"], kind["least"]) == (3, 2, 1, 1.0)


def test_students_and_false_teachers() -> None:
    right, wrong, silent = Teacher("t", True, "", 0.3, 0.01), Teacher("u", True, "", 0.2, 0.02), Teacher("t", False, "")
    found = tables.teachers({"t": [right, wrong, silent]}, [wrong, silent, Teacher("t", False, "", 0.1, 0.5)])
    assert (found["right"], found["wrong"], found["abstained"]) == (1, 1, 1)
    assert (found["without"], found["false"], found["null_abstained"]) == (2, 1, 1)


def test_calibrations_are_of_disjoint_pairs_and_other_indexes() -> None:
    bases = [made(seed) for seed in range(30)]
    children = {f"m{seed}": [made(seed, 0.5)] for seed in range(4)}
    pairs, best = calibrated_pairs(bases, children, LEAST), calibrated_best(bases, children, LEAST)
    assert len(pairs.null[ANY]) == 15 and len(best.null[ANY]) == 30 and pairs.least == best.least == LEAST
    assert len(pairs.related) == len(best.related) == 4
    assert min(min(r) for r in pairs.related) > max(pairs.null[ANY])
    assert min(min(r) for r in best.related) > max(best.null[ANY]) > np.mean(pairs.null[ANY])


def test_a_bench_answers_as_an_index_does() -> None:
    bench = Bench({f"m{seed}": made(seed) for seed in range(10)})
    first, second, *_ = bench.ask(activations(pooled_states(hidden(3, 0.5))))
    assert first.name == "m3" and first.score > 8 > second.score


def test_a_classroom_leaves_the_teacher_out_where_it_is_told_to() -> None:
    room = Classroom({f"m{seed}": made(seed, layers=4 + seed % 2) for seed in range(10)})
    student = made(3, 1.5, "student")
    assert student.mark is not None
    found, other = room.ask(student, student.mark), room.ask(student, student.mark, without="m3")
    assert found.name == "m3" and other.name != "m3" and found.margin is not None and other.margin is not None
    assert found.margin > 2 * other.margin
    scores = calibrated_teacher([other], {"m3": [found]}, LEAST)
    assert scores.null[ANY] == (other.margin,) and scores.related == ((found.margin,),)


def test_a_projection_is_what_training_changes_beyond_the_base() -> None:
    pairs = [(made(seed), made(seed, 0.5)) for seed in range(12)]
    projection, told = learn(pairs, 4)
    assert projection.directions.shape == (5, 4, 8128) and all(0 < share < 1 for share in told)
    assert (projection.shares > 0).all() and (projection.shares < 1).all()


# models


@pytest.mark.torch
def test_a_student_follows_its_teacher(cache: Path) -> None:
    one, other, *_ = ci_set()
    taught = build(replace(other, name="taught", objective="imitation", teacher=one, steps=16), cache)
    assert taught.losses[-1] < taught.losses[0] and taught.losses[-1] < 1


@pytest.mark.whole
@pytest.mark.torch
def test_what_is_computed_is_kept_and_other_methods_see_the_same(cache: Path, tmp_path: Path) -> None:
    samples = [Sample(r.digest, cache / r.digest) for r in ci_set()[:2]]
    samples += [
        Sample("rotated", samples[0].folder, ("fold-norms", "rotate")),
        Sample("wrong", samples[0].folder, ("merge",)),
    ]
    one, other, turned, wrong = seen(samples, tmp_path, 1, states=True)
    assert wrong.sketch is None and wrong.why and one.sketch is not None and turned.mark is None
    before = {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    assert [s.sample.key for s in seen(samples, tmp_path, 1, states=True)] == [s.key for s in samples]
    assert {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()} == before
    for name, score in BASELINES.items():
        assert score(one, one) > score(one, other), name
    for name in list(BASELINES)[:2]:
        assert BASELINES[name](one, turned) == pytest.approx(1, abs=1e-3)
    assert BASELINES["SeedPrints-like"](one, turned) < BASELINES["SeedPrints-like"](one, one) / 2
