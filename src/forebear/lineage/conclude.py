"""From evidence to a verdict: dependence first, then relation and direction, each with its own stated test."""

from __future__ import annotations

from dataclasses import dataclass

from forebear.lineage.counts import LOG10_ALPHA, Counts
from forebear.signals.delta import Delta
from forebear.types import Relation, Verdict


@dataclass(frozen=True)
class Conclusion:
    """A verdict with its relation, and the sentence that says why it is not more."""

    verdict: Verdict
    relation: Relation
    why: str


def conclude(
    counts: Counts,
    delta: Delta | None,
    same_shape: bool,
    same_vocabulary: bool,
    identical: bool = False,
    log10_looks: float = 0.0,
) -> Conclusion:
    """Decide about one pair, A the reference and B the model in question.

    Args:
        counts: all sign coins of the pair.
        delta: what lies between the two, None where values could not be compared.
        same_shape: same family and sizes (context only: it never supports a relation).
        same_vocabulary: equal vocabularies (context only).
        identical: the content hashes of both whole models are equal.
        log10_looks: log10 of the number of references that were searched.
    """
    if identical:
        relation = Relation("identical", "unknown", None, {"kinds": ["identical"], "test": "content/1"})
        return Conclusion(Verdict.IDENTICAL, relation, "Every value of the two models is equal.")
    if counts.pooled.n and counts.log10_p + log10_looks <= LOG10_ALPHA:
        if counts.whole and counts.pooled.log10_p + log10_looks <= LOG10_ALPHA:
            return _dependent(counts, delta)
        parts = list(counts.agreeing_components)
        relation = Relation("component_shared", "unknown", None, {"kinds": ["component_shared"], "components": parts})
        where = ", ".join(parts[:5]) if parts else " and ".join(counts.agreeing_groups)
        return Conclusion(
            Verdict.COMPONENT_SHARED,
            relation,
            f"Only a part is dependent ({where}); the rest looks independent or was not readable.",
        )
    nothing = Relation()
    if same_shape:
        return Conclusion(
            Verdict.SAME_ARCHITECTURE, nothing, "The shape is the same, which independent models often share."
        )
    if same_vocabulary:
        return Conclusion(
            Verdict.SAME_TOKENIZER, nothing, "The tokenizer is the same, which can be copied without weights."
        )
    return Conclusion(Verdict.INCONCLUSIVE, nothing, "Nothing was found that ties the two together or apart.")


def _dependent(counts: Counts, delta: Delta | None) -> Conclusion:
    shift = [(a, b) for a, b in counts.layers if a != b]
    details: dict[str, object] = {"kinds": ["unknown"]}
    if shift:
        details["layer_map"] = [list(pair) for pair in counts.layers]
    excluded = delta.excludes_shared_start if delta else ""
    details["excludes_shared_initialisation"] = excluded or None
    if delta and delta.lost:
        kind = "quantized" if delta.lost.startswith("rounded") else "pruned"
        details |= {"kinds": [kind], "test": f"information loss: {delta.lost}", "format": delta.lost}
        relation = Relation(kind, delta.direction, None, details)
        if delta.direction == "a_to_b":
            return Conclusion(Verdict.DERIVED, relation, f"Made from the reference itself: {excluded}.")
        return Conclusion(
            Verdict.DEPENDENT, relation, f"The reference was made from this model or its twin: {excluded}."
        )
    relation = Relation("unknown", "unknown", None, details)
    if excluded:
        return Conclusion(
            Verdict.DEPENDENT,
            relation,
            f"They share training, not only a start: {excluded}. "
            "Which came first is not settled: parent, child and sibling look alike.",
        )
    return Conclusion(
        Verdict.SAME_INIT_OR_DERIVED,
        relation,
        "The weights are dependent, but nothing excludes two separate trainings from one random initialisation.",
    )
