"""Towers of two models held against each other, and what that adds to a conclusion about their language models.

One tower in two models is reuse, most often of a published one, and never descent of the models around it: where
nothing else is established the verdict is ``component_shared`` with the tower named, and no direction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from forebear.artifacts import Artifact
from forebear.artifacts.towers import UNNAMED
from forebear.lineage import Conclusion, Counts, sign_evidence
from forebear.lineage.counts import LOG10_TOWERS
from forebear.signals.pairing import paired_blocks
from forebear.signals.sign_code import Cell, compare_codes, compare_rows
from forebear.signals.towers import NAME, TowerMark, comparable_towers
from forebear.types import Evidence, Relation, Untested, Verdict

Marks = Sequence[TowerMark]
Count = Callable[[int, int], tuple[Cell, ...]]
TOWERS = "towers"
"""Key of a relation's details: components that are towers."""
CONDITIONS = (
    "published towers stand in many models: the two may have theirs from a third, and neither from the other",
    "where positions rotate, heads have at least 64 dimensions",
)
"""What holds for towers beside the conditions of all coins."""


@dataclass(frozen=True)
class Shared:
    """A tower of the model in question beside the reference's that agrees with it most.

    Attributes:
        component: what it is called.
        counts: its coins; what is paid for towers is in them.
        evidence: ``tower-coins/1``.
    """

    component: str
    counts: Counts
    evidence: Evidence

    @property
    def established(self) -> bool:
        """Whether the two are one tower."""
        return self.evidence.supports == "related"


def towers_by_codes(marks: tuple[Marks, Marks], names: tuple[str, str], log10_looks: float) -> tuple[Shared, ...]:
    """Towers of two models compared by their codes; the reference is first. See :func:`towers_by_rows`."""

    def count(i: int, j: int) -> tuple[Cell, ...]:
        a, b = marks[0][i], marks[1][j]
        return compare_codes(a.code, b.code, comparable_towers(a, b))

    return tuple(_closest(marks, names, log10_looks, count, rows=False))


def towers_by_rows(
    models: tuple[Artifact, Artifact], marks: tuple[Marks, Marks], names: tuple[str, str], log10_looks: float
) -> tuple[Shared, ...]:
    """Towers of two models compared row by row.

    Args:
        models: the reference, and the model in question.
        marks: their towers as measured, in the same order.
        names: what the two are called.
        log10_looks: log10 of the number of references searched.

    Raises:
        InputError: rows could not be read.
    """

    def count(i: int, j: int) -> tuple[Cell, ...]:
        a, b = marks[0][i], marks[1][j]
        one, two = (model.towers[k].artifact for model, k in zip(models, (i, j), strict=True))
        blocks = paired_blocks(one, two, (a.code, b.code), comparable_towers(a, b))
        return tuple(compare_rows(*pair) for pair in blocks)

    return tuple(_closest(marks, names, log10_looks, count, rows=True))


def _closest(
    marks: tuple[Marks, Marks], names: tuple[str, str], log10_looks: float, count: Count, rows: bool
) -> Iterator[Shared]:
    """For each tower of the model in question the reference's tower of its shape that agrees most."""
    for j, b in enumerate(marks[1]):
        found = [
            (a, Counts(count(i, j), max(a.shape["layers"], b.shape["layers"]), LOG10_TOWERS))
            for i, a in enumerate(marks[0])
            if comparable_towers(a, b)
        ]
        if found:
            a, counts = min(found, key=lambda pair: pair[1].log10_p)
            yield _shared(a, b, counts, sign_evidence(counts, a.code, b.code, names, rows, log10_looks, NAME))


def _shared(a: TowerMark, b: TowerMark, counts: Counts, evidence: Evidence) -> Shared:
    component = a.component if b.component == UNNAMED else b.component
    text, supports = evidence.summary, evidence.supports
    if supports == "related" and not counts.whole:
        supports = "nothing"
        text = f"{text} A tower is told only where two groups of coins agree, in more than half of its layers."
    details = {
        **evidence.details,
        "component": component,
        "conditions": [*evidence.details["conditions"], *CONDITIONS],
    }
    summary = f"{component.capitalize()}: {text}"
    return Shared(component, counts, replace(evidence, summary=summary, supports=supports, details=details))


def with_towers(
    conclusion: Conclusion, counts: Counts, shared: Sequence[Shared], reference: str
) -> tuple[Conclusion, Counts]:
    """What is concluded with the towers, and the coins that it rests on.

    Where the models are tied together as wholes the towers are evidence beside that. Where only a part is, or nothing,
    those that are one tower are parts.
    """
    parts = [s for s in shared if s.established]
    whole = bool(conclusion.verdict.related) and conclusion.verdict is not Verdict.COMPONENT_SHARED
    if whole or not parts:
        return conclusion, counts
    names = list(dict.fromkeys(s.component for s in parts))
    others = list(conclusion.relation.details.get("components", ())) if conclusion.verdict.related else []
    details = {"kinds": ["component_shared"], "components": [*others, *names], TOWERS: names}
    rest = conclusion.why[:1].lower() + conclusion.why[1:]
    why = (
        f"The {' and the '.join(names)} and {reference}'s are not independent: one tower, from wherever each model has "
        f"it. That is reuse of a part, and does not tell who has it from whom. Of the rest: {rest}"
    )
    relation = Relation("component_shared", "unknown", None, details)
    return Conclusion(Verdict.COMPONENT_SHARED, relation, why), counts if others else parts[0].counts


def only_towers(conclusion: Conclusion) -> bool:
    """Whether towers are all that ties two models together."""
    details = conclusion.relation.details
    return conclusion.verdict is Verdict.COMPONENT_SHARED and details.get(TOWERS) == details.get("components")


def tested_towers(shared: Sequence[Shared]) -> tuple[str, ...]:
    """Lines of the coverage."""
    return tuple(f"{NAME}: {s.counts.pooled.n:,} coins of the {s.component}" for s in shared)


def untested_towers(models: tuple[Artifact, Artifact], shared: Sequence[Shared]) -> tuple[Untested, ...]:
    """Towers that were not held against each other, and how those without known names were read."""
    out = []
    for model, other in (models, models[::-1]):
        if model.towers and not shared:
            named = " and ".join(tower.component for tower in model.towers)
            why = f"{other.name} has no tower of that shape"
            out.append(Untested(f"{model.name}: {named}", why))
        out += [
            Untested(f"{model.name}: {tower.component}, how it was read", note)
            for tower in model.towers
            for note in tower.artifact.notes
        ]
    return tuple(out)
