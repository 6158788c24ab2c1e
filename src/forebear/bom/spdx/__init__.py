"""SPDX 3.0.1 JSON-LD with the AI, Dataset and Build profiles: written and read."""

from __future__ import annotations

from itertools import islice

from forebear.bom.reading import Document, Reading
from forebear.bom.record import Record
from forebear.types import Json

_SPDX = "spdx.org/rdf/3.0"


def matches(document: Document) -> bool:
    """Whether a document says that it is SPDX 3.0: by its context, or by full IRIs in its first objects."""
    context = document.get("@context")
    words = [context] if isinstance(context, str) else list(context or ()) if isinstance(context, list | dict) else []
    if isinstance(context, dict):
        words += context.values()
    if any(isinstance(word, str) and _SPDX in word for word in words[:100]):
        return True
    graph = document.get("@graph", [document])
    first = [node for node in islice(graph, 20) if isinstance(node, dict)] if isinstance(graph, list) else []
    return any(_SPDX in str(node.get(key))[:500] for node in first for key in ("@type", "type"))


def write(record: Record) -> Json:
    """The record as a document, see :func:`forebear.bom.spdx.writer.write`."""
    from forebear.bom.spdx import writer

    return writer.write(record)


def read(document: Document) -> Reading:
    """The document as records, see :func:`forebear.bom.spdx.reader.read`; ``InputError`` for one that is no SPDX."""
    from forebear.bom.spdx import reader

    return reader.read(document)
