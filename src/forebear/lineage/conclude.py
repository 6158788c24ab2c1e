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
    trusted: bool = True,
    pruned: str = "unknown",
    undone: tuple[str, ...] | None = None,
) -> Conclusion:
    """Decide about one pair, A the reference and B the model in question.

    Args:
        counts: all sign coins of the pair.
        delta: what lies between the two, None where values could not be compared.
        same_shape: same family and sizes (context only: it never supports a relation).
        same_vocabulary: equal vocabularies (context only).
        identical: the content hashes of both whole models are equal.
        log10_looks: log10 of the number of references that were searched.
        trusted: whether the coins of at least one of the two can be relied on; else the p-value is only heuristic
            and establishes nothing.
        pruned: ``a_to_b`` where the whole of B was found to be the whole of A with values set to zero, ``b_to_a`` for
            the reverse, else ``unknown``.
        undone: what had to be undone before the coins lined up, in words; None where they are in their places.
    """
    if identical:
        relation = Relation("identical", "unknown", None, {"kinds": ["identical"], "test": "content/1"})
        return Conclusion(Verdict.IDENTICAL, relation, "Every value of the two models is equal.")
    established = bool(counts.pooled.n) and counts.log10_p + log10_looks <= LOG10_ALPHA
    if established and not trusted:
        return Conclusion(
            Verdict.INCONCLUSIVE,
            Relation(details={"kinds": []}),
            "The coins agree, but neither model's coins can be relied on: each repeats itself, follows a pattern that "
            "chance does not make, or its architecture is only inferred. What looks like agreement can come from that.",
        )
    if established:
        through = counts.whole if undone is None else counts.throughout
        if through and counts.pooled.log10_p + counts.log10_paid + log10_looks <= LOG10_ALPHA:
            return _dependent(counts, delta, pruned) if undone is None else _scrambled(counts, undone)
        parts = list(counts.agreeing_components)
        relation = Relation("component_shared", "unknown", None, {"kinds": ["component_shared"], "components": parts})
        where = ", ".join(parts[:5]) if parts else " and ".join(counts.agreeing_groups)
        rest = "the rest looks independent or was not readable"
        if len(parts) == len(counts.components):
            rest = "that is all that could be compared, too little to speak for the whole"
        return Conclusion(Verdict.COMPONENT_SHARED, relation, f"Only a part is dependent ({where}); {rest}.")
    nothing = Relation(details={"kinds": []})
    if same_shape:
        return Conclusion(
            Verdict.SAME_ARCHITECTURE, nothing, "The shape is the same, which independent models often share."
        )
    if same_vocabulary:
        return Conclusion(
            Verdict.SAME_TOKENIZER, nothing, "The tokenizer is the same, which can be copied without weights."
        )
    return Conclusion(Verdict.INCONCLUSIVE, nothing, "Nothing was found that ties the two together or apart.")


def _scrambled(counts: Counts, undone: tuple[str, ...]) -> Conclusion:
    """Dependent once coordinates were put back; a start that is merely shared would have stayed where it is.

    That somebody moved coordinates is no training; but who trained before that is not told, so descent is not named.
    """
    kind = "obfuscated" if undone else "unknown"
    details: dict[str, object] = {"kinds": [kind], "undone": list(undone)}
    if any(a != b for a, b in counts.layers):
        details["layer_map"] = [list(pair) for pair in counts.layers]
    what = f" ({'; '.join(undone)})" if undone else ""
    return Conclusion(
        Verdict.SAME_INIT_OR_DERIVED,
        Relation(kind, "unknown", None, details),
        f"The weights are dependent once their coordinates are put together{what}. Nothing excludes two separate "
        f"trainings from one random initialisation{', one of them scrambled' if undone else ''}.",
    )


def _dependent(counts: Counts, delta: Delta | None, pruned: str) -> Conclusion:
    shift = [(a, b) for a, b in counts.layers if a != b]
    details: dict[str, object] = {"kinds": ["unknown"]}
    if shift:
        details["layer_map"] = [list(pair) for pair in counts.layers]
    excluded = delta.excludes_shared_start if delta else ""
    details["excludes_shared_initialisation"] = excluded or None
    if delta and delta.lost:
        details["information_lost"] = delta.lost
    if delta and pruned != "unknown":
        details |= {"kinds": ["pruned"], "test": "every value of both models: zeros set, nothing else changed"}
        relation = Relation("pruned", pruned, None, details)
        if pruned == "a_to_b":
            return Conclusion(
                Verdict.DERIVED,
                relation,
                f"Made from the reference, or from a model with the same values: over all tensors, {delta.lost}.",
            )
        return Conclusion(
            Verdict.DEPENDENT, relation, f"The reference is the later one: in it, over all tensors, {delta.lost}."
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
