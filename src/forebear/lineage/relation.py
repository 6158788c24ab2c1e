"""How two dependent models are related: every relation that holds, strongest first, each with its own test.

Nothing here is a p-value: dependence is established elsewhere, and these are descriptions of what lies between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from forebear.lineage.conclude import Conclusion
from forebear.lineage.direction import ENOUGH, Reason, direction
from forebear.lineage.relations.base import Found, Observed
from forebear.lineage.relations.geometry import geometry
from forebear.lineage.relations.structure import (
    depth_pruned,
    depth_upscaled,
    multimodal_extension,
    upcycled,
    vocabulary_changed,
)
from forebear.lineage.relations.values import (
    continued_pretraining,
    finetune,
    lora,
    pruned,
    quantized,
    rl,
    undecided,
)
from forebear.lineage.relations.width import width_expanded, width_pruned
from forebear.types import Relation, Verdict

__all__ = ["RELATIONS", "Found", "Observed", "Reason", "found_in", "related", "settle"]

RELATIONS: tuple[Callable[[Observed], Found | None], ...] = (
    upcycled,
    multimodal_extension,
    depth_upscaled,
    depth_pruned,
    width_pruned,
    width_expanded,
    vocabulary_changed,
    quantized,
    pruned,
    lora,
    rl,
    finetune,
    continued_pretraining,
    undecided,
)
"""Every relation, the strongest first: edits of structure, then of values."""


def found_in(observed: Observed) -> tuple[Found, ...]:
    """All relations that hold."""
    return tuple(found for relation in RELATIONS if (found := relation(observed)) is not None)


def related(stated: Relation, observed: Observed, found: Sequence[Found]) -> Relation:
    """A relation with all that was found.

    Args:
        stated: what the verdict says already: a kind that was established over whole models comes first, and so does
            what had to be undone.
        observed: what was measured.
        found: see :func:`found_in`.
    """
    kinds = [kind for kind in stated.details.get("kinds", ()) if kind != "unknown"]
    kinds += ["obfuscated"] * (bool(observed.undone) and "obfuscated" not in kinds)
    kinds += [f.kind for f in found if f.kind not in kinds and f.kind != "unknown"]
    reasons = [*(reason for f in found for reason in f.reasons), *geometry(observed)]
    said, log_odds = direction(reasons)
    details: dict[str, Any] = {**stated.details}
    if observed.undone:
        details.setdefault("undone", list(observed.undone))
    for one in found:
        details |= {k: v for k, v in one.details.items() if k not in details}
    details["kinds"] = kinds or ["unknown"]
    if found:
        details["tests"] = {f.kind: f.test for f in reversed(found)}
        details["in_words"] = [f.words for f in found]
    if observed.changes is not None:
        details |= _measured(observed)
    elif observed.why_not:
        details["not_measured"] = observed.why_not
    if reasons:
        details["direction"] = {
            "log_odds": log_odds,
            "reasons": [
                {"name": r.name, "text": r.text, "log_odds": r.log_odds, "rules_out_siblings": r.no_siblings}
                for r in reasons
            ],
        }
    way = stated.direction if stated.direction != "unknown" else said
    return Relation(details["kinds"][0], way, stated.confidence, details)


def settle(conclusion: Conclusion, observed: Observed, found: Sequence[Found]) -> Conclusion:
    """The verdict that a relation allows: descent only where B is made of A's very values, and A came first.

    Geometry and structure name a direction and leave it at ``dependent``: a relative of the ancestor looks the same.
    """
    if conclusion.verdict not in (Verdict.DEPENDENT, Verdict.SAME_INIT_OR_DERIVED):
        return conclusion
    relation = conclusion.relation
    made = next((f.made_from for f in found if f.made_from), "")
    if made and relation.direction == "a_to_b":
        why = f"Made from the reference, or from a model with the same values: {made}."
        return replace(conclusion, verdict=Verdict.DERIVED, why=why)
    excluded = [observed.excludes, *(f.excludes_shared_start for f in found)]
    fact = next((text for text in excluded if text), "")
    if not fact:
        return conclusion
    details = {**relation.details, "excludes_shared_initialisation": fact}
    first = _which_first(relation)
    why = f"They share training, not only a start: {fact}. {first}"
    return Conclusion(Verdict.DEPENDENT, replace(relation, details=details), why)


def _which_first(relation: Relation) -> str:
    """What is known of direction, in a sentence."""
    log_odds = relation.details.get("direction", {}).get("log_odds", 0.0)
    later = "model" if (log_odds > 0 or relation.direction == "a_to_b") else "reference"
    if relation.direction != "unknown":
        return f"The {later} is the later one, as far as its values tell."
    if abs(log_odds) >= ENOUGH:
        return f"If one was made from the other, the {later} is the later one; both may come from a third."
    return "Which came first is not settled: parent, child and sibling look alike."


def _measured(observed: Observed) -> Mapping[str, Any]:
    changes = observed.changes
    assert changes is not None
    return {"drift": changes.drift, "equal": changes.equal, "every_value": changes.whole}
