"""The header of a model card: keys that evidence or the card itself supports, and comments for all that is not settled.

Programs believe a card's header. So a base is a key only where its descent was measured, or where the card names it,
the weights bear it out and no other reference could stand in its place. It follows from the standing of the edges of
the chain, as licences and policies do. Keys and values are those of the hub
(https://huggingface.co/docs/hub/model-cards).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import yaml

from forebear.catalogue.licences import licence_named
from forebear.errors import one_line
from forebear.lineage.chain import Chain, Edge, EdgeKind, Standing
from forebear.lineage.chains.measured import Papers
from forebear.report.html.saved import line, objects, part
from forebear.report.page.words import STANDINGS

MOST = 10
"""Ancestors that are named."""
RELATIONS: Mapping[EdgeKind, str] = MappingProxyType(
    {
        EdgeKind.FINETUNE: "finetune",
        EdgeKind.RL: "finetune",
        EdgeKind.CONTINUED_PRETRAINING: "finetune",
        EdgeKind.QUANTIZED: "quantized",
        EdgeKind.MERGE: "merge",
        EdgeKind.ADAPTER: "adapter",
    }
)
"""Values of ``base_model_relation``; the hub has no word for any other kind."""
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*\Z", re.ASCII)


@dataclass(frozen=True)
class Header:
    """What goes into a card's header: ``keys`` as values, ``comments`` as lines of text without ``#``."""

    keys: Mapping[str, str | list[str]]
    comments: tuple[str, ...]

    def block(self) -> str:
        """The header as YAML between its two lines of dashes."""
        said = yaml.safe_dump(dict(self.keys), sort_keys=False, width=1_000) if self.keys else ""
        return "".join(("---\n", *(f"# {one_line(c, 400)}\n" for c in self.comments), said, "---\n"))


def header(document: Mapping[str, Any], chain: Chain, papers: Papers) -> Header:
    """The keys that the evidence or the card supports, and a comment for every ancestor that it does not suffice for.

    A base is a key where its descent is measured, or where the card names it, the weights are dependent and no other
    reference could stand in its place.
    """
    keys: dict[str, str | list[str]] = {}
    version, created = (line(document, key, 40) for key in ("forebear_version", "created"))
    comments = [f"Forebear {version}, {created}: keys to merge into the header of the card."]
    into = _into(chain)
    chosen = _chosen([e for e in into if _established(e, into, papers)])
    names = {edge.parent: _repository(edge, papers) for edge in chosen}
    if named := [name for name in names.values() if name]:
        keys["base_model"] = named[0] if len(named) == 1 else named
        kinds, stated = {RELATIONS.get(edge.kind, "") for edge in chosen}, _stated(chosen, papers)
        kind = kinds.pop() if len(kinds) == 1 else ""
        if kind and not (stated - {kind}):
            keys["base_model_relation"] = kind
        elif kind:
            comments.append(f"base_model_relation: the card says {_quoted(*sorted(stated))}, measured was {kind}")
        else:
            measured = ", ".join(sorted({edge.kind.value for edge in chosen}))
            comments.append(f"base_model_relation: {measured}, for which the hub has no word")
    for edge in into[:MOST]:
        if edge not in chosen:
            comments.append(f"base_model: not {_quoted(edge.parent)}, of which this is known: {_why_not(edge, into)}")
        elif not names[edge.parent]:
            comments.append(f"base_model: {_quoted(edge.parent)} is no name of a repository; give the one that it has")
    declared = line(part(document, "licence"), "declared", 200)
    if declared and objects(part(document, "licence"), "conflicts"):
        comments.append(f"license: {_quoted(declared)} is stated, and licences along the lineage conflict with it")
    elif declared:
        known = licence_named(declared)
        ids = known.hub_ids if known is not None else ()
        if ids:
            keys["license"] = declared.lower() if declared.lower() in ids else ids[0]
        else:
            comments.append(f"license: {_quoted(declared)} is stated, for which the hub has no value")
    return Header(keys, tuple(comments))


def _into(chain: Chain) -> list[Edge]:
    """Edges on which weights of a whole model came into this one, as far as the weights tell; papers alone do not."""
    found = [e for e in chain.edges if e.child == chain.subject.name and e.kind.weights and not e.component]
    return [e for e in found if e.standing not in (Standing.DECLARED, Standing.CATALOGUED)]


def _established(edge: Edge, into: list[Edge], papers: Papers) -> bool:
    if edge.standing is Standing.MEASURED:
        return True
    base = papers.naming(edge.parent)
    borne_out = edge.standing is Standing.PROBABLE and base is not None and not base.loaded
    return borne_out and not _rivals(edge, into)


def _rivals(edge: Edge, into: list[Edge]) -> bool:
    return any(e.parent != edge.parent and not (e.kind is edge.kind is EdgeKind.MERGE) for e in into)


def _chosen(established: list[Edge]) -> list[Edge]:
    """The parents of a merge; else one, that which the card names: which of several is nearest was not measured."""
    first = next((e for e in established if e.declared), established[0] if established else None)
    if first is None or first.kind is not EdgeKind.MERGE:
        return [first] if first is not None else []
    return [e for e in established if e.kind is EdgeKind.MERGE]


def _stated(edges: list[Edge], papers: Papers) -> set[str]:
    """What the card says of the relation with them."""
    bases = (papers.naming(edge.parent) for edge in edges)
    return {base.relation.strip().lower() for base in bases if base is not None and base.relation.strip()}


def _repository(edge: Edge, papers: Papers) -> str:
    """A reference as a repository of the hub, by the card's word where its name in the index is none; else ""."""
    base = papers.naming(edge.parent)
    for name in (edge.parent, base.name if base is not None else ""):
        plain = name.strip().removeprefix("hf:").partition("@")[0]
        if len(plain) <= 200 and _REPOSITORY.match(plain):
            return plain
    return ""


def _why_not(edge: Edge, into: list[Edge]) -> str:
    if edge.standing is Standing.MEASURED:
        return "an ancestor, but whether it is the nearest is not settled"
    if edge.declared and edge.standing is Standing.PROBABLE and _rivals(edge, into):
        return "the card names it and the weights are dependent, but another reference could stand in its place"
    return STANDINGS[edge.standing]


def _quoted(*names: str) -> str:
    """Names in a comment: in quotes and ASCII, so that none ends the line or turns the reading direction."""
    return ", ".join(json.dumps(one_line(name, 160)) for name in names)
