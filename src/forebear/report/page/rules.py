"""The sections about rules: what holds, what cannot be told, what somebody answers for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from forebear.errors import one_line
from forebear.policy.answer import PolicyAnswer, PolicyFinding, Severity
from forebear.report.page import words
from forebear.report.page.blocks import Cell, Section, Table
from forebear.report.schemas import schema

MOST_RULES, MOST_NOTES = 10, 4
LISTS = {"ancestors": "which ancestors it has", "duties": "which duties follow", "conflicts": "which licences conflict"}
"""Whole lists of the input, in words."""


def decided(answer: PolicyAnswer) -> Section:
    """Every rule that speaks, the gravest first; then those whose facts are not known; notes in a line each."""
    holding = sorted((f for f in answer.findings if not f.unknown), key=_grave)
    open_ = [f for f in answer.findings if f.unknown]
    groups: dict[tuple[str, str], list[PolicyFinding]] = {}
    for f in holding:
        groups.setdefault((f.rule, f.severity.value), []).append(f)
    graver = [same for same in groups.values() if same[0].severity is not Severity.NOTE]
    notes = [same for same in groups.values() if same[0].severity is Severity.NOTE]
    tables = []
    if graver:
        head = ("Rule", "Result", "What was found", "Rests on", "It does not decide")
        tables.append(_table("Rules that hold", head, [_row(same, answer.model) for same in graver]))
    if open_:
        tables.append(_table("Rules that cannot be told", ("Rule", "It asks", "Not known"), [_open(f) for f in open_]))
    lines = () if graver else ("No rule speaks against it, as far as facts are known.",)
    items = [
        *_clearing(holding),
        *(f"Note {same[0].rule}: {_found(same, answer.model)}" for same in notes[:MOST_NOTES]),
    ]
    return Section("What the policy says", lines, tables=tuple(tables), items=tuple(items))


def _table(caption: str, head: tuple[str, ...], rows: Sequence[tuple[Cell, ...]]) -> Table:
    more = len(rows) - MOST_RULES
    said = f"{more} more are in the JSON document." if more > 0 else ""
    return Table(caption, head, tuple(rows[:MOST_RULES]), said)


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
        for w in answer.waived
    ]
    if not rows:
        return None
    head = ("Rule", "What it says", "Answered for by", "Reason", "Until")
    return Section("Waivers", tables=(_table("Waivers", head, rows),))


def _grave(finding: PolicyFinding) -> int:
    return list(Severity).index(finding.severity)


def _row(same: Sequence[PolicyFinding], model: str) -> tuple[Cell, ...]:
    """A rule that holds, once or for several ancestors."""
    first = same[0]
    tone = {Severity.ERROR: "unmet", Severity.REVIEW: "conditional"}.get(first.severity, "")
    return (
        Cell(first.rule),
        Cell(words.SEVERITIES[first.severity], tone),
        Cell(_found(same, model)),
        Cell("; ".join(one_line(c, 160) for c in first.cites) or "this policy alone"),
        Cell(one_line(first.not_decided, 240) or "–"),
    )


def _found(same: Sequence[PolicyFinding], model: str) -> str:
    """What a rule says of the first thing that it is about, and which others it says the same of."""
    first = same[0]
    about = f"{one_line(first.subject, 80)}: " if first.subject and first.subject not in first.message else ""
    others = tuple(dict.fromkeys(one_line(f.subject, 80) for f in same[1:] if f.subject and f.subject != first.subject))
    also = f" Likewise {words.joined(others)}." if others else ""
    return about + one_line(words.shortened(first.message, model), 300) + also


def _open(finding: PolicyFinding) -> tuple[Cell, ...]:
    missing = tuple(dict.fromkeys(field_in_words(path) for path in finding.unknown))
    about = f" ({one_line(finding.subject, 80)})" if finding.subject else ""
    return (
        Cell(finding.rule),
        Cell((one_line(finding.title, 160) or words.SEVERITIES[finding.severity]) + about),
        Cell(words.joined(missing, 3)),
    )


def field_in_words(path: str) -> str:
    """A field of the input as its schema describes it: ``its bill of materials: there is one``."""
    if path in LISTS:
        return LISTS[path]
    node: Mapping[str, Any] = schema("policy-input")
    said = []
    for key in path.split("."):
        node = node.get("items", node) if "properties" not in node else node
        found = node.get("properties", {}).get(key)
        if not isinstance(found, Mapping):
            return path
        node = found
        said.append(str(node.get("description", key)))
    return ": ".join(said)


def _clearing(findings: Sequence[PolicyFinding]) -> list[str]:
    """What would settle the grave ones, each way told once."""
    grave = [f for f in findings if f.severity in (Severity.ERROR, Severity.REVIEW) and f.clears]
    ways: dict[str, list[str]] = {}
    for finding in grave:
        rules = ways.setdefault(one_line(finding.clears, 240), [])
        if finding.rule not in rules:
            rules.append(finding.rule)
    return [f"To clear {', '.join(rules)}: {way}" for way, rules in list(ways.items())[:6]]
