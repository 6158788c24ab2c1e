"""Scores as a scan takes them: which references a model resembles, beside a cohort of the same index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from activation.sketch import Seen
from forebear.index import Likeness
from forebear.index.cohort import MOST_COHORT, Cohort, Query
from forebear.inspect.activations import SHAPE, same_words
from forebear.lineage.activations import Control, Teacher, teacher
from forebear.lineage.calibration import ANY, STRATA, Scores, pairs_of
from forebear.signals import Fingerprint
from forebear.signals.activations import Activations
from forebear.signals.vocabulary import same_vocabulary

SEED = 1


def sketch_of(one: Seen) -> Activations:
    """The sketch of a model that has one."""
    assert one.sketch is not None
    return one.sketch


def mark_of(one: Seen) -> Fingerprint:
    """The fingerprint of a model that was not made on the fly."""
    assert one.mark is not None
    return one.mark


class Bench:
    """An index of references for many questions."""

    def __init__(self, references: Mapping[str, Seen], most: int = MOST_COHORT) -> None:
        self.references = references
        self.named = [(name, sketch_of(one)) for name, one in references.items()]
        chosen = np.random.default_rng(SEED).permutation(len(self.named))[:most]
        self.cohort = Cohort([self.named[k] for k in sorted(chosen.tolist())])

    def controlled(self, name: str, words: Fingerprint) -> bool:
        """As :func:`forebear.inspect.activations.controlled` asks."""
        marks = {key: mark_of(one) for key, one in self.references.items()}
        if not same_words(marks[name], words):
            return True
        return any(same_words(marks[key], words) for key in self.cohort.places if key != name)

    def ask(self, query: Activations) -> list[Likeness]:
        """Every reference that can be compared, best first."""
        asked = Query(query, self.cohort)
        found = [one for name, sketch in self.named if (one := asked.likeness(name, sketch)) is not None]
        return sorted(found, key=lambda one: (-one.score, one.name))


@dataclass(frozen=True)
class Asked:
    """A question that was asked of an index.

    Attributes:
        name: of the model in question.
        kind: what was done to its base.
        base: its base, empty where it has none there.
        right: references that are right answers: the base, of a merge the stranger as well.
        found: best first.
        controlled: whether the index has a control of the model's tokenizer beside the best.
    """

    name: str
    kind: str
    base: str
    right: frozenset[str]
    found: tuple[Likeness, ...]
    controlled: bool = True

    @property
    def score(self) -> float:
        """Of the best reference."""
        return self.found[0].score

    @property
    def first(self) -> bool:
        """Whether the best reference is the right one."""
        return self.found[0].name in self.right

    @property
    def own(self) -> float:
        """The best score of a right one."""
        return next(one.score for one in self.found if one.name in self.right)


def calibrated_pairs(bases: Sequence[Seen], children: Mapping[str, Sequence[Seen]], size: int) -> Scores:
    """Nulls of disjoint pairs by stratum, and of children against their bases, with cohorts of a size."""
    marks = [mark_of(b) for b in bases]
    null: dict[str, tuple[float, ...]] = {}
    for kind in (*STRATA, ANY):
        scores = [_beside(bases, one, two, turn, size) for turn, (one, two) in enumerate(pairs_of(marks, kind, SEED))]
        null[kind] = tuple(sorted(s for s in scores if s is not None))
    related = []
    for k, base in enumerate(bases):
        own = [_beside(bases, None, k, 1000 + k, size, child) for child in children.get(base.sample.key, ())]
        if kept := tuple(sorted(s for s in own if s is not None)):
            related.append(kept)
    return Scores(size, null, tuple(related))


def _beside(
    bases: Sequence[Seen], one: int | None, two: int, turn: int, size: int, query: Seen | None = None
) -> float | None:
    """The score of a model with a reference, in a cohort of that reference and others."""
    rng = np.random.default_rng([SEED, turn])
    others = [k for k in rng.permutation(len(bases)).tolist() if k not in (one, two)][: size - 1]
    bench = Bench({bases[k].sample.key: bases[k] for k in (two, *others)})
    model = query if query is not None else bases[one] if one is not None else None
    assert model is not None
    words = model.mark or mark_of(bases[two])
    if not bench.controlled(bases[two].sample.key, words):
        return None
    found = Query(sketch_of(model), bench.cohort).likeness(bases[two].sample.key, sketch_of(bases[two]))
    return None if found is None else found.score


def calibrated_best(bases: Sequence[Seen], children: Mapping[str, Sequence[Seen]], size: int) -> Scores:
    """Best scores in an index of a size: of models without a relative there, and of children of one of its bases."""
    null, related = [], []
    for k, base in enumerate(bases):
        rng = np.random.default_rng([SEED, 2, k])
        others = [bases[j] for j in rng.permutation(len(bases)).tolist() if j != k][:size]
        bench = Bench({b.sample.key: b for b in others})
        best = bench.ask(sketch_of(base))[0]
        if bench.controlled(best.name, mark_of(base)):
            null.append(best.score)
        if base.sample.key in children:
            with_base = Bench({b.sample.key: b for b in (base, *others[: size - 1])})
            found = (with_base.ask(sketch_of(child))[0] for child in children[base.sample.key])
            if kept := tuple(sorted(f.score for f in found if f.name == base.sample.key)):
                related.append(kept)
    return Scores(size, {ANY: tuple(sorted(null))}, tuple(related))


class Classroom:
    """References of which some may be teachers."""

    def __init__(self, references: Mapping[str, Seen], size: int = MOST_COHORT) -> None:
        self.bench = Bench(references, size)
        self.marks = {name: mark_of(one) for name, one in references.items()}

    def ask(self, student: Seen, mark: Fingerprint, without: str = "", scores: Scores | None = None) -> Teacher:
        """Whom a model is said to have learned from, with one reference left out of the question."""
        controls = []
        for one in self.bench.ask(sketch_of(student)):
            theirs, last = self.marks[one.name], one.by_depth[-1]
            if one.name == without or last is None or not same_vocabulary(theirs.vocabulary, mark.vocabulary):
                continue
            size = int(theirs.shape.get("layers") or 0), int(theirs.shape.get("width") or 0)
            shape = "/".join(str(theirs.shape.get(key)) for key in SHAPE)
            controls.append(Control(one.name, last, size, shape, frozenset()))
        return teacher(controls, scores)


def calibrated_teacher(null: Sequence[Teacher], right: Mapping[str, Sequence[Teacher]], size: int) -> Scores:
    """Margins of models without a teacher in the index, and of students, by teacher."""
    margins = sorted(t.margin for t in null if t.margin is not None)
    related = [
        tuple(sorted(t.margin for t in own if t.margin is not None and t.name == who)) for who, own in right.items()
    ]
    return Scores(size, {ANY: tuple(margins)}, tuple(r for r in related if r))
