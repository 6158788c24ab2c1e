"""Pairs of models of a family tree: dependence by codes for all, the whole comparison for the few that matter."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forebear.artifacts import read_artifact
from forebear.errors import ForebearError
from forebear.inspect.compare import compare_artifacts, whole
from forebear.inspect.cost import light_first
from forebear.inspect.crew import in_order
from forebear.inspect.tree_read import Opened
from forebear.lineage import Counts, conclude
from forebear.lineage.confidence import confident
from forebear.lineage.evidence import trust
from forebear.lineage.tree_graph import Arc, Components
from forebear.lineage.tree_rooting import Pull
from forebear.signals import Fingerprint, fingerprint
from forebear.signals.generators import comparable_shapes
from forebear.signals.sign_code import compare_codes
from forebear.sources import open_source
from forebear.types import Relation, Verdict, floored

Step = Callable[[str], None]

TRIED = 12
"""Members of a group that a model is held against before it is taken for none of them."""
HELD = 3
"""Groups against whose representatives a model with silent coins is held: those of its own sizes first."""
MOST_HELD = 200
"""The same for all models together."""


@dataclass(frozen=True)
class Compared:
    """What the comparison of a pair says.

    Attributes:
        verdict, relation, why: as ``compare`` gives them.
        log10_p: floored, with the number of all pairs paid for.
        cosine: mean cosine of aligned rows; None where there were none.
        problem: why the pair could not be compared, or "".
    """

    verdict: Verdict
    relation: Relation
    why: str
    log10_p: float | None
    cosine: float | None = None
    problem: str = ""

    @property
    def ties(self) -> bool:
        """Whether the pair is dependent as a whole."""
        return bool(self.verdict.related) and self.verdict is not Verdict.COMPONENT_SHARED

    @property
    def pull(self) -> Pull:
        """What is known about its direction."""
        way = self.relation.details.get("direction", {})
        hard = sum(r["log_odds"] for r in way.get("reasons", ()) if r["rules_out_siblings"])
        soft = sum(r["log_odds"] for r in way.get("reasons", ()) if not r["rules_out_siblings"])
        if self.relation.direction != "unknown" and not hard:  # told over every value: zeros set, nothing else changed
            hard = 6.0 if self.relation.direction == "a_to_b" else -6.0
        return Pull(float(hard), float(soft))


@dataclass(frozen=True)
class _Task:
    """What a worker is told."""

    a: str
    b: str
    names: tuple[str, str]
    effort: str
    pairs: int


def dependent(a: Fingerprint, b: Fingerprint, pairs: int) -> bool:
    """Whether two models are dependent as wholes, by their codes alone, the number of pairs paid for."""
    comparable, _ = comparable_shapes(a.shape, b.shape)
    depth = max(m.shape.get("layers") or 0 for m in (a, b))
    counts = Counts(compare_codes(a.code, b.code, comparable), depth)
    trusted = not trust(a.code, b.code, (a.name, b.name))[1]
    looks = math.log10(max(1, pairs))
    return whole(conclude(counts, None, False, False, log10_looks=looks, trusted=trusted))


def grouped(marks: Sequence[Fingerprint], on_step: Step) -> Components:
    """Groups of dependent models: exact counts, Bonferroni over all pairs, joined where any two are dependent."""
    count = len(marks)
    pairs, groups = count * (count - 1) // 2, Components(count)
    for k in range(1, count):
        on_step(f"comparing codes: {k + 1} of {count}")
        for members in _before(groups, k):
            tried = np.unique(np.linspace(0, len(members) - 1, min(TRIED, len(members))).round().astype(int))
            if any(dependent(marks[members[t]], marks[k], pairs) for t in tried):
                groups.join(members[0], k)
    return groups


def _before(groups: Components, k: int) -> list[list[int]]:
    return [[m for m in members if m < k] for members in groups.sets() if members[0] < k]


def held_against(alone: int, groups: Sequence[Sequence[int]], marks: Sequence[Fingerprint]) -> list[int]:
    """Representatives of the groups that a silent model is held against, the likeliest by sizes and tokens first."""
    own = marks[alone]

    def likeness(k: int) -> tuple[int, ...]:
        other = marks[k]
        same = [own.shape.get(key) == other.shape.get(key) for key in ("width", "layers", "family")]
        tokens = own.vocabulary is not None and own.vocabulary == other.vocabulary
        return (*(int(s) for s in same[:1]), int(tokens), *(int(s) for s in same[1:]))

    chosen = [members[0] for members in groups if alone not in members]
    return sorted(chosen, key=lambda k: (tuple(-v for v in likeness(k)), k))[:HELD]


def compared(
    models: Sequence[Opened], wanted: Sequence[Arc], effort: str, workers: int, on_step: Step
) -> Iterator[Compared]:
    """Compare pairs of models as ``compare`` would, on every core, in order."""
    pairs = max(1, len(models) * (len(models) - 1) // 2)
    tasks = [
        _Task(models[i].target, models[j].target, (models[i].name, models[j].name), effort, pairs) for i, j in wanted
    ]
    for number, found in enumerate(in_order(_compare, tasks, min(workers, max(1, len(tasks) // 4)), _died), 1):
        on_step(f"comparing pairs: {number} of {len(tasks)}")
        yield found


def _compare(task: _Task) -> Compared:
    """Runs in a worker, which opens both models anew."""
    try:
        one, two = (
            replace(read_artifact(open_source(t)), name=n) for t, n in zip((task.a, task.b), task.names, strict=True)
        )
        marks = (
            fingerprint(one, light=light_first(one, task.effort)),
            fingerprint(two, light=light_first(two, task.effort)),
        )
        pair = compare_artifacts(one, two, marks, task.effort, task.pairs)
    except ForebearError as error:
        return _nothing(error.message)
    except MemoryError:
        return _nothing("not enough memory for this pair")
    except Exception as error:  # a bug of ours that one pair brings to light must not cost the others
        return _nothing(f"{type(error).__name__} in Forebear itself ({error}); please report it")
    counts, said = pair.counts, pair.conclusion
    log10_p = floored(counts.log10_p + math.log10(task.pairs)) if counts.pooled.n else None
    return Compared(said.verdict, confident(said.relation), said.why, log10_p, counts.cosine)


def _died(task: _Task) -> Compared:
    return _nothing("the process that compared them was killed; was there enough memory?")


def _nothing(problem: str) -> Compared:
    return Compared(Verdict.INCONCLUSIVE, Relation(details={"kinds": []}), problem, None, None, problem)
