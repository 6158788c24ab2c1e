"""The JSON Schemas of every document, shipped with the package (JSON Schema draft 2020-12)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

from forebear.errors import one_line


def names() -> tuple[str, ...]:
    """Every schema: ``scan`` for ``forebear.scan/1``, …, and ``common`` that the others refer to."""
    folder = resources.files("forebear") / "data" / "schemas"
    return tuple(sorted(f.name.removesuffix(".json") for f in folder.iterdir() if f.name.endswith(".json")))


def schema(name: str) -> dict[str, Any]:
    """One schema by name; ``KeyError`` for an unknown one."""
    if name not in names():
        raise KeyError(name)
    text = (resources.files("forebear") / "data" / "schemas" / f"{name}.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


def wrong(document: Mapping[str, Any]) -> str | None:
    """What is wrong with a document by the schema that it names, the first thing only; None where nothing is."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError
    from referencing import Registry, Resource

    kind = str(document.get("schema")).removeprefix("forebear.").removesuffix("/1")
    if kind not in names():
        return f"schema: {one_line(str(document.get('schema')), 60)} is none that is known"
    pairs = [(f"https://forebear.dev/schemas/{name}.json", Resource.from_contents(schema(name))) for name in names()]
    registry: Registry[Any] = Registry().with_resources(pairs)
    found: ValidationError | None = next(
        Draft202012Validator(schema(kind), registry=registry).iter_errors(document), None
    )
    if found is None:
        return None
    place = "/".join(str(part) for part in found.absolute_path)
    return one_line(f"{place or 'the document'}: {found.message}", 300)
