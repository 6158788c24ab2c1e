"""Counts and deltas as evidence: the numbers, the sentence, and the conditions that travel with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from forebear.lineage.counts import LOG10_ALPHA, Counts
from forebear.signals import sign_code
from forebear.signals.aligned import NAME as ALIGNED
from forebear.signals.change import NAME as CHANGE
from forebear.signals.change import Changes
from forebear.signals.delta import NAME as DELTA
from forebear.signals.delta import Delta
from forebear.signals.sign_code import SignCode, copied_layers, relies_on
from forebear.signals.still_rows import NAME as STILL
from forebear.signals.still_rows import StillRows
from forebear.types import Evidence, Test, floored

MOST_NAMED = 32
"""Tensors that are named one by one."""
NULL = "independent initialisation"
GROUP_WORDS = {
    "residual": "residual dimensions",
    "glu": "MLP neurons",
    "experts": "expert neurons",
    "upcycled": "neurons that experts were made from",
    "latent": "latent dimensions",
    "value_output": "value/output dimensions",
    "query_key": "query/key planes",
    "cell": "recurrent units",
}


def group_words(group: str, groups: Collection[str]) -> str:
    """What a group's coins are called among the groups of a pair; a recurrent network has no residual stream."""
    return "embedding dimensions" if group == "residual" and "cell" in groups else GROUP_WORDS[group]


def sign_evidence(
    counts: Counts,
    reference: SignCode,
    other: SignCode,
    names: tuple[str, str],
    rows: bool,
    log10_looks: float = 0.0,
    name: str = sign_code.NAME,
) -> Evidence:
    """``sign-code/1``, or the same coins after alignment, as evidence.

    Args:
        counts: all coins of the pair.
        reference, other: the two codes, for their conditions.
        names: names of the two models.
        rows: whether rows were compared (True) or codes.
        log10_looks: log10 of the number of references searched, for the level; the p-value itself is per pair.
        name: of the signal.
    """
    pooled = counts.pooled
    trusted, heuristic = trust(reference, other, names)
    test = Test.HEURISTIC if heuristic else Test.EXACT
    established = counts.log10_p + log10_looks <= LOG10_ALPHA and not heuristic
    if pooled.n == 0:
        test = Test.NONE
    raw = counts.log10_p
    return Evidence(
        name,
        "weights",
        "related" if established else "nothing",
        round(pooled.share, 6) if pooled.n else None,
        test,
        NULL if pooled.n else None,
        pooled.n,
        floored(counts.log10_p) if pooled.n else None,
        sentence(counts, established),
        details={
            "log10_p_raw": raw if pooled.n else None,
            "log10_references": log10_looks,
            "log10_paid": counts.log10_paid,
            "depth": counts.depth,
            "components": {c: floored(t.log10_p) for c, t in counts.components.items()},
            "agree": pooled.agree,
            "method": "signs of inner products of aligned rows" if rows else "bits against public vectors",
            "groups": {
                g: {"n": t.n, "agree": t.agree, "log10_p": floored(t.log10_p)} for g, t in counts.groups.items()
            },
            "layers": [
                {"a": a, "b": b, "n": t.n, "agree": t.agree, "log10_p": floored(t.log10_p)}
                for (a, b), t in counts.layers.items()
            ],
            "agreeing_groups": list(counts.agreeing_groups),
            "agreeing_layers": len(counts.agreeing_layers),
            "layers_compared": len(counts.layers),
            "weaker_half_log10_p": floored(counts.weaker_half.log10_p),
            "mean_cosine": counts.cosine,
            "detectable_agreement": counts.detectable_share(),
            "trusted_model": trusted,
            "conditions": conditions(trusted, reference, other, heuristic, aligned=name == ALIGNED),
        },
    )


def trust(reference: SignCode, other: SignCode, names: tuple[str, str]) -> tuple[str, bool]:
    """The model whose coins are relied on, and whether neither can be: then the p-value is only heuristic."""
    return names[relies_on(reference, other)], bool(reference.repeats and other.repeats)


def conditions(trusted: str, reference: SignCode, other: SignCode, heuristic: bool, aligned: bool = False) -> list[str]:
    """What has to hold for the p-value, and what it cannot exclude."""
    chosen = "shapes, token strings and norm gains"
    if aligned:
        chosen = "embeddings, gate and router rows, products of matrices (o·v, q·k) and sizes of cosines"
    out = [
        f"it suffices that {trusted} was initialised symmetrically and trained by an optimiser that commutes with sign "
        "flips (SGD, Adam, AdamW, Lion, Muon) on a loss that sees only outputs; nothing is assumed of the other model",
        f"what was read was chosen by {chosen}, which the tested flips cannot change",
        "it does not exclude one random initialisation in two separately trained models",
        "it does not exclude training towards the other model's hidden states or from its copied embeddings",
    ]
    if "cell" in (reference, other)[relies_on(reference, other)].groups:
        out.append(
            f"{trusted} is recurrent: its units' candidates are odd functions (tanh), and everything that reads a unit "
            "or an embedding dimension is a matrix"
        )
    for code, which in ((reference, "reference"), (other, "model")):
        if code.repeats:
            out.append(f"the {which} is not relied on: {'; '.join(code.repeats[:3])}")
    if copies := copied_layers((reference, other)[relies_on(reference, other)]):
        layers = len({layer for layer, _ in copies})
        out.append(f"layers that are copies of another, whole or in part ({layers} in {trusted}), were counted once")
    if heuristic:
        out.append("neither model's coins can be relied on: the p-value is heuristic and establishes nothing")
    return out


