"""Chains from ``forebear.tree/1``: one per model that was read, along the edges that are drawn above it.

Edges whose direction is named are followed upwards. Of the others only those of the model itself are told, as
possible, whichever way they are drawn. An edge in whose place another is likely is possible, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from forebear.errors import InputError
from forebear.lineage.chain import Access, Chain, Edge, Node, Standing
from forebear.lineage.chains.base import MOST, Document, Reader, joined, mapping, name, objects, text
from forebear.lineage.chains.measured import measured_edge
from forebear.lineage.chains.scan import reference, revision_of

SCHEMA = "forebear.tree/1"


def read(document: Document) -> tuple[Chain, ...]:
    """The chain of every model of the tree that could be read."""
    members = {name(m.get("name"), "a member's name"): m for m in objects(document.get("members"), "members")}
    touching: dict[str, list[Document]] = {}
    for edge in objects(document.get("edges"), "edges", 2 * MOST):
        for end in dict.fromkeys(name(edge.get(key), "an end of an edge") for key in ("a", "b")):
            if end not in members:
                raise InputError(f"an edge leads to {end}, which is no member of the tree")
            touching.setdefault(end, []).append(edge)
    real = [n for n, m in members.items() if n and not m.get("ghost") and not m.get("problem")]
    return tuple(_chain(subject, members, touching) for subject in real)


def _chain(subject: str, members: dict[str, Document], touching: dict[str, list[Document]]) -> Chain:
    edges, notes, queue, seen = list[Edge](), list[str](), [subject], {subject}
    for child in queue:  # grows on the way
        for drawn, parent in _above(child, touching.get(child, []), child == subject):
            if members[parent].get("ghost"):
                notes.append(f"{child} is related to a model that is not among those of the tree.")
                continue
            edge = _edge(drawn, parent, child)
            if edge is not None:
                edges.append(edge)
            if edge is not None and drawn.get("direction") == "a_to_b" and parent not in seen:
                seen.add(parent)
                queue.append(parent)
    names = dict.fromkeys(e.parent for e in edges)
    nodes = tuple(reference(n, members[n].get("target")) for n in names if n != subject)
    own = Node(subject, revision=_revision(members[subject]))
    return Chain(own, nodes, joined(edges), access=Access.WEIGHTS, notes=tuple(dict.fromkeys(notes)))


def _above(child: str, edges: list[Document], nearest: bool) -> Iterator[tuple[Document, str]]:
    """Edges to what may stand above a model, with the other end's name."""
    for edge in edges:
        a, b = name(edge.get("a"), "an end of an edge"), name(edge.get("b"), "an end of an edge")
        directed = edge.get("direction") == "a_to_b"
        if a != b and ((directed and b == child) or (nearest and not directed)):
            yield edge, a if b == child else b


def _edge(drawn: Document, parent: str, child: str) -> Edge | None:
    way = text(drawn.get("direction"), "a direction")
    relation = {**mapping(drawn.get("relation"), "a relation"), "direction": way}
    edge = measured_edge({**drawn, "name": parent, "relation": relation, "evidence": []}, child, None)
    return replace(edge, standing=Standing.POSSIBLE) if edge is not None and drawn.get("uncertain") else edge


def _revision(member: Document) -> str:
    return revision_of(text(member.get("target"), "a target"))


READER = Reader("a family tree", lambda document: document.get("schema") == SCHEMA, read)
