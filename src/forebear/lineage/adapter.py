"""What an adapter's coins and shapes say about a base, as evidence and as a verdict."""

from __future__ import annotations

from forebear.lineage.conclude import Conclusion
from forebear.lineage.counts import LOG10_ALPHA, Counts
from forebear.lineage.evidence import NULL
from forebear.signals import adapter_rows, adapter_shape
from forebear.signals.adapter_shape import Fit, Misfit
from forebear.types import Evidence, Relation, Test, Verdict, floored


def established(counts: Counts, log10_looks: float) -> bool:
    """Whether the coins show that the adapter depends on the base, the searched references paid for."""
    return bool(counts.pooled.n) and counts.pooled.log10_p + log10_looks <= LOG10_ALPHA


def rows_evidence(counts: Counts, base: str, log10_looks: float = 0.0) -> Evidence:
    """``adapter-rows/1`` as evidence: one look at all coins of the pair."""
    tail = counts.pooled
    if not tail.n:
        text = "No coins could be read from the adapter's changes."
        return Evidence(adapter_rows.NAME, "weights", "nothing", None, Test.NONE, None, 0, None, text)
    found = established(counts, log10_looks)
    text = (
        f"{tail.agree:,} of {tail.n:,} coins agree ({tail.share:.1%}; chance is 50%): "
        f"rows of the adapter's B {'' if found else 'do not '}resemble one another as outputs of {base} do."
    )
    details = {
        "log10_p_raw": tail.log10_p,
        "agree": tail.agree,
        "groups": {g: {"n": t.n, "agree": t.agree, "log10_p": floored(t.log10_p)} for g, t in counts.groups.items()},
        "trusted_model": base,
        "conditions": [
            f"it suffices that {base} was initialised symmetrically and trained by an optimiser that commutes with "
            "sign flips on a loss that sees only outputs; nothing is assumed of the adapter",
            "it does not exclude that the adapter was made for another model with the same start, or for a descendant",
        ],
    }
    return Evidence(
        adapter_rows.NAME,
        "weights",
        "related" if found else "nothing",
        round(tail.share, 6),
        Test.EXACT,
        NULL,
        tail.n,
        floored(tail.log10_p),
        text,
        details=details,
    )


def shape_evidence(fit: Fit, base: str) -> Evidence:
    """``adapter-shape/1`` as evidence: it can contradict a claimed base and never supports one."""
    text = f"All {fit.checked:,} matrices that could be compared fit {base}; so they do any model of its shape."
    if not fit.checked:
        text = f"No matrix could be held against the sizes of {base}."
    elif fit.misfits:
        text = f"{len(fit.misfits):,} of {fit.checked:,} matrices do not fit {base}: {misfit_text(fit.misfits[0])}."
    supports = "unrelated" if fit.misfits else "nothing"
    return Evidence(adapter_shape.NAME, "architecture", supports, None, Test.NONE, None, fit.checked, None, text)


def misfit_text(misfit: Misfit) -> str:
    """``model.layers.0.self_attn.q_proj is 64 × 128 in the adapter and 128 × 128 in the base``."""
    found, expected = (" × ".join("?" if n is None else f"{n}" for n in s) for s in (misfit.found, misfit.expected))
    return f"{misfit.module} is {found} in the adapter and {expected} in the base"


def conclude_adapter(counts: Counts, fit: Fit, base: str, claimed: bool, log10_looks: float = 0.0) -> Conclusion:
    """Decide about an adapter and one possible base.

    Args:
        counts: coins of the pair.
        fit: of the adapter's matrices with the base's sizes.
        base: its name.
        claimed: whether the adapter names this base.
        log10_looks: log10 of the number of references searched.
    """
    if established(counts, log10_looks):
        relation = Relation("adapter", "a_to_b", None, {"kinds": ["adapter"], "basis": adapter_rows.NAME})
        why = (
            f"The adapter's changes are not independent of {base}: it was trained on {base}, on a descendant of it, or "
            "on another model with the same start."
        )
        return Conclusion(Verdict.SAME_INIT_OR_DERIVED, relation, why)
    if fit.misfits:
        why = f"The adapter does not fit {base}: {misfit_text(fit.misfits[0])}."
        return Conclusion(Verdict.INCONCLUSIVE, Relation(details={"kinds": []}), why)
    if claimed:
        relation = Relation("adapter", "unknown", None, {"kinds": ["adapter"], "basis": "its own claim"})
        why = f"That it is an adapter on {base} is its own claim: its shapes fit, and its changes show nothing."
        return Conclusion(Verdict.INCONCLUSIVE, relation, why)
    why = f"Nothing ties the adapter to {base} or apart from it."
    return Conclusion(Verdict.INCONCLUSIVE, Relation(details={"kinds": []}), why)
