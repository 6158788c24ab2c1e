"""Is B related to A? One pair of readable models, from bytes to a verdict."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from forebear.artifacts import Artifact, read_artifact
from forebear.artifacts.roles import tensors_by_role
from forebear.catalogue import raise_finding
from forebear.index import Index, open_index
from forebear.inspect.activations import Resembling, compared
from forebear.inspect.adapter import compare_adapter
from forebear.inspect.cost import Meter, light_first, weight_bytes
from forebear.inspect.disguise import Undone, nominating, resemblance_only, undo
from forebear.inspect.heads import adopt_heads
from forebear.inspect.judge import FEWEST_COINS
from forebear.inspect.observe import Allowed, described
from forebear.inspect.oddities import not_finite, odd_tokens, signless
from forebear.inspect.third_party import third_party_remarks
from forebear.inspect.towers import tested_towers, towers_by_rows, untested_towers
from forebear.lineage import Conclusion, Counts, conclude, delta_evidence, sign_evidence
from forebear.lineage.calibrated import combined
from forebear.lineage.confidence import confident
from forebear.lineage.counts import LOG10_ALPHA
from forebear.lineage.evidence import trust
from forebear.lineage.resemblance import Resemblance, experts_evidence
from forebear.lineage.towers import with_towers
from forebear.signals import Fingerprint, fingerprint, shape, vocabulary
from forebear.signals.aligned import NAME as ALIGNED
from forebear.signals.content import content_digest
from forebear.signals.delta import Delta, Tally, movements, pruned_from, shared_training
from forebear.signals.fingerprint import main_dtype
from forebear.signals.generators import comparable_groups
from forebear.signals.match import NAME as MATCH
from forebear.signals.match import Match
from forebear.signals.pairing import paired_blocks
from forebear.signals.sign_code import (
    INFERRED,
    SignCode,
    aligned_slots,
    compare_rows,
)
from forebear.sources import open_source
from forebear.types import Comparison, Coverage, Evidence, Finding, ModelRef, Untested, Verdict, counted, floored

Step = Callable[[str], None]

READ_UNASKED = 64_000_000
"""Bytes up to which two models are read whole without being asked, where every value read so far calls for it."""
DISGUISE = "permuted or rotated coordinates"


@dataclass(frozen=True)
class Pair:
    """What a comparison of two artifacts found, before it becomes a document."""

    conclusion: Conclusion
    counts: Counts
    delta: Delta
    evidence: tuple[Evidence, ...]
    coverage: Coverage
    findings: tuple[Finding, ...] = ()
    match: Match | None = None


def compare(
    a: str,
    b: str,
    effort: str = "standard",
    on_step: Step = lambda _: None,
    activations: bool = False,
    index: Index | None = None,
) -> Comparison:
    """Compare two models.

    Args:
        a: target of the reference, the possible ancestor; ``index:NAME`` for one of the index.
        b: target of the model in question; likewise.
        effort: ``quick`` (shape, tokenizer, claims), ``standard`` (sign code) or ``deep`` (hashes of every value).
        on_step: told what is being done.
        activations: run both models on the probe texts as well.
        index: where ``index:NAME`` is, and whose references say what is usual for activations; default the one in
            ``FOREBEAR_HOME``.

    Raises:
        UsageError: a target does not exist.
        InputError: a model, or the index, cannot be read.
    """
    if a.startswith("index:") or b.startswith("index:"):
        from forebear.inspect.compare_indexed import compare_indexed  # which rests on what is here

        return compare_indexed(a, b, effort, index if index is not None else open_index(), on_step, activations)
    meter = Meter()
    on_step(f"reading {a}")
    one = read_artifact(open_source(a))
    meter.watch(one.source)
    on_step(f"reading {b}")
    two = read_artifact(open_source(b))
    meter.watch(two.source)
    marks = fingerprint(one), fingerprint(two)
    on_step("comparing")
    return compared_as_read(one, two, marks, effort, meter, index, on_step, activations)


def compared_as_read(
    one: Artifact,
    two: Artifact,
    marks: tuple[Fingerprint, Fingerprint],
    effort: str,
    meter: Meter,
    index: Index | None,
    on_step: Step,
    activations: bool,
) -> Comparison:
    """The comparison of two models that are open; see :func:`compare`."""
    if (one.adapter is None) != (two.adapter is None):
        return compare_adapter(one, two, marks, effort, meter)
    pair = compare_artifacts(one, two, marks, effort, on_step=on_step)
    counts = pair.counts
    covered, told = pair.coverage, Resembling()
    if activations:
        told = compared(one, two, marks, effort, index if index is not None else open_index(), on_step)
        covered = Coverage((*covered.tested, *told.done), (*covered.not_tested, *told.gaps))
    remarks, unheard = third_party_remarks(one, two)
    evidence = (*pair.evidence, *told.evidence.values(), *remarks)
    return Comparison(
        ModelRef(one.target, one.name, marks[0].digest),
        ModelRef(two.target, two.name, marks[1].digest),
        pair.conclusion.verdict,
        floored(counts.log10_p) if counts.pooled.n else None,
        confident(pair.conclusion.relation),
        evidence,
        Coverage(covered.tested, (*covered.not_tested, *unheard)),
        meter.cost(),
        combined(told.evidence.values()),
        findings=pair.findings,
        why=pair.conclusion.why,
        problems=tuple(f"{name}: {p}" for art, name in ((one, one.name), (two, two.name)) for p in art.problems),
    )


def compare_artifacts(
    a: Artifact,
    b: Artifact,
    marks: tuple[Fingerprint, Fingerprint],
    effort: str = "standard",
    references: int = 1,
    on_step: Step = lambda _: None,
    sought: bool = False,
) -> Pair:
    """Compare two models that are open; see :func:`compare`.

    Args:
        a: the reference.
        b: the model in question.
        marks: what was measured of both.
        effort: see :func:`compare`.
        references: the number that was searched.
        on_step: told what is being done.
        sought: whether sketches name this reference so clearly that its coordinates are put together with the model's,
            however large both are.
    """
    if not marks[0].code.repeats:  # only what the trusted model says about itself may decide which rows are one coin
        b = adopt_heads(a, b)
    elif not marks[1].code.repeats:
        a = adopt_heads(b, a)
    looks = math.log10(max(1, references))
    names = a.name, b.name
    distrusted = trust(marks[0].code, marks[1].code, names)[1]
    comparable, reasons = comparable_groups(a, b)
    if effort == "quick":
        comparable, reasons = frozenset(), {"weights": "not asked for (--effort quick)"}
    tally = Tally(main_dtype(a), main_dtype(b))
    cells = []
    for one, two in paired_blocks(a, b, (marks[0].code, marks[1].code), comparable):
        cells.append(compare_rows(one, two))
        if one.labels == two.labels and one.group != "upcycled":
            tally.add(one.raw, two.raw)
        else:
            tally.skip()
    counts = Counts(tuple(cells), max((m.geometry.layers for m in (a, b) if m.geometry), default=0))
    delta = tally.result(gain_movement(marks[0].code, marks[1].code) if comparable else None)
    identical = settle_identity(a, b, marks, delta, effort, on_step)
    conclusion = conclude(
        counts,
        delta,
        shape.same_shape(marks[0].shape, marks[1].shape),
        vocabulary.same_vocabulary(marks[0].vocabulary, marks[1].vocabulary),
        bool(identical),
        looks,
        trusted=not distrusted,
        pruned=settle_pruning(a, b, delta, bool(reasons), effort, on_step),
    )
    evidence = [sign_evidence(counts, marks[0].code, marks[1].code, names, rows=True, log10_looks=looks)]
    if effort == "quick":
        evidence = []
    if delta.values and (identical or (evidence and evidence[0].supports == "related")):
        evidence.append(delta_evidence(delta))
    undone = settle_disguise(a, b, marks, conclusion, counts, "deep" if sought else effort, on_step)
    findings, agrees = tuple[Finding, ...](), False
    if isinstance(undone, Undone):
        aligned = sign_evidence(
            undone.counts, marks[0].code, marks[1].code, names, rows=True, log10_looks=looks, name=ALIGNED
        )
        said = f"With coordinates put together: {aligned.summary}"
        evidence.append(replace(aligned, summary=said, details={**aligned.details, **undone.details()}))
        other = conclude(
            undone.counts,
            None,
            same_shape=False,
            same_vocabulary=False,
            log10_looks=looks,
            trusted=not distrusted,
            undone=undone.words,
        )
        if (agrees := bool(other.verdict.related)) and (whole(conclusion) or says_more(other, conclusion)):
            findings = (scrambled(a.name, undone.words),) if undone.words else ()
            if not whole(conclusion):
                conclusion, counts = other, undone.counts
        if undone.aligned.experts:
            evidence.append(experts_evidence(undone.aligned.experts))
        if undone.match is not None:
            resemblance = Resemblance(undone.match)
            evidence.append(resemblance.evidence())
            agreeing = distrusted and counts.log10_p + looks <= LOG10_ALPHA  # then that is what has to be said
            if resemblance.nominated and not conclusion.verdict.related and not agreeing:
                conclusion = replace(conclusion, verdict=Verdict.INCONCLUSIVE, why=resemblance_only(a.name))
                findings = (nominating(a.name, resemblance),)
    moved = isinstance(undone, Undone) and (counts is undone.counts or bool(findings and undone.words))
    together = undone if moved and isinstance(undone, Undone) else None
    rows = effort == "deep" or not any(light_first(m, effort) for m in (a, b))
    allowed = Allowed(
        may_read_whole(a, b, "") and all_there(a, b), rows and effort != "quick"
    )  # a sample tells as much of large ones
    conclusion, between, gaps = described(
        a, b, conclusion, counts, delta, together, allowed, gain_sizes(marks[0].code, marks[1].code)
    )
    covered = coverage(counts, reasons, a, b, identical, effort, undone, agrees)
    shared = () if effort == "quick" else towers_by_rows((a, b), (marks[0].towers, marks[1].towers), names, looks)
    conclusion, counts = with_towers(conclusion, counts, shared, a.name)
    evidence += [*between, *(s.evidence for s in shared), *context_evidence(*marks)]
    gaps += () if effort == "quick" else untested_towers((a, b), shared)
    covered = Coverage((*covered.tested, *tested_towers(shared)), (*covered.not_tested, *gaps, *not_finite(delta)))
    match = undone.match if isinstance(undone, Undone) else None
    return Pair(conclusion, counts, delta, tuple(evidence), covered, findings, match)


def settle_disguise(
    a: Artifact,
    b: Artifact,
    marks: tuple[Fingerprint, Fingerprint],
    conclusion: Conclusion,
    counts: Counts,
    effort: str,
    on_step: Step,
) -> Undone | str:
    """Coins after alignment, where those in their places do not tell all; else a clause that says why not."""
    if whole(conclusion) and not misplaced(counts):
        return "the coordinates are in their places"
    if effort == "quick":
        return "not asked for (--effort quick)"
    if not may_read_whole(a, b, effort) or any(light_first(m, "") for m in (a, b) if effort != "deep"):
        return "putting the coordinates of large models together reads much of them (--effort deep)"
    on_step("putting coordinates together")
    return undo(a, b, (marks[0].code, marks[1].code))


def whole(conclusion: Conclusion) -> bool:
    """Whether the models are tied together as wholes, not in a part alone."""
    return bool(conclusion.verdict.related) and conclusion.verdict is not Verdict.COMPONENT_SHARED


def misplaced(counts: Counts) -> bool:
    """Whether a group is silent although others agree: what it stands for may be in other places."""
    agreeing = counts.agreeing_groups
    return bool(agreeing) and any(t.n >= FEWEST_COINS and g not in agreeing for g, t in counts.groups.items())


def says_more(aligned: Conclusion, plain: Conclusion) -> bool:
    """Whether coins after alignment tie more of two models together than those in their places."""
    parts = [set(c.relation.details.get("components", ())) for c in (aligned, plain)]
    return not plain.verdict.related or aligned.verdict is not Verdict.COMPONENT_SHARED or parts[0] > parts[1]


def scrambled(reference: str, words: tuple[str, ...]) -> Finding:
    """The finding that coordinates had to be put together before the coins of a reference agreed."""
    return raise_finding(
        "coordinates-scrambled",
        f"The weights are not independent of {reference}, and their coordinates were scrambled: {'; '.join(words)}.",
        (f"{ALIGNED}: exact, after alignment",),
    )


def settle_identity(
    a: Artifact, b: Artifact, marks: tuple[Fingerprint, Fingerprint], delta: Delta, effort: str, on_step: Step
) -> bool | None:
    """Whether all values are equal, by full hashes; None where that was not tested.

    Hashes only when every value read so far is equal, and then unasked only for small models.
    """
    if effort == "quick" or (delta.values == 0 and effort != "deep") or not all_there(a, b):
        return None
    if delta.values and delta.drift != 0.0:
        return False
    ours, theirs = ({r: t.shape for r, t in tensors_by_role(m).items()} for m in (a, b))
    if ours != theirs:
        return False
    if not may_read_whole(a, b, effort):
        return None
    on_step("hashing every value")
    return content_digest(a) == content_digest(b)


def settle_pruning(a: Artifact, b: Artifact, delta: Delta, incomplete: bool, effort: str, on_step: Step) -> str:
    """The direction in which one whole model is the other with values set to zero, else ``unknown``.

    Read whole only where the sample fits, and then unasked only for small models.
    """
    if delta.direction == "unknown" or incomplete or not all_there(a, b) or not may_read_whole(a, b, effort):
        return "unknown"
    on_step("comparing every value")
    rich, poor = (a, b) if delta.direction == "a_to_b" else (b, a)
    return delta.direction if pruned_from(rich, poor) else "unknown"


def may_read_whole(a: Artifact, b: Artifact, effort: str) -> bool:
    """Whether all values of both models may be read: on request, or unasked where they are small."""
    return effort == "deep" or weight_bytes(a) + weight_bytes(b) <= READ_UNASKED


def all_there(a: Artifact, b: Artifact) -> bool:
    """Whether nothing of the two models is left unread: only then can anything be said of all their values."""
    return a.weights.whole and b.weights.whole


def gain_movement(a: SignCode, b: SignCode) -> tuple[float, float] | None:
    """Shared movement of norm gains over the layers that both codes hold; see :mod:`forebear.signals.delta`.

    None where an architecture is only inferred: its gains may start elsewhere than at one.
    """
    if INFERRED in a.repeats + b.repeats:
        return None
    pairs = aligned_slots(a, b)
    return shared_training(a.signature, b.signature, pairs) if pairs else None


def gain_sizes(a: SignCode, b: SignCode) -> tuple[float, float] | None:
    """How far the norm gains of two models have moved from one, over the layers that both codes hold."""
    if INFERRED in a.repeats + b.repeats:
        return None
    pairs = aligned_slots(a, b)
    return movements(a.signature, b.signature, pairs) if pairs else None


def context_evidence(a: Fingerprint, b: Fingerprint) -> list[Evidence]:
    """Shape and vocabulary: shown, and never counted."""
    tokens = vocabulary.compare(a.vocabulary, b.vocabulary)
    return [shape.compare(a.shape, b.shape), *([tokens] if tokens else [])]


def coverage(
    counts: Counts,
    reasons: dict[str, str],
    a: Artifact,
    b: Artifact,
    identical: bool | None,
    effort: str,
    undone: Undone | str,
    agrees: bool,
) -> Coverage:
    """What was tested and what was not, with reasons; ``agrees``: do the coins with coordinates put together?"""
    signal = ALIGNED if counts.log10_paid else "sign-code/1"
    tested = [f"{signal}: {counted(t.n, 'coin')} of {g}" for g, t in counts.groups.items()]
    missing = [Untested(f"sign-code/1: {g}", why) for g, why in reasons.items()]
    if b.geometry and counts.layers and (read := len(counts.layers)) < b.geometry.layers:
        missing.append(Untested("remaining layers", f"{read} of {b.geometry.layers} layers were read, chosen by depth"))
    for art in (a, b):
        missing += [Untested(f"{art.name}: tensors of dtype {d}", "they carry no signs") for d in signless(art)]
        missing += [Untested(f"{art.name}: how it was read", n) for n in art.notes]
    if isinstance(undone, str):
        missing.append(Untested(DISGUISE, undone))
    elif not counts.log10_paid:
        tested.append(f"{ALIGNED}: {counted(undone.counts.pooled.n, 'coin')}, coordinates put together")
        why = "no alignment was found under which the coins agree; others are possible"
        missing += [Untested(DISGUISE, why)] * (not agrees)
    if isinstance(undone, Undone) and undone.match is not None:
        tested.append(f"{MATCH}: {sum(m.probes for m in undone.match.layers):,} neurons")
    if identical is not None:
        tested.append("content/1" if identical else "equality of all values (differences were found)")
    elif effort != "quick" and not all_there(a, b):
        missing.append(Untested("content/1", "weights that are not read cannot be told equal"))
    elif effort != "quick" and counts.pooled.n:
        missing.append(Untested("content/1", "every value read is equal; --effort deep reads all of them"))
    for art in (a, b):
        missing += [Untested(f"{art.name}: one of its files", p) for p in art.problems]
        missing += [Untested(f"{art.name}: {gap.what}", gap.why) for gap in odd_tokens(art)]
    return Coverage(tuple(tested), tuple(missing))
