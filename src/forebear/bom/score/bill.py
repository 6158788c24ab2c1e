"""What profiles ask about the document itself: author, tool, time, format, signature, dependencies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from forebear.bom.reading import Document, Reading
from forebear.bom.values import Name, Value

MOST = 10_000
_LINKS = ("dependsOn", "contains", "hasDataFile", "ancestorOf", "descendantOf", "trainedOn", "hasInput")


class Bill(Value):
    """The document behind a record.

    Attributes:
        format, format_version: ``CycloneDX``, ``1.7``.
        version: of the bill itself, ``3``; only CycloneDX has a field for it.
        authors: who answers for it: persons or firms, never the program that wrote it.
        tools, tool_versions: programs that wrote it, and the versions of those that state one.
        timestamp: when.
        context: at which point of the life cycle it was made.
        signature: ``enveloped`` where it holds one, ``detached`` where one beside it was verified.
        dependencies: ``stated`` where it says what depends on what.
    """

    format: Name = ""
    format_version: Name = ""
    version: Name = ""
    authors: tuple[Name, ...] = ()
    tools: tuple[Name, ...] = ()
    tool_versions: tuple[Name, ...] = ()
    timestamp: Name = ""
    context: tuple[Name, ...] = ()
    signature: Name = ""
    dependencies: Name = ""


def bill_of(reading: Reading) -> Bill:
    """The facts of a document in either format; parts of the wrong type count as absent."""
    name, _, version = reading.format.partition(" ")
    facts = _spdx(reading.document) if name == "SPDX" else _cyclonedx(reading.document)
    return Bill(format=name, format_version=version, **facts)


def _cyclonedx(document: Document) -> dict[str, Any]:
    metadata = _mapping(document.get("metadata"))
    tools = metadata.get("tools")
    listed = tools if isinstance(tools, list) else [*_items(tools, "components"), *_items(tools, "services")]
    authors = [*_items(metadata, "authors"), metadata.get("manufacturer"), metadata.get("manufacture")]
    authors.append(metadata.get("supplier"))
    phases = (_mapping(entry) for entry in _items(metadata, "lifecycles"))
    depends = any(_mapping(entry).get("dependsOn") for entry in _items(document, "dependencies"))
    version = document.get("version")
    return {
        "version": str(version) if type(version) is int and 0 < version < 10**9 else "",
        "authors": _named(authors),
        "tools": _named(listed),
        "tool_versions": tuple(_texts(_mapping(tool).get("version") for tool in listed)),
        "timestamp": _text(metadata.get("timestamp")),
        "context": tuple(_texts(phase.get("phase") or phase.get("name") for phase in phases)),
        "signature": "enveloped" if document.get("signature") else "",
        "dependencies": "stated" if depends else "",
    }


def _spdx(document: Document) -> dict[str, Any]:
    graph = [_mapping(element) for element in _items(document, "@graph")]
    by_id = {str(e.get("spdxId") or e.get("@id")): e for e in graph}
    creation = next((e for e in graph if e.get("type") == "CreationInfo"), {})
    named: dict[str, tuple[str, ...]] = {}
    for key in ("createdBy", "createdUsing"):
        given = creation.get(key)
        ends = [given] if isinstance(given, str) else given if isinstance(given, list) else []
        agents = (by_id.get(str(end), {}) for end in ends[:MOST])
        named[key] = _named(a for a in agents if key != "createdBy" or a.get("type") != "SoftwareAgent")
    boms = (e.get("software_sbomType") for e in graph if e.get("type") == "software_Sbom")
    links = {_text(e.get("relationshipType")) for e in graph if str(e.get("type", "")).endswith("Relationship")}
    return {
        "authors": named["createdBy"],
        "tools": named["createdUsing"],
        "timestamp": _text(creation.get("created")),
        "context": tuple(_texts(kind for kinds in boms if isinstance(kinds, list) for kind in kinds)),
        "dependencies": "stated" if links & set(_LINKS) else "",
    }


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _items(value: Any, key: str) -> list[Any]:
    given = _mapping(value).get(key)
    return given[:MOST] if isinstance(given, list) else []


def _named(entries: Any) -> tuple[str, ...]:
    return tuple(_texts(_mapping(entry).get("name") for entry in entries))


def _texts(values: Any) -> Iterator[str]:
    return (text for value in values if (text := _text(value)))


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
