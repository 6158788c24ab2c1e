"""What rules can look at: the fields of the input, as its JSON Schema lists them.

The schema is the one list of fields; a path of a rule is looked up in it before anything is decided, so that a typo is
refused and no rule is silent for ever.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from forebear.errors import UsageError

ITEM = "item"
"""How expressions call the entry of the list that they are asked about."""
FORMAT = "forebear.policy-input/1"


class Kind(StrEnum):
    """What a field holds."""

    TEXT = "a text"
    NUMBER = "a number"
    FLAG = "true or false"
    TEXTS = "a list of texts"
    ENTRIES = "a list of entries"
    GROUP = "a group of fields"


@dataclass(frozen=True)
class Field:
    """A field of the input.

    Attributes:
        path: with dots; ``ancestors.standing`` for a field of the entries of a list.
        kind: what it holds.
        values: what a text, or each of several, can be; empty where it can be anything.
        ranks: the values from the weakest to the strongest, empty where they have no order.
        countries: it holds codes of countries.
        licences: it holds identifiers of licences, or ``whose: identifier``.
        nullable: it can be unknown.
    """

    path: str
    kind: Kind
    values: tuple[str, ...] = ()
    ranks: tuple[str, ...] = ()
    countries: bool = False
    licences: bool = False
    nullable: bool = False

    def fits(self, value: Any) -> bool:
        """Whether a value is one that it can hold."""
        if value is None:
            return self.nullable
        match self.kind:
            case Kind.FLAG:
                return isinstance(value, bool)
            case Kind.NUMBER:
                return isinstance(value, int | float) and not isinstance(value, bool)
            case Kind.TEXT:
                return isinstance(value, str) and (not self.values or value in self.values)
            case Kind.TEXTS:
                texts = isinstance(value, list) and all(isinstance(v, str) for v in value)
                return texts and (not self.values or set(value) <= set(self.values))
            case Kind.ENTRIES:
                return isinstance(value, list)
        return isinstance(value, dict)


@cache
def fields() -> Mapping[str, Field]:
    """Every field by its path."""
    text = (resources.files("forebear") / "data" / "schemas" / "policy-input.json").read_text("utf-8")
    out: dict[str, Field] = {}
    _collect(json.loads(text), "", out)
    return out


@lru_cache(maxsize=4096)
def field(path: str, entries: str = "") -> Field:
    """The field that a path of an expression means.

    Args:
        path: as written; ``item.…`` for a field of the entry at hand.
        entries: the list whose entry is at hand, "" for none.

    Raises:
        UsageError: there is none; the nearest is named.
    """
    first, _, rest = path.partition(".")
    if first == ITEM and not entries:
        raise UsageError(f"{path}: there is no entry at hand", "item.… belongs into each, some or every")
    full = f"{entries}.{rest}" if first == ITEM else path
    found = fields().get(full)
    inside = _list_of(full)
    if found is not None and (inside == "" or first == ITEM):
        return found
    if found is not None:
        raise UsageError(f"{path} is a field of every entry of {inside}", f"write {{some: {inside}, where: …}}")
    if inside and first != ITEM and (near := get_close_matches(full, _paths(inside), 1, 0.8)):
        one = f"{ITEM}{near[0][len(inside) :]}"
        raise UsageError(f"there is no field {path}", f"did you mean {one}, of each: {inside}?")
    known = _paths(entries if first == ITEM else "")
    shown = [f"{ITEM}{p[len(entries) :]}" for p in known] if first == ITEM else known
    raise UsageError(f"there is no field {path}", nearest(path, shown, "see docs/policy.md"))


def nearest(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Advice for a name that is not known: the nearest that is, else what the caller says, else what there is."""
    names = list(known)
    near = get_close_matches(name, names, 1, 0.4)
    return f"did you mean {near[0]}?" if near else otherwise or f"known: {', '.join(names)}"


@cache
def lists() -> tuple[str, ...]:
    """Lists of entries that ``each``, ``some`` and ``every`` can go through."""
    return tuple(p for p, f in fields().items() if f.kind is Kind.ENTRIES)


def _list_of(path: str) -> str:
    """The list inside whose entries a path lies, "" for none."""
    return next((name for name in lists() if path.startswith(f"{name}.")), "")


def _paths(entries: str) -> list[str]:
    return [p for p in fields() if _list_of(p) == entries]


def _collect(node: Mapping[str, Any], path: str, out: dict[str, Field]) -> None:
    if path:
        out[path] = _field(path, node)
    below = node.get("items", node)
    for name, child in below.get("properties", {}).items():
        _collect(child, f"{path}.{name}" if path else name, out)


def _field(path: str, node: Mapping[str, Any]) -> Field:
    kinds = {"number": Kind.NUMBER, "boolean": Kind.FLAG, "string": Kind.TEXT, "object": Kind.GROUP}
    given = node.get("type", "string")
    name = given if isinstance(given, str) else given[0]
    kind = kinds.get(name, Kind.TEXTS)
    if name == "array" and "properties" in node["items"]:
        kind = Kind.ENTRIES
    nullable = "null" in given if "type" in node else None in node.get("enum", ())
    values = [v for v in node.get("enum", node.get("x-values", ())) if v is not None]
    held = (bool(node.get("x-countries")), bool(node.get("x-licences")))
    return Field(path, kind, tuple(values), tuple(node.get("x-ranks", ())), *held, nullable)
