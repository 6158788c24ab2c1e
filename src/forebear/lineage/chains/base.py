"""What every reader of documents has: one interface, and fields of strangers' JSON with their type checked.

A document says what it was written to say, by us or by anybody. So a field that is there has the type that it is
meant to have, lists have a length, and what is too long is refused and not cut: half of the ancestors would look like
a better answer than all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from forebear.errors import InputError, one_line
from forebear.lineage.chain import Chain, Edge, EdgeKind

Document = Mapping[str, Any]

MOST = 2_000
"""Entries of a list of ancestors, claims or identifiers."""
MOST_ELEMENTS = 200_000
"""Entries of a list that holds other things too: components of a bill of materials, elements of a graph."""
DEEPEST = 32
"""Levels of components in components, or ancestors of ancestors."""
SENTENCES = 8
"""Sentences that an edge keeps."""
NAME = 300
"""Characters of a name."""


@dataclass(frozen=True)
class Reader:
    """What makes chains of one kind of document.

    Attributes:
        kind: in words.
        handles: whether a document is of that kind; raises nothing.
        read: its chains, one per model that it is about; :class:`~forebear.errors.InputError` where it is damaged.
    """

    kind: str
    handles: Callable[[Document], bool]
    read: Callable[[Document], tuple[Chain, ...]]


def text(value: Any, where: str, limit: int = 600) -> str:
    """A text on one line, "" for null or a missing one."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InputError(f"{where} is not a text")
    return one_line(value, limit)


def name(value: Any, where: str) -> str:
    """A name; one that is too long is refused, since a shortened one could be another's."""
    found = text(value, where, NAME + 1)
    if len(found) > NAME:
        raise InputError(f"{where} is longer than {NAME} characters")
    return found


def mapping(value: Any, where: str) -> Document:
    """An object, empty for null or a missing one."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InputError(f"{where} is not an object")
    return value


def items(value: Any, where: str, most: int = MOST) -> list[Any]:
    """A list, empty for null or a missing one."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise InputError(f"{where} is not a list")
    if len(value) > most:
        raise InputError(f"{where} has {len(value):,} entries, more than the {most:,} that are read")
    return value


def objects(value: Any, where: str, most: int = MOST) -> list[Document]:
    """A list of objects."""
    return [mapping(item, f"an entry of {where}") for item in items(value, where, most)]


def number(value: Any, where: str) -> float | None:
    """A finite number, None for null or a missing one."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{where} is not a number")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise InputError(f"{where} is not a finite number")
    return found


def tail(value: Any, where: str) -> float | None:
    """The logarithm of a p-value, None for null or a missing one."""
    found = number(value, where)
    if found is not None and found > 0:
        raise InputError(f"{where} is above 0, and no logarithm of a p-value")
    return found


def sentences(given: Iterable[str]) -> tuple[str, ...]:
    """Evidence in words: each sentence once, and as many as an edge keeps."""
    return tuple(dict.fromkeys(s for s in given if s))[:SENTENCES]


def joined(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """Edges in their order, those between the same models about the same part made one.

    The strongest standing is kept, with the kind that is known and all evidence. A statement about weights and one
    about outputs stay two: a student may have been trained from its teacher's weights or from its answers.
    """
    found: dict[tuple[str, str, str, bool], Edge] = {}
    for edge in edges:
        key = (edge.parent, edge.child, edge.component, edge.kind.weights)
        found[key] = _both(found[key], edge) if key in found else edge
    return tuple(found.values())


def _both(one: Edge, other: Edge) -> Edge:
    first, second = (one, other) if one.standing.rank >= other.standing.rank else (other, one)
    tails = [p for p in (one.log10_p, other.log10_p) if p is not None]
    return replace(
        first,
        kind=first.kind if first.kind is not EdgeKind.UNKNOWN else second.kind,
        declared=one.declared or other.declared,
        contradicted=one.contradicted or other.contradicted,
        evidence=sentences((*first.evidence, *second.evidence)),
        log10_p=min(tails, default=None),
    )
