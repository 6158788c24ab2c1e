"""What SPDX's own fields say of one model, by the element that an entry of the record stands for, without annotations.

The writer asks this of what it is about to write: whatever does not come out as the record has it goes into an
annotation. So nothing is said twice, and nothing is lost whatever the record holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field

from pydantic import ValidationError

from forebear.bom.record import File, Model, Organisation, Record, Relative, Service
from forebear.bom.spdx import making, packages, parts, terms
from forebear.bom.spdx.graph import Graph
from forebear.bom.spdx.lineage import Family, relatives_of
from forebear.bom.spdx.nodes import Node
from forebear.bom.spdx.statements import Statements
from forebear.bom.training import Dataset, Stage
from forebear.bom.values import Value
from forebear.types import Json

KINDS: dict[str, type[Value]] = {
    "model": Model,
    "record": Record,
    "file": File,
    "organisation": Organisation,
    "relative": Relative,
    "dataset": Dataset,
    "stage": Stage,
    "service": Service,
}
"""Kinds of entries, which are kinds of statements; those after ``record`` are lists of the record, in the plural."""
FIELDS = {kind: f"{kind}s" for kind in list(KINDS)[2:]}
"""Where the record has them."""


@dataclass
class Entry:
    """Fields of one value of the record.

    Attributes:
        subject: id of the element that it stands for (of a relationship for a relative).
        fields: by name.
        place: rank of the element.
        marked: only a statement makes it one.
    """

    subject: str
    fields: Json
    place: int = 0
    marked: bool = False


@dataclass
class Entries:
    """All entries of a record, by kind and in order."""

    by_kind: dict[str, list[Entry]] = field(default_factory=dict)


def family_of(graph: Graph, model: Node, said: Statements) -> Family:
    """What is related to a model; from here on its maker and time are the document's usual ones."""
    graph.creation = creation_of(graph, model)
    return relatives_of(graph, model, said.get("link", {}))


def read_entries(
    graph: Graph, model: Node, family: Family, builds: Iterable[Node], said: Statements, loose: bool = True
) -> Entries:
    """What SPDX's own fields say.

    Args:
        graph: the document.
        model: what the record is about.
        family: what is related to it.
        builds: its stages.
        said: statements, for what only these tell from others.
        loose: whether services, organisations and datasets that nothing connects with any model are its own.
    """
    own = packages.read_model(model)
    whole = {**packages.read_of_record(model), **_made(graph, model)}
    whole["licences"] = parts.licences_of(graph, model.id)
    files = parts.files_of(graph, model.id, said.get("files", {}))
    agents = parts.organisations_of(graph, model, "")
    for node in family.packages.values():
        for agent, fields in parts.organisations_of(graph, node, node.text("name")).items():
            agents.setdefault(agent, fields)
    found = {
        "file": _listed(graph, files),
        "organisation": _listed(graph, agents),
        "relative": [Entry(relation.node.id, fields, relation.place) for relation, fields in family.relatives],
        "dataset": _listed(graph, making.datasets_of(graph, model.id, list(files))),
        "stage": [Entry(node.id, making.stage(node, model.id), node.place) for node in builds],
        "service": [],
    }
    _mark(graph, found, said, terms.family(model.id), loose)
    head = {"model": [Entry(model.id, own)], "record": [Entry(model.id, whole)]}
    return Entries(head | found)


def _listed(graph: Graph, found: dict[str, Json]) -> list[Entry]:
    entries = [Entry(key, fields, graph.nodes[key].place) for key, fields in found.items()]
    return sorted(entries, key=lambda entry: entry.place)


def _mark(graph: Graph, found: dict[str, list[Entry]], said: Statements, base: str, loose: bool) -> None:
    """Elements that nothing but a statement makes an entry."""
    readers: dict[str, tuple[Callable[[Node], Json], Container[str], Json]] = {
        "organisation": (parts.organisation, terms.AGENTS, {"roles": []}),
        "service": (parts.service, {terms.PACKAGE}, {}),
        "dataset": (making.dataset, {terms.DATASET}, {"roles": []}),
    }
    for kind, (read, classes, more) in readers.items():
        known = {entry.subject for entry in found[kind]}
        for key in said.get(kind, {}):
            node, of = graph.nodes[key], terms.family(key)
            if key not in known and node.kind in classes and (of == base if of else loose):
                found[kind].append(Entry(node.id, {**read(node), **more}, node.place, marked=True))
        found[kind].sort(key=lambda entry: entry.place)


def creation_of(graph: Graph, model: Node) -> str:
    """Id of what says who made the model's element, and when; "" for none."""
    for pointer, value in model.values("creationInfo"):
        node = graph.at(pointer, value)
        if node is not None and node.kind == "CreationInfo":
            return node.id
        graph.defect(pointer, "creationInfo should be a CreationInfo")
    return ""


def _made(graph: Graph, model: Node) -> Json:
    node = graph.nodes.get(graph.creation)
    if node is None:
        return {"created": "", "tool": {"name": "", "version": ""}}
    node.touch()
    if not re.fullmatch(r"3\.0\.\d+", node.text("specVersion")):
        graph.defect(node.pointer, "specVersion should be 3.0.1")
    tool = {"name": "", "version": ""}
    for each in node.nodes("createdUsing", "Tool")[:1]:
        tool = {"name": each.text("name"), "version": each.text("summary").removeprefix("version ")}
    writers = [each for each in node.nodes("createdBy", *terms.AGENTS) if each.kind != "SoftwareAgent"]
    return {"created": node.text("created"), "tool": tool, "author": writers[0].text("name") if writers else ""}


def valid(kind: type[Value], fields: Json, complain: Callable[[str], None] = lambda _: None) -> Value:
    """A value from what SPDX's fields say; what no record can hold (a hash that is none) is left out, and told.

    Args:
        kind: of the value.
        fields: as read.
        complain: called with a line on what was left out.
    """
    fields = {key: list(value) if isinstance(value, list) else value for key, value in fields.items()}
    while True:
        try:
            return kind.model_validate(fields)
        except ValidationError as error:
            wrong = {(str(e["loc"][0]), *e["loc"][1:2]): e["msg"] for e in error.errors()}
            for (name, *inner), message in wrong.items():
                if fields.get(str(name)) is None:  # it has to be there, and was left out just now
                    fields[str(name)] = ""
                    continue
                complain(f"{name}: {message}")
                if inner and isinstance(inner[0], int) and isinstance(fields[str(name)], list):
                    fields[str(name)][inner[0]] = None
                else:
                    del fields[str(name)]
            fields = {k: [x for x in v if x is not None] if isinstance(v, list) else v for k, v in fields.items()}
