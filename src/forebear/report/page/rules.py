"""The sections about rules: what holds, what cannot be told, what somebody answers for."""

from __future__ import annotations

from collections.abc import Sequence

from forebear.errors import one_line
from forebear.policy.answer import PolicyAnswer, PolicyFinding, Severity
from forebear.report.page import words
from forebear.report.page.blocks import Cell, Section, Table

MOST_RULES = 10


def decided(answer: PolicyAnswer) -> Section:
    """Every rule that speaks, the gravest first."""
    if not answer.findings:
        return Section("What the policy says", ("No rule has anything to say.",))
    shown = sorted(answer.findings, key=_grave)
    more = len(shown) - MOST_RULES
    table = Table(
        "Rules",
        ("Rule", "Result", "What was found", "Rests on", "It does not decide"),
        tuple(_row(f) for f in shown[:MOST_RULES]),
        f"{more} more are in the JSON document." if more > 0 else "",
    )
    return Section("What the policy says", tables=(table,), items=tuple(_clearing(answer.findings)))


def waived(answer: PolicyAnswer) -> Section | None:
    """What somebody answers for, and until when."""
    rows = [
        (
            Cell(w.finding.rule),
            Cell(one_line(w.finding.message, 200)),
            Cell(one_line(w.owner, 80)),
            Cell(one_line(w.reason, 200)),
            Cell(w.expires),
        )
        for w in answer.waived[:MOST_RULES]
    ]
    if not rows:
        return None
    more = len(answer.waived) - MOST_RULES
    said = f"{more} more are in the JSON document." if more > 0 else ""
    head = ("Rule", "What it says", "Answered for by", "Reason", "Until")
    return Section("Waivers", tables=(Table("Waivers", head, tuple(rows), said),))


def _grave(finding: PolicyFinding) -> tuple[int, bool]:
    return list(Severity).index(finding.severity), bool(finding.unknown)


def _row(finding: PolicyFinding) -> tuple[Cell, ...]:
    result = words.SEVERITIES[finding.severity]
    tone = {"error": "unmet", "review": "conditional"}.get(finding.severity.value, "")
    if finding.unknown:
        result, tone = f"cannot be told ({words.SEVERITIES[finding.severity]} if it holds)", "conditional"
    about = f"{one_line(finding.subject, 80)}: " if finding.subject and finding.subject not in finding.message else ""
    cites = "; ".join(one_line(c, 120) for c in finding.cites) or "this policy alone"
    return (
        Cell(finding.rule),
        Cell(result, tone),
        Cell(about + one_line(finding.message, 300)),
        Cell(cites),
        Cell(one_line(finding.not_decided, 200) or "–"),
    )


def _clearing(findings: Sequence[PolicyFinding]) -> list[str]:
    """What would settle the grave ones, each way told once."""
    grave = [f for f in findings if f.severity in (Severity.ERROR, Severity.REVIEW) and f.clears]
    ways: dict[str, list[str]] = {}
    for finding in grave:
        rules = ways.setdefault(one_line(finding.clears, 240), [])
        if finding.rule not in rules:
            rules.append(finding.rule)
    return [f"To clear {', '.join(rules)}: {way}" for way, rules in list(ways.items())[:6]]
