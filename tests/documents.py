"""Checks documents against the shipped schemas."""

from __future__ import annotations

import functools
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from forebear.report.schemas import names, schema


@functools.cache
def registry() -> Registry[Any]:
    """Every shipped schema, for those that refer to one another."""
    pairs: list[tuple[str, Resource[Any]]] = [
        (f"https://forebear.dev/schemas/{name}.json", Resource.from_contents(schema(name))) for name in names()
    ]
    found: Registry[Any] = Registry().with_resources(pairs)
    return found


def check_document(document: dict[str, Any]) -> None:
    """Fail unless a document satisfies the schema that it names."""
    kind = document["schema"].removeprefix("forebear.").removesuffix("/1")
    Draft202012Validator(schema(kind), registry=registry()).validate(document)
