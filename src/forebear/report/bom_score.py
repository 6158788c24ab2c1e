"""A bill of materials held against a profile, for people: the count with its reasons, then element by element."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from forebear.bom.score import Result, Score, State
from forebear.report import words
from forebear.report.markdown import escape

MARKS = {
    State.VERIFIED: ("verified", "bold green"),
    State.DECLARED: ("declared", "cyan"),
    State.WITHHELD: ("withheld", "yellow"),
    State.ABSENT: ("absent", "red"),
    State.CONTRADICTED: ("contradicted", "bold red"),
    State.NOT_APPLICABLE: ("n/a", "dim"),
}
LEGEND = (
    "verified: checked in this run. declared: the bill says so, nothing was checked. withheld: said not to be told. "
    "(h): being there is not enough, a person has to judge it. (r): recommended only, not counted."
)
SHOWN = 5
"""Names of further models."""


def terminal(console: Console, score: Score, quiet: bool = False, verbose: bool = False) -> None:
    """At a terminal; quiet: the count alone; verbose: also why of what is there."""
    console.print(words.text(_title(score), "bold"))
    console.print(Padding(words.text(_headline(score)), (0, 0, 0, 2)))
    if others := _others(score):
        console.print(Padding(words.text(others), (0, 0, 0, 2)))
    if quiet:
        return
    applies = [result for result in score.results if verbose or result.state is not State.NOT_APPLICABLE]
    for cluster, results in _clusters(applies):
        console.print(words.text(f"\n  {cluster[:1].upper()}{cluster[1:]}", "bold"))
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True)
        grid.add_column(ratio=1)
        for result in results:
            name, style = MARKS[result.state]
            line = words.text(result.title + _tags(result))
            if reason := _reason(result, verbose):
                line.append(words.clean(f"\n{reason}"), style="dim")
            grid.add_row(words.text(name, style), line)
        console.print(Padding(grid, (0, 0, 0, 4)))
    if left := len(score.results) - len(applies):
        console.print(Padding(words.text(f"\n{left} do not apply; --verbose lists them."), (0, 0, 0, 2)))
    console.print(Padding(words.text(f"\n{LEGEND}\n{score.notice}", "dim"), (0, 0, 0, 2)))


def markdown(score: Score) -> str:
    """The same as Markdown."""
    out = [f"# {escape(_title(score))}", "", _headline(score), ""]
    if others := _others(score):
        out += [escape(others), ""]
    for cluster, results in _clusters(score.results):
        out += [
            f"## {escape(cluster[:1].upper() + cluster[1:])}",
            "",
            "| state | element | why |",
            "| --- | --- | --- |",
        ]
        for r in results:
            out.append(f"| {MARKS[r.state][0]} | {escape(r.title + _tags(r))} | {escape(_reason(r, True))} |")
        out.append("")
    return "\n".join([*out, escape(LEGEND), "", escape(score.notice), ""])


def _title(score: Score) -> str:
    return f"{score.subject or 'A bill without a model'}, held against “{score.title}”"


def _headline(score: Score) -> str:
    """The share first, but never of a bill about something else."""
    share = score.share
    return score.sentence if share is None or not score.subject else f"{math.floor(100 * share)} %: {score.sentence}"


def _others(score: Score) -> str:
    if not score.others:
        return ""
    named = ", ".join(score.others[:SHOWN])
    more = f" and {len(score.others) - SHOWN:,} more" if len(score.others) > SHOWN else ""
    return f"Of {len(score.others) + 1:,} models in the bill this is one; not looked at: {named}{more} (--model NAME)."


def _clusters(results: Sequence[Result]) -> list[tuple[str, list[Result]]]:
    found: dict[str, list[Result]] = {}
    for result in results:
        found.setdefault(result.cluster, []).append(result)
    return list(found.items())


def _tags(result: Result) -> str:
    tags = [*("h" for _ in [0] if result.judged == "human"), *("r" for _ in [0] if result.need == "recommended")]
    return f" ({', '.join(tags)})" if tags else ""


def _reason(result: Result, verbose: bool) -> str:
    if result.state is State.DECLARED and not verbose:
        return ""
    if result.state is State.ABSENT and result.clears:
        return f"{result.why} To add: {result.clears}"
    return result.why