def sentence(counts: Counts, established: bool) -> str:
    """One sentence that a lawyer can read."""
    pooled = counts.pooled
    if pooled.n == 0:
        return "No sign coins could be compared."
    text = f"{pooled.agree:,} of {pooled.n:,} sign coins agree ({pooled.share:.1%}; chance is 50%)"
    if not established:
        return f"{text}: nothing is established by that."
    where = ", ".join(group_words(g, counts.groups) for g in counts.agreeing_groups)
    if counts.throughout if counts.log10_paid else counts.whole:
        return f"{text}, in {where} and {len(counts.agreeing_layers)} of {len(counts.layers)} layers on their own."
    parts = ", ".join(counts.agreeing_components[:4]) or where
    return f"{text}, but only in a part: {parts}."


def delta_evidence(delta: Delta) -> Evidence:
    """``delta/1`` as evidence; it carries no p-value and never establishes dependence."""
    said: list[str] = []
    if delta.drift is not None:
        said.append(f"relative drift {delta.drift:.1%}")
    if delta.equal is not None:
        said.append(f"{delta.equal:.1%} of values bit-identical")
    if delta.lost:
        said.append(f"information lost: {delta.lost}")
    if delta.shared_training is not None and delta.error is not None:
        said.append(f"movements of norm gains alike with cosine {delta.shared_training:.2f} ± {delta.error:.2f}")
    details: Mapping[str, object] = {
        "values": delta.values,
        "drift": delta.drift,
        "equal": delta.equal,
        "lost": delta.lost or None,
        "shared_training": delta.shared_training,
        "shared_training_error": delta.error,
        "excludes_shared_start": delta.excludes_shared_start or None,
    }
    text = ("; ".join(said) or "nothing to compare") + "."
    return Evidence(
        DELTA,
        "weights",
        "nothing",
        delta.drift,
        Test.HEURISTIC,
        None,
        delta.values,
        None,
        _capital(text),
        details=details,
    )


def change_evidence(changes: Changes) -> Evidence:
    """``change/1`` as evidence: context for the relation, and no support."""
    body, drift, equal = changes.body, changes.drift, changes.equal
    read = "every value" if changes.whole else "a sample of rows"
    text = "No matrices of attention or MLPs could be compared."
    if drift is not None and equal is not None:
        text = (
            f"Over {len(body)} matrices of attention and MLPs ({read}) the median of relative drifts is {drift:.1%}, "
            f"and {equal:.1%} of the values are bit-identical."
        )
    ranks = [c.rank for c in body if c.rank is not None]
    return Evidence(
        CHANGE,
        "weights",
        "nothing",
        drift,
        Test.HEURISTIC,
        None,
        sum(c.values for c in changes.each),
        None,
        text,
        details={
            "drift": drift,
            "equal": equal,
            "every_value": changes.whole,
            "layers": [{"b": layer, "drift": round(value, 6)} for layer, value in changes.by_layer().items()],
            "low_rank": sum(r.low for r in ranks) if ranks else None,
            "ranks_told": len(ranks),
            "only_a": list(changes.only_a)[:MOST_NAMED],
            "only_b": list(changes.only_b)[:MOST_NAMED],
            "not_compared": list(changes.unread)[:MOST_NAMED],
        },
    )


def still_evidence(still: StillRows) -> Evidence:
    """``still-rows/1`` as evidence: what it tests is not dependence, so it supports nothing."""
    share = still.agree / still.coins if still.coins else None
    text = (
        f"{still.still:,} of {still.rows:,} embedding rows lie still (factor {still.factor:.4f}); {still.agree:,} of "
        f"{still.coins:,} point the way of those before them (chance is 50%)"
    )
    shared = still.log10_p <= LOG10_ALPHA
    return Evidence(
        STILL,
        "weights",
        "nothing",
        share,
        Test.EXACT,
        "one random initialisation, trained twice",
        still.coins,
        floored(still.log10_p),
        f"{text}: {'they share training, not only a start' if shared else 'a merely shared start is not excluded'}.",
        details={
            "log10_p_raw": still.log10_p,
            "rows": still.rows,
            "still": still.still,
            "bit_identical": still.equal,
            "factor": still.factor,
            "agree": still.agree,
            "conditions": [
                "rows of the initialisation are independent of each other and as likely with the opposite sign",
                "a token that both trainings saw moves its row by more than rounding",
                "the start that might be shared does not hold embeddings that were trained before",
            ],
        },
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def joined(items: Sequence[str], limit: int = 3) -> str:
    """``a, b, c and 4 more``."""
    rest = len(items) - limit
    return ", ".join(items[:limit]) + (f" and {rest} more" if rest > 0 else "")
