"""A bill of materials that was verified, for people and for machines: the answer first, in plain words."""

from __future__ import annotations

import os
from collections.abc import Iterator

from rich.console import Console
from rich.padding import Padding

from forebear.bom.checks import Check, CheckStatus
from forebear.bom.record import Status
from forebear.bom.verification import LICENCE, ClaimResult, Outcome, Verification
from forebear.catalogue import raise_finding
from forebear.report import words
from forebear.report.markdown import escape
from forebear.report.subject import Subject
from forebear.types import Finding

HEADLINE = {
    Outcome.VERIFIED: "This bill of materials is true as far as it was tested",
    Outcome.FAILED: "This bill of materials does not verify",
    Outcome.INCONCLUSIVE: "Not settled: something that has to be tested could not be",
}
COLOUR = {Outcome.VERIFIED: "bold green", Outcome.FAILED: "bold red", Outcome.INCONCLUSIVE: "bold yellow"}
MARKS = {
    CheckStatus.FAIL: ("✗", "bold red"),
    CheckStatus.UNKNOWN: ("?", "yellow"),
    CheckStatus.PASS: ("✓", "green"),
    CheckStatus.NOT_APPLICABLE: ("–", "dim"),
}
_ORDER = tuple(MARKS)
_CLAIMS = {Status.CONFIRMED: "✓", Status.CONTRADICTED: "✗", Status.UNVERIFIED: "?"}
_CLAIM_STYLE = {Status.CONFIRMED: "green", Status.CONTRADICTED: "bold red", Status.UNVERIFIED: "yellow"}
_FINDINGS = (
    ("hashes/", "file-hash-mismatch"),
    ("lineage/undeclared", "ancestor-undeclared"),
    ("lineage/", "claim-contradicted"),
    ("claims/", "claim-contradicted"),
    ("identity/", "claim-contradicted"),
    ("facts/", "claim-contradicted"),
    ("licences/", "claim-contradicted"),
    ("licence-files/", "licence-notice-missing"),
    ("signature", "signature-invalid"),
    ("profile/", "bom-incomplete"),
    ("", "bom-invalid"),
)
"""What a failed check raises, by how its id starts; the first that fits."""
MOST = 12
"""Checks of one status that a table has room for."""


def show(console: Console, result: Verification, quiet: bool = False, verbose: bool = False) -> None:
    """The answer at a terminal; ``quiet``: the first lines alone, ``verbose``: every check."""
    console.print(words.text(f"{HEADLINE[result.verdict]}.", COLOUR[result.verdict]))
    console.print(Padding(words.text(result.why), (0, 2, 0, 2)))
    about = f"{result.model or 'no model'} · {result.format} · {result.bom}"
    console.print(
        Padding(words.text(about + (f" · held against {result.target}" if result.target else ""), "dim"), (0, 2))
    )
    if quiet:
        return
    for title, claims in _titled(result.claims):
        console.print(words.text(f"\n  {title}", "bold"))
        for claim in claims:
            _claim(console, claim)
    for status in _ORDER:
        _section(console, result, status, verbose)
    console.print(Padding(words.text(f"\n{_tail(result)}", "dim"), (0, 2, 0, 2)))


def _titled(claims: tuple[ClaimResult, ...]) -> Iterator[tuple[str, list[ClaimResult]]]:
    """Claims under the titles that they stand under."""
    for title, of_licences in (("Lineage", False), ("Licences", True)):
        if found := [c for c in claims if c.claim.startswith(LICENCE) is of_licences]:
            yield title, found


def _claim(console: Console, claim: ClaimResult) -> None:
    line = words.text(f"{_CLAIMS[claim.status]} ", _CLAIM_STYLE[claim.status])
    line.append(words.clean(f"{claim.claim}: {claim.status}"), style="default")
    console.print(Padding(line, (0, 2, 0, 4)))
    for text in _about(claim):
        console.print(Padding(words.text(text, "dim"), (0, 2, 0, 6)))


