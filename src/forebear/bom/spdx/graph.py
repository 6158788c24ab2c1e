"""A document of SPDX 3 as nodes and relations, and an account of which of its leaves have been read.

There is no JSON-LD processor here, and nothing is fetched: the forms in which SPDX documents are found are few. A node
may stand in ``@graph``, inside of another node, or be the document (:mod:`~forebear.bom.spdx.nodes`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from forebear.bom.reading import Document
from forebear.bom.spdx.nodes import Node, Relation, escape, leaves, term
from forebear.bom.spdx.terms import CONTEXT, OURS, RELATIONSHIPS, TERMS, UNSTATED
from forebear.errors import InputError, one_line

SHORT = 300
"""A text of this length gets whole into every field of a record."""
DEFECTS = 200
"""Defects that are told; a document with more is damaged all over."""


_CONTEXT = re.compile(re.escape(TERMS.removesuffix("3.0.1/terms/")) + r"3\.0\.\d+/(spdx-context\.jsonld|terms/\S*)")
_LISTED = ("https://spdx.org/licenses/", "http://spdx.org/licenses/")


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
                stack.extend((f"{pointer}/{escape(str(k))}", v) for k, v in inner if isinstance(v, dict | list))

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
