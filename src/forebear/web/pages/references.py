"""The index: a list to search, one reference, and all of them as a family tree."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from forebear.catalogue.countries import country_name, in_words
from forebear.catalogue.licences import licence_named, title_of
from forebear.index import open_index
from forebear.inspect.holdings import Held, choose, developer, holding
from forebear.inspect.index_tree import BY_CODE, MOST_MODELS
from forebear.inspect.share import is_private
from forebear.inspect.ties import NEAREST, looked_at
from forebear.lineage.declared_graph import repository
from forebear.lineage.tree import Edge, FamilyTree
from forebear.report import tree_svg
from forebear.report.html.family import tree_of
from forebear.report.html.verdict import headline, verdict_words
from forebear.report.markup import Html
from forebear.report.page import words
from forebear.report.words import p_value
from forebear.sources.hub import is_hub
from forebear.web.api.caller import Service, Serving, costly, refused
from forebear.web.pages.jobs import when
from forebear.web.pages.render import page
from forebear.web.pages.visitor import Visiting, Visitor
from forebear.web.store import State

router = APIRouter()
PAGE = 50
HELD = Held()
Words = Annotated[str, Query(max_length=200)]
SEATS = (
    ("incorporated_in", "Incorporated in"),
    ("engineering_in", "Engineering in"),
    ("controlled_from", "Controlled from"),
)


@router.get("/references")
def references(
    request: Request,
    visitor: Visiting,
    q: Words = "",
    developer: Words = "",
    country: Words = "",
    licence: Words = "",
    at: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> Response:
    """References by name, developer, country and licence, a page at a time."""
    rows, narrow = HELD.of(open_index())
    found = choose(rows, q, developer, country, licence)
    given = {"q": q, "developer": developer, "country": country, "licence": licence}
    pages = max(1, -(-len(found) // PAGE))
    at = min(at, pages)
    values = {
        "rows": found[(at - 1) * PAGE : at * PAGE],
        "found": len(found),
        "total": len(rows),
        "given": given,
        "choices": narrow,
        "at": at,
        "pages": pages,
        "first": (at - 1) * PAGE + 1,
        "more": lambda number: "?" + urlencode({**{k: v for k, v in given.items() if v}, "at": number}),
        "countries": lambda codes: in_words(codes).removeprefix("the "),
        "title_of": title_of,
    }
    return page(request, "_rows.html" if _wants_piece(request) else "references.html", visitor, values)


def _wants_piece(request: Request) -> bool:
    return request.headers.get("hx-target") == "rows"


@router.get("/model")
def reference(
    request: Request,
    service: Serving,
    visitor: Visiting,
    name: Annotated[str, Query(min_length=1, max_length=400)],
) -> Response:
    """What is known of one reference: relatives by codes, where it was made, what its licence demands.

    A guarded reference has no page, and stands on nobody's.
    """
    costly(service, visitor.token)
    index = open_index()
    entry = index.get(name)
    if entry is None or is_private(entry):
        raise refused(404, "there is no such reference", "search the index for it")
    row, maker = holding(entry), developer(entry)
    pairs = max(1, index.count() - 1)
    looked = next(looked_at(index, [entry], pairs, lambda _: row.bases), None)
    near = looked.tied if looked else ()
    tied = [t for t in near if (other := index.get(t.name)) is not None and not is_private(other)]
    licence = licence_named(row.licence) or licence_named("other", row.licence)
    at = repository(entry)
    values = {
        "row": row,
        "shape": dict(entry.fingerprint.shape),
        "relatives": [
            {
                "name": t.name,
                "word": verdict_words(t.verdict.value),
                "said": headline(t.verdict.value).rstrip("."),
                "share": f"{t.agree:,} of {t.n:,}" if t.n else "—",
                "p": p_value(t.log10_p) if t.log10_p is not None else "—",
                "declared": t.name in row.bases,
                "imported": bool(t.imported),
            }
            for t in tied
        ],
        "pairs": pairs,
        "nearest": len(near) >= NEAREST - 1,  # of which there may be more
        "maker": maker,
        "seats": [
            (
                title,
                [(country_name(s.country), s.entity, s.note, s.basis.confidence.value) for s in getattr(maker, key)],
            )
            for key, title in SEATS
        ]
        if maker
        else [],
        "licence": licence,
        "licence_title": title_of(row.licence) if row.licence else "",
        "duties": [(words.duty(o.kind.value, o.text), o.clause, o.note) for o in licence.obligations]
        if licence
        else [],
        "excluded": [country_name(c) for c in licence.territory_excluded] if licence else [],
        "target": at if is_hub(at) else "",
        "added": when(row.added),
        "family": _drawn(_star(row.name, [(t.name, t.verdict, t.log10_p) for t in tied])) if tied else None,
    }
    return page(request, "model.html", visitor, values)


def _star(name: str, tied: list[tuple[str, Any, float | None]]) -> FamilyTree:
    """One reference and its relatives; codes tell no direction."""
    how = {"kind": "unknown", "details": {"in_words": [BY_CODE]}}
    edges = [
        {"a": name, "b": other, "direction": "unknown", "verdict": verdict.value, "log10_p": p, "relation": how}
        for other, verdict, p in tied
    ]
    members = [{"name": n, "group": 0} for n in dict.fromkeys([name, *(t[0] for t in tied)])]
    return tree_of({"members": members, "edges": edges})


def _drawn(tree: FamilyTree) -> Html:
    return Html(tree_svg.drawing(tree))


@router.get("/tree")
def tree(
    request: Request,
    service: Serving,
    visitor: Visiting,
    developer: Words = "",
    country: Words = "",
    licence: Words = "",
) -> Response:
    """The last family tree of the index that was drawn for this visitor, narrowed down to what is asked for."""
    costly(service, visitor.token)
    index = open_index()
    rows, narrow = HELD.of(index)
    given = {"developer": developer, "country": country, "licence": licence}
    job, document = _last(service, visitor)
    values: dict[str, Any] = {"given": given, "choices": narrow, "total": len(rows), "job": job, "family": None}
    if document is not None:
        known = tree_of(document)
        wanted = {h.name for h in choose(rows, "", developer, country, licence)}
        kept = narrowed(known, wanted) if any(given.values()) else known
        values |= {
            "family": _drawn(kept) if kept.members else None,
            "shown": len(kept.members),
            "of": len(known.members),
            "relations": len(kept.edges),
            "beside": sum(m.name not in wanted for m in kept.members) if any(given.values()) else 0,
            "drawn": when(job.ended if job else ""),
            "stale": {m.name for m in known.members} != {h.name for h in rows[: len(known.members)]}
            or (len(rows) > len(known.members) and len(known.members) < MOST_MODELS),
            "notes": known.notes,
            "edges": kept.edges,
        }
    return page(request, "tree.html", visitor, {"notes": (), "edges": (), "stale": False, **values})


def _last(service: Service, visitor: Visitor) -> tuple[Any, Mapping[str, Any] | None]:
    """The newest job of this visitor that draws the tree, and its document where it is done."""
    for job in service.store.jobs(visitor.token.id, 200):
        if job.kind == "family" and job.state in (State.QUEUED, State.RUNNING, State.DONE):
            result = service.store.result(job.id)
            return job, None if result is None else _document(result)
    return None, None


@lru_cache(maxsize=4)
def _document(result: bytes) -> Mapping[str, Any]:
    document: Mapping[str, Any] = json.loads(result)
    return document


def narrowed(tree: FamilyTree, wanted: set[str]) -> FamilyTree:
    """The wanted members with everything that is drawn above them, so that who they come from stays in sight."""
    above: dict[str, list[Edge]] = {}
    for edge in tree.edges:
        above.setdefault(edge.b, []).append(edge)
    kept, waiting = set(wanted), list(wanted)
    while waiting:
        for edge in above.get(waiting.pop(), ()):
            if edge.a not in kept:
                kept.add(edge.a)
                waiting.append(edge.a)
    return replace(
        tree,
        members=tuple(m for m in tree.members if m.name in kept),
        edges=tuple(e for e in tree.edges if e.a in kept and e.b in kept),
    )
