"""The answer of a probe, and how what was found becomes parts of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forebear.catalogue import raise_finding
from forebear.inspect.probe_counts import Counts
from forebear.inspect.probe_names import Named
from forebear.lineage.blackbox import SIGNIFICANT, Counted, Judged, Outcome
from forebear.signals.agreement import Agreement
from forebear.signals.counting_noise import EXACT
from forebear.signals.equality import Equality
from forebear.signals.token_strings import ENOUGH, StringFit
from forebear.types import Cost, Coverage, Finding, Json, head, to_json

_AFTER_A_LEAK = (
    "Probe again with --expect and that name, so that tokenizer and behaviour speak on it; --trusted URL, an endpoint "
    "known to serve it, compares answers. An alias of the operator's is cleared by the operator."
)


@dataclass(frozen=True)
class Probe:
    """The answer of ``probe``. See ``forebear.probe/1``.

    Attributes:
        endpoint: address without secrets, and what it offers.
        model: the name that was asked for.
        verdict: about the first claim.
        why: a sentence on it.
        identifiers: what the server's words name, echoes marked.
        tokenizer: what token counts say, None where there were none to ask for.
        behaviour: agreement with enrolled models.
        equality: the two-sample test against a trusted endpoint, where there is one.
        claims, candidates, findings, coverage, cost: see :mod:`forebear.types` and :mod:`forebear.lineage.blackbox`.
        log: the evidence file, and the digest of its last line.
        problems: what went wrong on the way.
    """

    endpoint: Mapping[str, Any]
    model: str
    verdict: Outcome
    why: str
    identifiers: tuple[Named, ...]
    tokenizer: Mapping[str, Any] | None
    behaviour: tuple[Agreement, ...]
    equality: Equality | None
    judged: Judged
    findings: tuple[Finding, ...]
    coverage: Coverage
    cost: Cost
    spent: Mapping[str, Any]
    log: Mapping[str, Any] | None
    problems: tuple[str, ...] = ()

    def to_json(self) -> Json:
        """The ``forebear.probe/1`` document."""
        body: Json = to_json(self)
        judged = body.pop("judged")
        cost = {**body.pop("cost"), **body.pop("spent")}
        rest = {key: body.pop(key) for key in ("findings", "coverage", "log", "problems")}
        body["behaviour"] = [behaviour_part(found) for found in self.behaviour]
        body["identifiers"] = [named.to_json() for named in self.identifiers]
        tail = {"claims": judged["claims"], "candidates": judged["candidates"]}
        return {**head("forebear.probe/1"), **body, **tail, "cost": cost, **rest}


def counted_of(
    counts: Counts | None, engine: bool | None, fits: Sequence[StringFit] = (), doubt: str = ""
) -> Counted | None:
    """What a series of counts has shown, in names of tokenizers."""
    if counts is None or counts.baseline is None:
        return None
    classes = counts.test.table.classes

    def listed(matches: Sequence[int]) -> tuple[str, ...]:
        return tuple(name for k in matches for name in classes[k])

    swapped = None
    if counts.changed and counts.before is not None and counts.after is not None:
        swapped = listed(counts.before.matches[:1]), listed(counts.after.matches[:1])
    related = counts.test.related
    return Counted(
        matches=listed(counts.test.matches) if len(counts.test.matches) == 1 else listed(counts.test.matches[:8]),
        settled=not counts.stopped and len(counts.test.matches) <= 1,
        related=listed([related]) if related is not None else (),
        streamed=listed(counts.streamed.matches[:3]) if counts.streamed is not None else None,
        swapped=swapped,
        engine=engine,
        misspelt=tuple(fit.name for fit in fits if fit.excluded),
        spelt=tuple(fit.name for fit in fits if fit.tested >= ENOUGH and not fit.absent),
        doubt=doubt,
    )


def behaviour_part(found: Agreement) -> Json:
    """What the document says of one candidate's behaviour; ``log10_p`` is corrected for the number of candidates."""
    return {
        "candidate": found.candidate,
        "agreement": round(found.agreed / found.prompts, 4) if found.prompts else None,
        "agreed": found.agreed,
        "prompts": found.prompts,
        "controls": [{"name": name, "nearer": won, "farther": lost} for name, won, lost in found.controls],
        "log10_p": found.adjusted,
        "log10_p_uncorrected": found.log10_p,
        "test": "heuristic",
        "null": "candidate and closest control are exchangeable on every text",
    }


