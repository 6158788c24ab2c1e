"""The page as Markdown, for tickets and reviews."""

from __future__ import annotations

from collections.abc import Iterator

from forebear.report.markdown import escape
from forebear.report.page.blocks import Page, Section, Stop, Table


def markdown(page: Page) -> str:
    """The whole page; text of strangers is escaped."""
    out = [f"# {escape(page.title)}", "", f"**{escape(page.word)}** ({escape(page.policy)}). {escape(page.answer)}", ""]
    for section in page.sections:
        out += _section(section)
    return "\n".join([*out, f"_{escape(page.foot)}_", ""])


def _section(section: Section) -> Iterator[str]:
    yield from (f"## {escape(section.title)}", "")
    if section.lines:
        yield from (" ".join(escape(line) for line in section.lines), "")
    if section.ways:
        yield from (f"- {_way(way)}" for way in section.ways)
        yield ""
    for table in section.tables:
        if len(section.tables) > 1:
            yield from (f"{escape(table.caption)}:", "")
        yield from _table(table)
    if section.items:
        yield from (f"- {escape(item)}" for item in section.items)
        yield ""
    if section.commands:
        yield from ("```sh", *(command.replace("```", "'''") for command in section.commands), "```", "")


def _way(way: tuple[Stop, ...]) -> str:
    out = []
    for stop in way:
        out.append(f"**{escape(stop.name)}**" + (f" ({escape(stop.by)})" if stop.by else ""))
        if stop.step:
            out.append(f"→ {escape(stop.step)} ({escape(stop.standing)}) →")
    return " ".join(out)


def _table(table: Table) -> Iterator[str]:
    yield f"| {' | '.join(map(escape, table.head))} |"
    yield f"| {' | '.join('---' for _ in table.head)} |"
    for row in table.rows:
        cells = (f"**{escape(cell.text)}**" if cell.tone else escape(cell.text) for cell in row)
        yield f"| {' | '.join(cells)} |"
    yield ""
    if table.more:
        yield from (escape(table.more), "")
