"""Bases that a bill of materials names only where it says how the model was made: the models that stages start from.

Read where the pedigree says nothing. What a stage makes, and what another stage goes on with, is no base; nor is what
the bill calls a reward model, a teacher or an adapter.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace

from forebear.errors import InputError
from forebear.lineage.chain import Chain, Edge, EdgeKind, Node, ParentState, Standing
from forebear.lineage.chains.base import MOST, MOST_ELEMENTS, Document, joined, mapping, name, objects, text
from forebear.lineage.chains.pedigree import OURS, properties
from forebear.lineage.chains.words import withheld

MODEL = "machine-learning-model"
BASE = "base model: "
_KIND, _STATEMENT = OURS + "kind", "forebear.spdx-statement/1"


def with_bases(chain: Chain, names: Iterable[str]) -> Chain:
    """The chain with bases that stages or claims of the bill name, declared and no more."""
    wanted = [n for n in dict.fromkeys(names) if n and n != chain.subject.name and not withheld(n)]
    if chain.parent is not ParentState.ABSENT or not wanted:
        return chain
    if len(wanted) > MOST:
        raise InputError(f"stages start from more than the {MOST:,} models that are read")
    edges = [
        Edge(
            parent,
            chain.subject.name,
            EdgeKind.UNKNOWN,
            Standing.DECLARED,
            True,
            evidence=(f"The bill of materials says that a stage started from {parent}.",),
        )
        for parent in wanted
    ]
    known = {node.name for node in chain.nodes}
    nodes = (*chain.nodes, *(Node(n) for n in wanted if n not in known))
    return replace(chain, nodes=nodes, edges=joined((*chain.edges, *edges)), parent=ParentState.DECLARED)


def of_cyclonedx(document: Document) -> Iterator[str]:
    """Names of models that go into a task of the formulation and come out of none."""
    tasks: list[Document] = []
    called: dict[str, str] = {}
    for formula in objects(document.get("formulation"), "formulation", MOST_ELEMENTS):
        called |= _called(objects(formula.get("components"), "components of a formula", MOST_ELEMENTS))
        for workflow in objects(formula.get("workflows"), "workflows", MOST_ELEMENTS):
            tasks += objects(workflow.get("tasks"), "tasks", MOST_ELEMENTS)
    called |= _called(objects(document.get("components"), "components", MOST_ELEMENTS))
    made = {_ref(each) for task in tasks for each in objects(task.get("outputs"), "outputs", MOST_ELEMENTS)}
    for task in tasks:
        for given in objects(task.get("inputs"), "inputs", MOST_ELEMENTS):
            ref = _ref(given)
            if ref in called and ref not in made and properties(given).get(_KIND, "model") == "model":
                yield called[ref]


def _called(components: Iterable[Document]) -> dict[str, str]:
    found = {}
    for each in components:
        if each.get("type") == MODEL:
            parts = (text(each.get("group"), "a group"), name(each.get("name"), "a component's name"))
            found[text(each.get("bom-ref"), "a bom-ref")] = "/".join(part for part in parts if part)
    found.pop("", None)
    return found


def _ref(given: Document) -> str:
    return text(mapping(given.get("resource"), "a resource").get("ref"), "a reference")


def of_spdx(elements: Iterable[Document], links: dict[str, list[tuple[str, str]]]) -> Iterator[str]:
    """Names of model packages that go into a build and come out of none, and of bases that claims of ours name.

    Args:
        elements: of the graph.
        links: relationships by type, each from one element to another.
    """
    called: dict[str, str] = {}
    others: set[tuple[str, str]] = set()
    for each in elements:
        own = str(each.get("spdxId") or each.get("@id"))
        kind = str(each.get("type") or each.get("@type"))
        is_model = kind.endswith("AIPackage") or each.get("software_primaryPurpose") == "model"
        if is_model and isinstance(each.get("name"), str):
            called[own] = name(each.get("name"), "a package's name")
        if kind == "Annotation" and _STATEMENT in str(each.get("statement")):
            says = _says(str(each["statement"]))
            others |= {(str(each.get("subject")), other) for other in _no_bases(says)}
            yield from _claimed(says)
    made = {end for _, end in links.get("hasOutput", ())}
    for build, given in links.get("hasInput", ()):
        if given in called and given not in made and (build, called[given]) not in others:
            yield called[given]


def _says(statement: str) -> Document:
    """What a statement of ours says, empty where it cannot be read."""
    try:
        document = json.loads(statement)
    except (ValueError, RecursionError):
        return {}
    says = document.get("says") if isinstance(document, dict) else None
    return says if isinstance(says, dict) else {}


def _entries(says: Document, key: str) -> Iterator[Document]:
    given = says.get(key)
    yield from (each for each in (given if isinstance(given, list) else ())[:MOST_ELEMENTS] if isinstance(each, dict))


def _no_bases(says: Document) -> Iterator[str]:
    """Names of inputs of a stage that are reward models, teachers and the like."""
    return (str(each.get("name")) for each in _entries(says, "inputs") if each.get("kind", "model") != "model")


def _claimed(says: Document) -> Iterator[str]:
    for each in _entries(says, "claims"):
        words = str(each.get("claim")).strip()
        if words.lower().startswith(BASE) and each.get("status") != "contradicted":
            yield name(words[len(BASE) :].strip(), "a base model")
