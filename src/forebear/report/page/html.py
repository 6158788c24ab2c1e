"""The page as one HTML file: no network, no script, light and dark, on a phone, a screen and paper."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from importlib import resources
from string import Template

from forebear.report.markup import Html, named, safe, shortened
from forebear.report.page.blocks import Cell, Page, Section, Stop, Table


def html(page: Page) -> str:
    """The whole page; text of strangers is escaped and has no control characters."""
    sections = Html("\n".join(written(section, f"s{k}") for k, section in enumerate(page.sections)))
    return whole(page.title, page.policy, page.decision.value, page.word, page.answer, sections, page.foot)


def whole(title: str, above: str, tone: str, word: str, answer: str, sections: Html, foot: str, style: str = "") -> str:
    """A file of its own: the answer, then the sections.

    Args:
        title: heading of the page, and with the line ``above`` it and the ``word`` its title.
        above: what the page is.
        tone: class that colours the answer: ``pass``, ``deny``, ``inconclusive``, ``related``.
        word: the answer in a word; it says what the colour says.
        answer: the answer in a sentence.
        sections: what follows.
        foot: the last line.
        style: rules beside those of the page.
    """
    folder = resources.files("forebear") / "data" / "page"
    rules = f"\n{(folder / 'page.css').read_text('utf-8')}{style}"
    return Template((folder / "page.html").read_text("utf-8")).substitute(
        style=rules,
        style_hash=b64encode(sha256(rules.encode()).digest()).decode(),
        title=safe(shortened(title, 200)),
        heading=named(title, 200),
        policy=safe(above),
        decision=tone,
        word=safe(word),
        answer=safe(answer),
        sections=sections,
        foot=safe(foot),
    )


def written(section: Section, name: str) -> Html:
    """A section; ``name`` is its identifier in the page."""
    return Html("\n".join(_section(section, name)))


def table(content: Table, shown: bool = True) -> Html:
    """A table; ``shown``: whether its caption is to be seen, or only heard."""
    return Html("\n".join(_table(content, shown)))


def way(stops: tuple[Stop, ...]) -> Html:
    """The models from an ancestor down to the one in question."""
    return Html(f'<ol class="way">{"".join(_stop(stop) for stop in stops)}</ol>')


def _section(section: Section, name: str) -> Iterator[str]:
    yield f'<section aria-labelledby="{name}"><h2 id="{name}">{safe(section.title)}</h2>'
    if section.lines:
        yield f"<p>{' '.join(safe(line) for line in section.lines)}</p>"
    for stops in section.ways:
        yield way(stops)
    for table in section.tables:
        yield from _table(table, shown=len(section.tables) > 1)
    if section.items:
        yield f"<ul>{''.join(f'<li>{safe(item)}</li>' for item in section.items)}</ul>"
    if section.commands:
        yield f"<pre><code>{safe(chr(10).join(section.commands))}</code></pre>"
    yield "</section>"


def _stop(stop: Stop) -> str:
    by = f' <span class="by">{safe(stop.by)}</span>' if stop.by else ""
    out = f'<li><span class="model"><strong>{safe(stop.name)}</strong>{by}</span>'
    if stop.step:
        known = f"<em>{safe(stop.standing)}</em>"
        out += f' <span class="{"step" if stop.firm else "step open"}">{safe(stop.step)} {known}</span>'
    return out + "</li>"


def _table(table: Table, shown: bool) -> Iterator[str]:
    """A table whose cells know their column, so that a phone can show it row by row; roles keep it a table there."""
    heads = "".join(f'<th scope="col" role="columnheader">{safe(name)}</th>' for name in table.head)
    seen = "" if shown else ' class="unseen"'
    yield f'<table role="table"><caption{seen}>{safe(table.caption)}</caption>'
    yield f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead><tbody role="rowgroup">'
    for first, *rest in table.rows:
        cells = "".join(_cell(cell, name) for cell, name in zip(rest, table.head[1:], strict=True))
        yield f'<tr role="row"><th scope="row" role="rowheader">{safe(first.text)}</th>{cells}</tr>'
    yield "</tbody></table>"
    if table.more:
        yield f'<p class="more">{safe(table.more)}</p>'


def _cell(cell: Cell, column: str) -> str:
    tone = f' class="{safe(cell.tone)}"' if cell.tone else ""
    return f'<td role="cell" data-column="{safe(column)}"{tone}>{safe(cell.text)}</td>'
