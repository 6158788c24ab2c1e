"""The section about countries: three columns that are never one, each fact with its source."""

from __future__ import annotations

from collections.abc import Mapping

from forebear.catalogue.countries import country_name
from forebear.catalogue.facts import Source
from forebear.errors import one_line
from forebear.lineage.chain import Access
from forebear.origin.answer import AncestorOrigin, Origin, Role, Tie
from forebear.report.page import words
from forebear.report.page.blocks import Cell, Section, Table

MOST_ROWS, MOST_FACTORS, MOST_SOURCES = 8, 3, 20
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


def countries(origin: Origin, notes: Notes, access: Access) -> Section:
    """Who made the model and its ancestors, where, and what that brings; ``access`` says what was looked at."""
    groups: dict[tuple[object, ...], list[AncestorOrigin]] = {}
    for one in origin.ancestors:
        if one.ties or one.developer:
            groups.setdefault((one.developer, one.ties), []).append(one)
    rows = [_row(same, notes, access) for same in list(groups.values())[:MOST_ROWS]]
    lines = []
    if origin.unknown:
        lines.append(f"It is not known who made {words.joined(tuple(one_line(u, 80) for u in origin.unknown))}.")
    if not rows:
        lines.append("Nothing is known about countries.")
    more = len(groups) - MOST_ROWS
    table = Table(
        "Countries",
        ("Developer and model", *(title for _, title in COLUMNS), "Known how"),
        tuple(rows),
        f"{more} more are in the JSON document." if more > 0 else "",
    )
    items = [
        f"{f.title} ({', '.join(f.developers)}): {one_line(f.text, 300)}{notes.marks(f.sources)}"
        + (f" It does not decide: {one_line(f.not_decided, 200)}" if f.not_decided else "")
        for f in origin.factors[:MOST_FACTORS]
    ]
    return Section("Countries", tuple(lines), tables=(table,) if rows else (), items=tuple(items))


def _row(same: list[AncestorOrigin], notes: Notes, access: Access) -> tuple[Cell, ...]:
    """Models of one developer, each with how it is known."""
    first = same[0]
    ways: dict[str, list[str]] = {}
    for one in same:
        ways.setdefault(_way(one, access), []).append(one_line(one.model, 80))
    models = tuple(one_line(a.model, 80) for a in same)
    who = f"{one_line(first.developer, 60)}: {words.joined(models, 3)}" if first.developer else words.joined(models, 3)
    how = "; ".join(f"{words.joined(tuple(own), 3)}: {way}" if len(ways) > 1 else way for way, own in ways.items())
    firm = any(a.standing is None or a.standing.established for a in same)
    cells = [Cell(_ties(first, role, notes)) for role, _ in COLUMNS]
    return (Cell(who), *cells, Cell(how, "" if firm else "conditional"))


def _way(ancestor: AncestorOrigin, access: Access) -> str:
    """How it is known that an ancestor is one."""
    if ancestor.standing is None:
        return "the model itself"
    unsaid = ancestor.standing.established and not ancestor.disclosed
    part = f" ({ancestor.component})" if ancestor.component else ""
    said = ", not disclosed by anything that was read of the model" if unsaid else ""
    return f"{words.standing(ancestor.standing, access)}{part}{said}"


def _ties(ancestor: AncestorOrigin, role: Role, notes: Notes) -> str:
    """The countries of one role, those of the same sources together."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for tie in ancestor.ties:
        if tie.role is role:
            groups.setdefault(tie.sources, []).append(_tie(tie))
    return "; ".join(", ".join(said) + notes.marks(sources) for sources, said in groups.items()) or "not known"


def _tie(tie: Tie) -> str:
    about = [one_line(x, 160) for x in (tie.entity, tie.note) if x]
    doubt = ["not retrieved from a source"] if tie.confidence == "unverified" else []
    extra = "; ".join((*about, *doubt))
    return country_name(tie.country) + (f" ({extra})" if extra else "")
