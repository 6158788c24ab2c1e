"""Identifiers in traffic as text and Markdown: what was found in a sentence, then names by whose word they are."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from forebear.errors import one_line
from forebear.inspect.traffic_tell import measured
from forebear.report import words
from forebear.report.markdown import escape
from forebear.report.terminal import LEVEL
from forebear.traffic.result import Identified, Traffic, Where
from forebear.traffic.sightings import Kind, Role

TITLES = {
    Role.SERVED: "Named by answers",
    Role.ERROR: "Named by errors",
    Role.LISTED: "In lists of models",
    Role.ASKED: "Asked for",
    Role.LOGGED: "Named by logs",
    Role.MENTIONED: "Mentioned in texts (anybody's words)",
}
MARKS = "Control tokens of templates (they tell a template, not a model)"
FINGERPRINTS = "System fingerprints (they name no model)"
FEW = 8
"""Identifiers of a group, and findings, that are shown unless all is asked for."""


def groups(result: Traffic) -> Iterator[tuple[str, list[Identified]]]:
    """The identifiers by the weightiest word that stands for them, in the order of the result."""
    names = [i for i in result.identifiers if i.kind is Kind.NAME]
    for role, title in TITLES.items():
        if own := [i for i in names if next(iter(i.roles)) == role.value]:
            yield title, own
    for kind, title in ((Kind.MARKER, MARKS), (Kind.FINGERPRINT, FINGERPRINTS)):
        if own := [i for i in result.identifiers if i.kind is kind]:
            yield title, own


def times(found: Identified) -> str:
    """How often in its weightiest role, and in others: ``12×, also asked 12×``."""
    if found.kind is not Kind.NAME or len(found.roles) < 2:
        return f"{found.count:,}×"
    (_, first), *others = found.roles.items()
    return f"{first:,}×, also {', '.join(f'{role} {count:,}×' for role, count in others)}"


def place(where: Where) -> str:
    """A place in words, with the structure beside it."""
    pointer = f" {where.pointer}" if where.pointer else ""
    return f"{where.file}, record {where.record:,}, {where.part}{pointer}"


def confidence(found: Identified) -> str:
    """How sure family and version are; "" where that was not measured."""
    return f"; {measured(found.confidence)}" if found.confidence is not None else ""


def show(console: Console, result: Traffic, quiet: bool = False, verbose: bool = False) -> None:
    """The answer at a terminal."""
    line = Table.grid()
    line.add_row(words.text("  ● ", "bold yellow" if result.findings else "bold"), words.text(result.summary, "bold"))
    console.print(Padding(line, (0, 2, 0, 0)))
    if result.expected is not None:
        style = {True: "bold", False: "bold red", None: "bold yellow"}[result.expected.met]
        console.print(Padding(words.text(result.expected.explanation, style), (0, 2, 0, 4)))
    for problem in result.problems if quiet else ():
        console.print(words.text(f"  not read whole: {problem}", "bold red"), soft_wrap=True)
    if quiet:
        return
    _findings(console, result, verbose)
    for title, found in groups(result):
        console.print(words.text(f"\n  {title}", "bold"))
        shown = found if verbose else found[:FEW]
        for entry in shown:
            _entry(console, entry, verbose)
        if len(found) > len(shown):
            console.print(words.text(f"    and {len(found) - len(shown):,} more (--verbose)", "dim"))
    _rest(console, result)


def _entry(console: Console, entry: Identified, verbose: bool) -> None:
    line = words.text(entry.identifier, "bold cyan" if entry.family else "bold")
    line.append(f"  {times(entry)}", "dim")
    console.print(Padding(line, (0, 2, 0, 4)))
    if entry.explanation:
        said = entry.explanation + (confidence(entry) if verbose else "")
        console.print(Padding(words.text(said), (0, 2, 0, 8)))
    role = next(iter(entry.roles))
    first = next((where for where in entry.where if where.role == role), None)
    for where in entry.where if verbose or first is None else (first,):
        beside = f"  {where.context}…" if where.context and verbose else ""
        role = f" [{where.role}]" if verbose else ""
        console.print(Padding(words.text(f"{place(where)}{role}{beside}", "dim"), (0, 2, 0, 8)))


def _findings(console: Console, result: Traffic, verbose: bool) -> None:
    if not result.findings:
        return
    console.print(words.text("\n  Findings", "bold"))
    shown = result.findings if verbose else result.findings[:FEW]
    for finding in shown:
        line = words.text(f"{finding.level}: ", LEVEL[finding.level])
        line.append_text(words.text(finding.message, "default"))
        line.append(f" [{finding.id}]", "dim")
        console.print(Padding(line, (0, 2, 0, 4)))
        for evidence in finding.evidence:
            console.print(Padding(words.text(evidence, "dim"), (0, 2, 0, 8)))
    if len(result.findings) > len(shown):
        console.print(words.text(f"    and {len(result.findings) - len(shown):,} more (--verbose)", "dim"))


def _rest(console: Console, result: Traffic) -> None:
    """What was not shown and not read, and what it cost."""
    console.print()
    if withheld := withheld_words(result):
        console.print(Padding(words.text(withheld, "dim"), (0, 2, 0, 2)))
    for gap in result.coverage.not_tested:
        console.print(Padding(words.text(f"not read: {gap.what}: {gap.why}", "dim"), (0, 2, 0, 2)))
    for problem in result.problems:
        console.print(Padding(words.text(f"not read whole: {problem}", "bold red"), (0, 2, 0, 2)))
    console.print(Padding(words.text(footing(result), "dim"), (0, 2, 0, 2)))


def withheld_words(result: Traffic) -> str:
    """What stood in fields of a model's name and is not shown; "" for nothing."""
    if not result.redactions:
        return ""
    parts = [f"{count:,} {kind}" for kind, count in result.redactions.items()]
    return f"withheld, though it stood where a model's name stands: {', '.join(parts)}"


