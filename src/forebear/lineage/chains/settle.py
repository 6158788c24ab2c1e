"""Edges into a model held against the catalogue and against what the model's own papers say.

A published model is nobody's copy, and no descendant of its descendants. An open dependence on the ancestor of an
established ancestor is explained by it. What is measured or probable and not what the papers say contradicts them,
unless they name a descendant of it, or a parent that is borne out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from forebear.lineage.chain import Access, Chain, Edge, EdgeKind, Node, ParentState, Standing
from forebear.lineage.chains.base import sentences

_SHOWN = (Standing.MEASURED, Standing.PROBABLE)


def settled(chain: Chain) -> Chain:
    """The chain with its edges into the subject as far as they can stand beside all that is known.

    Args:
        chain: continued upwards by the catalogue.
    """
    own = chain.subject.name
    later = _descendants(chain)
    declared = [e for e in chain.edges if e.child == own and e.declared and not _of_a_config(e, chain)]
    confirmed = any(e.standing in _SHOWN for e in declared)
    named = _above({e.parent for e in declared}, chain.edges)
    denied = chain.parent is ParentState.FROM_SCRATCH
    out: list[Edge] = []
    notes = list(chain.notes)
    for edge in chain.edges:
        if edge.parent == own:
            continue
        if edge.child == own and _explained(edge, chain.edges):
            why = edge.evidence[0] if edge.evidence else ""
            notes.append(f"Its weights depend on {edge.parent}, too, an ancestor of an ancestor. {why}".strip())
            continue
        if edge.child == own and edge.parent in later and not edge.declared:
            words = f"The catalogue has {edge.parent} as the later one."
            edge = replace(edge, standing=Standing.POSSIBLE, evidence=sentences((words, *edge.evidence)))
        elif edge.child == own and edge.kind is EdgeKind.IDENTICAL and not edge.declared:
            edge = _published_copy(edge, chain)
        if edge.child == own and edge.standing in _SHOWN and not edge.declared and edge.kind.weights:
            other = bool(declared) and not confirmed and edge.parent not in named
            edge = replace(edge, contradicted=edge.contradicted or denied or other)
        out.append(edge)
    reached = _above({own}, out)
    nodes = tuple(n for n in chain.nodes if n.name in reached)
    told = tuple(e for e in out if e.child in reached)
    return replace(chain, edges=told, nodes=_nearest(nodes, own, out), notes=tuple(dict.fromkeys(notes)))


def _of_a_config(edge: Edge, chain: Chain) -> bool:
    """Whether papers of a model that was read name a parent by a word that claims none: nothing contradicts that."""
    return chain.access in (Access.WEIGHTS, Access.PAPERS) and not edge.standing.established


def _published_copy(edge: Edge, chain: Chain) -> Edge:
    """Equal values of a published model: who published it is a fact of the catalogue, and the other is the copy."""
    node = chain.node(edge.parent)
    if not node.model or chain.subject.model:
        return edge
    words = f"The catalogue has {node.model} as published by {node.developer}."
    return replace(edge, standing=Standing.MEASURED, evidence=sentences((*edge.evidence, words)))


def _explained(edge: Edge, edges: Iterable[Edge]) -> bool:
    """Whether an open dependence is that on the ancestor of an ancestor, which is established another way."""
    if edge.standing.established or edge.declared or edge.component:
        return False
    sure = [e for e in edges if e.standing.established and e.kind.weights and not e.component]
    return edge.parent in _above({e.parent for e in sure if e.child == edge.child}, sure) - {edge.child}


def _descendants(chain: Chain) -> set[str]:
    """Models that come from the subject by the catalogue."""
    below, known = {chain.subject.name}, [e for e in chain.edges if e.standing is Standing.CATALOGUED]
    while more := {e.child for e in known if e.parent in below} - below:
        below |= more
    return below - {chain.subject.name}


def _above(names: set[str], edges: Iterable[Edge]) -> set[str]:
    """The names and everything that they come from."""
    parents: dict[str, set[str]] = {}
    for edge in edges:
        parents.setdefault(edge.child, set()).add(edge.parent)
    found, new = set(names), set(names)
    while new := {p for name in new for p in parents.get(name, ())} - found:
        found |= new
    return found


def _nearest(nodes: tuple[Node, ...], own: str, edges: Iterable[Edge]) -> tuple[Node, ...]:
    """Ancestors by their distance from the subject."""
    known, order, level = list(edges), dict[str, int](), {own}
    while level:
        order |= dict.fromkeys(level, len(order))
        level = {e.parent for e in known if e.child in level} - set(order)
    return tuple(sorted(nodes, key=lambda node: order.get(node.name, len(order))))