def tokenizer_part(
    counts: Counts | None, counted: Counted | None, alpha: float, fits: Sequence[StringFit] = ()
) -> Json | None:
    """What the document says of the tokenizer; None where there were no counts."""
    if counts is None or counted is None:
        return None
    test = counts.test
    names = [name for k, rejected in enumerate(test.rejected) if rejected for name in test.table.classes[k]]
    return {
        "matches": list(counted.matches),
        "rejected": sorted(names),
        "unknown": counted.unknown,
        "settled": counted.settled,
        "related": list(counted.related),
        "requests": counts.requests,
        "control_requests": counts.controls,
        "error_rate": alpha,
        "test": "exact",
        "null": "the counts are that tokenizer's, up to a constant and one kind of counting noise",
        "noise": test.noise.name if not counted.unknown else None,
        "exact_counts": test.noise is EXACT,
        "stream_counts": list(counted.streamed) if counted.streamed is not None else None,
        "stream_compared": counts.stream,
        "changed": [list(names) for names in counted.swapped] if counted.swapped else None,
        "counts_its_own_tokens": counted.engine,
        "strings": _strings(fits),
        "log10_e": {name: round(float(e) / math.log(10), 2) for name, e in _by_name(counts)},
    }


def _strings(fits: Sequence[StringFit]) -> Json | None:
    """How many strings of an answer's tokens could be looked up, and how many no tokens of each tokenizer are."""
    tested = max((fit.tested for fit in fits), default=0)
    if not tested:
        return None
    return {"tested": tested, "absent": {fit.name: fit.absent for fit in fits}}


def _by_name(counts: Counts) -> list[tuple[str, float]]:
    """The largest value of every tokenizer's e-process, as a logarithm."""
    both = zip(counts.test.table.classes, counts.test.log_e, strict=True)
    return sorted((name, float(e)) for names, e in both for name in names)


def findings_of(
    judged: Judged, counted: Counted | None, named: Sequence[Named], same: Equality | None = None
) -> tuple[Finding, ...]:
    """What a reader must act on."""
    differs = ""
    if same is not None and same.log10_p <= SIGNIFICANT:
        differs = (
            "its answers are not from the trusted endpoint's distribution: another model, or another configuration"
        )
    found: list[Finding] = []
    if judged.outcome is Outcome.CONTRADICTED:
        found.append(raise_finding("endpoint-contradicts-claim", judged.why, ("token-counts/1",)))
    if counted is not None and counted.streamed is not None:
        told = f"those of {', '.join(counted.streamed)}" if counted.streamed else "those of no known tokenizer"
        found.append(
            raise_finding(
                "gateway-recount",
                f"token counts in a stream differ from those without, and are {told}",
                ("token-counts/1",),
            )
        )
    if counted is not None and counted.swapped is not None:
        before, after = (", ".join(names) or "no known tokenizer" for names in counted.swapped)
        found.append(
            raise_finding(
                "endpoint-changes", f"first it counted like {before}, later like {after}", ("token-counts/1",)
            )
        )
    guesses = sum(n.other and n.role == "error" for n in named) > 1  # an error that lists what there is
    named = [n for n in named if not (guesses and n.role == "error")]
    if differs:
        found.append(raise_finding("endpoint-differs", differs, ("equality/1",)))
    leaks = (f"the server names {n.said.name.identifier} ({n.said.where})" for n in named if n.other)
    return (*found, *(raise_finding("identifier-leak", leak, clears=_AFTER_A_LEAK) for leak in leaks))
