"""A lineage result computed again by somebody who has the two codes and not the models.

What the result says of coins is held against the codes that came with it (:func:`retest`), and its p-values against its
own counts (:func:`restated`): signs of whole rows can only be counted where the models are. Everything else in a result
is believed because of who signed it, and is listed as such.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from forebear.attest.fingerprints import Mark
from forebear.attest.lineage import RELATED
from forebear.bom.checks import Check, CheckStatus
from forebear.errors import FormatError, one_line
from forebear.lineage.counts import LOG10_ALPHA, Counts
from forebear.signals.binomial import log10_tail
from forebear.signals.generators import comparable_shapes
from forebear.signals.sign_code import Cell, compare_codes
from forebear.types import floored, p_value

COINS = ("sign-code/", "aligned-coins/")
"""Signals whose p-value is that of coins."""
PLAIN = ("adapter-rows/", "still-rows/")
"""Signals whose p-value is the tail of all their coins, looked at once."""
DEPENDENT = ("derived", "dependent", "siblings", "merge", "same_init_or_derived")
"""Verdicts that need a significant exact test."""
BY_CODE = "bits against public vectors"
TOLERANCE = 2e-5
"""Numbers in results are rounded to six decimals, some of them twice."""
MAX_COINS = 10_000_000
UNMEASURED = "that the codes are those of the models: only the models' files can show it"
REFERENCES = "that the references are what their names say, and their codes those of their files"
"""What is left to believe of the codes once the model's own was measured again."""
Evidences = Sequence[Mapping[str, Any]]
MOST = 200


@dataclass(frozen=True)
class Replay:
    """What a replay comes to.

    Attributes:
        checks: what was computed again; a failure is a result that does not follow from what came with it.
        recomputed, believed: in words.
    """

    checks: tuple[Check, ...] = ()
    recomputed: tuple[str, ...] = ()
    believed: tuple[str, ...] = ()

    def measured(self) -> Replay:
        """The same where the model's own code was measured again from its files, and is the one that came along."""
        return replace(self, believed=tuple(REFERENCES if b == UNMEASURED else b for b in self.believed))


def retest(document: Mapping[str, Any], marks: Mapping[str, Mark], name: str) -> Replay:
    """A scan or a comparison, as far as codes and counts go.

    Args:
        document: ``forebear.scan/1`` or ``forebear.compare/1``.
        marks: fingerprints by the digest of what was read.
        name: of the result, for messages and ids.

    Raises:
        FormatError: the result is damaged.
    """
    try:
        replays = list(_replays(document, marks))
    except (KeyError, TypeError, AttributeError, ValueError, IndexError, OverflowError):
        raise FormatError(name, "not a whole result of forebear scan or forebear compare") from None
    checks = tuple(Check(f"lineage/{c.id}", c.status, c.message) for r in replays for c in r.checks)
    recomputed = tuple(line for r in replays for line in r.recomputed)
    believed = tuple(line for r in replays for line in r.believed)
    return Replay(checks, recomputed, believed)


def _replays(document: Mapping[str, Any], marks: Mapping[str, Mark]) -> Iterator[Replay]:
    scan = document["schema"] == "forebear.scan/1"
    subject = document["model"] if scan else document["b"]
    if scan:
        related = document["ancestors"][:MOST]
    else:
        related = [{**document["a"], **{k: document[k] for k in ("verdict", "evidence", "log10_p")}}]
    model = marks.get(str(subject.get("digest")))
    for ancestor in related:
        yield from _pair(ancestor, marks.get(str(ancestor.get("digest"))), model)
    if any(a["verdict"] in RELATED for a in related):
        rest = "kind of relation and direction"
    elif scan:
        rest = "that no reference is an ancestor: the index that was searched is not here"
    else:
        rest = "that nothing ties the two: only their files can show it"
    yield Replay(believed=(*((UNMEASURED,) if marks else ()), rest))


def _pair(ancestor: Mapping[str, Any], reference: Mark | None, model: Mark | None) -> Iterator[Replay]:
    name = one_line(str(ancestor["name"]), 200)
    counted = [e for e in ancestor["evidence"] if str(e["signal"]).startswith((*COINS, *PLAIN)) and e["n"]]
    for evidence in counted:
        yield restated(evidence, name)
    signs = [e for e in counted if str(e["signal"]).startswith(COINS)]
    yield from _concluded(ancestor, counted, signs, name)
    if reference is None or model is None:
        yield Replay(believed=(f"{name}: its coins; no codes of both models are here",))
    else:
        yield from _from_codes(signs, reference, model, name, ancestor["verdict"] in RELATED)


