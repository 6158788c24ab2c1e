"""Chains from SPDX 3 JSON-LD (https://spdx.github.io/spdx-spec/v3.0.1/): one per AI package that is nobody's ancestor.

``ancestorOf``, ``descendantOf`` and ``hasVariant`` stand between packages; a data set that another AI package
generated, and that the model was trained on, makes that package its teacher.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from forebear.artifacts.text import load_json
from forebear.errors import FormatError, InputError
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
from forebear.lineage.chains.made import of_spdx, with_bases
from forebear.lineage.chains.pedigree import noted_edge
from forebear.lineage.chains.words import says_scratch, withheld

PACKAGE = frozenset({"ai_AIPackage", "AIPackage"})
_TRAINED = frozenset({"trainedOn", "finetunedOn", "pretrainedOn"})
_LICENCES = frozenset({"hasDeclaredLicense", "hasConcludedLicense"})
_LISTED = "https://spdx.org/licenses/"


_FOREBEAR = "forebear"


@dataclass(frozen=True)
class _Step:
    """A step of descent: the parent, and what Forebear noted beside it, None where nobody did."""

    parent: str
    kind: EdgeKind
    standing: Standing
    noted: Mapping[str, str] | None = None


@dataclass
class _Graph:
    """The parts of a graph that a chain needs, by identifier of the element.

    Attributes:
        packages: AI packages.
        called: names of packages and of agents.
        expressions: texts of licence expressions.
        links: relationships by type, each from one element to another.
        licences: licences of an element, as identifiers of elements; ``declared`` those of them that are declared.
        roots: root elements of the document.
        above: steps of descent by child.
        ids: identifiers of relationships by type and both ends.
        noted: what Forebear noted beside a relationship, by its identifier.
        states: what claims and gaps that Forebear noted beside a package say of its parent.
        ours: whether Forebear wrote the document, by its own words.
    """

    packages: dict[str, Document] = field(default_factory=dict)
    called: dict[str, str] = field(default_factory=dict)
    expressions: dict[str, str] = field(default_factory=dict)
    links: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    licences: dict[str, list[str]] = field(default_factory=dict)
    declared: dict[str, list[str]] = field(default_factory=dict)
    roots: set[str] = field(default_factory=set)
    above: dict[str, list[_Step]] = field(default_factory=dict)
    ids: dict[tuple[str, str, str], str] = field(default_factory=dict)
    noted: dict[str, Mapping[str, str]] = field(default_factory=dict)
    states: dict[str, ParentState] = field(default_factory=dict)
    ours: bool = False


def read(document: Document) -> tuple[Chain, ...]:
    """The chains of the root packages, else of those that are no ancestors."""
    graph = _graph(document)
    for child, step in _steps(graph):
        graph.above.setdefault(child, []).append(step)
    parents = {step.parent for steps in graph.above.values() for step in steps}
    subjects = [i for i in graph.packages if i in graph.roots] or [i for i in graph.packages if i not in parents]
    if len(subjects) > MOST:
        raise InputError(f"the graph is about {len(subjects):,} models, more than the {MOST:,} that are read")
    chains = [_chain(i, graph) for i in subjects or list(graph.packages)[:1]]
    if len(chains) == 1:  # of several models nobody says whose stages they are
        elements = objects(document.get("@graph"), "@graph", MOST_ELEMENTS)
        chains = [with_bases(chains[0], of_spdx(elements, graph.links))]
    return tuple(chains)


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
            graph.ids |= {(way, start, end): own for end in ends}
            if way in _LICENCES:
                graph.licences.setdefault(start, []).extend(ends)
            if way == "hasDeclaredLicense":
                graph.declared.setdefault(start, []).extend(ends)
        elif kind == "Annotation":
            about = text(element.get("subject"), "a subject", 2_000)
            if noted := _note(element):
                graph.noted[about] = noted
            if state := _state(element):
                graph.states.setdefault(about, state)
        elif kind == "Tool" and element.get("name") == _FOREBEAR:
            graph.ours = True
        elif kind in ("SpdxDocument", "software_Sbom"):
            graph.roots |= {text(r, "a root element", 2_000) for r in _listed(element.get("rootElement"))}
        elif expression := element.get("simplelicensing_licenseExpression"):
            graph.expressions[own] = text(expression, "a licence expression")
        elif isinstance(element.get("name"), str):
            graph.called[own] = name(element.get("name"), "an element's name")
    return graph


def _told(annotation: Document, kind: str) -> Mapping[str, Any] | None:
    """What Forebear wrote into an annotation of a kind; None for any other."""
    statement = annotation.get("statement")
    if not isinstance(statement, str) or annotation.get("contentType") != "application/json":
        return None
    try:
        told = load_json(statement.encode("utf-8", "replace"), "an annotation")
    except FormatError:
        return None
    says = told.get("says") if isinstance(told, dict) and told.get("kind") == kind else None
    return says if isinstance(says, dict) else None


def _state(annotation: Document) -> ParentState | None:
    """What claims and gaps say of a parent."""
    says = _told(annotation, "record") or {}
    gaps, claims = (says[k] if isinstance(says.get(k), list) else [] for k in ("gaps", "claims"))
    for gap in gaps:
        if isinstance(gap, dict) and (gap.get("field"), gap.get("state")) == ("base_model", "withheld"):
            return ParentState.WITHHELD
    for claim in claims:
        stated = isinstance(claim, dict) and isinstance(claim.get("claim"), str)
        if stated and claim.get("status") != "contradicted" and says_scratch(claim["claim"]):
            return ParentState.FROM_SCRATCH
    return None


def _note(annotation: Document) -> Mapping[str, str] | None:
    """The fields of a relative that Forebear noted beside a relationship, as texts."""
    says = _told(annotation, "relative")
    if says is None:
        return None
    said = says.get("said")
    plain = {key: str(value) for key, value in says.items() if isinstance(value, str | int | float)}
    basis = said.get("basis") if isinstance(said, dict) else None
    return {**plain, "said.basis": basis} if isinstance(basis, str) else plain


def _listed(value: object) -> list[object]:
    return [value] if isinstance(value, str) else items(value, "a list of elements", MOST_ELEMENTS)


def _steps(graph: _Graph) -> Iterator[tuple[str, _Step]]:
    """Every stated step between packages, with its child; of ours that are stated both ways, the one with the note."""

    def noted(way: str, start: str, end: str) -> Mapping[str, str] | None:
        return graph.noted.get(graph.ids.get((way, start, end), "")) if graph.ours else None

    forwards = set(graph.links.get("ancestorOf", ()))
    for parent, child in graph.links.get("ancestorOf", ()):
        yield child, _Step(parent, EdgeKind.UNKNOWN, Standing.DECLARED, noted("ancestorOf", parent, child))
    for child, parent in graph.links.get("descendantOf", ()):
        if not graph.ours or (parent, child) not in forwards:
            yield child, _Step(parent, EdgeKind.UNKNOWN, Standing.DECLARED, noted("descendantOf", child, parent))
    for one, other in graph.links.get("hasVariant", ()):
        yield one, _Step(other, EdgeKind.UNKNOWN, Standing.POSSIBLE, noted("hasVariant", one, other))
    made: dict[str, list[str]] = {}
    for teacher, data in graph.links.get("generates", ()):
        if teacher in graph.packages:
            made.setdefault(data, []).append(teacher)
    for way in _TRAINED:
        for child, data in graph.links.get(way, ()):
            for teacher in made.get(data, ()):
                yield child, _Step(teacher, EdgeKind.TRAINED_ON_OUTPUTS, Standing.DECLARED)


def _chain(own: str, graph: _Graph) -> Chain:
    """The package and everything above it."""
    subject, nodes, edges = _node(own, graph), dict[str, Node](), list[Edge]()
    state, notes, level, seen = ParentState.ABSENT, list[str](), [own], {own}
    for _ in range(DEEPEST):
        upper: list[str] = []
        for below, step in ((b, step) for b in level for step in graph.above.get(b, ())):
            child, ancestor = _node(below, graph), _node(step.parent, graph)
            if withheld(ancestor.name):
                notes.append(f"A model that {child.name} was made from is stated and not named.")
                state = ParentState.WITHHELD if below == own and state is ParentState.ABSENT else state
            elif ancestor.name not in (subject.name, child.name):
                edge = _edge(step, ancestor.name, child.name)
                if edge is None:
                    continue
                measured = step.noted is not None and "verdict" in step.noted
                nodes.setdefault(ancestor.name, replace(ancestor, label=measured and not edge.declared))
                edges.append(edge)
                state = ParentState.DECLARED if edge.declared and below == own else state
                upper += [step.parent] if step.parent not in seen else []
                seen.add(step.parent)
            if len(edges) > MOST:
                raise InputError(f"the graph names more than the {MOST:,} ancestors that are read")
        level = upper
    if level:
        raise InputError(f"the line of ancestors is longer than the {DEEPEST} steps that are read")
    if state is ParentState.ABSENT and graph.ours:
        state = graph.states.get(own, state)
    told = tuple(dict.fromkeys(notes))
    return Chain(subject, tuple(nodes.values()), joined(edges), state, Access.DOCUMENTS, "", told)


def _edge(step: _Step, parent: str, child: str) -> Edge | None:
    declared = step.standing is Standing.DECLARED
    if step.noted is not None:
        return noted_edge(step.noted, parent, child, declared, True, stated="declared_in" in step.noted)
    said = (f"The bill of materials names {parent} as {_WORDS[step.kind, declared]}.",)
    return Edge(parent, child, step.kind, step.standing, declared, evidence=said)


_WORDS = {
    (EdgeKind.UNKNOWN, True): "an ancestor",
    (EdgeKind.UNKNOWN, False): "a variant, whichever came first",
    (EdgeKind.TRAINED_ON_OUTPUTS, True): "what made its training data",
}


def _node(own: str, graph: _Graph) -> Node:
    package = graph.packages.get(own, {})
    called = graph.called.get(own) or own.rpartition("/")[2][:300] or "a model without a name"
    ends = graph.licences.get(own, ())
    if graph.ours:  # what was concluded then, an ancestor's licence too, is worked out anew
        ends = graph.declared.get(own, ())
    found = (graph.expressions.get(end, end.removeprefix(_LISTED)) for end in ends)
    licences = tuple(dict.fromkeys(found))
    supplier = text(package.get("suppliedBy"), "suppliedBy", 2_000)
    makers = [supplier, *(text(o, "originatedBy", 2_000) for o in _listed(package.get("originatedBy")))]
    developer = next((graph.called[m] for m in makers if m in graph.called), "")
    return Node(called, developer=developer, licences=licences)


def _is_spdx(document: Document) -> bool:
    context = document.get("@context")
    return isinstance(document.get("@graph"), list) and isinstance(context, str) and "spdx.org" in context


READER = Reader("an SPDX 3 bill of materials", _is_spdx, read)
