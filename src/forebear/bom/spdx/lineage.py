"""Related models: ``ancestorOf`` and ``descendantOf`` where the direction is known or declared, else ``hasVariant``.

A relative is an ``ai_AIPackage`` and the relationship to the model that it is a relative of; the relationship is what
the annotation with evidence, confidence and claims is about. Each ancestry is said in both directions, for a reader may
look from either end; what the annotations are about is ``ancestorOf``. Nobody knows that a list of ancestors is
complete: it is ``incomplete`` where the record has a gap there, else nothing is asserted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from forebear.bom.record import Organisation, Relative, Slot
from forebear.bom.spdx import parts, terms
from forebear.bom.spdx.elements import Elements
from forebear.bom.spdx.graph import Graph
from forebear.bom.spdx.nodes import Node, Relation
from forebear.bom.spdx.statements import text_of
from forebear.types import Json

ANCESTRY = frozenset({"base_model", "ancestors", "relatives", "lineage"})
"""Fields of gaps that say that ancestors are missing."""
_MODELS = frozenset({terms.MODEL, terms.PACKAGE})
_LINK = "named as what a related model is related to"
Agents = Mapping[str, list[tuple[Organisation, str]]]


def write_relatives(to: Elements, model: str, agents: Agents) -> dict[str, str]:
    """Every relative; gives the ids of their packages by name, of several with one name the first."""
    packages: dict[tuple[object, ...], str] = {}
    known: dict[str, str] = {}
    for each in to.record.relatives:
        if _content(each) not in packages:
            of = agents.get(each.name, []) if each.name and each.name not in known else []
            packages[_content(each)] = key = _package(to, each, of)
            known.setdefault(each.name, key)
    older: dict[str, list[str]] = {}
    ties: dict[str, list[str]] = {}
    children = []
    for each in to.record.relatives:
        key = packages[_content(each)]
        child = (known.get(each.child) or to.named(each.child, "model")) if each.child else model
        _relate(to, each, key, child, older)
        ties.setdefault(key, []).append(child)
        ties.setdefault(child, []).append(key)
        children.append(child)
    state = "incomplete" if any(g.field in ANCESTRY for g in to.record.gaps) else "noAssertion"
    for child, ancestors in older.items():
        to.relate(child, "descendantOf", dict.fromkeys(ancestors), completeness=state)
    _link(to, model, children, ties)
    return known


def _content(relative: Relative) -> tuple[object, ...]:
    return relative.name, relative.version, relative.purl, relative.licences


def _package(to: Elements, relative: Relative, agents: list[tuple[Organisation, str]]) -> str:
    key = to.add(
        "relative",
        terms.MODEL,
        name=relative.name,
        **parts.agents(agents),
        software_packageVersion=relative.version,
        software_packageUrl=relative.purl if terms.is_uri(relative.purl) else "",
        software_primaryPurpose="model",
    )
    to.licensed(key, terms.conjunction(terms.expression(text) for text in relative.licences))
    return key


def _relate(to: Elements, relative: Relative, key: str, child: str, older: dict[str, list[str]]) -> None:
    if relative.slot is Slot.VARIANT:
        to.stands_for("relative", to.relate(child, "hasVariant", [key]), relative)
        return
    first, second = (key, child) if relative.slot is Slot.ANCESTOR else (child, key)
    to.stands_for("relative", to.relate(first, "ancestorOf", [second]), relative)
    older.setdefault(second, []).append(first)


def _link(to: Elements, model: str, children: list[str], ties: dict[str, list[str]]) -> None:
    """Relatives of what nothing connects with the model would be nobody's."""
    reached: set[str] = set()
    for start in [model, *children]:
        if start in reached:
            continue
        if start != model:
            to.annotate(to.relate(model, "other", [start], comment=_LINK), text_of("link", {}))
        waiting = [start]
        while waiting:
            key = waiting.pop()
            if key not in reached:
                reached.add(key)
                waiting += ties.get(key, [])


@dataclass
class Family:
    """What is related to a model: fields by relation, in order; and the packages that were found on the way."""

    relatives: list[tuple[Relation, Json]] = field(default_factory=list)
    packages: dict[str, Node] = field(default_factory=dict)


def relatives_of(graph: Graph, model: Node, links: frozenset[str]) -> Family:
    """The relatives of a model, their relatives, and so on; each relation once, cycles or not.

    Args:
        graph: the document.
        model: its package.
        links: ids of relationships that only lead to what relatives are related to.
    """
    family, fields = Family(), {model.id: {"name": ""}}
    seen: set[tuple[str, str]] = set()
    waiting = deque([model])
    while waiting:
        node = waiting.popleft()
        for relation, other, slot in _edges(graph, node.id, links):
            if (relation.pointer, relation.node.pointer) in seen or other not in graph.nodes:
                continue
            seen.add((relation.pointer, relation.node.pointer))
            relative = graph.nodes[other]
            if relative.kind not in _MODELS:
                continue
            relation.use()
            if other not in fields:
                fields[other] = _fields(graph, relative)
                family.packages[other] = relative
                waiting.append(relative)
            if slot is not None:
                stated = fields[other] if other != model.id else _fields(graph, model)
                family.relatives.append((relation, {**stated, "slot": slot.value, "child": fields[node.id]["name"]}))
    family.relatives.sort(key=lambda pair: pair[0].place)
    return family


def _edges(graph: Graph, key: str, links: frozenset[str]) -> Iterator[tuple[Relation, str, Slot | None]]:
    for relation in graph.going(key, "ancestorOf", "descendantOf", "hasVariant", "other"):
        if relation.kind == "hasVariant":
            yield relation, relation.target, Slot.VARIANT
        elif relation.kind == "ancestorOf":
            yield relation, relation.target, Slot.DESCENDANT
        elif relation.kind == "descendantOf":
            yield relation, relation.target, None if _mirrors(graph, relation) else Slot.ANCESTOR
        elif relation.node.id in links:
            yield relation, relation.target, None
    for relation in graph.coming(key, "ancestorOf", "descendantOf", "hasVariant"):
        if relation.kind == "hasVariant":
            yield relation, relation.source, Slot.VARIANT
        elif relation.kind == "ancestorOf":
            yield relation, relation.source, Slot.ANCESTOR
        else:
            yield relation, relation.source, None if _mirrors(graph, relation) else Slot.DESCENDANT


def _mirrors(graph: Graph, relation: Relation) -> bool:
    """Whether ``ancestorOf`` says the same from the other end."""
    return (relation.target, relation.source) in graph.ancestries


def _fields(graph: Graph, node: Node) -> Json:
    node.touch()
    node.word("software_primaryPurpose", terms.PURPOSES)
    name = node.text("name")
    found: Json = {"name": name, "version": node.text("software_packageVersion")}
    return found | {"purl": node.text("software_packageUrl"), "licences": parts.expressions_of(graph, node.id)}
