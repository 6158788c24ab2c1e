"""What the licences along the lineage demand, and where they conflict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from forebear.catalogue.licences import title_of
from forebear.report.html.blocks import listing, paragraph, rows
from forebear.report.html.saved import Saved, count, finite, line, objects, part, text, texts
from forebear.report.markup import Html, joined, named
from forebear.report.page import words
from forebear.report.page.blocks import Cell

_ORDER = ("unmet", "conditional", "met")
STATUSES = {"unmet": "not met", "conditional": "depends", "met": "met"}


def duties(saved: Saved) -> Html | None:
    """Duties by urgency; of a scan their number and those that are not met."""
    if saved.kind == "scan":
        licence = part(saved.document, "licence")
        content = [*_short(licence), *_conflicts(licence)] if licence else []
    else:
        of = part(saved.document, "input") if saved.kind == "policy check" else saved.document
        content = [*_texts(of), *_inherited(of), *_full(of), *_conflicts(of)]
    return joined(content, "\n") if content else None


def _short(licence: Mapping[str, Any]) -> Iterator[Html]:
    counts = part(licence, "duties")
    declared = text(licence, "declared")
    yield paragraph(
        f"Its papers state {title_of(declared)}." if declared else "Its papers state no licence.",
        f"Duties: {count(counts, 'unmet'):,} not met, {count(counts, 'conditional'):,} depend on facts that a scan "
        f"does not have, {count(counts, 'met'):,} met. Each of them: forebear licence, with --org.",
    )
    yield from _inherited(licence)
    content = [
        (
            Cell(words.duty(line(d, "kind", 60), "")),
            Cell("not met", "unmet"),
            Cell(line(d, "why")),
            Cell(joined([title_of(line(d, "licence", 80)), ", from ", named(text(d, "ancestor"))])),
        )
        for d in objects(licence, "unmet")
    ]
    table = rows("Duties that are not met", ("Duty", "Status", "Why", "From"), content)
    if table is not None:
        yield table


def _texts(of: Mapping[str, Any]) -> Iterator[Html]:
    """What is declared, and what the licence files are."""
    said = []
    for d in objects(of, "declared"):
        title = title_of(text(d, "licence")) if text(d, "licence") else line(d, "value", 120)
        said.append(f"{title} ({line(d, 'where', 120)})")
    found = []
    for d in objects(of, "detected"):
        what = line(d, "name", 120) or line(d, "id", 80)
        share = finite(d.get("similarity"))
        changed = sum(c.get("matters") is True for c in objects(d, "changes"))
        more = f", {share:.0%} alike" if what and share is not None and share < 1 else ""
        more += f", with {changed:,} changes that matter" if changed else ""
        found.append(
            joined(
                [line(d, "file", 160), ": ", f"the text of {what}{more}" if what else "no licence text that is known"]
            )
        )
    if said:
        yield paragraph(f"It states: {'; '.join(said)}.")
    if items := listing(found):
        yield joined([paragraph("Licence files:"), items])


def _inherited(of: Mapping[str, Any]) -> Iterator[Html]:
    content = []
    for one in objects(of, "inherited"):
        licence = text(one, "licence")
        steps = joined([named(n, 60) for n in texts(one, "route", 120)], " → ")
        content.append(
            (
                Cell(named(text(one, "ancestor"))),
                Cell(title_of(licence) if licence else "not known"),
                Cell(line(one, "standing", 40), "conditional" if text(one, "standing") == "possible" else ""),
                *([Cell(steps)] if steps else []),
            )
        )
    head = ("Ancestor", "Licence", "Descent is", "By way of")
    widest = max(map(len, content), default=0)
    content = [(*row, *[Cell("–")] * (widest - len(row))) for row in content]
    table = rows("Licences that come with ancestors", head[:widest], content)
    if table is not None:
        yield table


def _full(of: Mapping[str, Any]) -> Iterator[Html]:
    content = []
    found = sorted(objects(of, "duties"), key=lambda d: _rank(text(d, "status")))
    for d in found:
        status = text(d, "status")
        on = texts(d, "on", 200) or texts(d, "depends_on", 200)
        said = STATUSES.get(status, line(d, "status", 40))
        said += f" on {words.joined(on, 4)}" if status == "conditional" and on else ""
        clause = line(d, "clause", 40)
        content.append(
            (
                Cell(words.duty(line(d, "kind", 60), line(d, "text", 200))),
                Cell(said, status if status in STATUSES else ""),
                Cell(" ".join((line(d, "why"), line(d, "clears", 240))).strip()),
                Cell(
                    joined(
                        [
                            title_of(line(d, "licence", 80)),
                            f", clause {clause}" if clause else "",
                            ", of ",
                            named(text(d, "ancestor")),
                        ]
                    )
                ),
            )
        )
    table = rows("Duties", ("Duty", "Status", "Why, and what would meet it", "From"), content)
    if table is not None:
        yield table


def _conflicts(of: Mapping[str, Any]) -> Iterator[Html]:
    said = []
    for c in objects(of, "conflicts"):
        kind = text(c, "kind")
        possible = " This holds only if the descent is established." if text(c, "standing") == "possible" else ""
        said.append(f"{words.CONFLICTS.get(kind, kind[:60])}: {line(c, 'why').rstrip('.')}.{possible}")
    if items := listing(said):
        yield joined([paragraph("Conflicts:"), items])


def _rank(status: str) -> int:
    return _ORDER.index(status) if status in _ORDER else len(_ORDER)
