"""What a model consists of and is trained on: files and datasets as components."""

from __future__ import annotations

from forebear.bom.cyclonedx.licences import hashes, hashes_of, plain_licences, plain_licences_of
from forebear.bom.cyclonedx.properties import Fields, build, complete
from forebear.bom.cyclonedx.terms import is_address, name_of, named, without_empty
from forebear.bom.cyclonedx.tree import NAME, PATH, Node, Trail
from forebear.bom.record import File
from forebear.bom.training import Dataset
from forebear.types import Json


def file_component(file: File, ref: str, version: str, trail: Trail) -> Json:
    """A file: its path is the name."""
    native: Json = {"type": "file", "bom-ref": ref, "name": file.path}
    listed = hashes(file.hashes, version)
    return complete(file, native | ({"hashes": listed} if listed else {}), _file, trail)


def file_of(node: Node) -> File | None:
    """The file that a component of type ``file`` is."""
    return build(File, node, _file)


def _file(node: Node) -> Fields:
    node.see("type")
    return {"path": node.text("name", PATH), "hashes": hashes_of(node)}


def dataset_component(dataset: Dataset, ref: str, version: str, trail: Trail) -> Json:
    """A dataset: a component of type ``data`` with one entry that says what it contains."""
    contents = {"url": dataset.url} if is_address(dataset.url) else {}
    entry = {"type": "dataset", "name": dataset.name, "contents": contents}
    head = {"type": "data", "bom-ref": ref, **named(dataset.name)}
    native = without_empty(
        {
            "version": dataset.version,
            "description": dataset.description,
            "supplier": {"name": dataset.supplier} if dataset.supplier else {},
            "licenses": plain_licences([dataset.licence], version) if dataset.licence else [],
            "data": [without_empty(entry)],
        }
    )
    return complete(dataset, head | native, _dataset, trail)


def dataset_of(node: Node) -> Dataset | None:
    """The dataset that a component of type ``data``, or an entry of a model card's datasets, is."""
    return build(Dataset, node, _dataset if "data" in node.value or "bom-ref" in node.value else _entry)


def is_dataset(node: Node) -> bool:
    """Whether a component is data, and not code, configuration or definitions alone."""
    kinds = [entry.get("type") for entry in node.items("data") if isinstance(entry, dict)]
    return node.value.get("type") == "data" and (not kinds or "dataset" in kinds)


def _dataset(node: Node) -> Fields:
    if node.value.get("type") == "data":
        node.see("type")
    supplier = node.child("supplier")
    licences = plain_licences_of(node) if len(node.items("licenses")) == 1 else []
    fields: Fields = {
        "name": name_of(node),
        "version": node.text("version", NAME),
        "description": node.text("description"),
        "supplier": supplier.text("name", NAME) if supplier is not None else "",
        "licence": licences[0] if licences else "",
    }
    entry = next((e for e in node.children("data") if e.value.get("type") == "dataset"), None)
    if entry is not None:
        entry.see("type")
        fields["url"] = _url(entry)
        fields["description"] = fields["description"] or entry.text("description")
    return fields


def _entry(node: Node) -> Fields:
    return {"name": node.text("name", NAME), "url": _url(node), "description": node.text("description")}


def _url(entry: Node) -> str:
    contents = entry.child("contents")
    return contents.text("url") if contents is not None else ""
