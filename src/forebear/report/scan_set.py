"""A set of scans: a line per model as it is done, a summary, Markdown, and one JSON document written piece by piece."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from forebear.inspect.scan_set import Row, ScanSet, remaining
from forebear.lineage.evalues import FDR
from forebear.report import words
from forebear.report.markdown import escape
from forebear.report.subject import Subject
from forebear.report.terminal import COLOUR, LEVEL
from forebear.types import Json, Level, counted, head

VERDICT, P, TIME, FINDING = 20, 8, 8, 33
"""Widths of the columns that have one: the longest verdict, a p-value, seconds, a level and a finding and a count."""
GAP = "  "
NOTHING = "–"
COINS = ("sign-code/", "aligned-coins/")
LEAST = 20
"""With less room than this for both names, a model takes two or three lines."""


@dataclass(frozen=True)
class Layout:
    """Widths of the columns of names.

    Attributes:
        model: of the path; 0 for two or three lines per model, without columns.
        closest: of the nearest reference.
        cut: whether longer names are shortened.
    """

    model: int
    closest: int
    cut: bool


def layout(paths: Iterable[str], width: int | None) -> Layout:
    """The layout for a terminal; for a pipe (no width) names stay whole."""
    longest = max((cell_len(_flat(path)) for path in paths), default=0)
    if width is None:
        return Layout(min(max(longest, LEAST), 60), LEAST, cut=False)
    room = width - VERDICT - P - TIME - FINDING - 5 * len(GAP)
    if room < 2 * LEAST:
        return Layout(0, 0, cut=False)
    model = min(max(longest, LEAST), room - LEAST)
    return Layout(model, min(room - model, 32), cut=True)


def header(console: Console, how: Layout) -> None:
    """The names of the columns, where there are columns."""
    if how.model:
        names = ("MODEL", "VERDICT", "CLOSEST", "P-VALUE", "TIME", "FINDING")
        _print(console, _joined(how, tuple(Text(name, "dim") for name in names)))


def row(console: Console, how: Layout, item: Row, verbose: bool = False) -> None:
    """One model."""
    cells = _cells(item)
    if how.model:
        _print(console, _joined(how, cells))
    else:
        path, *facts, worst = cells
        told = Text(GAP).join(cell for cell in facts if cell.plain != NOTHING)
        _print(console, path)
        for line in (told, worst) if item.findings else (told,):
            _print(console, Text("  ").append_text(line))
    for finding in item.findings if verbose else ():
        line = words.text(f"    {finding.level}: ", LEVEL[finding.level])
        _print(console, line.append_text(words.text(_flat(finding.message), "default")))


def _cells(item: Row) -> tuple[Text, ...]:
    verdict = words.text(item.verdict or "unreadable", COLOUR.get(item.verdict, "") if item.verdict else "bold red")
    found = item.worst
    more = f" +{len(item.findings) - 1}" if len(item.findings) > 1 else ""
    return (
        words.text(_flat(item.path), "bold"),
        verdict,
        words.text(_flat(item.closest) or NOTHING),
        words.text(words.p_value(item.log10_p).removeprefix("p ")),
        words.text("kept" if item.kept else f"{item.seconds:.2f} s", "dim"),
        words.text(f"{found.level} {found.id}{more}", LEVEL[found.level]) if found else words.text(NOTHING, "dim"),
    )


def _joined(how: Layout, cells: tuple[Text, ...]) -> Text:
    line = Text()
    for number, (cell, width) in enumerate(zip(cells, (how.model, VERDICT, how.closest, P, TIME, 0), strict=True)):
        shown = _fitted(cell, width) if how.cut and number in (0, 2) else cell
        line.append_text(shown).append(" " * max(0, width - shown.cell_len) + GAP)
    return line


def _fitted(cell: Text, width: int) -> Text:
    """A name with its middle left out where it is too long: its start and its end tell most."""
    if cell.cell_len <= width:
        return cell
    plain, style = cell.plain, cell.style
    head_, tail = (width - 1) // 2, width - 1 - (width - 1) // 2
    out = Text(plain[:head_] + "…" + plain[len(plain) - tail :], style)
    out.truncate(width, overflow="ellipsis")  # characters of two cells
    return out


def _flat(name: str) -> str:
    """A name on one line: line breaks and tabs of strangers are not ours."""
    return " ".join(words.clean(name).split("\n"))


def _print(console: Console, line: Text) -> None:
    line.rstrip()
    console.print(line, soft_wrap=True)


def table(console: Console, rows: list[Row], whole: ScanSet, verbose: bool = False) -> None:
    """All of it at once, for a file."""
    how = layout((item.path for item in rows), None)
    header(console, how)
    for item in rows:
        row(console, how, item, verbose)
    totals(console, rows, whole)


def summary(rows: list[Row], whole: ScanSet) -> tuple[str, ...]:
    """What all rows come to, in two or three lines."""
    related = sum(r.related is True for r in rows)
    unreadable = sum(r.verdict is None for r in rows)
    levels = Counter(f.level for r in rows for f in r.findings)
    parts = [counted(len(rows), "model"), f"{related} related to a reference", f"{unreadable} unreadable"]
    found = [counted(levels[level], level.value) for level in reversed(Level) if levels[level]]
    lines = [", ".join(parts) + "; findings: " + (", ".join(found) or "none")]
    if any(r.log10_e is not None for r in rows):
        kept = len(remaining(rows, len(whole.models)))
        lines[0] += f"; {kept} related at a false discovery rate of {FDR:.0%} (e-BH)"
    if whole.repeats:
        lines.append(f"{counted(whole.repeats, 'hub snapshot')} with the same weight files counted once")
    if before := sum(r.kept for r in rows):
        lines.append(f"{counted(before, 'answer')} kept from an earlier run; --fresh asks again")
    return (*lines, *cut_off(rows, whole))


def cut_off(rows: list[Row], whole: ScanSet) -> tuple[str, ...]:
    """What to say of a run that did not come to its end; nothing of one that did."""
    if len(rows) == len(whole.models):
        return ()
    return (
        f"stopped after {len(rows):,} of {counted(len(whole.models), 'model')}; the same command goes on from there",
    )


def unread(rows: list[Row], whole: ScanSet) -> tuple[str, ...]:
    """Everything that could not be read, a line each: folders, then models and their files."""
    return (*whole.problems, *(f"{item.path}: {problem}" for item in rows for problem in item.problems))


def totals(console: Console, rows: list[Row], whole: ScanSet) -> None:
    """The summary for a terminal."""
    console.print()
    for number, line in enumerate(summary(rows, whole)):
        _print(console, words.text(line, "" if number == 0 else "dim"))


def markdown(rows: list[Row], whole: ScanSet) -> str:
    """A table for a pull request, then every finding and what could not be read."""
    out = [f"# Models below {escape(whole.root)}", "", "| model | verdict | closest | p | worst finding |"]
    out.append("| --- | --- | --- | --- | --- |")
    for item in rows:
        worst = f"{item.worst.level} `{item.worst.id}`" if item.worst else "–"
        name = escape(item.closest) or "–"
        verdict = f"`{item.verdict}`" if item.verdict else "**unreadable**"
        out.append(f"| {escape(item.path)} | {verdict} | {name} | {words.p_value(item.log10_p)} | {worst} |")
    found = [
        f"- **{f.level}** `{f.id}` {escape(item.path)}: {escape(f.message)}" for item in rows for f in item.findings
    ]
    problems = [f"- {escape(problem)}" for problem in unread(rows, whole)]
    out += ["", "## Findings", "", *found] if found else []
    out += ["", "## Could not be read", "", *problems] if problems else []
    return "\n".join([*out, "", *(f"_{line}_" for line in summary(rows, whole)), ""])


def json_text(rows: list[Row], whole: ScanSet) -> Iterator[str]:
    """The ``forebear.scan-set/1`` document in pieces, so that no more than one model's answer is in memory."""
    discovered = remaining(rows, len(whole.models))
    document = _without_models(rows, whole, len(discovered))
    yield json.dumps(document, ensure_ascii=False, indent=2).removesuffix("\n}") + ',\n  "models": ['
    for number, item in enumerate(rows):
        entry = _entry(item, item.path in discovered, whole.document(item))
        text = json.dumps(entry, ensure_ascii=False, indent=2).replace("\n", "\n    ")
        yield f"{',' if number else ''}\n    {text}"
    yield "\n  ]\n}\n"


