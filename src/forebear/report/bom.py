"""A bill of materials for people: what is in it, in the order in which it is asked for."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from forebear.bom import Record, Relative
from forebear.report import words
from forebear.report.markdown import escape

SHOWN = 20
"""Files that are listed; the document has all of them."""


def table(console: Console, record: Record, quiet: bool = False) -> None:
    """The summary at a terminal; ``quiet`` leaves out the files."""
    console.print(words.text(record.name, style="bold"))
    grid = Table.grid(padding=(0, 2))
    for key, value in _facts(record):
        grid.add_row(words.text(key, style="dim"), words.text(value))
    console.print(Padding(grid, (0, 0, 0, 2)))
    if not quiet:
        console.print(words.text("\n  Files", style="bold"))
        files = Table.grid(padding=(0, 2))
        for file in record.files[:SHOWN]:
            short = f"{file.sha256[:16]}…" if file.sha256 else "could not be read"
            short += " as the hub states it" if file.stated else ""
            files.add_row(words.text(file.path), file.role, words.size(file.size), words.text(short, style="dim"))
        console.print(Padding(files, (0, 0, 0, 4)))
        if more := len(record.files) - SHOWN:
            console.print(words.text(f"    and {more:,} more", style="dim") if more > 0 else "", end="")


def markdown(record: Record) -> str:
    """The summary for a pull request or a ticket."""
    facts = [f"- **{key}**: {escape(value)}" for key, value in _facts(record)]
    files = [
        f"| {escape(f.path)} | {f.role} | {words.size(f.size)} | {f'`{f.sha256}`' if f.sha256 else '–'} |"
        for f in record.files
    ]
    head = ["| file | role | size | SHA-256 |", "| --- | --- | --- | --- |"]
    return "\n".join([f"# {escape(record.name)}", "", *facts, "", *head, *files, ""])


def _facts(record: Record) -> list[tuple[str, str]]:
    """Keys and values; several values of one key follow each other under an empty key."""
    card = record.card
    size = sum(f.size for f in record.files)
    count = "" if record.parameters is None else f", {words.parameters(record.parameters)} parameters"
    rows = [
        ("package URL", record.purl),
        ("architecture", f"{record.family or 'unknown'}{count}"),
        ("task", card.task),
        ("licence (declared)", ", ".join(x.spdx or x.name for x in card.licences)),
        ("datasets (declared)", ", ".join(card.datasets)),
        ("files", f"{len(record.files):,}, {words.size(size)}"),
        ("SHA-256 of the file list", record.digests.get("SHA-256", "")),
        *((r.slot, _relative(r)) for r in record.relatives),
        ("origin", record.notes),
        *(("claim", claim) for claim in record.claims),
        *(("finding", finding) for finding in record.findings),
        ("not known", ", ".join(record.unknown)),
        *(("problem", problem) for problem in record.problems),
    ]
    return [(str(key), value) for key, value in rows if value]


def _relative(relative: Relative) -> str:
    measured = "not measured"
    if relative.verdict:
        measured = f"measured: {relative.verdict}, {words.p_value(relative.log10_p)}"
    said = f"; declared in {relative.declared_in}, {relative.claim}" if relative.declared_in else ""
    return f"{relative.name} ({measured}{said})"
