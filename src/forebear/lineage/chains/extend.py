"""A chain with its names looked up, continued upwards by the catalogue.

The catalogue's parents of a known model are sourced facts and stand as ``catalogued``; what nobody retrieved, what a
weak source says, or what only some candidates for a name have, is ``possible``. Allegations are notes, never edges.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from forebear.catalogue.developers import UNREAD, Parent, PublishedModel, find_models, published
from forebear.catalogue.facts import Confidence, sources
from forebear.catalogue.names import decode
from forebear.errors import one_line
from forebear.lineage.chain import Access, Chain, Edge, EdgeKind, Node, ParentState, Standing
from forebear.lineage.chains.base import joined, sentences
from forebear.lineage.chains.known import (
    agreed_licences,
    ancestor_of,
    holder_of,
    identified,
    models_of,
    republished,
    subject_of,
)
from forebear.lineage.chains.measured import kind_named
from forebear.lineage.chains.named import kind_named_by, title_of
from forebear.lineage.chains.settle import settled
from forebear.lineage.chains.words import nameless

_BEHIND = (Access.ENDPOINT, Access.TRAFFIC)
_SHOWN = (Standing.MEASURED, Standing.PROBABLE)
BY_A_BILL = (
    "What is measured or probable is so by the word of the bill of materials: nothing was measured again, and whether "
    "its signature is right was not looked at."
)


def complete(chain: Chain) -> Chain:
    """The chain with every name looked up, continued upwards, and its edges held against what is known."""
    chain = _looked_up(_named_only(chain))
    chain = _as_sold(chain)
    chain = _by_account(chain)
    chain = _upwards(chain)
    return _noted(settled(chain))


def _named_only(chain: Chain) -> Chain:
    """The chain without parents that are no names: ``none``, ``n/a``, ``withheld``."""
    said = {e.parent: state for e in chain.edges if (state := nameless(e.parent)) is not None}
    if not said:
        return chain
    own = chain.subject.name
    edges = tuple(e for e in chain.edges if e.parent not in said)
    state = chain.parent
    if state is ParentState.DECLARED and not any(e.declared and e.child == own for e in edges):
        found = {said[e.parent] for e in chain.edges if e.child == own and e.parent in said}
        state = next((s for s in (ParentState.WITHHELD, ParentState.FROM_SCRATCH) if s in found), ParentState.ABSENT)
    notes = (f"Where a parent's name should stand it says “{word}”, which names no model." for word in said)
    nodes = tuple(n for n in chain.nodes if n.name not in said)
    return replace(chain, edges=edges, nodes=nodes, parent=state, notes=(*chain.notes, *notes))


def _looked_up(chain: Chain) -> Chain:
    """Names as models of the catalogue; an identifier's words become the name of the model that they mean."""
    subject = subject_of(chain.subject, chain.access)
    labelled = chain.access in (Access.WEIGHTS, Access.PAPERS)
    nodes = {node.name: ancestor_of(node, labelled) for node in chain.nodes if node.name != subject.name}
    renamed: dict[str, str] = {}
    if not labelled:
        taken = {subject.name, *nodes}
        for old, node in nodes.items():
            if node.model and node.model not in taken and "/" not in old:
                renamed[old] = node.model
                taken.add(node.model)
    edges = (
        replace(e, parent=renamed.get(e.parent, e.parent), child=renamed.get(e.child, e.child)) for e in chain.edges
    )
    found = (replace(node, name=renamed.get(name, name)) for name, node in nodes.items())
    itself = {EdgeKind.SAME_MODEL} if subject.model else set()
    kept = joined(e for e in edges if e.parent != e.child and not (e.child == subject.name and e.kind in itself))
    return replace(chain, subject=subject, nodes=tuple(found), edges=kept)


def _as_sold(chain: Chain) -> Chain:
    """A product that exists behind an API only is its model: what is known of that holds for the model in question."""
    subject, edges, notes = chain.subject, list(chain.edges), chain.notes
    for edge in chain.edges:
        if edge.child != subject.name or edge.kind is not EdgeKind.SAME_MODEL or not edge.standing.established:
            continue
        node = chain.node(edge.parent)
        if node.model and published()[node.model].api_only and not subject.model:
            subject = replace(subject, model=node.model, developer=node.developer, licences=node.licences)
            edges.remove(edge)
            notes = (*notes, f"By its name it is taken for {node.model}; nothing tested whether the name is right.")
        elif edge.declared and node.developer and not subject.developer:
            subject = replace(subject, developer=node.developer)
    used = {e.parent for e in edges} | {e.child for e in edges}
    nodes = tuple(n for n in chain.nodes if n.name in used)
    left = any(e.declared and e.child == subject.name for e in edges)
    state = chain.parent if left or chain.access not in _BEHIND else ParentState.ABSENT
    return replace(chain, subject=subject, nodes=nodes, edges=tuple(edges), parent=state, notes=notes)


def _by_account(chain: Chain) -> Chain:
    """A leaked name stays possible; that the account's owner is known to have made a model from that base is told."""
    holder = holder_of(chain.subject.name) if chain.access is Access.TRAFFIC else None
    if holder is None:
        return chain
    maker, edges, notes = holder.id, list(chain.edges), chain.notes
    if chain.subject.developer != maker:
        known = decode(chain.subject.name, named=True)
        account = known.account if known is not None else ""
        notes = (*notes, f"It is served in the account {account} of {holder.name}; that does not say who made it.")
    for k, edge in enumerate(edges):
        base = published().get(chain.node(edge.parent).model) if edge.child == chain.subject.name else None
        if base is not None and base.developer != maker and not edge.standing.established:
            own = [m for m in published().values() if m.developer == maker]
            told = [_sourced(m.name, p) for m in own for p in m.parents if p.name == base.name and _sure(p)]
            edges[k] = replace(edge, evidence=sentences((*edge.evidence, *told)))
    return replace(chain, edges=tuple(edges), notes=notes)