def _concluded(ancestor: Mapping[str, Any], counted: Evidences, signs: Evidences, name: str) -> Iterator[Replay]:
    """What the result makes of its tests: the level at which all references are paid for, and the verdict."""
    verdict, log10_p, log10_e = ancestor["verdict"], ancestor["log10_p"], ancestor.get("log10_e")
    paid = max([float(e["details"].get("log10_references") or 0.0) for e in signs], default=None)
    if paid is not None and log10_e is not None and not math.isclose(log10_p + paid, log10_e, abs_tol=TOLERANCE):
        why = f"{name}: its E-value is not its p-value times the references that were searched."
        yield Replay((Check(f"counts/{name}", CheckStatus.FAIL, why),))
    searched = log10_e - log10_p if log10_e is not None and log10_p is not None else 0.0
    if verdict in DEPENDENT and not any(_significant(e, searched) for e in counted):
        why = f"{name}: {verdict} does not follow: no exact test is significant."
        yield Replay((Check(f"verdict/{name}", CheckStatus.FAIL, why),))


def _from_codes(signs: Evidences, reference: Mark, model: Mark, name: str, related: bool) -> Iterator[Replay]:
    """The coins that the two codes have in common, and what the result says of them."""
    counts, exact = coins(reference, model)
    total = counts.pooled
    if not total.n:
        yield Replay(believed=(f"{name}: its coins; the two codes have none in common",))
        return
    told = (
        f"{name}: {total.agree:,} of {total.n:,} coins of the two codes agree, {p_value(floored(counts.log10_p))} "
        f"({'exact' if exact else 'heuristic: neither model can be relied on'}; null: independent initialisation)"
    )
    for evidence in signs:
        if evidence["details"].get("method") == BY_CODE and not _same(evidence, counts):
            why = f"{told}; the result says {evidence['details'].get('agree')} of {evidence['n']}."
            yield Replay((Check(f"codes/{name}", CheckStatus.FAIL, why),))
            return
    yield Replay((Check(f"codes/{name}", CheckStatus.PASS, f"{told}."),), (told,))
    looks = max([float(e["details"].get("log10_references") or 0.0) for e in signs], default=0.0)
    if related and (not exact or counts.log10_p + looks > LOG10_ALPHA):
        yield Replay(believed=(f"{name}: that the weights are dependent; codes alone do not establish it",))


def coins(reference: Mark, model: Mark) -> tuple[Counts, bool]:
    """All coins of two codes, and whether one of the two models can be relied on, so that the p-value is exact."""
    comparable, _ = comparable_shapes(reference.shape, model.shape)
    depth = max(m.shape.get("layers") or 0 for m in (reference, model))
    counts = Counts(compare_codes(reference.code, model.code, comparable), depth)
    return counts, not (reference.code.repeats and model.code.repeats)


def _significant(evidence: Mapping[str, Any], searched: float) -> bool:
    """Whether an exact test is, of the weights' dependence; ``still-rows`` tests something else."""
    if str(evidence["signal"]).startswith("still-rows/"):
        return False
    looks = float(evidence["details"].get("log10_references", searched))
    return evidence["test"] == "exact" and float(evidence["details"]["log10_p_raw"]) + looks <= LOG10_ALPHA


def _same(evidence: Mapping[str, Any], counts: Counts) -> bool:
    total, details = counts.pooled, evidence["details"]
    return (total.n, total.agree) == (evidence["n"], details.get("agree")) and math.isclose(
        counts.log10_p, float(details["log10_p_raw"]), abs_tol=TOLERANCE
    )


def restated(evidence: Mapping[str, Any], name: str) -> Replay:
    """Whether a p-value follows from the counts beside it: pooled, by layer, and what was paid for looking twice."""
    details, signal = evidence["details"], one_line(str(evidence["signal"]), 40)
    raw = float(details["log10_p_raw"])
    printed = math.isclose(floored(raw), float(evidence["log10_p"]), abs_tol=TOLERANCE)
    if signal.startswith(PLAIN):
        n, agree = _count(evidence["n"]), _count(details["agree"])
        return _told(name, signal, n, printed and math.isclose(log10_tail(agree, n), raw, abs_tol=TOLERANCE))
    groups, layers = details["groups"], details["layers"]
    residual = groups.get("residual")
    cells = [Cell("residual", None, None, _count(residual["n"]), _count(residual["agree"]))] if residual else []
    cells += [Cell("layers", int(c["a"]), int(c["b"]), _count(c["n"]), _count(c["agree"])) for c in layers]
    if any(c.agree > c.n for c in cells):
        raise ValueError
    counts = Counts(tuple(cells), int(details.get("depth") or 0), float(details.get("log10_paid") or 0.0))
    sums = (sum(_count(g["n"]) for g in groups.values()), sum(_count(g["agree"]) for g in groups.values()))
    pooled = counts.pooled
    adds_up = sums == (pooled.n, pooled.agree) == (evidence["n"], details.get("agree"))
    follows = math.isclose(counts.log10_p, raw, abs_tol=TOLERANCE)
    return _told(name, signal, pooled.n, adds_up and follows and printed)


def _told(name: str, signal: str, n: int, follows: bool) -> Replay:
    if follows:
        line = f"{name}: the p-value of {signal} follows from its {n:,} coins"
        return Replay((Check(f"counts/{name}/{signal}", CheckStatus.PASS, f"{line}."),), (line,))
    why = f"{name}: the p-value of {signal} does not follow from the counts beside it."
    return Replay((Check(f"counts/{name}/{signal}", CheckStatus.FAIL, why),))


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MAX_COINS:
        raise ValueError
    return value
