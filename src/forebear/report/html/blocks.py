"""What a section of a report consists of, and the small pieces that sections share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from forebear.report.html.saved import Saved
from forebear.report.markup import Html, element, joined
from forebear.report.page.blocks import Cell, Table
from forebear.report.page.html import table

MOST_ROWS = 40
"""Rows of a table that are open to begin with; the others follow when asked for."""
MOST_FOLDED = 5_000
MOST_ITEMS = 200


@dataclass(frozen=True)
class Part:
    """A section of the report.

    Attributes:
        name: identifier in the page, and of the fragment.
        title: its heading.
        write: what it consists of; None where the document holds nothing of it.
        kinds: the documents that are asked for it.
        absent: what the report says where a document of them holds nothing of it, by kind; "" for all others.
    """

    name: str
    title: str
    write: Callable[[Saved], Html | None]
    kinds: frozenset[str]
    absent: str = ""


@dataclass(frozen=True)
class Fragment:
    """A section that was written: ``markup`` is one ``<section>`` with its heading."""

    name: str
    title: str
    markup: Html


def section(name: str, title: str, body: Html) -> Html:
    """A section with its heading."""
    return element("section", element("h2", title, id=name), "\n", body, "\n", aria_labelledby=name)


def paragraph(*said: str | None, kind: str | None = None) -> Html:
    """Sentences."""
    return element("p", joined((s for s in said if s), " "), class_=kind)


def listing(items: Iterable[str], kind: str | None = None) -> Html | None:
    """A list; None where there is nothing to list."""
    shown = list(items)
    more = [f"… and {len(shown) - MOST_ITEMS:,} more in the document."] if len(shown) > MOST_ITEMS else []
    rows = [element("li", item) for item in [*shown[:MOST_ITEMS], *more]]
    return element("ul", *rows, class_=kind) if rows else None


def rows(caption: str, head: Sequence[str], content: Sequence[Sequence[Cell]], shown: bool = True) -> Html | None:
    """A table, its first rows open and the others folded; None without rows."""
    if not content:
        return None
    cells = [tuple(row) for row in content[: MOST_ROWS + MOST_FOLDED]]
    if len(cells) <= MOST_ROWS + 5:
        return table(Table(caption, tuple(head), tuple(cells)), shown)
    left = len(content) - len(cells)
    rest = Table(
        f"{caption}, continued",
        tuple(head),
        tuple(cells[MOST_ROWS:]),
        f"{left:,} more rows are in the document." if left else "",
    )
    first = table(Table(caption, tuple(head), tuple(cells[:MOST_ROWS])), shown)
    return joined([first, folded(f"{len(cells) - MOST_ROWS:,} more rows", table(rest, shown=False))])


def folded(title: str, body: Html | None) -> Html | None:
    """Something that is opened by who wants to see it; it needs no script."""
    return element("details", element("summary", title), body) if body else None


def cells(*said: str, tone: str = "", at: int = 1) -> tuple[Cell, ...]:
    """A row, one of whose cells has a tone."""
    return tuple(Cell(word, tone if k == at else "") for k, word in enumerate(said))
