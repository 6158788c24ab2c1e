"""SPDX 3.0.1 documents, ours and others', as records: one per model that the document is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from pydantic import ValidationError

from forebear.bom.reading import Document, Reading
from forebear.bom.record import Record
from forebear.bom.spdx import terms
from forebear.bom.spdx.entries import FIELDS, KINDS, Entries, Entry, creation_of, family_of, read_entries, valid
from forebear.bom.spdx.graph import Graph
from forebear.bom.spdx.lineage import Family
from forebear.bom.spdx.nodes import Node
from forebear.bom.spdx.profile import say_lineage
from forebear.bom.spdx.statements import Statements, foreign, statements
from forebear.bom.spdx.writer import annotate, compose, native
from forebear.bom.values import Value
from forebear.types import Json

NAME = "SPDX 3.0.1"
MOST = 1_000
"""Models of one document that get a record."""
_COLLECTIONS = ("SpdxDocument", "software_Sbom", "Bom", "Bundle")


def read(document: Document) -> Reading:
    """The models that a document is about: its root elements first, then all that are nobody's ancestor.

    A model that another was made from, or was compared with, is described in that other's record. Annotations by
    Forebear (:mod:`~forebear.bom.spdx.statements`) are read, but never against SPDX's own fields.

    Raises:
        InputError: the document holds nothing of SPDX.
    """
    graph = Graph(document)
    said = statements(graph)
    subjects = list(islice(_subjects(graph, said), MOST))
    if len(subjects) == MOST:
        graph.defect("", f"it is about many models; {MOST:,} are read")
    builds = _builds(graph, [model for model, _ in subjects])
    theirs = foreign(graph)
    records: list[Record] = []
    for model, family in subjects:
        graph.creation = creation_of(graph, model)
        found = read_entries(graph, model, family, builds[model.id], said, loose=not records)
        record, whole = _record(graph, found, said, theirs)
        if whole:
            return Reading(NAME, (record,), document)
        records.append(record)
    graph.give_back(_texts(graph, records))
    return Reading(NAME, tuple(records), document, graph.unread(), tuple(graph.defects))


def _subjects(graph: Graph, said: Statements) -> Iterator[tuple[Node, Family]]:
    """What records are about, with what is related to it; the first is what the document is about."""
    roots = _roots(graph)
    models = graph.of_kind(terms.MODEL)
    first = [n for n in models if not graph.going(n.id, "ancestorOf") and not graph.coming(n.id, "descendantOf")]
    described: set[str] = set()
    for node in [*roots.values(), *first, *models]:  # the last for cycles, where all are somebody's ancestor
        supports = graph.coming(node.id, "hasInput") or graph.going(node.id, "generates")
        if node.id not in described and (node.id in roots or not supports):
            family = family_of(graph, node, said)
            described.update((node.id, *family.packages))
            yield node, family


def _roots(graph: Graph) -> dict[str, Node]:
    """Models that the document names as its root elements, be it by way of a bill of materials, by id."""
    found: dict[str, Node] = {}
    seen: set[str] = set()
    waiting = graph.of_kind(*_COLLECTIONS)[::-1]
    while waiting:
        node = waiting.pop()
        if node.id in seen:
            continue
        seen.add(node.id)
        if node.kind == terms.MODEL:
            found[node.id] = node
        elif node.kind in _COLLECTIONS:
            inside = [(p, graph.at(p, value, take=False)) for p, value in node.values("rootElement")]
            known = [(p, each) for p, each in inside if each and each.kind in (terms.MODEL, *_COLLECTIONS)]
            graph.take_all(known)
            waiting += [each for _, each in reversed(known)]
            node.touch(typed=False)
    return found


def _builds(graph: Graph, models: Iterable[Node]) -> dict[str, list[Node]]:
    """Stages of each model: builds of it and of what went into them; others are of the first in their document."""
    owners: dict[str, list[Node]] = {}
    left = {node.id: node for node in graph.of_kind(terms.BUILD)}
    for model in models:
        waiting = [model.id]
        owners[model.id] = []
        while waiting and left:
            for made in graph.coming(waiting.pop(), "hasOutput"):
                node = left.pop(made.source, None)
                if node is not None:
                    owners[model.id].append(node)
                    waiting += [r.target for r in graph.going(node.id, "hasInput")]
    bases = {terms.family(key): key for key in reversed(owners)}
    for node in left.values() if owners else ():
        owners[bases.get(terms.family(node.id)) or next(iter(owners))].append(node)
    return {key: sorted(of, key=lambda node: node.place) for key, of in owners.items()}


def _record(graph: Graph, found: Entries, said: Statements, theirs: bool) -> tuple[Record, bool]:
    """A record, and whether it says all that the document does, in the same words: then the document is our own.

    Nobody asks that of a document that somebody else wrote (``theirs``).
    """
    says = _says(graph, found, said)
    record = _assemble(graph, found, says)
    if theirs or (not says and not found.by_kind["model"][0].subject.startswith(terms.OURS)):
        return record, False
    to = compose(record)
    again = native(to)
    conflicts = _drop_conflicts(graph, found, again, says)
    if conflicts:
        record = _assemble(graph, found, says)
    _confidences(graph, record, found, said)
    if conflicts:
        return record, False
    annotate(to, again)
    say_lineage(to)
    return record, to.document() == graph.document


Says = dict[tuple[str, str], dict[str, tuple[Any, str]]]
"""What statements say: by kind and subject, by field: a value, and where it stands."""


def _says(graph: Graph, found: Entries, said: Statements) -> Says:
    says: Says = {}
    for kind in found.by_kind.keys() & said.keys():
        fields = KINDS[kind].model_fields
        for entry in found.by_kind[kind]:
            for each in said[kind].get(entry.subject, ()):
                each.use(graph, *fields)
                known = {name: (value, each.pointer) for name, value in each.says.items() if name in fields}
                says.setdefault((kind, entry.subject), {}).update(known)
    return says


def _assemble(graph: Graph, found: Entries, says: Says) -> Record:
    values: dict[str, list[Value]] = {}
    for kind, of in found.by_kind.items():
        values[kind] = [_value(graph, kind, entry, says.get((kind, entry.subject), {})) for entry in of]
    parts: Json = {FIELDS[kind]: tuple(each) for kind, each in values.items() if kind in FIELDS}
    head = values["record"][0]
    return head.model_copy(update={**parts, "model": values["model"][0]})  # type: ignore[return-value]


def _value(graph: Graph, kind: str, entry: Entry, says: dict[str, tuple[Any, str]]) -> Value:
    """The value of an entry; what a statement says and no record can hold is told and left out."""
    of = KINDS[kind]
    fields = {"model": {"name": ""}, **entry.fields} if of is Record else entry.fields
    where = graph.nodes[entry.subject].pointer
    value = valid(of, fields, lambda problem: graph.defect(where, problem))
    needed = {name: getattr(value, name) for name, field in of.model_fields.items() if field.is_required()}
    for name, (said, pointer) in list(says.items()):
        try:
            part = of.model_validate({**needed, name: said})
        except ValidationError as error:
            graph.defect(pointer, f"{name}: {error.errors()[0]['msg']}")
            graph.taken.discard(pointer)
            del says[name]
        else:
            value = value.model_copy(update={name: getattr(part, name)})
    return value


def _drop_conflicts(graph: Graph, found: Entries, again: Entries, says: Says) -> bool:
    """Takes out what statements say against SPDX's own fields: written again, these would be others."""
    dropped = False
    for kind, of in found.by_kind.items():
        others = again.by_kind[kind] if len(of) == len(again.by_kind[kind]) else [Entry("", {})] * len(of)
        for entry, other in zip(of, others, strict=True):
            said = says.get((kind, entry.subject), {})
            for name in [n for n in said if entry.fields.get(n) != other.fields.get(n)]:
                pointer = said.pop(name)[1]
                graph.defect(pointer, f"what it says of {name} does not fit what SPDX's own fields say, which count")
                graph.taken.discard(pointer)
                dropped = True
    return dropped


def _confidences(graph: Graph, record: Record, found: Entries, said: Statements) -> None:
    """Holds the confidence that a statement tells against the one that follows from its observations."""
    for entry, relative in zip(found.by_kind["relative"], record.relatives, strict=True):
        follows = max((o.confidence for o in relative.observations), default=None)
        for each in said.get("relative", {}).get(entry.subject, ()):
            if each.confidence != follows:
                graph.defect(each.pointer, "its confidence is not the one that follows from its observations")


def _texts(graph: Graph, records: Iterable[Record]) -> str:
    """All texts of the records, where it matters."""
    found: list[str] = []
    waiting: list[Any] = [record.model_dump() for record in records] if graph.long else []
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict | tuple):
            waiting += value.values() if isinstance(value, dict) else value
    return "\n".join(found)
