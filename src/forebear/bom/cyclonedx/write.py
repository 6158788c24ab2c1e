"""The document of a record.

What the standard leaves open is decided where it is written: ancestry and confidence in ``lineage``, energy in
``model``, countries in ``organisations``, claims in ``claims``, attribution in ``citations``. The document as a whole
is read back at the end, and what the record says besides becomes its properties (``properties``). What the proposed
lineage profile wants said comes last (``profile``): it repeats what the record says, in words of no tool's.
"""

from __future__ import annotations

import hashlib
import json
import uuid

from forebear.bom.cyclonedx.citations import citations, cited
from forebear.bom.cyclonedx.claims import declarations, remarks
from forebear.bom.cyclonedx.formulation import Places, formulation
from forebear.bom.cyclonedx.licences import licences
from forebear.bom.cyclonedx.lineage import pedigree, related
from forebear.bom.cyclonedx.model import measured_card, model_component
from forebear.bom.cyclonedx.organisations import organisations
from forebear.bom.cyclonedx.parts import dataset_component, file_component
from forebear.bom.cyclonedx.profile import say_lineage
from forebear.bom.cyclonedx.properties import as_properties, difference
from forebear.bom.cyclonedx.services import service
from forebear.bom.cyclonedx.subjects import record_of
from forebear.bom.cyclonedx.terms import MODEL, RECORD, TOOL, VERSIONS, Refs, is_time
from forebear.bom.cyclonedx.tree import Node, Trail
from forebear.bom.record import SCHEMA, Organisation, Record
from forebear.bom.values import GapState
from forebear.errors import UsageError
from forebear.types import Json

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://forebear.dev/bom")


def write(record: Record, version: str = "1.7") -> Json:
    """A record as CycloneDX; equal records give equal documents, also in the serial number.

    Args:
        record: what is known about a model.
        version: ``1.7`` or ``1.6``.

    Raises:
        UsageError: for any other version.
    """
    if version not in VERSIONS:
        raise UsageError(f"CycloneDX {version} is not written", f"use one of {', '.join(VERSIONS)}")
    document, files = _native(record, version)
    if version != "1.6":
        document["citations"] = citations(document, record, files)
    document["properties"] = as_properties([(RECORD, SCHEMA)])
    trail = Trail(document)
    root = Node(document, trail)
    before = record_of(
        root, Node(document["metadata"]["component"], trail, root, ("metadata", "component")), cited(root)
    )
    document["properties"] += as_properties(difference(before, record))
    say_lineage(document, record)
    document = {key: part for key, part in document.items() if part}
    content = json.dumps(document, sort_keys=True).encode()
    serial = uuid.uuid5(_NAMESPACE, hashlib.sha256(content).hexdigest())
    return {**_head(version), "serialNumber": serial.urn, "version": 1, **document}


def _head(version: str) -> Json:
    schema = f"http://cyclonedx.org/schema/bom-{version}.schema.json"
    return {"$schema": schema, "bomFormat": "CycloneDX", "specVersion": version}


def _native(record: Record, version: str) -> tuple[Json, dict[str, str]]:
    """All native parts, and the references of files by path."""
    trail, refs = Trail(), Refs()
    relatives = [refs.new("relative", r.name) for r in record.relatives]
    datasets = [refs.new("dataset", d.name) for d in record.datasets]
    files = [refs.new("file", f.path) for f in record.files]
    parts = [file_component(f, ref, version, trail) for f, ref in zip(record.files, files, strict=True)]
    parts += [dataset_component(d, ref, version, trail) for d, ref in zip(record.datasets, datasets, strict=True)]
    model = _model(record, version, relatives, datasets, trail)
    trail.refs.update((part["bom-ref"], part) for part in parts)
    trail.refs.update((ref, related(r)) for r, ref in zip(record.relatives, relatives, strict=True))
    models = {r.name: ref for r, ref in reversed(list(zip(record.relatives, relatives, strict=True)))}
    data = {d.name: ref for d, ref in reversed(list(zip(record.datasets, datasets, strict=True)))}
    services = [service(s, refs.new("service", s.name), trail) for s in record.services]
    held = [part["bom-ref"] for part in parts]
    document: Json = {
        "metadata": _metadata(record, model),
        "components": parts,
        "services": services,
        "dependencies": [
            {"ref": MODEL, **({"dependsOn": held} if held else {})},
            *({"ref": s["bom-ref"], "dependsOn": [MODEL]} for s in services),
        ],
        "compositions": _compositions(record, relatives + datasets),
        "annotations": remarks(record.findings, record.created, record.tool),
        "formulation": formulation(record.stages, Places(refs, models, data, trail)),
        "declarations": declarations(record.claims, record.tool),
    }
    return document, {f.path: ref for f, ref in reversed(list(zip(record.files, files, strict=True)))}


def _metadata(record: Record, model: Json) -> Json:
    tool = {"type": "application", "bom-ref": TOOL, "name": record.tool.name, "version": record.tool.version}
    return {
        **({"timestamp": record.created} if is_time(record.created) else {}),
        "lifecycles": [{"phase": "post-build"}],
        "tools": {"components": [tool]},
        **({"authors": [{"name": record.author}]} if record.author else {}),
        "component": model,
    }


def _model(record: Record, version: str, relatives: list[str], datasets: list[str], trail: Trail) -> Json:
    component = {
        **model_component(record.model, version, trail),
        **organisations(record.organisations, ""),
    }
    listed = licences(record.licences, version, trail)
    if listed:
        component["licenses"] = listed
    lineage = pedigree(record.relatives, relatives, version, trail)
    if record.notes:
        lineage["notes"] = record.notes
    if lineage:
        component["pedigree"] = lineage
    _of_relatives(lineage, record)
    card = measured_card(record.metrics, record.energy, trail)
    if datasets:
        card["modelParameters"] = {"datasets": [{"ref": ref} for ref in datasets]}
    for key, part in card.items():
        place = component.setdefault("modelCard", {}).setdefault(key, {})
        place.update(part)
    return component


def _of_relatives(lineage: Json, record: Record) -> None:
    """Who made the related models, into the first component of each name."""
    firms: dict[str, list[Organisation]] = {}
    for firm in record.organisations:
        firms.setdefault(firm.model, []).append(firm)
    holders = [lineage]
    for holder in holders:  # the list grows while it is walked
        for inside in (each for listed in holder.values() if isinstance(listed, list) for each in listed):
            name = f"{inside['group']}/{inside['name']}" if "group" in inside else inside["name"]
            inside.update(organisations(firms.pop(name, ()), name) if name else {})
            holders.append(inside.get("pedigree", {}))


def _compositions(record: Record, unexamined: list[str]) -> list[Json]:
    """What is known to be incomplete: nobody can list from files alone what went into a model."""
    withheld = any(gap.state is GapState.WITHHELD for gap in record.gaps)
    aggregate = "incomplete" if withheld or record.files else "unknown"
    lists: list[Json] = [{"bom-ref": "composition/model", "aggregate": aggregate, "dependencies": [MODEL]}]
    if unexamined:
        lists.append({"bom-ref": "composition/unexamined", "aggregate": "unknown", "assemblies": unexamined})
    return lists
