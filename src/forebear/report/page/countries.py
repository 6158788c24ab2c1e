"""The section about countries: three columns that are never one, each fact with its source."""

from __future__ import annotations

from collections.abc import Mapping

from forebear.catalogue.countries import country_name
from forebear.catalogue.facts import Source
from forebear.errors import one_line
from forebear.origin.answer import AncestorOrigin, Origin, Role, Tie
from forebear.report.page import words
from forebear.report.page.blocks import Cell, Section, Table

MOST_ROWS, MOST_FACTORS, MOST_SOURCES = 8, 4, 20
COLUMNS = (
    (Role.INCORPORATED, "Incorporated in"),
    (Role.ENGINEERING, "Engineering in"),
    (Role.CONTROLLED, "Controlled from"),
)


class Notes:
    """Numbers for the sources that a page refers to, in the order of their first mention."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self.sources = sources
        self.numbers: dict[str, int] = {}

    def marks(self, ids: tuple[str, ...]) -> str:
        """`` [1, 2]``; "" for none."""
        found = [self.numbers.setdefault(i, len(self.numbers) + 1) for i in ids[:3]]
        return f" [{', '.join(map(str, found))}]" if found else ""

    def section(self) -> Section | None:
        """The list of sources; None where nothing was referred to."""
        if not self.numbers:
            return None
        return Section(
            "Sources", items=tuple(f"[{n}] {self._said(i)}" for i, n in list(self.numbers.items())[:MOST_SOURCES])
        )

    def _said(self, name: str) -> str:
        source = self.sources.get(name)
        return f"{one_line(source.what, 200)} (read {source.read})" if source else name


def countries(origin: Origin, notes: Notes) -> Section:
    """Who made the model and its ancestors, where, and what that brings."""
    rows = [_row(a, notes) for a in origin.ancestors[:MOST_ROWS] if a.ties or a.developer]
    lines = []
    if origin.unknown:
        lines.append(f"It is not known who made {words.joined(tuple(one_line(u, 80) for u in origin.unknown))}.")
    if not rows:
        lines.append("Nothing is known about countries.")
    more = len(origin.ancestors) - MOST_ROWS
    table = Table(
        "Countries",
        ("Model and developer", *(title for _, title in COLUMNS), "Through"),
        tuple(rows),
        f"{more} more are in the JSON document." if more > 0 else "",
    )
    items = [
        f"{f.title} ({', '.join(f.developers)}): {one_line(f.text, 300)}{notes.marks(f.sources)}"
        + (f" It does not decide: {one_line(f.not_decided, 200)}" if f.not_decided else "")
        for f in origin.factors[:MOST_FACTORS]
    ]
    return Section("Countries", tuple(lines), tables=(table,) if rows else (), items=tuple(items))


def _row(ancestor: AncestorOrigin, notes: Notes) -> tuple[Cell, ...]:
    firm = ancestor.standing is None or ancestor.standing.established
    through = "the model itself"
    if ancestor.standing is not None:
        said = "" if ancestor.disclosed else ", not disclosed by the model's papers"
        part = f" ({ancestor.component})" if ancestor.component else ""
        through = f"{words.STANDINGS[ancestor.standing]}{part}{said if firm else ''}"
    who = one_line(ancestor.model, 80) + (f", {one_line(ancestor.developer, 60)}" if ancestor.developer else "")
    cells = [Cell(_ties(ancestor, role, notes)) for role, _ in COLUMNS]
    return (Cell(who), *cells, Cell(through, "" if firm else "conditional"))


def _ties(ancestor: AncestorOrigin, role: Role, notes: Notes) -> str:
    said = [_tie(t) + notes.marks(t.sources) for t in ancestor.ties if t.role is role]
    return "; ".join(said) or "not known"


def _tie(tie: Tie) -> str:
    about = [one_line(x, 80) for x in (tie.entity, tie.note) if x]
    doubt = ["not retrieved from a source"] if tie.confidence == "unverified" else []
    extra = "; ".join([*about, *doubt])
    return country_name(tie.country) + (f" ({extra})" if extra else "")
