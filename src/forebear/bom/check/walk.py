"""Going through a document of a stranger: every object, leaf and reference with its JSON pointer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_MISSING = object()
Things = Sequence[tuple[Mapping[str, Any], str]]
"""Every object of a document with its pointer: found once, looked at by every check."""


def step(pointer: str, key: str | int) -> str:
    """The pointer (RFC 6901) to a member of what a pointer leads to."""
    text = str(key)
    if "~" in text or "/" in text:
        text = text.replace("~", "~0").replace("/", "~1")
    return f"{pointer}/{text}"


def members(value: Any, pointer: str) -> Iterator[tuple[str | int, Any, str]]:
    """Key, value and pointer of every member of an object or list; nothing for anything else."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield key, item, step(pointer, key)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield number, item, f"{pointer}/{number}"


def objects(document: Any, pointer: str = "") -> Iterator[tuple[Mapping[str, Any], str]]:
    """Every object of a JSON document with its pointer, in the document's order."""
    waiting: list[tuple[Any, str]] = [(document, pointer)] if isinstance(document, dict | list) else []
    while waiting:
        value, here = waiting.pop()
        if isinstance(value, dict):
            yield value, here
            below = [(v, step(here, k)) for k, v in value.items() if isinstance(v, dict | list)]
        else:
            below = [(v, f"{here}/{k}") for k, v in enumerate(value) if isinstance(v, dict | list)]
        waiting.extend(reversed(below))


def leaves(document: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    """Pointer and value of everything that has no members; empty objects and lists are leaves."""
    waiting: list[tuple[Any, str]] = [(document, pointer)]
    while waiting:
        value, here = waiting.pop()
        if isinstance(value, Mapping | list) and value:
            waiting.extend(reversed([(item, path) for _, item, path in members(value, here)]))
        else:
            yield here, value


def resolves(document: Any, pointer: str) -> bool:
    """Whether a JSON pointer leads somewhere in a document."""
    return at(document, pointer, _MISSING) is not _MISSING


def at(document: Any, pointer: str, default: Any = None) -> Any:
    """What a JSON pointer leads to; the default where it leads nowhere or is none."""
    if pointer and not pointer.startswith("/"):
        return default
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, Mapping) and key in document:
            document = document[key]
        elif isinstance(document, list) and key.isascii() and key.isdigit() and int(key[:9]) < len(document):
            document = document[int(key[:9])]
        else:
            return default
    return document


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list; nothing where it is none."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def cycle(edges: Mapping[str, list[str]]) -> list[str]:
    """One cycle of a directed graph, first node repeated at the end; empty where there is none."""
    done: set[str] = set()
    for root in edges:
        path: list[str] = []
        on_path: set[str] = set()
        waiting: list[tuple[str, bool]] = [(root, False)]
        while waiting:
            node, leaving = waiting.pop()
            if leaving:
                path.pop()
                on_path.discard(node)
                done.add(node)
            elif node in on_path:
                return [*path[path.index(node) :], node]
            elif node not in done:
                path.append(node)
                on_path.add(node)
                waiting.append((node, True))
                waiting.extend((below, False) for below in edges.get(node, ()))
    return []
