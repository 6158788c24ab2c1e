"""A bill of materials for people: lineage first, then licences, makers, training, and what is not in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from forebear.bom import Record
from forebear.report import words
from forebear.report.bom_words import LINEAGE, Row, facts, lineage, stages
from forebear.report.markdown import escape

SHOWN = 20
"""Files that are listed; the document has all of them."""
WIDTH = 100


def table(console: Console, record: Record, quiet: bool = False) -> None:
    """The summary at a terminal; ``quiet`` leaves out the files."""
    console.print(words.text(record.model.name, style="bold"))
    for title, rows in sections(record):
        if title:
            console.print(words.text(f"\n  {title}", style="bold"))
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for row in rows:
            grid.add_row(words.text(row.key, style="dim"), words.text(row.value))
        console.print(Padding(grid, (0, 0, 0, 4 if title else 2)))
    if not quiet and record.files:
        console.print(words.text("\n  Files", style="bold"))
        files = Table.grid(padding=(0, 2))
        for file in record.files[:SHOWN]:
            digest = next((h.value for h in file.hashes if h.algorithm == "SHA-256"), "")
            short = f"{digest[:16]}…" if digest else "could not be read"
            short += "" if file.said.basis == "measured" or not digest else " as the hub states it"
            files.add_row(words.text(file.path), file.role, words.size(file.size), words.text(short, style="dim"))
        console.print(Padding(files, (0, 0, 0, 4)))
        if more := len(record.files) - SHOWN:
            console.print(words.text(f"    and {more:,} more", style="dim") if more > 0 else "", end="")


def markdown(record: Record) -> str:
    """The summary for a pull request or a ticket."""
    lines = [f"# {escape(record.model.name)}", ""]
    for title, rows in sections(record):
        lines += [f"## {title}", ""] if title else []
        lines += [f"- **{escape(row.key)}**: {escape(row.value)}" for row in _keyed(rows)]
        lines.append("")
    if record.files:
        lines += ["## Files", "", "| file | role | size | SHA-256 |", "| --- | --- | --- | --- |"]
        for file in record.files:
            digest = next((f"`{h.value}`" for h in file.hashes if h.algorithm == "SHA-256"), "–")
            lines.append(f"| {escape(file.path)} | {file.role} | {words.size(file.size)} | {digest} |")
        lines.append("")
    return "\n".join(lines)


def sections(record: Record) -> Iterator[tuple[str, list[Row]]]:
    """Titles and rows, in the order in which they are asked for; those without a row are left out."""
    for title, rows in (("", facts(record)), (LINEAGE, lineage(record)), *stages(record)):
        known = list(rows)
        if known:
            yield title, known


def _keyed(rows: Iterable[Row]) -> Iterator[Row]:
    """Rows with the key that stands above, where a table leaves it blank."""
    key = ""
    for row in rows:
        key = row.key or key
        yield Row(key, row.value)
