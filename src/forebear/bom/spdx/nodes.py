"""Objects of a JSON-LD document of SPDX 3: properties by the context's terms, with a pointer to every leaf.

Keys and values may be the context's terms, full IRIs or have the prefix ``spdx:``; ids may be called ``spdxId`` or
``@id``, types ``type`` or ``@type``; a single value may be a list of one, or in JSON-LD's ``@value``. Whatever is asked
of a node marks the leaf that answers as read (:attr:`forebear.bom.spdx.graph.Graph.taken`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from forebear.bom.reading import Document
from forebear.bom.spdx.terms import TERMS
from forebear.errors import one_line

if TYPE_CHECKING:
    from forebear.bom.spdx.graph import Graph

_PREFIXES = {"Core": "", "SimpleLicensing": "simplelicensing_", "ExpandedLicensing": "expandedlicensing_"}


def term(word: str) -> str:
    """The context's term for a key, a type or an enumerated value that may be written as an IRI."""
    if word.startswith("spdx:"):
        word = TERMS + word[5:]
    if "/terms/" not in word or not word.startswith("https://spdx.org/rdf/3"):
        return word
    space, _, rest = word.partition("/terms/")[2].partition("/")
    short = rest.rpartition("/")[2]
    return short if "/" in rest else _PREFIXES.get(space, space.lower() + "_") + short


@dataclass(eq=False)
class Node:
    """One object of the document.

    Attributes:
        id: as the document calls it, or one made from its place.
        kind: its type, as the context's term.
        pointer: where it stands.
        place: its rank among all nodes.
    """

    graph: Graph = field(repr=False)
    raw: Document = field(repr=False)
    pointer: str
    id: str
    id_key: str
    place: int = 0
    kind: str = field(init=False)
    _keys: dict[str, str] = field(init=False, repr=False)
    _touched: str | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self._keys = {term(key): key for key in self.raw if ":" in key}
        types = self.values("type") or self.values("@type")
        self.kind = next((term(value) for _, value in types if isinstance(value, str)), "")

    def values(self, key: str) -> list[tuple[str, Any]]:
        """Pointers and values of a property, whatever they are, none of them marked as read."""
        raw = key if key in self.raw else self._keys.get(key)
        if raw is None:
            return []
        value = self.raw[raw]
        pointer = f"{self.pointer}/{escape(raw)}" if raw in self._keys.values() else f"{self.pointer}/{raw}"
        return [(pointer, value)] if isinstance(value, str) else list(_items(value, pointer))

    def texts(self, key: str) -> list[str]:
        """All texts of a property; what is none is a defect."""
        found = []
        for pointer, value in self.values(key):
            if isinstance(value, str):
                self.graph.take(pointer, value)
                found.append(value)
            else:
                self.graph.defect(pointer, f"{key} should be a text")
        return found

    def text(self, key: str) -> str:
        """The text of a property, "" without one; of several the first, the others stay unread."""
        values = self.values(key)
        if values and isinstance(values[0][1], str):
            self.graph.take(values[0][0], values[0][1])
            return values[0][1]
        if values:
            self.graph.defect(values[0][0], f"{key} should be a text")
        return ""

    def word(self, key: str, allowed: Iterable[str]) -> str:
        """An enumerated value as the context's term, "" where there is none or it is not allowed (a defect)."""
        values = self.values(key)
        if not values:
            return ""
        pointer, value = values[0]
        if isinstance(value, str) and term(value) in allowed:
            self.graph.take(pointer)
            return term(value)
        shown = one_line(value, 60) if isinstance(value, str) else "what it is"
        self.graph.defect(pointer, f"{shown} is no value that {key} may have")
        return ""

    def nodes(self, key: str, *kinds: str) -> list[Node]:
        """The objects of a property: written in place, or referred to; others than ``kinds`` are defects."""
        found = []
        for pointer, value in self.values(key):
            node = self.graph.at(pointer, value)
            if node is None:
                continue
            if kinds and node.kind not in kinds:
                self.graph.defect(pointer, f"{key} should be {' or '.join(kinds)}")
            else:
                node.touch()
                found.append(node)
        return found

    def touch(self, typed: bool = True) -> None:
        """Marks as read that the node is there: its type, and who made it and when if the model's has the same."""
        if self._touched == self.graph.creation:
            return
        self._touched = self.graph.creation
        if typed:
            self.graph.take_all(self.values("type") or self.values("@type"))
        for pointer, value in self.values("creationInfo"):
            node = self.graph.at(pointer, value, take=False)
            if node is not None and node.id == self.graph.creation:
                self.graph.take(pointer)
                if value is not node.raw:
                    node.take_id()

    def take_id(self) -> None:
        """Marks its id as read: something that is read refers to it."""
        if self.id_key:
            self.graph.take(f"{self.pointer}/{self.id_key}")

    def give_back(self, *keys: str) -> None:
        """Marks properties as unread: they say nothing that gets into a record."""
        for key in keys:
            self.graph.taken.difference_update(pointer for pointer, _ in self.values(key))


@dataclass(eq=False)
class Relation:
    """One element that another is related to: a relationship with several is several of these."""

    node: Node
    kind: str
    source: str
    target: str
    pointer: str

    @property
    def place(self) -> int:
        """Rank among all nodes."""
        return self.node.place

    def use(self) -> None:
        """Marks as read: both ends, the type."""
        graph = self.node.graph
        self.node.touch(self.node.kind == "Relationship")
        graph.take_all(self.node.values("relationshipType") + self.node.values("from"))
        graph.take(self.pointer)
        for end in (self.source, self.target):
            if end in graph.nodes:
                graph.nodes[end].take_id()
        if any(value == "noAssertion" for _, value in self.node.values("completeness")):
            graph.take_all(self.node.values("completeness"))


def leaves(document: Any, only: str = "") -> Iterator[tuple[str, Any]]:
    """Pointers and values of everything in a document that is neither an object nor a list.

    Args:
        document: JSON.
        only: a key of the document: nothing outside of it.
    """
    start = [(f"/{only}", document.get(only))] if only else [("", document)]
    stack: list[tuple[str, Any]] = start
    while stack:
        pointer, value = stack.pop()
        if isinstance(value, dict):
            stack.extend((f"{pointer}/{escape(str(key))}", value[key]) for key in reversed(list(value)))
        elif isinstance(value, list):
            stack.extend((f"{pointer}/{k}", value[k]) for k in range(len(value) - 1, -1, -1))
        else:
            yield pointer, value


def _items(value: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    """Values of a property: one or a list, each in JSON-LD's ``@value`` or not."""
    if value is None:
        return
    several = [(f"{pointer}/{k}", v) for k, v in enumerate(value)] if isinstance(value, list) else [(pointer, value)]
    for where, item in several:
        if isinstance(item, dict) and "@value" in item:
            yield f"{where}/@value", item["@value"]
        elif isinstance(item, dict) and len(item) == 1 and isinstance(item.get("@id"), str):
            yield f"{where}/@id", item["@id"]
        else:
            yield where, item


def escape(key: str) -> str:
    """A key as it stands in a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")
