"""A JSON-LD document of SPDX 3 as nodes and relationships, and an account of which of its leaves have been read.

There is no JSON-LD processor here, and nothing is fetched: the forms in which SPDX documents are found are few. Keys
and values may be the context's terms, full IRIs or have the prefix ``spdx:``; ids may be called ``spdxId`` or ``@id``,
types ``type`` or ``@type``; a node may stand in ``@graph``, inside of another node, or be the document; a single value
may be a list of one. Whatever is asked of a node marks the leaf that answers as read (:attr:`Graph.taken`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from forebear.bom.reading import Document
from forebear.bom.spdx.terms import CONTEXT, OURS, RELATIONSHIPS, TERMS, UNSTATED
from forebear.errors import InputError, one_line

SHORT = 300
"""A text of this length gets whole into every field of a record."""
DEFECTS = 200
"""Defects that are told; a document with more is damaged all over."""
_PREFIXES = {"Core": "", "SimpleLicensing": "simplelicensing_", "ExpandedLicensing": "expandedlicensing_"}


_CONTEXT = re.compile(re.escape(TERMS.removesuffix("3.0.1/terms/")) + r"3\.0\.\d+/(spdx-context\.jsonld|terms/\S*)")
_LISTED = ("https://spdx.org/licenses/", "http://spdx.org/licenses/")


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

    @cached_property
    def _keys(self) -> dict[str, str]:
        return {term(key): key for key in reversed(list(self.raw)) if isinstance(key, str)}

    @cached_property
    def kind(self) -> str:
        """Type, "" where it has none."""
        for key in ("type", "@type"):
            for _, value in _items(self.raw.get(key), ""):
                if isinstance(value, str):
                    return term(value)
        return ""

    def values(self, key: str) -> list[tuple[str, Any]]:
        """Pointers and values of a property, whatever they are, none of them marked as read."""
        raw = self._keys.get(key)
        return [] if raw is None else list(_items(self.raw[raw], f"{self.pointer}/{_escape(raw)}"))

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
        self.graph.defect(pointer, f"{one_line(str(value)[:200], 60)} is no value that {key} may have")
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


class Graph:
    """The document: its nodes by id, relations by their ends, leaves that were read, and defects.

    Raises:
        InputError: neither the document nor its ``@graph`` holds an object of SPDX.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self.taken: set[str] = set()
        self.defects: list[str] = []
        self.long: dict[str, str] = {}
        self.nodes: dict[str, Node] = {}
        self.creation = ""
        self._walk()
        maps = (value for n in self.nodes.values() for _, value in n.values("externalSpdxId"))
        self._elsewhere = {value for value in maps if isinstance(value, str)}
        if not any(node.kind for node in self.nodes.values()):
            raise InputError("this SPDX document describes nothing: it has no @graph with typed objects")
        self._rank()
        self._context()

    def _context(self) -> None:
        """Of the context it is read that it is SPDX's; what others define beside it is not."""
        if "@context" not in self.document:
            return
        known = [p for p, v in leaves(self.document, "@context") if isinstance(v, str) and _CONTEXT.fullmatch(v)]
        self.take_all((pointer, None) for pointer in known)
        if not known:
            self.defect("/@context", f"this is not the context of SPDX 3.0.1, {CONTEXT}")

    def _walk(self) -> None:
        stack: list[tuple[str, Any]] = [("", self.document)]
        while stack:
            pointer, value = stack.pop()
            if isinstance(value, list):
                stack.extend((f"{pointer}/{k}", item) for k, item in reversed(list(enumerate(value))))
            elif isinstance(value, dict) and isinstance(value.get("@value"), str | int | float):
                continue
            elif isinstance(value, dict):
                if (pointer or "@graph" not in value) and len(value) > ("@id" in value):
                    self._add(pointer, value)
                inner = ((k, v) for k, v in reversed(list(value.items())) if k != "@context")
                stack.extend((f"{pointer}/{_escape(str(k))}", v) for k, v in inner if isinstance(v, dict | list))

    def _add(self, pointer: str, raw: Document) -> None:
        key = next((k for k in ("spdxId", "@id") if isinstance(raw.get(k), str)), "")
        name = raw[key] if key else f"_:{pointer}"
        if name in self.nodes:
            self.defect(f"{pointer}/{key}", f"a second element has the id {one_line(name, 80)}; it is not read")
            name = f"_:{pointer}"
        self.nodes[name] = Node(self, raw, pointer, name, key, len(self.nodes))

    def _rank(self) -> None:
        """Elements of our own documents are in the order of their ids, whoever sorted them since."""
        ours = sorted(name for name in self.nodes if name.startswith(OURS))
        for place, name in enumerate(ours):
            self.nodes[name].place = place - len(ours)

    @cached_property
    def relations(self) -> tuple[dict[str, list[Relation]], dict[str, list[Relation]]]:
        """Relations by their source, and by their target, each in order."""
        by_source, by_target = defaultdict(list), defaultdict(list)
        for node in sorted(self.nodes.values(), key=lambda n: n.place):
            if node.kind not in RELATIONSHIPS:
                continue
            ends = node.values("from")
            kinds = [term(v) for _, v in node.values("relationshipType") if isinstance(v, str)]
            source = self.name(*ends[0]) if ends else ""
            if not source or not kinds:
                self.defect(node.pointer, "a relationship needs from, to and a type")
                continue
            for pointer, value in node.values("to"):
                relation = Relation(node, kinds[0], source, self.name(pointer, value), pointer)
                by_source[source].append(relation)
                by_target[relation.target].append(relation)
                if relation.target not in self.nodes and not self._outside(relation.target):
                    self.defect(pointer, f"nothing here has the id {one_line(relation.target, 80)}")
            if source not in self.nodes and not self._outside(source):
                self.defect(ends[0][0], f"nothing here has the id {one_line(source, 80)}")
        return by_source, by_target

    @cached_property
    def ancestries(self) -> frozenset[tuple[str, str]]:
        """Older and younger end of every ``ancestorOf``."""
        each = (r for relations in self.relations[0].values() for r in relations)
        return frozenset((r.source, r.target) for r in each if r.kind == "ancestorOf")

    def going(self, source: str, *kinds: str) -> list[Relation]:
        """Relations from an element, in order."""
        return [r for r in self.relations[0].get(source, ()) if r.kind in kinds]

    def coming(self, target: str, *kinds: str) -> list[Relation]:
        """Relations to an element, in order."""
        return [r for r in self.relations[1].get(target, ()) if r.kind in kinds]

    def name(self, pointer: str, value: Any) -> str:
        """The id of what a value refers to or is; "" for what is neither."""
        if isinstance(value, str):
            return value
        if isinstance(value, dict):
            own = next((value[k] for k in ("spdxId", "@id") if isinstance(value.get(k), str)), "")
            return own or f"_:{pointer}"
        self.defect(pointer, "should refer to an element")
        return ""

    def at(self, pointer: str, value: Any, take: bool = True) -> Node | None:
        """The node that a value refers to or is, None (and a defect) where there is none."""
        name = self.name(pointer, value)
        node = self.nodes.get(name)
        if node is None:
            if name and not self._outside(name):
                self.defect(pointer, f"nothing here has the id {one_line(name, 80)}")
            return None
        if take and isinstance(value, str):
            self.take(pointer)
            node.take_id()
        return node

    def _outside(self, name: str) -> bool:
        """Whether an id names something that another document defines."""
        return name in UNSTATED or name in self._elsewhere or name.startswith((TERMS, *_LISTED))

    def of_kind(self, *kinds: str) -> list[Node]:
        """Nodes of some types, in order."""
        return sorted((n for n in self.nodes.values() if n.kind in kinds), key=lambda n: n.place)

    def take(self, pointer: str, text: str = "") -> None:
        """Marks a leaf as read; of a text that a record may have to shorten it is remembered which."""
        self.taken.add(pointer)
        if len(text) > SHORT:
            self.long[pointer] = text

    def give_back(self, kept: str) -> None:
        """Marks as unread the long texts that did not get whole into ``kept``, all the texts of the records."""
        for pointer, text in self.long.items():
            if any(one_line(line, len(line)) not in kept for line in text.splitlines()):
                self.taken.discard(pointer)

    def take_all(self, values: Iterable[tuple[str, Any]]) -> None:
        """Marks leaves as read."""
        self.taken.update(pointer for pointer, _ in values)

    def defect(self, pointer: str, problem: str) -> None:
        """Notes what is wrong at a place."""
        text = one_line(f"{pointer or '/'}: {problem}", 400)
        if len(self.defects) < DEFECTS and text not in self.defects:
            self.defects.append(text)

    def unread(self) -> tuple[str, ...]:
        """Pointers of the leaves that were not read, in the order of the document."""
        return tuple(pointer for pointer, _ in leaves(self.document) if pointer not in self.taken)


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
            stack.extend((f"{pointer}/{_escape(str(key))}", value[key]) for key in reversed(list(value)))
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


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