def short(rows: list[Row], whole: ScanSet) -> Json:
    """The same document with so much of every answer as a page about all of them shows."""
    discovered = remaining(rows, len(whole.models))
    models = [_entry(item, item.path in discovered, _shortened(whole.document(item))) for item in rows]
    return {**_without_models(rows, whole, len(discovered)), "models": models}


def _shortened(scan: Json | None) -> Json | None:
    if scan is None:
        return None
    nearest = [
        {**a, "evidence": [e for e in a["evidence"] if e["signal"].startswith(COINS)]} for a in scan["ancestors"][:1]
    ]
    kept = ("schema", "model", "verdict", "related", "log10_p", "why", "findings", "problems")
    return {**{key: scan[key] for key in kept}, "ancestors": nearest}


def _entry(item: Row, discovery: bool, scan: Json | None) -> Json:
    return {
        "path": item.path,
        "kept": item.kept,
        "discovery": discovery,
        "error": None if item.verdict is not None else item.problems[0],
        "scan": scan,
    }


def _without_models(rows: list[Row], whole: ScanSet, discoveries: int) -> Json:
    levels = Counter(f.level for r in rows for f in r.findings)
    return {
        **head("forebear.scan-set/1"),
        "target": whole.root,
        "complete": len(rows) == len(whole.models),
        "problems": list(whole.problems),
        "summary": {
            "found": len(whole.models),
            "done": len(rows),
            "related": sum(r.related is True for r in rows),
            "unreadable": sum(r.verdict is None for r in rows),
            "kept": sum(r.kept for r in rows),
            "repeats": whole.repeats,
            "discoveries": {"fdr": FDR, "hypotheses": len(whole.models), "models": discoveries},
            "findings": {level.value: levels[level] for level in Level},
        },
    }


def subject(item: Row, expected: str | None, code: int) -> Subject:
    """A row for the formats of machines.

    Args:
        item: the row.
        expected: what ``--expect`` says.
        code: what that gives for this model: 0 met, 1 contradicted, 3 not settled.
    """
    why = f"expected {expected}, found {item.best}" + (f" to {item.closest}" if item.closest else "")
    return Subject(
        item.name,
        item.path,
        item.about,
        item.findings,
        item.problems,
        why if code == 1 else "",
        why if code == 3 else "",
        item.seconds,
        {"verdict": item.verdict, "closest": item.closest or None, "log10_p": item.log10_p},
    )
