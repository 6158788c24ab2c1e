"""The JSON Schemas of every document, shipped with the package (JSON Schema draft 2020-12)."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any


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
