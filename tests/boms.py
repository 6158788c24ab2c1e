"""Checks bills of materials: the strict CycloneDX validator, and what a JSON Schema cannot see."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

REFERRING = ("ref", "attributedTo")
REFERRING_LISTS = ("dependsOn", "assemblies", "tools", "dependencies")


@functools.cache
def _validator(version: str) -> JsonStrictValidator:
    return JsonStrictValidator(SchemaVersion.from_version(version))  # compiling its schema takes seconds


def check_bom(document: dict[str, Any]) -> None:
    """Fail unless a document is valid CycloneDX, of the version that it states, and all in it leads somewhere."""
    text = json.dumps(document, ensure_ascii=False)
    text.encode("utf-8")  # no half characters
    error = _validator(document["specVersion"]).validate_str(text)
    assert error is None, str(error)[:2000]
    refs = list(_values(document, ("bom-ref",)))
    assert len(refs) == len(set(refs)), "a bom-ref occurs twice"
    used = set(_values(document, REFERRING)) | set(_listed(document))
    assert used <= set(refs), f"dangling: {used - set(refs)}"
    for citation in document.get("citations", ()):
        for pointer in citation["pointers"]:
            resolve(document, pointer)
    UUID(document["serialNumber"].removeprefix("urn:uuid:"))
    for string in _strings(document):
        assert string.isprintable(), repr(string)


def resolve(document: Any, pointer: str) -> Any:
    """The value at a JSON Pointer (RFC 6901); ``LookupError`` where there is none."""
    assert pointer.startswith("/")
    for part in pointer[1:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document


def said_by(document: dict[str, Any], ref: str) -> list[Any]:
    """The values that a bill of materials attributes to one of its objects."""
    found = [c for c in document["citations"] if c["attributedTo"] == ref]
    return [resolve(document, p) for c in found for p in c["pointers"]]


def properties(thing: dict[str, Any]) -> dict[str, str]:
    """Properties by name, without the namespace."""
    return {p["name"].removeprefix("forebear:"): p["value"] for p in thing.get("properties", ())}


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(item)


def _values(document: Any, keys: tuple[str, ...]) -> Iterator[str]:
    for item in _objects(document):
        yield from (item[k] for k in keys if isinstance(item.get(k), str))


def _listed(document: Any) -> Iterator[str]:
    for item in _objects(document):
        for key in REFERRING_LISTS:
            if isinstance(item.get(key), list):
                yield from (x for x in item[key] if isinstance(x, str))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
