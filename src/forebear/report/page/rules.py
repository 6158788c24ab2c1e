"""The sections about rules: what holds, what cannot be told, what somebody answers for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from forebear.errors import one_line
from forebear.policy.answer import PolicyAnswer, PolicyFinding, Severity
from forebear.policy.unknown import OF_A_MODEL, WORDS
from forebear.report.page import words
from forebear.report.page.blocks import Cell, Section, Table
from forebear.report.schemas import schema

MOST_RULES, MOST_NOTES = 10, 4


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
        waiting = ("Not known", "What cannot be told without it")
        tables.append(_table("Rules that cannot be told", waiting, list(_open(open_))))
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
    about = one_line(first.subject, 80)
    named = about.partition(": ")[0] in first.message
    others = tuple(dict.fromkeys(one_line(f.subject, 80) for f in same[1:] if f.subject and f.subject != first.subject))
    said = one_line(first.message if named or not about else f"{about}: {first.message}", 300)
    return words.plain(said + (f" Likewise {words.joined(others)}." if others else ""), model)


def _open(findings: Sequence[PolicyFinding]) -> Iterator[tuple[Cell, ...]]:
    """What is not known, each with the rules that wait for it."""
    waiting: dict[str, list[str]] = {}
    for finding in findings:
        rule = f"{finding.rule} ({one_line(finding.title, 120)})" if finding.title else finding.rule
        for what in dict.fromkeys(in_words(path) for path in finding.unknown):
            if rule not in waiting.setdefault(what, []):
                waiting[what].append(rule)
    for what, rules in waiting.items():
        yield Cell(what), Cell(words.joined(tuple(rules), 8))


def in_words(path: str) -> str:
    """The part of the input that a field belongs to, as the input's schema describes it: ``its bill of materials``."""
    first, _, rest = path.partition(".")
    if first == "ancestors" and rest in OF_A_MODEL:
        return "developers and licences of its ancestors"
    found = schema("policy-input").get("properties", {}).get(first, {})
    return WORDS.get(first) or str(found.get("description", path))


def _clearing(findings: Sequence[PolicyFinding]) -> list[str]:
    """What would settle the grave ones, each way told once."""
    grave = [f for f in findings if f.severity in (Severity.ERROR, Severity.REVIEW) and f.clears]
    ways: dict[str, list[str]] = {}
    for finding in grave:
        rules = ways.setdefault(one_line(finding.clears, 240), [])
        if finding.rule not in rules:
            rules.append(finding.rule)
    return [f"To clear {', '.join(rules)}: {way}" for way, rules in list(ways.items())[:6]]
