"""The page as one HTML file: no network, no script, light and dark, on a phone, a screen and paper."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib import resources
from string import Template

from forebear.report.page.blocks import Cell, Page, Section, Stop, Table
from forebear.report.words import clean


def html(page: Page) -> str:
    """The whole page; text of strangers is escaped and has no control characters."""
    folder = resources.files("forebear") / "data" / "page"
    return Template((folder / "page.html").read_text("utf-8")).substitute(
        style=(folder / "page.css").read_text("utf-8"),
        title=_safe(page.title),
        policy=_safe(page.policy),
        decision=page.decision.value,
        word=_safe(page.word),
        answer=_safe(page.answer),
        sections="\n".join(line for k, s in enumerate(page.sections) for line in _section(s, k)),
        foot=_safe(page.foot),
    )


def _safe(text: str) -> str:
    return escape(clean(text))


def _section(section: Section, number: int) -> Iterator[str]:
    yield f'<section aria-labelledby="s{number}"><h2 id="s{number}">{_safe(section.title)}</h2>'
    if section.lines:
        yield f"<p>{' '.join(_safe(line) for line in section.lines)}</p>"
    for way in section.ways:
        yield f'<ol class="way">{"".join(_stop(stop) for stop in way)}</ol>'
    for table in section.tables:
        yield from _table(table, shown=len(section.tables) > 1)
    if section.items:
        yield f"<ul>{''.join(f'<li>{_safe(item)}</li>' for item in section.items)}</ul>"
    if section.commands:
        yield f"<pre><code>{_safe(chr(10).join(section.commands))}</code></pre>"
    yield "</section>"


def _stop(stop: Stop) -> str:
    by = f' <span class="by">{_safe(stop.by)}</span>' if stop.by else ""
    out = f'<li><span class="model"><strong>{_safe(stop.name)}</strong>{by}</span>'
    if stop.step:
        known = f"<em>{_safe(stop.standing)}</em>"
        out += f' <span class="{"step" if stop.firm else "step open"}">{_safe(stop.step)} {known}</span>'
    return out + "</li>"


def _table(table: Table, shown: bool) -> Iterator[str]:
    """A table whose cells know their column, so that a phone can show it row by row; roles keep it a table there."""
    heads = "".join(f'<th scope="col" role="columnheader">{_safe(name)}</th>' for name in table.head)
    seen = "" if shown else ' class="unseen"'
    yield f'<table role="table"><caption{seen}>{_safe(table.caption)}</caption>'
    yield f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead><tbody role="rowgroup">'
    for first, *rest in table.rows:
        cells = "".join(_cell(cell, name) for cell, name in zip(rest, table.head[1:], strict=True))
        yield f'<tr role="row"><th scope="row" role="rowheader">{_safe(first.text)}</th>{cells}</tr>'
    yield "</tbody></table>"
    if table.more:
        yield f'<p class="more">{_safe(table.more)}</p>'


def _cell(cell: Cell, column: str) -> str:
    tone = f' class="{_safe(cell.tone)}"' if cell.tone else ""
    return f'<td role="cell" data-column="{_safe(column)}"{tone}>{_safe(cell.text)}</td>'
