"""Statistics for people and for spreadsheets: tables with three columns that are never added up."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from forebear.catalogue.countries import country_name
from forebear.inspect.statistics import UNKNOWN, Share, Statistics
from forebear.report import words
from forebear.report.markdown import escape
from forebear.report.terminal import section

MOST = 15
"""Lines of a table that are shown to people."""
BY = {
    "families": "Repositories by family (of the name at the end of what is declared)",
    "developers": "Repositories by developer (of the account)",
    "countries": "Repositories by country of the developer",
    "licences": "Repositories by licence as tagged",
}
SEAT = {
    "controlled_from": "from where a developer is controlled",
    "engineering_in": "where a developer does its engineering",
    "incorporated_in": "where a developer is incorporated",
}


def show(console: Console, found: Statistics, quiet: bool = False) -> None:
    """The whole answer."""
    for line in summary(found):
        console.print(words.text(line), soft_wrap=True)
    if quiet:
        return
    for title, header, rows in _tables(found):
        section(console, title)
        table = Table(box=None, pad_edge=False, header_style="dim")
        for number, name in enumerate(header):
            table.add_column(name, justify="right" if number else "left", overflow="fold")
        for row in rows:
            table.add_row(*(words.text(cell) for cell in row))
        console.print(table)


def markdown(found: Statistics) -> str:
    """The same as Markdown."""
    out = ["# Statistics of the index", "", *(f"- {escape(line)}" for line in summary(found))]
    for title, header, rows in _tables(found):
        out += ["", f"## {escape(title)}", "", f"| {' | '.join(header)} |"]
        out += [f"| --- | {' | '.join('---:' for _ in header[1:])} |"]
        out += [f"| {' | '.join(map(escape, row))} |" for row in rows]
    return "\n".join([*out, ""])


def csv_text(found: Statistics) -> str:
    """Every count as a line: table, month, key, and the three columns; a plain count stands under ``declared``.

    A cell that a spreadsheet would take for a formula is preceded by an apostrophe.
    """
    buffer = io.StringIO()
    out = csv.writer(buffer, lineterminator="\n")
    out.writerow(("table", "month", "key", "declared", "measured", "union"))
    for name in BY:
        for key, count in getattr(found, name).items():
            out.writerow((name, "", _cell(key), count, "", ""))
    for name, shares in (("base_families", found.base_families), ("base_countries", found.base_countries)):
        for s in shares:
            out.writerow((name, "", _cell(s.key), s.declared, s.measured, s.union))
    for month in found.months:
        for s in month.countries:
            out.writerow(("base_countries_by_month", month.month, _cell(s.key), s.declared, s.measured, s.union))
    return buffer.getvalue()


def summary(found: Statistics) -> Iterator[str]:
    """What the tables rest on, in lines."""
    has = found.coverage.get
    yield f"{found.repositories:,} repositories, {found.listed:,} listed by a hub; {found.indexed:,} models indexed"
    derivatives = has("derivatives", 0)
    yield (
        f"{derivatives:,} derivatives: {has('derivatives, declared', 0):,} declare a base, "
        + (
            f"the weights of {has('derivatives, measured', 0):,} depend on an indexed base"
            if found.measured
            else "weights were not looked at (--declared-only)"
        )
    )
    yield (
        f"{has('derivatives with a date', 0):,} of them have a date, "
        f"{has('derivatives with a country of their base', 0):,} a base whose developer's country is known"
    )
    if two := has("derivatives whose declared and measured base are of two countries", 0):
        yield f"{two:,} declare a base of one country and depend on one of another; the union counts the declared one"
    yield f"a country is that {SEAT[found.seat]}, by the catalogue (--seat); an account that it does not know has none"


def land(key: str) -> str:
    """A country, or several, in words."""
    return UNKNOWN if key == UNKNOWN else " + ".join(country_name(code) for code in key.split("+"))


def _tables(found: Statistics) -> Iterator[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    three = ("declared", "measured", "union") if found.measured else ("declared",)
    for title, shares, named in (
        ("Derivatives by country of their base", found.base_countries, land),
        ("Derivatives by family of their base", found.base_families, str),
    ):
        yield title, ("base", *three), _cut([(named(s.key), *_numbers(s, len(three))) for s in shares])
    if found.months:
        keys = [s.key for s in found.base_countries][:6]
        rows = [
            (m.month, *(_share(m.countries, key) for key in keys), f"{_total(m.countries):,}") for m in found.months
        ]
        yield "Share of derivatives by country of base and month (union)", ("month", *map(land, keys), "all"), rows
    for name, title in BY.items():
        named = land if name == "countries" else str
        yield title, ("", "repositories"), _cut([(named(key), f"{n:,}") for key, n in getattr(found, name).items()])


def _numbers(share: Share, columns: int) -> tuple[str, ...]:
    return tuple(f"{n:,}" for n in (share.declared, share.measured, share.union)[:columns])


def _total(shares: Sequence[Share]) -> int:
    return sum(s.union for s in shares)


def _share(shares: Sequence[Share], key: str) -> str:
    total = _total(shares)
    count = next((s.union for s in shares if s.key == key), 0)
    return f"{count / total:.0%}" if total else "–"


def _cut(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    if len(rows) <= MOST:
        return rows
    return [*rows[:MOST], (f"and {len(rows) - MOST:,} more", *("" for _ in rows[0][1:]))]


def _cell(text: str) -> str:
    return f"'{text}" if text[:1] in "=+-@\t\r" and text else text
