"""Help for tests of documents: leaves, pointers, references, and records of a few lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from forebear.bom.record import Model, Record
from forebear.bom.schemas import pointer

CREATED = "2026-01-02T03:04:05Z"
SAID = ("attributedTo", "assessor", "target", "ref")
LISTS = ("dependsOn", "subjects", "dependencies", "assemblies", "tools", "claims", "counterClaims", "counterEvidence")


def record(**fields: Any) -> Record:
    """A record of a model ``org/model``."""
    return Record.model_validate({"model": Model(name="org/model"), "created": CREATED, **fields})


def leaves(document: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Path and value of every scalar and every empty container."""
    stack: list[tuple[Any, tuple[str | int, ...]]] = [(document, ())]
    while stack:
        place, path = stack.pop()
        for key, item in place.items() if isinstance(place, dict) else enumerate(place):
            if isinstance(item, dict | list) and item:
                stack.append((item, (*path, key)))
            else:
                yield (*path, key), item


def at(document: Any, where: str) -> Any:
    """What a JSON pointer points to."""
    for part in where.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document


def put(document: Any, path: tuple[str | int, ...], value: Any) -> None:
    """Another value in the place of a leaf."""
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = value


def references(document: Any) -> Iterator[str]:
    """Every reference to a ``bom-ref`` that we write."""
    for path, value in leaves(document):
        inside = len(path) > 1 and isinstance(path[-1], int) and path[-2] in LISTS
        listed = inside or (len(path) > 2 and path[-2] == "evidence" and path[-4:-3] == ("claims",))
        if isinstance(value, str) and (path[-1] in SAID or listed):
            yield value


def refs(document: Any) -> list[str]:
    """Every ``bom-ref``."""
    return [value for path, value in leaves(document) if path[-1] == "bom-ref"]


def properties(holder: Any) -> dict[str, str | None]:
    """The ``forebear:`` properties of an object."""
    listed = holder.get("properties", ())
    return {p["name"].removeprefix("forebear:"): p.get("value") for p in listed if p["name"].startswith("forebear:")}


def pointers(document: Any) -> set[str]:
    """The pointers of all leaves."""
    return {pointer(path) for path, _ in leaves(document)}
