"""A reference that was never trained is a start: seen from it, who shares training, and who the start alone?

The change from the start is what a training did. What descends from a trained model has that model's change in its own;
two trainings that share a start alone have what common data and architecture give them: cosines of 0.05 to 0.58 between
trainings of eight families on the same and on other data (docs/relations.md). It is geometry, not a p-value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from forebear.lineage.conclude import Conclusion
from forebear.lineage.ghosts import SHARED_DATA, Ghosts, Leg
from forebear.types import Relation, Verdict

TOGETHER = SHARED_DATA
"""Cosine of two changes from one start, three standard errors deducted, from which on they share training."""
APART = 0.3
"""The same, three standard errors added, up to which they do not: what descended would have had to be trained more than
three times as far again as its parent was."""


def from_starts(legs: Ghosts, starts: Iterable[str]) -> Mapping[str, tuple[str, Leg]]:
    """By reference, the untrained one that shows most of its way to X in common or apart, and the leg to that start."""
    known = frozenset(starts)
    out: dict[str, tuple[str, Leg]] = {}
    for pair, (_, *two) in legs.legs.items():
        for start, other, leg in zip(pair, reversed(pair), two, strict=True):
            better = other not in out or abs(leg.cosine - 0.5) > abs(out[other][1].cosine - 0.5)
            if start in known and other not in known and better:
                out[other] = start, leg
    return out


def seen_from(conclusion: Conclusion, start: str, leg: Leg) -> Conclusion:
    """What a start says about a reference: shared training, the start alone, or nothing."""
    relation = conclusion.relation
    details = {**relation.details, "start": {"name": start, "cosine": leg.cosine, "error": leg.error}}
    cosine = f"a cosine of {leg.cosine:.2f} (no error rate is known)"
    said = f"seen from {start}, which was never trained, the changes of the two have {cosine}"
    if leg.cosine - 3 * leg.error >= TOGETHER:
        details["excludes_shared_initialisation"] = said
        likely = [k for k in details.pop("candidates", ()) if k != "same_init"]
        kinds = [k for k in details.get("kinds", ()) if k != "unknown"] + likely
        details["kinds"] = kinds or ["unknown"]
        details["in_words"] = [_sure(word) for word in details.get("in_words", ())]
        relation = replace(relation, kind=details["kinds"][0], details=details)
        if conclusion.verdict is not Verdict.SAME_INIT_OR_DERIVED:
            return replace(conclusion, relation=relation)
        why = (
            f"They share training, not only a start: {said}. One training that was run twice on the same data in the "
            "same order would look alike. Which came first is not settled."
        )
        return Conclusion(Verdict.DEPENDENT, relation, why)
    if leg.cosine + 3 * leg.error <= APART and conclusion.verdict is Verdict.SAME_INIT_OR_DERIVED:
        details.pop("candidates", None)
        kinds = [k for k in details.get("kinds", ()) if k not in ("unknown", "same_init")]
        details["kinds"] = ["same_init", *kinds]
        details["in_words"] = ["trained apart from one random start"]
        details["tests"] = {"same_init": f"{said[0].upper()}{said[1:]}, at most {APART}."}
        why = (
            f"They share a random start, {start}, and little else: {said}. A model that was trained more than three "
            "times as far again as its parent would look the same."
        )
        return Conclusion(conclusion.verdict, Relation("same_init", "unknown", None, details), why)
    return replace(conclusion, relation=replace(relation, details=details))


def is_start(conclusion: Conclusion) -> Conclusion:
    """What is said of the start itself."""
    details = {k: v for k, v in conclusion.relation.details.items() if k != "candidates"}
    kinds = [k for k in details.get("kinds", ()) if k not in ("unknown", "same_init")]
    details |= {"kinds": ["same_init", *kinds], "in_words": ["its random start: the reference was never trained"]}
    details["tests"] = {"same_init": "No norm gain of the reference has moved, and no column shows one folded in."}
    return replace(conclusion, relation=Relation("same_init", "unknown", None, details))


def _sure(word: str) -> str:
    return str(word).replace(", or only the same random start", "")
