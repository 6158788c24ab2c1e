"""Measurements that a bill of materials states, held against the same measurements made again.

A number that cannot come out of the same coins is wrong; everything else that differs may come from another version,
effort or index, and is open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from forebear.bom.checks import Check, CheckStatus
from forebear.bom.record import ClaimRecord, Relative, Slot, Status
from forebear.bom.values import Basis, Observation
from forebear.bom.verification import ClaimResult
from forebear.errors import one_line
from forebear.inspect.bom_verify_lineage import Retest
from forebear.inspect.bom_verify_statements import BASE
from forebear.signals.declared import names_match
from forebear.types import P_FLOOR_LOG10, Ancestor, Evidence, Verdict, p_value

PASS, FAIL, UNKNOWN = CheckStatus.PASS, CheckStatus.FAIL, CheckStatus.UNKNOWN
TOLERANCE = 0.01
"""Difference of two logarithms up to which they are the same number, written by different programs."""
TRAINING = frozenset({"finetune", "sft", "dpo", "rl", "continued_pretraining", "pretraining", "preference"})
"""Ways of further training, which values alone hardly tell apart."""
OF_LINEAGE = re.compile(
    r"\b(?:scratch|(?:base|parent) model|ancestor|descend|deriv|fine-?tun|distil|merge[ds]?\b|initiali[sz])",
    re.IGNORECASE,
)
"""Words of claims about where a model comes from."""
_HUB = "pkg:huggingface/"
Said = tuple[CheckStatus, str]


def checks(retest: Retest, claims: tuple[ClaimResult, ...]) -> Iterator[Check]:
    """One check for every relative about what is said to have been measured, and for statuses of claims."""
    stated = retest.record.verdict
    if stated is not None:
        same = stated is retest.scan.verdict
        said = f"The bill states the verdict {stated}; measured again: {retest.scan.verdict}."
        yield Check("lineage/verdict", PASS if same else UNKNOWN, said)
    for claim, statement in zip(claims, retest.statements, strict=True):
        if statement.relative is not None:
            lines = [*_of_relative(retest, statement.relative), *_told(statement.relative.claim, claim)]
            yield from _check(f"lineage/{statement.name}/measured", lines, claim.pointer)
        if statement.record is not None:
            yield from _check("claims/status", [*_told(statement.record.status, claim)], claim.pointer)
    yield from _other_claims(retest)


def _check(name: str, said: list[Said], pointer: str) -> Iterator[Check]:
    """The gravest of what was said, with all the words of that status."""
    for status in (FAIL, UNKNOWN, PASS):
        words = [text for each, text in said if each is status]
        if words:
            yield Check(one_line(name, 200), status, one_line(" ".join(words), 900), pointer)
            return


def _of_relative(retest: Retest, relative: Relative) -> Iterator[Said]:
    yield from _address(relative)
    if (
        relative.log10_e is not None
        and relative.log10_p is not None
        and relative.log10_e < relative.log10_p - TOLERANCE
    ):
        yield FAIL, "Its E-value is smaller than its p-value, which no number of references makes it."
    found = retest.measured(relative.name)
    if found is None or relative.child:
        return
    if relative.verdict is not None:
        same = relative.verdict is found.verdict
        yield (PASS if same else UNKNOWN), f"The bill states {relative.verdict}; measured again: {found.verdict}."
        yield from _direction(relative, found)
    if relative.digest and found.digest and retest.record.tool.name == "forebear":  # others digest other bytes
        same = relative.digest == found.digest
        said = "The reference is the one that was measured." if same else "The index holds another revision of it."
        yield (PASS if same else UNKNOWN), said
    yield from _relation(relative, found)
    yield from _numbers(relative, found)


def _address(relative: Relative) -> Iterator[Said]:
    if relative.purl.lower().startswith(_HUB):
        name = relative.purl[len(_HUB) :].partition("?")[0].partition("@")[0]
        if not names_match(name, relative.name):
            yield FAIL, f"Its package URL names {one_line(name, 100)}, not {one_line(relative.name, 100)}."


def _direction(relative: Relative, found: Ancestor) -> Iterator[Said]:
    if relative.direction != found.relation.direction:
        said = f"The bill states the direction {relative.direction}; measured again: {found.relation.direction}."
        yield UNKNOWN, said
    declared = relative.declared_in or relative.said.basis is not Basis.MEASURED
    if relative.slot is Slot.ANCESTOR and not declared and found.relation.direction != "a_to_b":
        yield UNKNOWN, "It stands among the ancestors by measurement, and which came first is not settled by it."


def _relation(relative: Relative, found: Ancestor) -> Iterator[Said]:
    kinds = {found.relation.kind, *(str(k) for k in found.relation.details.get("kinds", ()))} - {"unknown"}
    told = ", ".join(sorted(kinds)) or "unknown"
    if relative.verdict is not None and relative.relation not in (kinds or {"unknown"}):
        yield UNKNOWN, f"The bill states the relation {one_line(relative.relation, 60)}; measured again: {told}."
    declared = relative.declared_relation.lower().replace("-", "_")
    if declared and kinds:
        trained = declared in TRAINING and bool(kinds & TRAINING)
        adapted = declared == "adapter" and bool(kinds & {"finetune", "adapter"})
        status = PASS if declared in kinds or trained or adapted else UNKNOWN
        yield status, f"It is declared to be {one_line(declared, 60)}; measured: {told}."


def _numbers(relative: Relative, found: Ancestor) -> Iterator[Said]:
    same_coins = False
    for stated in relative.observations:
        if stated.equal and found.verdict is not Verdict.IDENTICAL:
            yield FAIL, f"The bill states that every value is equal; measured again: {found.verdict}."
        again = next((e for e in found.evidence if e.signal == stated.signal), None)
        if again is None:
            if not stated.equal:
                yield UNKNOWN, f"{one_line(stated.signal, 60)} was not measured again."
            continue
        same_coins |= bool(again.n) and again.n == stated.n and again.log10_p is not None
        yield from _number(stated, again)
    if relative.log10_p is not None and found.log10_p is not None and _differ(relative.log10_p, found.log10_p):
        said = f"The bill states {_p(relative.log10_p)}; measured again: {_p(found.log10_p)}."
        yield (FAIL if same_coins else UNKNOWN), said


def _number(stated: Observation, again: Evidence) -> Iterator[Said]:
    what = f"{one_line(stated.signal, 60)}: the bill states"
    if stated.n != again.n:
        yield UNKNOWN, f"{what} {stated.n:,} observations; measured again: {again.n:,}."
    elif stated.test is not again.test or stated.null != (again.null or ""):
        yield FAIL, f"{what} another kind of test, or another null hypothesis, than it is ({again.test})."
    elif (stated.log10_p is None) != (again.log10_p is None) or (
        stated.log10_p is not None and again.log10_p is not None and _differ(stated.log10_p, again.log10_p)
    ):
        yield FAIL, f"{what} {_p(stated.log10_p)}; the same {again.n:,} observations give {_p(again.log10_p)}."
    else:
        yield PASS, f"{one_line(stated.signal, 60)} gives the same again."


def _p(log10_p: float | None) -> str:
    if log10_p is None:
        return "no p-value"
    return p_value(log10_p) if log10_p >= P_FLOOR_LOG10 else f"p = 1e{log10_p:.0f}"  # two bounds would read the same


def _differ(one: float, other: float) -> bool:
    return abs(one - other) > max(TOLERANCE, 1e-4 * abs(other))


def _told(stated: Status | None, claim: ClaimResult) -> Iterator[Said]:
    """The status that the bill gives a claim, beside ours; one that it leaves open states nothing."""
    if stated in (None, Status.UNVERIFIED) or stated is claim.status:
        return
    opposite = {stated, claim.status} == {Status.CONFIRMED, Status.CONTRADICTED}
    yield (FAIL if opposite else UNKNOWN), f"The bill calls the claim {stated}; tested again it is {claim.status}."


def _other_claims(retest: Retest) -> Iterator[Check]:
    """Claims of the bill that are about something else than lineage, and that nothing tests."""
    tested = {id(s.record) for s in retest.statements if s.record is not None}
    names = [s.name for s in retest.statements if s.name]
    for number, claim in enumerate(retest.record.claims):
        if id(claim) in tested or _is_named(claim, names):
            continue
        about = OF_LINEAGE.search(claim.claim)
        why = "it is about lineage, in words that are not read" if about else "it is about what weights do not show"
        status = UNKNOWN if about else CheckStatus.NOT_APPLICABLE
        yield Check(f"claims/{number}", status, one_line(f"“{claim.claim}” was not tested: {why}.", 400))


def _is_named(claim: ClaimRecord, names: list[str]) -> bool:
    words = claim.claim.strip()
    return words.lower().startswith(BASE) and any(names_match(words[len(BASE) :], name) for name in names)