def footing(result: Traffic) -> str:
    """How much was read, in a line."""
    records = sum(c.records for c in result.captures)
    formats = sorted({c.format for c in result.captures})
    kinds = f" ({', '.join(formats)})" if formats else ""
    files = f"{len(result.captures):,} capture{'s' if len(result.captures) != 1 else ''}{kinds}"
    searched = f"{records:,} record{'s' if records != 1 else ''} searched"
    return f"{files}, {searched} · {words.cost(result.cost)}"


def markdown(result: Traffic) -> str:
    """For pull requests and tickets: the same in the same order."""
    out = ["# Model identifiers in traffic", "", f"**{escape(result.summary)}**", ""]
    if result.expected is not None:
        out += [f"**{escape(result.expected.explanation)}**", ""]
    if result.findings:
        out += ["## Findings", ""]
        for finding in result.findings:
            at = f" ({escape('; '.join(finding.evidence))})" if finding.evidence else ""
            out.append(f"- **{finding.level}** `{finding.id}`: {escape(finding.message)}{at}")
        out.append("")
    for title, found in groups(result):
        out += [
            f"## {escape(title)}",
            "",
            "| identifier | count | what it says | first place |",
            "| --- | --- | --- | --- |",
        ]
        for entry in found:
            said = escape(entry.explanation + confidence(entry))
            out.append(f"| `{_code(entry.identifier)}` | {times(entry)} | {said} | {escape(place(entry.where[0]))} |")
        out.append("")
    gaps = [f"{gap.what}: {gap.why}" for gap in result.coverage.not_tested]
    if rest := [*gaps, *result.problems]:
        out += ["## Not read", "", *(f"- {escape(line)}" for line in rest), ""]
    if withheld := withheld_words(result):
        out += [f"_{escape(withheld)}_  "]
    return "\n".join([*out, f"_{escape(footing(result))}_", ""])


def _code(text: str) -> str:
    """Text in a code span of a table: without what ends either."""
    return one_line(text.replace("`", "'").replace("|", "¦"))
