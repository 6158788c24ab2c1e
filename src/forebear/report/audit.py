"""An audit for people: what was looked at, the gravest rows of each kind, what would clear them."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from forebear.inspect.audit import Audit
from forebear.inspect.audit_rows import KINDS, Row
from forebear.inspect.recheck import Rechecked, Status
from forebear.report import words
from forebear.report.markdown import escape
from forebear.report.subject import Subject
from forebear.report.terminal import LEVEL, section
from forebear.types import Level, counted

STATUS = {
    Status.CONFIRMED: ("✓", "green"),
    Status.MISMATCH: ("✗", "bold red"),
    Status.MISNAMED: ("!", "yellow"),
    Status.CHANGED: ("!", "yellow"),
    Status.UNREACHABLE: ("?", "dim"),
    Status.PRIVATE: ("–", "dim"),
}
NOTHING = "nothing to tell"


def show(console: Console, found: Audit, quiet: bool = False, verbose: bool = False) -> None:
    """The whole answer."""
    console.print(words.text(headline(found), "bold"), soft_wrap=True)
    if quiet:
        return
    for said in summary(found):
        console.print(words.text(said), soft_wrap=True)
    if again := [r for r in found.rechecked if verbose or r.status is not Status.CONFIRMED]:
        section(console, "Measured again")
        for one in again:
            mark, style = STATUS[one.status]
            line = words.text(f"{mark} {one.name}  ", style)
            line.append(words.clean(f"{_words(one.status)}: {one.why}"), style="default")
            console.print(line, soft_wrap=True)
    for kind, rows in _by_kind(found):
        section(console, f"{kind}: {KINDS[kind]}")
        for row in rows:
            line = words.text(f"{row.finding.level:<8}", LEVEL[row.finding.level])
            line.append(words.clean(row.finding.message), style="default")
            line.append(words.clean(f"  [{_basis(row)}]"), style="dim")
            console.print(line, soft_wrap=True)
            if verbose:
                console.print(words.text(f"        clears: {row.finding.clears}", "dim"), soft_wrap=True)
        if (more := found.counts[kind] - len(rows)) > 0:
            console.print(words.text(f"and {more:,} more (--limit 0 tells all)", "dim"))
    for said in _limits(found):
        console.print(words.text(said, "dim"), soft_wrap=True)


def markdown(found: Audit) -> str:
    """The same as Markdown."""
    out = ["# Audit of the index", "", f"**{escape(headline(found))}**", ""]
    out += [f"- {escape(line)}" for line in summary(found)]
    if found.rechecked:
        out += ["", "## Measured again", "", "| model | status | why |", "| --- | --- | --- |"]
        out += [f"| {escape(r.name)} | {_words(r.status)} | {escape(r.why)} |" for r in found.rechecked]
    for kind, rows in _by_kind(found):
        out += [
            "",
            f"## {kind}: {KINDS[kind]}",
            "",
            "| level | what | rests on | clears |",
            "| --- | --- | --- | --- |",
        ]
        for row in rows:
            cells = (row.finding.level.value, row.finding.message, _basis(row), row.finding.clears)
            out.append(f"| {' | '.join(map(escape, cells))} |")
        if (more := found.counts[kind] - len(rows)) > 0:
            out += ["", f"And {more:,} more."]
    limits = [f"{gap.what}: {gap.why}" for gap in found.not_tested]
    return "\n".join(
        [*out, *(["", "## Not tested", "", *(f"- {escape(line)}" for line in limits)] if limits else []), ""]
    )


def subjects(found: Audit) -> tuple[Subject, ...]:
    """The rows as formats for machines need them, by model."""
    grouped: dict[str, list[Row | Rechecked]] = {}
    for row in found.rows:
        grouped.setdefault(row.who, []).append(row)
    for one in found.rechecked:
        if one.finding is not None:
            grouped.setdefault(one.name, []).append(one)
    return tuple(
        Subject(name, name, f"{name}/", tuple(r.finding for r in rows if r.finding is not None))
        for name, rows in grouped.items()
    )


def headline(found: Audit) -> str:
    """One line: how much was looked at, and how much of it is more than a note."""
    serious = found.levels.get("error", 0) + found.levels.get("warning", 0)
    notes = found.levels.get("note", 0)
    said = f"{serious:,} to look into, {counted(notes, 'note')}" if serious or notes else NOTHING
    if found.rechecked or not (found.counts or found.tested):
        read = sum(r.status not in (Status.UNREACHABLE, Status.PRIVATE) for r in found.rechecked)
        return f"{read:,} of {counted(found.models, 'fingerprint')} measured again: {said}"
    models = f"{found.audited:,} of {counted(found.models, 'indexed model')}"
    return f"{models} and {counted(found.listed, 'listing')} audited: {said}"


def summary(found: Audit) -> Iterator[str]:
    """What was looked at, in lines."""
    if found.rechecked:
        counts = {status: sum(r.status is status for r in found.rechecked) for status in Status}
        yield ", ".join(f"{count:,} {_words(status)}" for status, count in counts.items() if count)
    if found.edges:
        yield (
            f"{counted(found.edges, 'declared base')}: {found.known:,} of them listed or indexed, "
            f"{found.borne_out:,} borne out by the weights of both"
        )
    yield from found.tested


def _by_kind(found: Audit) -> Iterator[tuple[str, list[Row]]]:
    for kind in KINDS:
        if rows := [row for row in found.rows if row.kind == kind]:
            yield kind, rows


def _basis(row: Row) -> str:
    if row.log10_p is None:
        return row.basis
    kept = {True: "", False: ", no discovery at 1 % FDR", None: ""}[row.discovery]
    return f"{row.basis}, {words.p_value(row.log10_p)}{kept}"


def _limits(found: Audit) -> Iterator[str]:
    for gap in found.not_tested:
        yield f"not tested: {gap.what}: {gap.why}"


def _words(status: Status) -> str:
    return status.value.replace("_", " ")


def levels(found: Audit) -> dict[Level, int]:
    """Rows by level, all of them."""
    return {level: found.levels.get(level.value, 0) for level in Level}
