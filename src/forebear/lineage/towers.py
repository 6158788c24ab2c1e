"""What towers add to a conclusion about two models.

One tower in two models is reuse, most often of a published one, and never descent of the models around it: where
nothing else is established the verdict is ``component_shared`` with the tower named, and no direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from forebear.artifacts.towers import UNNAMED
from forebear.lineage.conclude import Conclusion
from forebear.lineage.counts import Counts
from forebear.signals.towers import TowerMark
from forebear.types import Evidence, Relation, Verdict

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


def shared_tower(a: TowerMark, b: TowerMark, counts: Counts, evidence: Evidence) -> Shared:
    """Two towers side by side, with their evidence in its own words.

    Args:
        a, b: the reference's, and that of the model in question.
        counts: their coins.
        evidence: of these coins, as :func:`~forebear.lineage.sign_evidence` gives it.
    """
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
    others: list[str] = []
    if conclusion.verdict.related:
        others = list(conclusion.relation.details.get("components", ())) or list(counts.agreeing_groups)
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
