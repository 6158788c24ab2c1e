"""SPDX 3.0.1 JSON-LD with the AI and Dataset profiles: written and read."""

from __future__ import annotations

from forebear.bom.reading import Document, Reading
from forebear.bom.record import Record
from forebear.types import Json


def matches(document: Document) -> bool:
    """Whether a document says that it is SPDX 3.0."""
    return "spdx.org/rdf/3.0" in str(document.get("@context", ""))[:500]


def write(record: Record) -> Json:
    """To come."""
    raise NotImplementedError


def read(document: Document) -> Reading:
    """To come."""
    raise NotImplementedError
