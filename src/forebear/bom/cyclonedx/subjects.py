"""The record of one model of a document.

A document whose ``metadata.component`` is a model is about that model: its files, datasets, services, making, claims
and findings are the model's. Of any other model only what its own component says, or refers to, is.
"""

from __future__ import annotations

from forebear.bom.cyclonedx.citations import Cited, attributions_of, cited
from forebear.bom.cyclonedx.claims import claims_of, findings_of
from forebear.bom.cyclonedx.foreign import gaps_and_claims
from forebear.bom.cyclonedx.formulation import stages_of
from forebear.bom.cyclonedx.licences import licences_of
from forebear.bom.cyclonedx.lineage import relatives_of
from forebear.bom.cyclonedx.model import energy_of, metrics_of, model_of
from forebear.bom.cyclonedx.organisations import organisations_of
from forebear.bom.cyclonedx.parts import dataset_of, file_of, is_dataset
from forebear.bom.cyclonedx.properties import Fields, build
from forebear.bom.cyclonedx.services import services_of
from forebear.bom.cyclonedx.terms import MODEL_TYPE, name_of
from forebear.bom.cyclonedx.tree import NAME, Node
from forebear.bom.record import Model, Record
from forebear.bom.training import Dataset

_SOFTWARE_FREE = {"data", "file", MODEL_TYPE}


def records_of(document: Node) -> list[Record]:
    """One per model, the subject first; of a document about services alone one of them together."""
    subject = document.child("metadata", "component")
    models = _models(document, subject)
    if models:
        citations = cited(document)
        found = [record_of(document, node, citations, subject is not None and node is subject) for node in models]
    elif document.items("services") and _software_free(document):
        found = [_of_services(document, subject)]
    else:
        found = []
    return [record for record in found if record is not None]


def _models(document: Node, subject: Node | None) -> list[Node]:
    """Models among the components and inside of components; those of pedigrees are relatives, not subjects."""
    queue = [subject] if subject is not None else []
    queue += document.children("components")
    found = []
    for node in queue:  # the queue grows while it is walked
        if node.value.get("type") == MODEL_TYPE:
            node.see("type")
            found.append(node)
        queue += node.children("components")
    return found


def _software_free(document: Node) -> bool:
    kinds = [part.get("type") for part in document.items("components") if isinstance(part, dict)]
    return all(isinstance(kind, str) and kind in _SOFTWARE_FREE for kind in kinds)


def record_of(document: Node, model: Node, citations: Cited, whole: bool = True) -> Record | None:
    """The record of a model; ``whole`` where the document is about it."""
    own = document if whole else Node({}, document.trail, model)
    return build(Record, own, lambda _: {**_shared(document), **_of_model(document, model, citations, whole)})


def _of_services(document: Node, subject: Node | None) -> Record | None:
    services = services_of(document)
    if not services:
        return None
    model = model_of(subject) if subject is not None else None
    fields = {"model": model or Model(name=services[0].name), "services": services}
    return build(Record, document, lambda _: {**_shared(document), **fields})


def _shared(document: Node) -> Fields:
    metadata = document.child("metadata")
    if metadata is None:
        return {"created": "", "tool": {"name": "", "version": ""}}
    authors = [author.text("name", NAME) for author in metadata.children("authors")[:1]]
    return {"created": metadata.text("timestamp", NAME), "tool": _tool(metadata), "author": "".join(authors)}


def _tool(metadata: Node) -> Fields:
    """The first tool; until 1.4 they were a plain list."""
    if isinstance(metadata.value.get("tools"), list):
        listed = metadata.children("tools")
    else:
        tools = metadata.child("tools")
        listed = [*tools.children("components"), *tools.children("services")] if tools is not None else []
    if not listed:
        return {"name": "", "version": ""}
    return {"name": name_of(listed[0]), "version": listed[0].text("version", NAME)}


def _of_model(document: Node, model: Node, citations: Cited, whole: bool) -> Fields:
    relatives = relatives_of(model)
    firms = organisations_of(model, "")
    for relative, node in relatives:
        firms += organisations_of(node, relative.name)
    pedigree = model.child("pedigree")
    parts = model.children("components")
    if whole:
        parts = document.children("components") + parts
    files = [file_of(part) for part in parts if part.value.get("type") == "file"]
    fields: Fields = {
        "model": model_of(model),
        "attributions": attributions_of(citations, model),
        "files": [file for file in files if file is not None],
        "organisations": firms,
        "licences": licences_of(model),
        "relatives": [relative for relative, _ in relatives],
        "datasets": _datasets(model, parts),
        "metrics": metrics_of(model),
        "energy": energy_of(model),
        "notes": pedigree.long("notes") if pedigree is not None else "",
    }
    if whole:
        fields |= {
            "stages": stages_of(document),
            "services": services_of(document),
            "claims": claims_of(document),
            "findings": findings_of(document),
        }
    gaps, claims = gaps_and_claims(model)
    if gaps:
        fields["gaps"] = gaps
    if claims:
        fields["claims"] = [*fields.get("claims", ()), *claims]
    return fields


def _datasets(model: Node, parts: list[Node]) -> list[Dataset]:
    """Those among the model's parts, then those that its card refers to or describes itself."""
    nodes = [part for part in parts if is_dataset(part)]
    here = {id(node.value) for node in nodes}
    parameters = model.child("modelCard", "modelParameters")
    for entry in parameters.children("datasets") if parameters is not None else ():
        ref = entry.value.get("ref")
        target = entry.trail.refs.get(ref) if isinstance(ref, str) else None
        if target is None:
            nodes += [entry] if ref is None else []
        elif id(target) not in here and target.get("type") == "data":
            entry.see("ref")
            nodes.append(Node(target, entry.trail, entry, ("ref",)))
    found = [dataset_of(node) for node in nodes]
    return [dataset for dataset in found if dataset is not None]
