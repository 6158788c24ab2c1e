"""Two questions that decide whether a claim is contradicted, each held to a standard that is told with the answer.

Dependence has an exact p-value; which model came first has none. So a claim is contradicted only where more than
dependence is shown, and silence counts only where a stated power stands behind it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forebear.errors import ForebearError, one_line
from forebear.index import Entry
from forebear.inspect.compare import compare
from forebear.inspect.imported import unopenable
from forebear.lineage.confidence import shares
from forebear.lineage.counts import LOG10_ALPHA, LOOKS
from forebear.lineage.direction import ENOUGH
from forebear.signals.binomial import smallest_detectable
from forebear.types import Ancestor, Comparison, Relation, Verdict, finite

SHARED_TRAINING = frozenset({Verdict.DERIVED, Verdict.DEPENDENT})
"""Verdicts that exclude two separate trainings from one random start by a stated test."""
SUGGESTIVE = -2.0
"""log10 of a p-value below which a pair is not silent, although nothing is established."""
SILENT = frozenset({Verdict.SAME_ARCHITECTURE, Verdict.SAME_TOKENIZER, Verdict.INCONCLUSIVE})


def later(found: Ancestor) -> str:
    """Why the model cannot have come before a relative, "" where that is open.

    Siblings do not matter here: whoever comes from the relative, or with it from a third model, was not trained from
    scratch. The p-value covers the dependence; this rests on facts that have a direction, each counted for no more than
    its record is worth (:func:`record_of`), and their sum has to reach what names a direction.
    """
    return _order(found, "a_to_b", "b_to_a", 1)


def earlier(found: Ancestor) -> str:
    """Why a relative cannot have come before the model, "" where that is open; by the facts of :func:`later`."""
    return _order(found, "b_to_a", "a_to_b", -1)


def _order(found: Ancestor, direction: str, opposite: str, sign: int) -> str:
    if found.verdict not in SHARED_TRAINING or found.relation.direction == opposite:
        return ""
    if found.relation.direction == direction:
        return one_line(found.why, 400)
    odds, texts = 0.0, []
    for reason in _reasons(found.relation):
        told = sign * reason["log_odds"]
        worth = min(abs(told), record_of(str(reason["name"])))
        if told > 0 and worth > 0:
            known = shares()["reason"][str(reason["name"])]
            texts.append(f"{reason['text']} (right in {known.right} of {known.n} comparisons of known ancestry)")
        odds += math.copysign(worth, told)
    return one_line("; ".join(texts), 400) if odds >= ENOUGH else ""


def came_first(one: Entry, other: Entry, effort: str) -> bool:
    """Whether a reference is shown to have come before another, by the facts of :func:`later`; files are read."""
    try:
        found = compare(one.location, other.location, effort)
    except ForebearError:
        return False
    return bool(later(Ancestor(one.name, found.verdict, found.log10_p, None, found.relation, found.evidence)))


def record_of(reason: str) -> float:
    """Natural log-odds that a reason is worth by how often it was right; 0 where that is not known, or was no use."""
    share = shares()["reason"].get(reason)
    if share is None:
        return 0.0
    probability = share.probability
    return max(0.0, math.log(probability / (1 - probability)))


def _reasons(relation: Relation) -> list[Mapping[str, Any]]:
    """What names a direction, by name, text and log-odds; nothing where one of them, in a saved result, lacks any."""
    way = relation.details.get("direction")
    given = way.get("reasons") if isinstance(way, Mapping) else None
    if not isinstance(given, list | tuple) or not all(isinstance(reason, Mapping) for reason in given):
        return []
    whole = ({"name", "text"} <= reason.keys() and finite(reason.get("log_odds")) is not None for reason in given)
    return list(given) if all(whole) else []


@dataclass(frozen=True)
class Silence:
    """What a reference says that nothing ties to the model.

    Attributes:
        established: silence with power, so that descent from it would have shown.
        words: the reason, whichever it is.
    """

    established: bool
    words: str


def silence(claimed: Entry, target: str, other: Entry, references: int, effort: str) -> Silence:
    """Whether descent from a claimed base is excluded, another one having been found.

    All of this has to hold: the claimed base's files are there and are compared with the model's, row by row and with
    coordinates put together; no test on them is even suggestive; the coins would have shown, with probability 0.999, an
    agreement no larger than that with the other model; and the claimed base and the other one are silent to each other
    as well, so that neither stands for the other under a disguise.
    """
    if why := unopenable(claimed) or unopenable(other):
        return Silence(False, f"{claimed.name} could not be read again ({why})")
    try:
        here = compare(claimed.location, target, effort)
        beside = compare(claimed.location, other.location, effort)
    except ForebearError as error:
        return Silence(False, f"{claimed.name} could not be read again ({error.message})")
    if not _silent(here):
        return Silence(False, f"{claimed.name} and the model are not silent to each other ({here.verdict})")
    if not _silent(beside):
        return Silence(False, f"{claimed.name} may itself be related to {other.name} ({beside.verdict})")
    coins = next((e for e in here.evidence if e.signal.startswith("sign-code/") and e.n), None)
    least = detectable(coins.n, references) if coins is not None else None
    if coins is None or least is None:
        return Silence(False, f"too few coins of {claimed.name} could be compared to exclude it")
    words = (
        f"of {coins.n:,} coins shared with {claimed.name} no more agree than by chance "
        f"(a share of {least:.0%} would have been seen with probability 0.999)"
    )
    return Silence(True, words)


def detectable(n: int, references: int) -> float | None:
    """Share of agreeing coins that the exact test finds with probability 0.999, None where the coins cannot suffice."""
    least = smallest_detectable(n, LOG10_ALPHA - math.log10(LOOKS) - math.log10(max(1, references)))
    return None if least is None else min(1.0, least / n + 3.09 * 0.5 / math.sqrt(n))


def _silent(result: Comparison) -> bool:
    """No evidence supports a relation, no exact test is suggestive, no disguise is suspected."""
    tails = [e.log10_p for e in result.evidence if e.log10_p is not None and e.kind == "weights"]
    scrambled = any(f.id == "coordinates-scrambled" for f in result.findings)
    supported = any(e.supports == "related" for e in result.evidence if e.kind == "weights")
    return result.verdict in SILENT and not scrambled and not supported and all(p > SUGGESTIVE for p in tails)
