"""A chain from ``forebear.scan/1``: what weights show and what the model's own papers say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from forebear.lineage.chain import Access, Chain, Edge, EdgeKind, Node, ParentState, Standing
from forebear.lineage.chains.base import Document, Reader, joined, mapping, name, objects, text
from forebear.lineage.chains.measured import SILENT, Base, Papers, declared_edge, measured_edge, papers_of, verdict_of
from forebear.signals.declared import is_itself, names_match

SCHEMA = "forebear.scan/1"
WEIGHTS = "the weights"
"""How a scan by papers alone calls what it did not test."""


def read(document: Document) -> tuple[Chain, ...]:
    """The chain of the model that was scanned."""
    model = mapping(document.get("model"), "model")
    target = text(model.get("target"), "the model's target")
    subject = name(model.get("name"), "the model's name") or target or "the model"
    verdict = verdict_of(document.get("verdict"), "verdict")
    papers = papers_of(document.get("claims"))
    found = objects(document.get("ancestors"), "ancestors")
    edges = joined(_edges(document, found if verdict not in SILENT else [], subject, papers))
    measured = {name(a.get("name"), "an ancestor's name"): a for a in found}
    nodes = tuple(
        reference(n, measured[n].get("target"), papers.naming(n), _card_licence(measured[n], subject))
        if n in measured
        else Node(n)
        for n in dict.fromkeys(e.parent for e in edges)
    )
    own = Node(subject, licences=_licences(document), revision=revision_of(target))
    notes = tuple(_notes(document, papers, edges))
    return (Chain(own, nodes, edges, papers.state, _access(document), verdict.value, notes),)


def _card_licence(ancestor: Document, subject: str) -> Any:
    """The licence on a reference's card; a copy of the model itself, by content and name, brings none but its own."""
    itself = is_itself(subject, str(ancestor.get("name")), ancestor.get("verdict"))
    return None if itself else ancestor.get("licence")


def _access(document: Document) -> Access:
    """What was looked at: the weights, unless the scan says that they could not be read at all."""
    return Access.PAPERS if unseen(document) else Access.WEIGHTS


def unseen(document: Document) -> str:
    """Why a scan saw nothing of the weights; "" where it did, and for every other document."""
    if document.get("schema") != SCHEMA:
        return ""
    coverage = mapping(document.get("coverage"), "coverage")
    if coverage.get("tested"):
        return ""
    gaps = objects(coverage.get("not_tested"), "what was not tested")
    return next((text(g.get("why"), "why") or "not told" for g in gaps if g.get("what") == WEIGHTS), "")


def reference(called: str, target: Any, claimed: Base | None = None, licence: Any = None) -> Node:
    """A reference that was measured: its name is its user's word, its repository and the child's papers are facts.

    Args:
        called: its name in the index, or in the result.
        target: where it was read.
        claimed: the claim of the child's papers that names it, if one does.
        licence: as its own card has it.
    """
    place = text(target, f"the target of {called}")
    repository = claimed.name if claimed is not None else repository_of(place)
    licences = _each(text(licence, f"the licence of {called}"))
    return Node(called, licences=licences, revision=revision_of(place), repository=repository, label=not repository)


def repository_of(target: str) -> str:
    """The repository in ``hf:org/name@commit``, "" for every other target."""
    return target[3:].partition("@")[0] if target.startswith("hf:") else ""


def revision_of(target: str) -> str:
    """The commit in ``hf:org/name@commit``, "" where a target has none."""
    return target.rpartition("@")[2] if target.startswith("hf:") and "@" in target else ""


def _edges(document: Document, found: list[Document], subject: str, papers: Papers) -> Iterator[Edge]:
    shape = mapping(document.get("shape"), "shape")
    adapter = EdgeKind.ADAPTER if mapping(shape.get("adapter"), "the adapter") else EdgeKind.UNKNOWN
    met: set[str] = set()
    for ancestor in found:
        claim = papers.naming(name(ancestor.get("name"), "an ancestor's name"))
        edge = measured_edge(ancestor, subject, claim)
        if edge is not None and edge.kind is EdgeKind.IDENTICAL and names_match(subject, edge.parent):
            edge = replace(edge, standing=Standing.MEASURED, declared=True)  # it goes by its own name
        if edge is not None and edge.parent != subject:
            met.add(claim.name if claim is not None else "")
            yield edge
    for base in papers.bases:
        if base.status != "contradicted" and base.name not in met and base.name != subject:
            yield declared_edge(base, subject, adapter)


def _licences(document: Document) -> tuple[str, ...]:
    """What the card names, as written; :mod:`known` looks up what it means."""
    licence = mapping(document.get("licence"), "licence")
    declared = licence.get("declared")  # a text, or what a later version of the answer lists
    return _each(text(declared, "licence")) if isinstance(declared, str) else ()


def _each(licences: str) -> tuple[str, ...]:
    return tuple(part for part in (p.strip() for p in licences.split(",")) if part)


def _notes(document: Document, papers: Papers, edges: tuple[Edge, ...]) -> Iterator[str]:
    for base in papers.bases:
        if base.status == "contradicted":
            yield f"Its own papers name {base.name} as base model, which the evidence contradicts: {base.why}."
    if papers.state is ParentState.FROM_SCRATCH and papers.scratch is not None:
        yield f"Its own papers say that it was trained from scratch ({papers.scratch.status}: {papers.scratch.why})."
    for nominee in objects(document.get("nominated"), "nominated"):
        resembled = name(nominee.get("name"), "a nominee's name")
        yield f"It resembles {resembled}, which establishes nothing."
    for ancestor in objects(document.get("ancestors"), "ancestors"):
        way = mapping(ancestor.get("relation"), "a relation").get("direction")
        other = name(ancestor.get("name"), "an ancestor's name")
        if way == "b_to_a" and not any(e.parent == other for e in edges):
            yield f"{other} is related and is the later one, hence no ancestor."


READER = Reader("a result of scan", lambda document: document.get("schema") == SCHEMA, read)
