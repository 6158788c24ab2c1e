"""The family tree: a drawing, and every edge of it as a row with its evidence and where the models come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebear.catalogue.countries import in_words
from forebear.lineage.tree import Edge, FamilyTree, Member
from forebear.report import tree_svg
from forebear.report.html.blocks import listing, paragraph, rows
from forebear.report.html.evidence import coins_said
from forebear.report.html.saved import Saved, line, log_p, number, objects, part, text, texts
from forebear.report.markup import Html, joined, named
from forebear.report.page.blocks import Cell
from forebear.report.svg import figure
from forebear.report.tree import KEY, edge_words
from forebear.report.words import p_value
from forebear.types import Cost, Coverage, Relation, Verdict

MOST_MODELS = 5_000
MOST_ANCESTORS = 12
"""Related references of one model that are drawn; all of them stand in the table."""


def family(saved: Saved) -> Html | None:
    """Of a tree all of it; of a scan the model and the references that it is related to."""
    tree = tree_of(saved.document) if saved.kind == "tree" else star_of(saved.document)
    if not tree.edges:
        return None
    drawn = Html(tree_svg.drawing(tree))
    models = len(tree.members)
    caption = (
        "Every line has the relation, its p-value and, where other neighbours were possible, its support. "
        f"{KEY[0][:1].upper()}{KEY[0][1:]}."
    )
    big = models > tree_svg.TALL  # paper does not scroll
    left = (
        paragraph(f"The drawing of {models:,} models is left out on paper; the table holds all of it.", kind="onpaper")
        if big
        else None
    )
    picture = figure(drawn, caption, kind="big" if big else "")
    return joined([picture, left, _edges(saved, tree), listing(map(_flat, tree.notes))])


def _flat(note: str) -> str:
    return " ".join(note.split())[:600]


def _edges(saved: Saved, tree: FamilyTree) -> Html | None:
    origins = _origins(saved.document)
    content = []
    found = objects(saved.document, "ancestors") if saved.kind == "scan" else []
    coins = {text(a, "name"): coins_said(objects(a, "evidence")) for a in found}
    for edge in tree.edges:
        how = edge_words(edge) + ("" if edge.directed else "; which came first is open")
        evidence = [p_value(edge.log10_p)] if edge.log10_p is not None else ["no exact test"]
        evidence += [said] if (said := coins.get(edge.a, "")) else []
        if edge.rival is not None:
            evidence.append(f"another neighbour is possible: support {edge.rival[2]:.0%}")
        cells = [Cell(named(edge.a)), Cell(named(edge.b)), Cell(how), Cell(edge.verdict), Cell("; ".join(evidence))]
        content.append((*cells, *([Cell(origins.get(edge.a, "not known"))] if origins else [])))
    head = ("Model" if saved.kind == "tree" else "Reference", "Next to it", "How", "Verdict", "Evidence")
    return rows("Every relation", (*head, *(["Made in"] if origins else [])), content)


def _origins(document: Mapping[str, Any]) -> dict[str, str]:
    """Countries by model, as a scan has them in short."""
    return {
        text(one, "model"): in_words(texts(one, "countries", 8)) or "not known"
        for one in objects(part(document, "origin"), "ancestors")
    }


def tree_of(document: Mapping[str, Any]) -> FamilyTree:
    """A ``forebear.tree/1`` document as a tree; of larger ones the first models."""
    members = tuple(_member(m) for m in objects(document, "members")[:MOST_MODELS])
    known = {m.name for m in members}
    edges = (_edge(e) for e in objects(document, "edges"))
    return FamilyTree(
        members,
        tuple(e for e in edges if e.a in known and e.b in known and e.a != e.b),
        Coverage(),
        Cost(),
        texts(document, "notes"),
        texts(document, "problems"),
    )


def star_of(document: Mapping[str, Any]) -> FamilyTree:
    """The model of a scan or a comparison, and the references that it is related to."""
    if text(document, "schema") == "forebear.compare/1":
        subject = text(part(document, "b"), "name")
        found = [{**document, "name": text(part(document, "a"), "name")}] if document.get("related") else []
    else:
        subject = text(part(document, "model"), "name")
        found = _with_parents([dict(a) for a in objects(document, "ancestors")])
    edges = []
    for one in found:
        relation = part(one, "relation")
        back = text(relation, "direction") == "b_to_a"
        ends = {"a": text(one, "name"), "b": subject}
        if ends["a"] == subject:  # a reference of the same name as the model
            ends["a"] = f"{subject} (reference)"
        if back:
            ends = {"a": ends["b"], "b": ends["a"]}
        edges.append(_edge({**one, **ends, "direction": "a_to_b" if back else text(relation, "direction")}))
    near = edges[:MOST_ANCESTORS]
    names = dict.fromkeys(n for e in near for n in (e.a, e.b))
    note = (f"{len(edges) - len(near):,} more related references are not drawn.",) if len(edges) > len(near) else ()
    members = tuple(Member(name, target=name, group=0) for name in names)
    return FamilyTree(members, tuple(near), Coverage(), Cost(), note)


def _with_parents(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ancestors, and of a merge its parents with their coefficients."""
    parents = objects(part(part(found[0], "relation"), "details"), "parents") if found else []
    shares = {text(p, "name"): number(p, "coefficient") for p in parents}
    known = {text(a, "name") for a in found}
    beside = [{"name": n, "verdict": Verdict.MERGE, "relation": {"kind": "merge"}} for n in shares if n not in known]
    return [{**one, "coefficient": shares.get(text(one, "name"))} for one in (*found, *beside)]


def _member(of: Mapping[str, Any]) -> Member:
    group = number(of, "group")
    return Member(
        text(of, "name"),
        line(of, "target", 300),
        group=None if group is None else int(group),
        ghost=of.get("ghost") is True,
        problem=line(of, "problem", 300),
    )


def _edge(of: Mapping[str, Any]) -> Edge:
    relation = part(of, "relation")
    details = part(relation, "details")
    try:
        verdict = Verdict(text(of, "verdict"))
    except ValueError:
        verdict = Verdict.INCONCLUSIVE
    rival = part(of, "rival")
    return Edge(
        text(of, "a"),
        text(of, "b"),
        "a_to_b" if text(of, "direction") == "a_to_b" else "unknown",
        number(of, "log_odds"),
        verdict,
        log_p(of),
        Relation(
            line(relation, "kind", 60) or "unknown",
            details={key: list(texts(details, key, 120)) for key in ("in_words", "undone", "papers", "kinds")},
        ),
        number(of, "support"),
        (text(rival, "a"), text(rival, "b"), number(rival, "support") or 0.0) if rival else None,
        number(of, "coefficient"),
        line(of, "why"),
    )
