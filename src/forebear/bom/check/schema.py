"""The official JSON Schema, and what the reader had to read over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from forebear.bom.check.base import Fault, quoted, ruled
from forebear.bom.check.walk import Things
from forebear.bom.checks import Check
from forebear.bom.formats import FORMATS
from forebear.bom.reading import Document, Reading
from forebear.bom.schemas import violations


def checks(reading: Reading, things: Things) -> Iterator[Check]:
    """``schema``: valid under the format's schema; ``reading``: nothing had to be read over."""
    file = next(f.schema for f in FORMATS if f.name == reading.format)
    passed = f"It is valid under the official JSON Schema of {reading.format}."
    yield from ruled("schema", _faults(reading.document, file), passed, reading.format)
    for defect in reading.defects:
        yield from ruled("reading", [Fault("", defect)], "")


def _faults(document: Document, schema: str) -> Iterator[Fault]:
    """What the schema forbids. A graph is asked element by element.

    SPDX's schema says of a whole graph only that it is none of the allowed ones, after a search that takes a megabyte
    for each of its elements; of a single one it says the same, and where it is.
    """
    graph = document.get("@graph")
    if not isinstance(graph, list) or not graph:
        yield from (Fault(v.pointer, f"The schema forbids this: {v.message}") for v in violations(document, schema))
        return
    for number, element in enumerate(graph):
        found = violations({**document, "@graph": [element]}, schema)
        if found and found[0].pointer:
            inside = found[0].pointer.removeprefix("/@graph/0")
            yield Fault(f"/@graph/{number}{inside}", f"The schema forbids this: {found[0].message}")
        elif found:
            kind = element.get("type") if isinstance(element, Mapping) else element
            said = f"The schema allows no element like this: {quoted(kind)} with properties other than it may have."
            yield Fault(f"/@graph/{number}", said)