def _section(console: Console, result: Verification, status: CheckStatus, verbose: bool) -> None:
    found = result.of(status)
    if not found:
        return
    mark, style = MARKS[status]
    title = {
        CheckStatus.FAIL: "Failed",
        CheckStatus.UNKNOWN: "Could not be decided",
        CheckStatus.PASS: "Passed",
        CheckStatus.NOT_APPLICABLE: "Does not apply",
    }[status]
    told = tuple(f"“{claim.claim}” is " for claim in result.claims)  # stands under Lineage already
    beside = tuple(c for c in found if not c.message.startswith(told)) if told else found
    minor = tuple(c for c in beside if status is CheckStatus.UNKNOWN and c not in result.open)
    beside = tuple(c for c in beside if c not in minor)
    grave = status in (CheckStatus.FAIL, CheckStatus.UNKNOWN)
    shown = found if verbose else beside[:MOST] if grave else ()
    if grave and not verbose and not beside and not minor:
        return  # all of it was told under Lineage
    console.print(words.text(f"\n  {title} ({len(found):,})", "bold"))
    for check in shown:
        line = words.text(f"{mark} ", style)
        line.append(words.clean(check.message), style="default")
        console.print(Padding(line, (0, 2, 0, 4)))
        where = " · ".join(part for part in (check.id, check.pointer, check.rule) if part)
        console.print(Padding(words.text(where, "dim"), (0, 2, 0, 6)))
    if minor and not verbose:
        text = f"{_families(minor)}: nothing waits for these (--verbose)"
        console.print(Padding(words.text(text, "dim"), (0, 2, 0, 4)))
    elif not shown:
        console.print(Padding(words.text(_families(found), "dim"), (0, 2, 0, 4)))
    if not verbose and shown and (more := len(beside) - len(shown)):
        console.print(Padding(words.text(f"and {more:,} more (--verbose)", "dim"), (0, 2, 0, 4)))


def _families(checks: tuple[Check, ...]) -> str:
    """``references (3), hashes (7)``."""
    counts: dict[str, int] = {}
    for check in checks:
        family = check.id.partition("/")[0]
        counts[family] = counts.get(family, 0) + 1
    return ", ".join(f"{name} ({n:,})" if n > 1 else name for name, n in counts.items())


def _about(claim: ClaimResult) -> Iterator[str]:
    if claim.log10_p is not None and claim.reference:
        null = f", null: {claim.null}" if claim.null else ""
        yield f"{words.p_value(claim.log10_p)} against independence of {claim.reference} ({claim.test} test{null})"
    yield claim.why
    if claim.source:
        yield f"said: {claim.source}"
    if claim.clears and claim.status is Status.UNVERIFIED:
        yield f"what would settle it: {claim.clears}"


def _tail(result: Verification) -> str:
    parts = [_many(result.references_tested, "comparable reference")] if result.target else []
    parts += [f"{_many(result.unread, 'field')} checked by the schema alone"] if result.unread else []
    parts += [words.cost(result.cost)] if result.cost.requests else []
    return " · ".join(parts) or "only the document was read"


def _many(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def markdown(result: Verification) -> str:
    """The answer for a ticket or a pull request."""
    out = [
        f"# {escape(result.model or result.bom)}",
        "",
        f"**{HEADLINE[result.verdict]}** (`{result.verdict}`). {escape(result.why)}",
        "",
        f"- **bill**: {escape(result.bom)} ({result.format}, SHA-256 `{result.digest}`)",
        f"- **held against**: {escape(result.target) if result.target else 'nothing but itself'}",
        "",
    ]
    for title, claims in _titled(result.claims):
        out += [f"## {title}", "", "| claim | status | p | why |", "| --- | --- | --- | --- |"]
        out += [f"| {escape(c.claim)} | {c.status} | {words.p_value(c.log10_p)} | {escape(c.why)} |" for c in claims]
        out.append("")
    out += ["## Checks", "", "| status | check | what was found | where |", "| --- | --- | --- | --- |"]
    for status in _ORDER:
        out += [f"| {status} | {escape(c.id)} | {escape(c.message)} | {escape(c.pointer)} |" for c in result.of(status)]
    return "\n".join([*out, "", escape(_tail(result)), ""])


def subject(result: Verification) -> Subject:
    """The answer as SARIF and JUnit need it: a finding for every failed check."""
    path = os.path.basename(result.bom)
    undecided = result.why if result.verdict is Outcome.INCONCLUSIVE else ""
    facts = {"verdict": result.verdict.value, "format": result.format, "model": result.model}
    findings = tuple(_finding(check) for check in result.of(CheckStatus.FAIL))
    return Subject(
        result.model or path, path, path, findings, result.problems, "", undecided, result.cost.seconds, facts
    )


def _finding(check: Check) -> Finding:
    identifier = next(name for start, name in _FINDINGS if check.id.startswith(start))
    evidence = tuple(part for part in (check.id, check.pointer, check.rule) if part)
    return raise_finding(identifier, check.message, evidence)