def _upwards(chain: Chain) -> Chain:
    """The catalogue's parents of every model, theirs, and so on; names that have a base's in them, likewise."""
    nodes = {node.name: node for node in chain.nodes}
    names = {node.model: node.name for node in (*chain.nodes, chain.subject) if node.model}
    edges, queue = list(chain.edges), [chain.subject, *chain.nodes]
    for node in queue:  # grows on the way
        steps = list(_parents(node)) if node.model or node is not chain.subject else []
        if node is not chain.subject or chain.access in (Access.DOCUMENTS, Access.NAME):
            steps += _by_name(node)
        for parent, edge in steps:
            name = names.get(parent.model, "") if parent.model else parent.name
            name = name or parent.name
            if name == node.name:
                continue
            edges.append(replace(edge, parent=name))
            if name != chain.subject.name and name not in nodes:
                nodes[name] = replace(parent, name=name)
                names.setdefault(parent.model, name)
                queue.append(nodes[name])
    return replace(chain, nodes=tuple(nodes.values()), edges=joined(edges))


def _parents(node: Node) -> Iterator[tuple[Node, Edge]]:
    """What the catalogue has a known model made from; for several candidates, what all of them were made from."""
    models = models_of(node)
    stated: dict[tuple[str, str, str], list[tuple[PublishedModel, Parent]]] = {}
    for model in models:
        for parent in filter(_stated, model.parents):
            stated.setdefault((parent.name, parent.kind, parent.component), []).append((model, parent))
    for (name, kind, component), pairs in stated.items():
        sure = len({m.name for m, _ in pairs}) == len(models) and all(_sure(p) for _, p in pairs)
        yield (
            _published(name),
            Edge(
                name,
                node.name,
                EdgeKind(kind) if kind in set(EdgeKind) else kind_named(kind),
                Standing.CATALOGUED if sure else Standing.POSSIBLE,
                declared=all(p.disclosed is True for _, p in pairs),
                evidence=sentences(_sourced(m.name, p) for m, p in pairs),
                component=component,
            ),
        )


def _sure(parent: Parent) -> bool:
    """Whether a fact rests on more than a weak source or somebody's memory."""
    return parent.basis.confidence.rank >= Confidence.MEDIUM.rank


def _stated(parent: Parent) -> bool:
    """Whether it is more than an allegation: what a developer does not say itself needs more than a weak source."""
    return _sure(parent) or parent.disclosed is not False


def _by_name(node: Node) -> list[tuple[Node, Edge]]:
    """What an ancestor that is not in the catalogue is made from, by its own name; a label says nothing."""
    if node.label:
        return []
    asked = node.asked
    copied = republished(asked) if not node.model else None
    if copied is not None:
        words = f"By its own name {asked} is {copied[0].name}, published by somebody else."
        edge = Edge(copied[0].name, node.name, copied[1], Standing.POSSIBLE, evidence=(words,))
        return [(_published(copied[0].name), edge)]
    known = decode(asked, named=True) if not node.model and not identified(asked) else None
    if known is None or kind_named_by(known) is EdgeKind.SAME_MODEL:  # a model of its developer's own
        return []
    title = title_of(known)
    models = find_models(title) if title else ()
    if not models and known.variant:
        title = title_of(replace(known, variant=None))
        models = find_models(title)
    if not models or title == node.name:
        return []
    words = f"By its own name {asked} is made from {title}."
    kind = kind_named_by(known)
    edge = Edge(title, node.name, kind, Standing.POSSIBLE, evidence=(words,))
    return [
        (replace(_published(models[0].name), name=models[0].name) if len(models) == 1 else _open(title, models), edge)
    ]


def _published(name: str) -> Node:
    model = published().get(name)
    if model is None:
        return ancestor_of(Node(name))
    return Node(name, model.name, model.developer, agreed_licences((model,), ""))


def _open(title: str, models: tuple[PublishedModel, ...]) -> Node:
    owners = {m.developer for m in models}
    developer = owners.pop() if len(owners) == 1 else ""
    return Node(title, "", developer, agreed_licences(models, ""), tuple(m.name for m in models))


def _sourced(child: str, parent: Parent) -> str:
    """A fact of the catalogue in words, with where it was read."""
    known = sources()
    first = next((known[s].what for s in parent.basis.sources if s in known), ", ".join(parent.basis.sources))
    part = f"the {parent.component} of " if parent.component else ""
    source = one_line(first, 160) if parent.basis.confidence.retrieved else "no source was read for it"
    return f"The catalogue has {part}{child} made from {parent.name} ({source}; as of {parent.basis.as_of})."


def _noted(chain: Chain) -> Chain:
    """What the catalogue remarks on the model in question: disputes and allegations, with their source."""
    known = sources()
    remarks = (
        f"{m.name}: {m.note} ({', '.join(one_line(known[s].what, 100) for s in m.basis.sources if s in known)})"
        for m in models_of(chain.subject)
        if m.note and not m.note.startswith(UNREAD)
    )
    told = (BY_A_BILL,) if chain.access is Access.DOCUMENTS and any(e.standing in _SHOWN for e in chain.edges) else ()
    return replace(chain, notes=tuple(dict.fromkeys((*told, *chain.notes, *remarks))))
