"""Whom do activations name, how often are they wrong, and how good are their likelihood ratios? Tables and plots.

    python benchmarks/activation_study.py [--cache DIR] [--jobs 2] [--write] [--small]

Needs: pip install 'forebear[bench]'. Trains about 900 small models first, unless they are in the cache (an hour of
two cores), and computes their activations (ten minutes). ``--write`` writes the calibration that is part of the
package, and the tables of ``docs/activations.md``. ``--small`` takes minutes, hardly trained models, and supports no
claim.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from activation import tables
from activation.baselines import BASELINES
from activation.models import COPIES, Family, learned, parted, reported, steps_of, strangers
from activation.scores import (
    SEED,
    Asked,
    Bench,
    Classroom,
    calibrated_best,
    calibrated_pairs,
    calibrated_teacher,
    mark_of,
    sketch_of,
)
from activation.sketch import Sample, Seen, seen
from activation.students import School, controls, schools
from disguise.bases import bases
from null.tables import fill
from zoo.build import CACHE, build_all
from zoo.recipes import Recipe

from forebear.errors import ForebearError
from forebear.index import Likeness
from forebear.lineage.activations import BEST, FALSE_TEACHERS, PAIR, SIZES, TEACHER, Teacher, calibration_name
from forebear.lineage.calibration import ANY, SHIPPED_ACTIVATIONS, Calibration, Scores
from forebear.types import created
from forebear.version import __version__

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "src" / "forebear" / "data" / "calibration" / SHIPPED_ACTIVATIONS
DOCS = ROOT / "docs" / "activations"
PAGE = ROOT / "docs" / "activations.md"
CALIBRATING = frozenset({"llama", "qwen2", "gemma"})
"""Families of teachers whose students the margin is calibrated with; the others are reported on."""


class Study:
    """Models and what was computed of them."""

    def __init__(self, cache: Path, jobs: int, small: bool) -> None:
        self.cache, self.jobs, self.small = cache, jobs, small
        self.began = time.time()
        self.known: dict[str, Seen] = {}

    def say(self, text: str) -> None:
        """A line of progress."""
        print(f"{time.time() - self.began:5.0f} s  {text}", file=sys.stderr, flush=True)

    def build(self, recipes: Sequence[Recipe]) -> None:
        """Train what is missing."""
        for number, built in enumerate(build_all(recipes, self.cache, self.jobs), 1):
            if number % 50 == 0:
                self.say(f"{number} of {len(recipes)} models, {built.recipe.name}")

    def look(self, samples: Sequence[Sample], states: bool = False) -> dict[str, Seen]:
        """Activations of models that have some, by key; the others are told."""
        found = list(seen(samples, self.cache / "activations", self.jobs, states))
        for one in found:
            if one.sketch is None:
                self.say(f"without activations: {one.sample.key}: {one.why[:150]}")
        return {one.sample.key: one for one in found if one.sketch is not None}

    def sample(self, recipe: Recipe) -> Sample:
        """A trained model."""
        return Sample(recipe.digest, self.cache / recipe.digest)


def copies(study: Study, family: Family, donor: Recipe) -> list[Sample]:
    """Copies of a base that are not trained."""
    folder = study.cache / family.base.digest
    out = []
    for name in COPIES:
        steps = steps_of(name, family.base)
        other = str(study.cache / donor.digest) if "merge" in steps else ""
        out.append(Sample(f"{family.base.digest}+{name}", folder, steps, other))
    return out


def main() -> None:
    """Build, measure, calibrate, report."""
    parser = argparse.ArgumentParser(description="Forebear's study of activations.")
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="DIR", help="where small models are kept")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--write", action="store_true", help="write the calibration and the tables")
    parser.add_argument("--small", action="store_true", help="minutes; supports no claim")
    given = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"  # for the processes that are started below
    study = Study(given.cache, given.jobs, given.small)
    calibration, found = run(study)
    text = tables.document(found)
    print(text)
    if given.write:
        DATA.write_text(calibration.to_text(), "utf-8")
        DOCS.mkdir(exist_ok=True)
        PAGE.write_text(fill(PAGE.read_text("utf-8"), {"tables": text}), "utf-8")
        (DOCS / "results.json").write_text(json.dumps(found, indent=1, default=float) + "\n", "utf-8")
        tables.draw(DOCS / "scores.svg", found)
    study.say("done")


def run(study: Study) -> tuple[Calibration, dict[str, object]]:
    """The calibration, and everything that tables are made from."""
    small = study.small
    teach, learn, know, alien = schools(small), learned(small), reported(small), strangers(small)
    trained = [r for f in (*learn, *know) for r in (f.base, *f.children.values())]
    students = [s for school in teach for s in school.students.values()]
    study.build([*trained, *alien, *students, *controls(small)])
    study.say("models are there")
    calibration, held = calibrate(study, learn, teach)
    found: dict[str, object] = {"calibration": dict(calibration.made)}
    found |= identify(study, know, alien, calibration)
    found |= attribute(study, teach, held, calibration)
    return calibration, found


def calibrate(
    study: Study, learn: Sequence[Family], teach: Sequence[School]
) -> tuple[Calibration, tuple[dict[str, Seen], dict[str, Seen]]]:
    """Everything that scores are held against; and who takes part in questions of teachers."""
    found = study.look([study.sample(r) for f in learn for r in (f.base, *f.children.values())])
    own = [f for f in learn if f.base.digest in found]
    children = {
        f.base.digest: [found[c.digest] for c in f.children.values() if c.digest in found] for f in parted(own)[1]
    }
    firsts = [found[f.base.digest] for f in own]
    study.say(f"calibrating with {len(firsts)} independent models")
    scores = {}
    for size in (s for s in SIZES if s < len(firsts)):
        scores[calibration_name(PAIR, size)] = calibrated_pairs(firsts, children, size)
        scores[calibration_name(BEST, size)] = calibrated_best(firsts, children, size)
        study.say(f"cohorts of {size}")
    references, asked = classroom(study, teach)
    room = Classroom(references)
    independents = [one for one in firsts if _half(one) == 0]
    for size in SIZES:
        smaller = room if size >= len(references) else Classroom(references, size)
        margins = _margins(smaller, asked, teach, True, independents)
        scores[calibration_name(TEACHER, size)] = calibrated_teacher(*margins, size)
    study.say("teachers")
    made: dict[str, str | int] = {
        "source": f"{len(firsts)} independent small models, of which {len(children)} have trained children",
        "models": len(firsts),
        "families": len({f.base.family for f in own}),
        "with_children": len(children),
        "teachers": sum(s.teacher.family in CALIBRATING for s in teach),
        "seed": SEED,
        "forebear_version": __version__,
        "created": created(),
    }
    return Calibration(made, scores), (references, asked)


def classroom(study: Study, teach: Sequence[School]) -> tuple[dict[str, Seen], dict[str, Seen]]:
    """References with two or more of every shape and tokenizer, and the activations of all students."""
    brief = study.small
    recipes = {s.teacher.digest: s.teacher for s in teach} | {c.digest: c for c in controls(brief)}
    if not brief:
        for base in bases():
            recipes |= {base.recipe.digest: base.recipe, base.outsider.digest: base.outsider}
    references = study.look([study.sample(r) for r in recipes.values()])
    students = study.look([study.sample(r) for s in teach for r in s.students.values()])
    return references, students


def _half(one: Seen) -> int:
    """Independent models are dealt out by the first letter of their digest: 0 calibrates, 1 reports."""
    return int(one.sample.key[0], 16) % 2


def _margins(
    room: Classroom, students: Mapping[str, Seen], teach: Sequence[School], calibrating: bool, others: Sequence[Seen]
) -> tuple[list[Teacher], dict[str, list[Teacher]]]:
    """Of models whose teacher is not asked about, or who have none; and of students, by teacher."""
    null: list[Teacher] = []
    right: dict[str, list[Teacher]] = {}
    for school in teach:
        if (school.teacher.family in CALIBRATING) != calibrating or school.teacher.digest not in room.marks:
            continue
        mark = room.marks[school.teacher.digest]
        for recipe in school.students.values():
            if (student := students.get(recipe.digest)) is not None:
                right.setdefault(school.teacher.digest, []).append(room.ask(student, mark))
                null.append(room.ask(student, mark, without=school.teacher.digest))
    null += [room.ask(one, mark_of(one)) for one in others if one.sample.key not in room.marks]
    return null, right


def identify(
    study: Study, know: Sequence[Family], alien: Sequence[Recipe], calibration: Calibration
) -> dict[str, object]:
    """Families that nothing was calibrated with, strangers, and what other methods say of both."""
    donor = next(f.base for f in know if f.base.name.startswith("outsider")) if not study.small else know[0].base
    made = [s for f in know for s in copies(study, f, donor if donor.digest != f.base.digest else know[-1].base)]
    if study.small:
        made = made[:: len(COPIES) + 1]
    trained = [study.sample(r) for f in know for r in (f.base, *f.children.values())]
    found = study.look([*trained, *made], states=True)
    outside = study.look([study.sample(r) for r in alien], states=True)
    index = {f.base.digest: found[f.base.digest] for f in know if f.base.digest in found}
    bench = Bench(index)
    study.say(f"{len(index)} references, {len(found) - len(index)} descendants, {len(outside)} strangers")
    asked, independent = [], []
    for f in know:
        for key, one in found.items():
            kind = _kind(f, key)
            if kind:
                strange = {s for s in (donor.digest, know[-1].base.digest) if "merged" in kind}
                right = frozenset({f.base.digest, *strange})
                asked.append(_ask(bench, key, kind, f.base.digest, right, one, found[f.base.digest]))
    for key, one in outside.items():
        independent.append(_ask(bench, key, "stranger", "", frozenset(), one, one))
    study.say("other methods")
    rows = tables.methods("activations/1", asked, independent)
    for name, score in BASELINES.items():
        answers = (_scored(score, index, several, found | outside) for several in (asked, independent))
        rows.extend(tables.methods(name, *answers))
        study.say(name)
    return {
        "sizes": [_of_size(size, know, index, found, outside, calibration) for size in SIZES if size < len(index)],
        "identification": tables.identification(asked, independent, calibration, _largest(len(index))),
        "methods": rows,
        "by_kind": tables.by_kind(asked, calibration, _largest(len(index))),
        "scores": {
            "descendants": sorted(round(a.own, 2) for a in asked),
            "strangers": sorted(round(a.score, 2) for a in independent),
        },
    }


def _ask(bench: Bench, key: str, kind: str, base: str, right: frozenset[str], one: Seen, like: Seen) -> Asked:
    """One question; a copy that was made on the fly has the tokenizer of its base."""
    found = tuple(bench.ask(sketch_of(one)))
    return Asked(key, kind, base, right, found, bench.controlled(found[0].name, one.mark or mark_of(like)))


def _largest(count: int) -> int:
    """The calibration that a scan takes with so many references."""
    return max((size for size in SIZES if size <= count), default=min(SIZES))


def _of_size(
    size: int,
    know: Sequence[Family],
    index: Mapping[str, Seen],
    found: Mapping[str, Seen],
    outside: Mapping[str, Seen],
    calibration: Calibration,
) -> dict[str, object]:
    """A smaller index: descendants of its bases, and strangers with the descendants of all others."""
    own = set(np.random.default_rng([SEED, size]).permutation(sorted(index))[:size].tolist())
    bench = Bench({key: one for key, one in index.items() if key in own})
    asked: list[Asked] = []
    independent: list[Asked] = []
    for f in know:
        for key, one in found.items():
            if kind := _kind(f, key):
                if "merged" in kind:
                    continue
                answers = _ask(bench, key, kind, f.base.digest, frozenset({f.base.digest}), one, found[f.base.digest])
                (asked if f.base.digest in own else independent).append(answers)
    for key, one in outside.items():
        independent.append(_ask(bench, key, "stranger", "", frozenset(), one, one))
    return {"size": size, **tables.at_threshold(asked, independent, tables.threshold(calibration, size))}


def _kind(family: Family, key: str) -> str:
    if key.startswith(f"{family.base.digest}+"):
        return key.partition("+")[2]
    return next((kind for kind, child in family.children.items() if child.digest == key), "")


def _scored(
    score: Callable[[Seen, Seen], float], index: Mapping[str, Seen], asked: Sequence[Asked], models: Mapping[str, Seen]
) -> list[Asked]:
    """The same questions, answered by another method."""
    out = []
    for one in asked:
        found = [Likeness(name, score(reference, models[one.name]), ()) for name, reference in index.items()]
        out.append(replace(one, found=tuple(sorted(found, key=lambda f: (-f.score, f.name)))))
    return out


def attribute(
    study: Study, teach: Sequence[School], held: tuple[dict[str, Seen], dict[str, Seen]], calibration: Calibration
) -> dict[str, object]:
    """Teachers whose families nothing was calibrated with."""
    references, students = held
    room = Classroom(references)
    firsts = study.look([study.sample(f.base) for f in learned(study.small)])
    others = [one for one in firsts.values() if _half(one) == 1]
    null, right = _margins(room, students, teach, study.small, others)
    scores = calibration.signals[calibration_name(TEACHER, _largest(len(references)))]
    said = {who: [_judged(t, scores) for t in several] for who, several in right.items()}
    return {"teachers": tables.teachers(said, [_judged(t, scores) for t in null])}


def _judged(found: Teacher, scores: Scores) -> Teacher:
    if found.margin is None:
        return found
    null = scores.null[ANY]
    p = (1 + sum(other >= found.margin for other in null)) / (len(null) + 1)
    return replace(found, p=p, attributed=p <= FALSE_TEACHERS)


if __name__ == "__main__":
    try:
        main()
    except ForebearError as error:
        raise SystemExit(f"error: {error}") from None
