"""Chains from CycloneDX JSON (https://cyclonedx.org/docs/1.7/json/): one per model that a bill of materials describes.

Ancestors of a pedigree are declarations, variants leave the direction open by their definition. What Forebear measured
and wrote down is taken as it was written: a bill is believed as far as a saved result is, and its signature is for
others to verify. Only what a chain needs is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from forebear.catalogue.names import decode
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
    mapping,
    name,
    objects,
    sentences,
    text,
)
from forebear.lineage.chains.made import BASE, of_cyclonedx, with_bases
from forebear.lineage.chains.named import named_edge
from forebear.lineage.chains.pedigree import OURS, edge_of, properties
from forebear.lineage.chains.words import says_scratch, withheld

MODEL = "machine-learning-model"
_BASE = frozenset({"basemodel", "basemodels", "parentmodel"})
_SCRATCH = frozenset({"fromscratch", "trainedfromscratch"})
_KEYS = ("ancestors", "variants")


@dataclass
class _Found:
    """What is found on the way through a bill of materials."""

    measured: bool
    called: dict[str, str] = field(default_factory=dict)  # by the name in the bill, the name in the chain
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    state: ParentState = ParentState.ABSENT


def read(document: Document) -> tuple[Chain, ...]:
    """The chain of the model that the bill is about; where it is about something else, of each model or service."""
    metadata = mapping(document.get("metadata"), "metadata")
    main = mapping(metadata.get("component"), "metadata.component")
    inside = objects(document.get("components"), "components", MOST_ELEMENTS)
    measured = _by_forebear(metadata)
    if main.get("type") == MODEL:
        chain = with_bases(_chain(main, _parts(document, main, inside), measured), of_cyclonedx(document))
        return (_stated(document, chain),)
    nested = objects(main.get("components"), "nested components", MOST_ELEMENTS)
    models = list(_models([*nested, *inside]))
    if len(models) > MOST:
        raise InputError(f"the bill is about {len(models):,} models, more than the {MOST:,} that are read")
    if models:
        return tuple(_called(_chain(model, [], measured)) for model in models)
    return tuple(_service(s) for s in objects(document.get("services"), "services"))


def _chain(component: Document, parts: list[Document], measured: bool) -> Chain:
    found = _Found(measured)
    subject = replace(_node(component), revision=_version(component))
    _ancestry(component, subject.name, found)
    if found.state is ParentState.ABSENT:
        _by_properties(component, subject.name, found)
    for part in parts:
        node = _node(part)
        if node.name != subject.name:
            found.nodes.setdefault(node.name, node)
            said = (f"The bill of materials lists {node.name} as a component of it.",)
            found.edges.append(
                Edge(node.name, subject.name, EdgeKind.COMPONENT, Standing.DECLARED, True, False, said, None, node.name)
            )
            _ancestry(part, node.name, found, node.name)
    nodes = tuple(n for n in found.nodes.values() if n.name != subject.name)
    return Chain(subject, nodes, joined(found.edges), found.state, Access.DOCUMENTS, "", sentences(found.notes))


def _stated(document: Document, chain: Chain) -> Chain:
    """What claims and gaps of the bill say of the parent, where the pedigree says nothing."""
    if chain.parent is not ParentState.ABSENT:
        return chain
    noted = properties(document)
    for key, value in noted.items():
        field = value == "base_model" and re.fullmatch(r"forebear:gaps\.\d+\.field", key)
        if field and noted.get(key.removesuffix("field") + "state") == "withheld":
            words = f"A model that {chain.subject.name} was made from is stated and not named."
            return replace(chain, parent=ParentState.WITHHELD, notes=sentences((*chain.notes, words)))
    made = mapping(document.get("declarations"), "declarations")
    countered = _countered(made)
    bases: list[str] = []
    for claim in objects(made.get("claims"), "claims", MOST_ELEMENTS):
        refuted = claim.get("counterEvidence") or properties(claim).get(OURS + "status") == "contradicted"
        refuted = refuted or str(claim.get("bom-ref")) in countered
        said = text(claim.get("predicate"), "a claim", 2_000)
        if said.lower().startswith(BASE) and not refuted:
            bases.append(name(said[len(BASE) :].strip(), "a base model"))
        if says_scratch(said) and not refuted:
            words = "The bill of materials says that it was trained from scratch."
            return replace(chain, parent=ParentState.FROM_SCRATCH, notes=sentences((*chain.notes, words)))
    return with_bases(chain, bases)


def _countered(made: Document) -> set[str]:
    """References of claims that an attestation of the bill holds the opposite of."""
    found: set[str] = set()
    for attestation in objects(made.get("attestations"), "attestations", MOST_ELEMENTS):
        for entry in objects(attestation.get("map"), "an attestation", MOST_ELEMENTS):
            refs = items(entry.get("counterClaims"), "counterClaims", MOST_ELEMENTS)
            found |= {ref for ref in refs if isinstance(ref, str)}
    return found


def _called(chain: Chain) -> Chain:
    """A model that a program uses is the one that it is called after, by the word of whoever wrote the bill."""
    own = chain.subject.name
    known = decode(own, named=True) if "/" not in own else None
    words = f"The bill of materials lists a model called {own}."
    edge = named_edge(known, own, Standing.DECLARED, words) if known is not None else None
    if edge is None or not edge.declared or edge.parent == own:
        return chain
    nodes = (*chain.nodes, *(() if edge.parent in {n.name for n in chain.nodes} else (Node(edge.parent),)))
    return replace(chain, nodes=nodes, edges=joined((*chain.edges, edge)))


def _ancestry(component: Document, child: str, found: _Found, part: str = "") -> None:
    """Ancestors and variants of a component, and theirs; those of a part of the model concern that part alone."""
    level = [(component, child)]
    for depth in range(DEEPEST):
        level = [step for one, below in level for step in _step(one, below, found, part, depth == 0)]
        if not level:
            return
    raise InputError(f"the pedigree is deeper than the {DEEPEST} levels that are read")


def _step(component: Document, child: str, found: _Found, part: str, nearest: bool) -> Iterator[tuple[Document, str]]:
    """The relatives of one component, each with its name; ``nearest`` where it is the model in question."""
    pedigree = mapping(component.get("pedigree"), "pedigree")
    own = nearest and not part
    own_names = {child, *(_called_in_bill(r) for k in _KEYS for r in objects(pedigree.get(k), f"pedigree.{k}"))}
    for key in _KEYS:
        for relative in objects(pedigree.get(key), f"pedigree.{key}"):
            node = _node(relative)
            stated = properties(relative).get(OURS + "child", "") if found.measured else ""
            if stated and stated not in found.called and stated not in own_names:
                continue  # an ancestor of a model that the bill does not trace this one to
            if key == "ancestors" and _is_withheld(relative, node.name):
                found.notes.append(f"A model that {child} was made from is stated and not named.")
                found.state = ParentState.WITHHELD if own and found.state is ParentState.ABSENT else found.state
                continue
            found.called.setdefault(_called_in_bill(relative), node.name)
            below = found.called.get(properties(relative).get(OURS + "child", ""), child) if found.measured else child
            edge = edge_of(relative, node.name, below, key == "ancestors", found.measured)
            if edge is None or node.name == below:
                continue
            if len(found.edges) >= MOST:
                raise InputError(f"the pedigree names more than the {MOST:,} ancestors that are read")
            measured = found.measured and OURS + "verdict" in properties(relative)
            found.nodes.setdefault(node.name, replace(node, label=measured and not edge.declared))
            found.edges.append(replace(edge, component=edge.component or part))
            found.state = ParentState.DECLARED if own and edge.declared else found.state
            yield relative, node.name


def _by_properties(component: Document, subject: str, found: _Found) -> None:
    """What properties say of a base model, where the pedigree says nothing."""
    for key, value in {
        **properties(mapping(component.get("modelCard"), "modelCard")),
        **properties(component),
    }.items():
        plain = "".join(ch for ch in key.rpartition(":")[2].lower() if ch.isalnum())
        if plain in _BASE and value:
            if withheld(value):
                found.state = ParentState.WITHHELD
                found.notes.append("A base model is stated and not named.")
            elif value != subject:
                parent = name(value, "a base model")
                found.nodes.setdefault(parent, Node(parent))
                words = f"The bill of materials names {parent} as base model."
                found.edges.append(Edge(parent, subject, EdgeKind.UNKNOWN, Standing.DECLARED, True, evidence=(words,)))
                found.state = ParentState.DECLARED
        elif (plain in _SCRATCH and value.lower() == "true") or (plain == "claim" and says_scratch(value)):
            found.state = ParentState.FROM_SCRATCH
            found.notes.append("The bill of materials says that it was trained from scratch.")


def _is_withheld(relative: Document, parent: str) -> bool:
    said = properties(relative)
    return withheld(parent) or any(withheld(v) for k, v in said.items() if k.rpartition(":")[2] in ("name", "identity"))


def _parts(document: Document, main: Document, inside: list[Document]) -> list[Document]:
    """Models inside of a model: nested in it, or components that it depends on."""
    nested = list(_models(objects(main.get("components"), "nested components", MOST_ELEMENTS)))
    own = text(main.get("bom-ref"), "a bom-ref")
    needed: set[str] = set()
    for entry in objects(document.get("dependencies"), "dependencies", MOST_ELEMENTS):
        if own and entry.get("ref") == own:
            needed |= {text(r, "a reference") for r in items(entry.get("dependsOn"), "dependsOn", MOST_ELEMENTS)}
    return [*nested, *(m for m in _models(inside) if text(m.get("bom-ref"), "a bom-ref") in needed)]


def _models(components: list[Document]) -> Iterator[Document]:
    """Components that are models, also those in components."""
    level, depth = components, 0
    while level:
        if depth > DEEPEST:
            raise InputError(f"components are nested deeper than the {DEEPEST} levels that are read")
        yield from (c for c in level if c.get("type") == MODEL)
        level = [n for c in level for n in objects(c.get("components"), "nested components", MOST_ELEMENTS)]
        depth += 1


def _service(service: Document) -> Chain:
    """An API product: its name and its provider."""
    subject = name(service.get("name"), "a service's name") or "a service"
    provider = text(mapping(service.get("provider"), "provider").get("name"), "a provider's name")
    return Chain(Node(subject, developer=provider), access=Access.DOCUMENTS)


def _node(component: Document) -> Node:
    """A component under its hub id where it has one, with the licences and the publisher that it states."""
    group, short = name(component.get("group"), "a group"), name(component.get("name"), "a component's name")
    purl = text(component.get("purl"), "a purl", limit=2_000)
    hub = purl.removeprefix("pkg:huggingface/").partition("?")[0].partition("@")[0]
    known = hub if purl.startswith("pkg:huggingface/") and 0 < len(hub) <= 300 else ""
    called = known or (f"{group}/{short}" if group and short else short) or "a model without a name"
    return Node(called, developer=_publisher(component), licences=tuple(_licences(component)))


def _called_in_bill(component: Document) -> str:
    group, short = text(component.get("group"), "a group"), text(component.get("name"), "a component's name")
    return f"{group}/{short}" if group else short


def _version(component: Document) -> str:
    version = text(component.get("version"), "a version")
    return version if len(version) == 40 and all(ch in "0123456789abcdef" for ch in version) else ""


def _publisher(component: Document) -> str:
    """Who publishes it, by its own words; :mod:`known` looks up who that is."""
    for key in ("supplier", "manufacturer"):
        if given := text(mapping(component.get(key), key).get("name"), f"{key}.name"):
            return given
    return text(component.get("publisher"), "a publisher")


def _licences(component: Document) -> Iterator[str]:
    for entry in objects(component.get("licenses"), "licenses"):
        licence = mapping(entry.get("license"), "a licence")
        if OURS + "inherited_from" in {**properties(entry), **properties(licence)}:
            continue  # an ancestor's licence, which is worked out anew
        for value in (licence.get("id"), licence.get("name"), entry.get("expression")):
            if said := text(value, "a licence"):
                yield said


def _by_forebear(metadata: Document) -> bool:
    """Whether Forebear wrote the bill, by its own words."""
    tools: Any = metadata.get("tools")
    listed = tools if isinstance(tools, list) else mapping(tools, "tools").get("components")
    return any(t.get("name") == "forebear" for t in objects(listed, "tools"))


READER = Reader("a CycloneDX bill of materials", lambda document: document.get("bomFormat") == "CycloneDX", read)
