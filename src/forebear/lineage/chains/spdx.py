"""Chains from SPDX 3 JSON-LD (https://spdx.github.io/spdx-spec/v3.0.1/): one per AI package that is nobody's ancestor.

``ancestorOf``, ``descendantOf`` and ``hasVariant`` stand between packages; a data set that another AI package
generated, and that the model was trained on, makes that package its teacher.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from forebear.errors import InputError
from forebear.lineage.chain import Access, Chain, Edge, EdgeKind, Node, ParentState, Standing
from forebear.lineage.chains.base import (
    DEEPEST,
    MOST,
    MOST_ELEMENTS,
    Document,
    Reader,
    items,
    joined,
    name,
    objects,
    text,
)
from forebear.lineage.chains.words import withheld

PACKAGE = frozenset({"ai_AIPackage", "AIPackage"})
_TRAINED = frozenset({"trainedOn", "finetunedOn", "pretrainedOn"})
_LICENCES = frozenset({"hasDeclaredLicense", "hasConcludedLicense"})
_LISTED = "https://spdx.org/licenses/"


_Step = tuple[str, EdgeKind, Standing]


@dataclass
class _Graph:
    """The parts of a graph that a chain needs, by identifier of the element.

    Attributes:
        packages: AI packages.
        called: names of packages and of agents.
        expressions: texts of licence expressions.
        links: relationships by type, each from one element to another.
        licences: licences of an element, as identifiers of elements.
        roots: root elements of the document.
        above: steps of descent by child.
    """

    packages: dict[str, Document] = field(default_factory=dict)
    called: dict[str, str] = field(default_factory=dict)
    expressions: dict[str, str] = field(default_factory=dict)
    links: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    licences: dict[str, list[str]] = field(default_factory=dict)
    roots: set[str] = field(default_factory=set)
    above: dict[str, list[_Step]] = field(default_factory=dict)


def read(document: Document) -> tuple[Chain, ...]:
    """The chains of the root packages, else of those that are no ancestors."""
    graph = _graph(document)
    for parent, child, kind, standing in _steps(graph):
        graph.above.setdefault(child, []).append((parent, kind, standing))
    parents = {parent for steps in graph.above.values() for parent, _, _ in steps}
    subjects = [i for i in graph.packages if i in graph.roots] or [i for i in graph.packages if i not in parents]
    if len(subjects) > MOST:
        raise InputError(f"the graph is about {len(subjects):,} models, more than the {MOST:,} that are read")
    return tuple(_chain(i, graph) for i in subjects or list(graph.packages)[:1])


def _graph(document: Document) -> _Graph:
    graph = _Graph()
    for element in objects(document.get("@graph"), "@graph", MOST_ELEMENTS):
        own = text(element.get("spdxId") or element.get("@id"), "an identifier", 2_000)
        kind = text(element.get("type") or element.get("@type"), "a type")
        if kind in PACKAGE:
            graph.packages[own] = element
            graph.called[own] = name(element.get("name"), "a package's name") or "a model without a name"
        elif kind.endswith("Relationship"):
            way = text(element.get("relationshipType"), "a relationship's type")
            start = text(element.get("from"), "a relationship's from", 2_000)
            ends = [text(t, "a relationship's to", 2_000) for t in _listed(element.get("to"))]
            graph.links.setdefault(way, []).extend((start, end) for end in ends)
            if way in _LICENCES:
                graph.licences.setdefault(start, []).extend(ends)
        elif kind in ("SpdxDocument", "software_Sbom"):
            graph.roots |= {text(r, "a root element", 2_000) for r in _listed(element.get("rootElement"))}
        elif expression := element.get("simplelicensing_licenseExpression"):
            graph.expressions[own] = text(expression, "a licence expression")
        elif isinstance(element.get("name"), str):
            graph.called[own] = name(element.get("name"), "an element's name")
    return graph


def _listed(value: object) -> list[object]:
    return [value] if isinstance(value, str) else items(value, "a list of elements", MOST_ELEMENTS)


def _steps(graph: _Graph) -> Iterator[tuple[str, str, EdgeKind, Standing]]:
    """Parent, child, kind and standing of every stated step between packages."""
    for parent, child in graph.links.get("ancestorOf", ()):
        yield parent, child, EdgeKind.UNKNOWN, Standing.DECLARED
    for child, parent in graph.links.get("descendantOf", ()):
        yield parent, child, EdgeKind.UNKNOWN, Standing.DECLARED
    for one, other in graph.links.get("hasVariant", ()):
        yield other, one, EdgeKind.UNKNOWN, Standing.POSSIBLE
    made: dict[str, list[str]] = {}
    for teacher, data in graph.links.get("generates", ()):
        if teacher in graph.packages:
            made.setdefault(data, []).append(teacher)
    for way in _TRAINED:
        for child, data in graph.links.get(way, ()):
            for teacher in made.get(data, ()):
                yield teacher, child, EdgeKind.TRAINED_ON_OUTPUTS, Standing.DECLARED


def _chain(own: str, graph: _Graph) -> Chain:
    """The package and everything above it."""
    subject, nodes, edges = _node(own, graph), dict[str, Node](), list[Edge]()
    state, notes, level, seen = ParentState.ABSENT, list[str](), [own], {own}
    for _ in range(DEEPEST):
        upper: list[str] = []
        for below, (parent, kind, standing) in ((b, step) for b in level for step in graph.above.get(b, ())):
            child, ancestor = _node(below, graph), _node(parent, graph)
            if withheld(ancestor.name):
                notes.append(f"A model that {child.name} was made from is stated and not named.")
                state = ParentState.WITHHELD if below == own and state is ParentState.ABSENT else state
            elif ancestor.name not in (subject.name, child.name):
                declared = standing is Standing.DECLARED
                said = (f"The bill of materials names {ancestor.name} as {_WORDS[kind, declared]}.",)
                nodes.setdefault(ancestor.name, ancestor)
                edges.append(Edge(ancestor.name, child.name, kind, standing, declared, evidence=said))
                state = ParentState.DECLARED if declared and below == own else state
                upper += [parent] if parent not in seen else []
                seen.add(parent)
            if len(edges) > MOST:
                raise InputError(f"the graph names more than the {MOST:,} ancestors that are read")
        level = upper
    if level:
        raise InputError(f"the line of ancestors is longer than the {DEEPEST} steps that are read")
    told = tuple(dict.fromkeys(notes))
    return Chain(subject, tuple(nodes.values()), joined(edges), state, Access.DOCUMENTS, "", told)


_WORDS = {
    (EdgeKind.UNKNOWN, True): "an ancestor",
    (EdgeKind.UNKNOWN, False): "a variant, whichever came first",
    (EdgeKind.TRAINED_ON_OUTPUTS, True): "what made its training data",
}


def _node(own: str, graph: _Graph) -> Node:
    package = graph.packages.get(own, {})
    called = graph.called.get(own) or own.rpartition("/")[2][:300] or "a model without a name"
    found = (graph.expressions.get(end, end.removeprefix(_LISTED)) for end in graph.licences.get(own, ()))
    licences = tuple(dict.fromkeys(found))
    supplier = text(package.get("suppliedBy"), "suppliedBy", 2_000)
    return Node(called, developer=graph.called.get(supplier, ""), licences=licences)


def _is_spdx(document: Document) -> bool:
    context = document.get("@context")
    return isinstance(document.get("@graph"), list) and isinstance(context, str) and "spdx.org" in context


READER = Reader("an SPDX 3 bill of materials", _is_spdx, read)
