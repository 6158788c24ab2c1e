"""The elements of a document in the making: ids, relationships, and what entry of the record each stands for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from forebear.bom.record import Record
from forebear.bom.spdx import terms
from forebear.bom.values import Value
from forebear.types import Json

CREATION = "_:creationinfo"
AUTHOR = "author"
DIGITS = 7
"""Digits of the number in an id, so that sorted ids are in the order of the record."""


class Elements:
    """Elements in the making; equal records make equal ones.

    Attributes:
        record: what is written.
        base: what all ids begin with: it has the digest of the record.
        nodes: by id.
        entries: per kind of statement, ids and the values of the record that they stand for.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        content = json.dumps(record.model_dump(mode="json"), sort_keys=True).encode()
        self.base = f"{terms.OURS}{hashlib.sha256(content).hexdigest()[:32]}#"
        self.nodes: dict[str, Json] = {}
        self.entries: dict[str, list[tuple[str, Value]]] = {}
        self._count: dict[str, int] = {}
        self._same: dict[str, str] = {}

    def add(self, label: str, kind: str, /, **properties: Any) -> str:
        """A new element; properties without a value are left out. Returns its id."""
        number = self._count[label] = self._count.get(label, 0) + 1
        key = f"{self.base}{label}-{number:0{DIGITS}}"
        self.nodes[key] = {"type": kind, "spdxId": key, "creationInfo": CREATION, **_stated(properties)}
        return key

    def once(self, label: str, kind: str, /, **properties: Any) -> str:
        """An element with this content, made if there is none."""
        content = json.dumps([label, kind, properties], sort_keys=True)
        if content not in self._same:
            self._same[content] = self.add(label, kind, **properties)
        return self._same[content]

    def relate(self, source: str, kind: str, targets: Iterable[str], **properties: Any) -> str:
        """A relationship. Returns its id."""
        related = {"from": source, "relationshipType": kind, "to": list(targets)}
        return self.add("relationship", "Relationship", **related, **properties)

    def stands_for(self, kind: str, key: str, value: Value) -> None:
        """Notes that an element is an entry of the record."""
        self.entries.setdefault(kind, []).append((key, value))

    def annotate(self, subject: str, statement: str, review: bool = False) -> None:
        """An annotation by Forebear."""
        kind = "review" if review else "other"
        about = {"subject": subject, "contentType": "application/json", "statement": statement}
        self.add("annotation", "Annotation", annotationType=kind, **about)

    def named(self, name: str, purpose: str, version: str = "") -> str:
        """A package that stands for a name of which nothing else is known."""
        about = {"name": name, "software_packageVersion": version, "software_primaryPurpose": purpose}
        return self.once("package", terms.PACKAGE, **about)

    def agent(self, name: str) -> str:
        """An agent that stands for a name of which nothing else is known."""
        return self.once("agent", "Agent", name=name)

    def licensed(self, source: str, declared: str, concluded: str = "", title: str = "", url: str = "") -> None:
        """The two relationships that the AI and Dataset profiles want of every package; "" for no assertion."""
        for kind, text in (("hasDeclaredLicense", declared), ("hasConcludedLicense", concluded)):
            name, address = (title, url) if kind == "hasDeclaredLicense" or not declared else ("", "")
            individual = {"": terms.NO_ASSERTION, "NONE": terms.NO_LICENCE}.get(text)
            self.relate(source, kind, [individual or self._licence(text, name, address)])

    def _licence(self, text: str, title: str, url: str) -> str:
        own = text.startswith("LicenseRef-") and " " not in text and terms.is_uri(url)
        address = [{"type": "DictionaryEntry", "key": text, "value": url}] if own else []
        content = {"simplelicensing_licenseExpression": text, "simplelicensing_customIdToUri": address}
        return self.once("licence", terms.EXPRESSION, name=title, **content)

    def document(self) -> Json:
        """The document: what was made when first, then all elements in the order of their ids."""
        return {
            "@context": terms.CONTEXT,
            "@graph": [self._creation(), *(self.nodes[key] for key in sorted(self.nodes))],
        }

    def _creation(self) -> Json:
        tools = [key for key, node in self.nodes.items() if node["type"] == "Tool"]
        writers = (f"{self.base}{AUTHOR}-", f"{self.base}writer-")
        created = terms.instant(self.record.created, dates=True)
        creation = {
            "type": "CreationInfo",
            "@id": CREATION,
            "specVersion": "3.0.1",
            "created": created or terms.UNDATED,
            "createdBy": [key for key in self.nodes if key.startswith(writers)],
            "createdUsing": tools,
        }
        if not created:
            creation["comment"] = "When this was made is not stated; the standard wants a time."
        return creation


def entries_of(pairs: Iterable[tuple[str, str]]) -> list[Json]:
    """Names and values as SPDX writes them."""
    return [{"type": "DictionaryEntry", "key": key, "value": value} for key, value in pairs]


def _stated(properties: Json) -> Json:
    return {key: value for key, value in properties.items() if value not in ("", [], {}, None)}
