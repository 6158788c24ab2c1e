"""The bills below a folder, a row each: what came out, and the first reason."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding

from forebear.bom.verification import Outcome
from forebear.inspect.bom_verify_set import Row, VerificationSet
from forebear.report import words
from forebear.report.bom_verify import COLOUR, subject
from forebear.report.markdown import escape
from forebear.report.subject import Subject

MARKS = {Outcome.VERIFIED: "✓", Outcome.FAILED: "✗", Outcome.INCONCLUSIVE: "?"}


def show(console: Console, found: VerificationSet, quiet: bool = False) -> None:
    """The rows at a terminal; ``quiet``: the counts alone."""
    console.print(words.text(_counts(found), "bold"))
    for row in () if quiet else found.rows:
        mark, style = _mark(row)
        line = words.text(f"{mark} ", style)
        line.append(words.clean(f"{row.path}  {_model(row)}"), style="default")
        console.print(Padding(line, (0, 2, 0, 2)))
        console.print(Padding(words.text(_why(row), "dim"), (0, 2, 0, 4)))


def markdown(found: VerificationSet) -> str:
    """The rows for a ticket or a pull request."""
    out = [f"# {escape(found.folder)}", "", f"**{_counts(found)}**", ""]
    out += ["| bill | model | verdict | why |", "| --- | --- | --- | --- |"]
    out += [f"| {escape(r.path)} | {escape(_model(r))} | {_verdict(r)} | {escape(_why(r))} |" for r in found.rows]
    return "\n".join([*out, ""])


def subjects(found: VerificationSet) -> list[Subject]:
    """The answers as SARIF and JUnit need them."""
    return [subject(row.result) for row in found.rows if row.result is not None]


def _counts(found: VerificationSet) -> str:
    parts = [f"{found.count(outcome):,} {outcome.value}" for outcome in Outcome]
    unread = sum(1 for row in found.rows if row.result is None)
    return f"{len(found.rows):,} bills: {', '.join(parts)}" + (f", {unread:,} could not be read" if unread else "")


def _mark(row: Row) -> tuple[str, str]:
    return (MARKS[row.result.verdict], COLOUR[row.result.verdict]) if row.result else ("!", "bold red")


def _verdict(row: Row) -> str:
    return row.result.verdict.value if row.result else "unreadable"


def _model(row: Row) -> str:
    if row.result is None:
        return ""
    return f"{row.result.model or 'no model'} · {row.result.format}"


def _why(row: Row) -> str:
    return row.result.why if row.result else row.problem
