"""A record as an SPDX 3.0.1 document: SPDX's own fields first, then annotations for what they do not say."""

from __future__ import annotations

from forebear.bom.record import Record
from forebear.bom.spdx import lineage, making, packages, parts
from forebear.bom.spdx.elements import AUTHOR, Elements
from forebear.bom.spdx.entries import FIELDS, KINDS, Entries, family_of, read_entries
from forebear.bom.spdx.graph import Graph
from forebear.bom.spdx.profile import say_lineage
from forebear.bom.spdx.statements import differences, statements, text_of
from forebear.types import Json

PROFILES = {"simpleLicensing": "simplelicensing_", "ai": "ai_", "dataset": "dataset_", "build": "build_"}
"""Profiles by how the types of their elements begin; only those are named of which the document has an element."""
_REVIEWS = frozenset({"claims", "findings"})
_APART: Json = dict.fromkeys(FIELDS.values(), ())
_MARKED = frozenset({"organisation", "service", "dataset"})


def write(record: Record) -> Json:
    """The document; equal records give equal documents.

    It conforms to the official JSON Schema and SHACL shapes whatever the record holds. Whether it conforms to the prose
    of the AI profile (a supplier, a release time, ...) is for the record: what is not known is not made up.
    """
    elements = compose(record)
    annotate(elements, native(elements))
    say_lineage(elements)
    return elements.document()


def compose(record: Record) -> Elements:
    """Everything that SPDX has fields for."""
    to = Elements(record)
    agents = parts.write_organisations(to)
    model = packages.write_model(to, parts.agents(agents.get("", [])))
    to.stands_for("record", model, record)
    parts.write_licences(to, model)
    parts.write_files(to, model)
    models = lineage.write_relatives(to, model, agents)
    datasets = making.write_datasets(to, model, models)
    making.write_stages(to, model, models, datasets)
    parts.write_services(to, model)
    version = f"version {record.tool.version}" if record.tool.version else ""
    to.add("tool", "Tool", name=record.tool.name, summary=version)
    if record.author:
        to.add(AUTHOR, "Agent", name=record.author)
    else:
        to.add("writer", "SoftwareAgent", name=record.tool.name)
    bill = to.add("sbom", "software_Sbom", rootElement=[model], software_sbomType=["analyzed"])
    kinds = {str(node["type"]) for node in to.nodes.values()}
    used = [name for name, start in PROFILES.items() if any(kind.startswith(start) for kind in kinds)]
    named = ["core", "software", *used]
    to.add("document", "SpdxDocument", name=record.model.name, profileConformance=named, rootElement=[bill])
    return to


def native(to: Elements) -> Entries:
    """What a reader makes of these elements without annotations on single entries."""
    graph = Graph(to.document())
    builds = [graph.nodes[key] for key, _ in to.entries.get("stage", [])]
    said = statements(graph) | {kind: {key: [] for key, _ in to.entries.get(kind, [])} for kind in _MARKED}
    model = graph.nodes[to.entries["model"][0][0]]
    return read_entries(graph, model, family_of(graph, model, said), builds, said)


def annotate(to: Elements, said: Entries) -> None:
    """Says in annotations what ``said`` lacks or has otherwise."""
    for kind in KINDS:
        known = {entry.subject: entry for entry in said.by_kind[kind]}
        for key, value in to.entries.get(kind, []):
            if isinstance(value, Record):
                missing = differences(value.model_copy(update=_APART), {"model": value.model, **known[key].fields})
                for name in missing:
                    to.annotate(key, text_of(kind, {name: missing[name]}), name in _REVIEWS)
            elif (missing := differences(value, known[key].fields)) or known[key].marked:
                to.annotate(key, text_of(kind, missing, getattr(value, "observations", ())))
