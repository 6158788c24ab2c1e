"""The official JSON Schema, and what the reader had to read over."""

from __future__ import annotations

from collections.abc import Iterator

from forebear.bom.check.base import Fault, ruled
from forebear.bom.check.walk import Things
from forebear.bom.checks import Check
from forebear.bom.formats import FORMATS
from forebear.bom.reading import Reading
from forebear.bom.schemas import violations


def checks(reading: Reading, things: Things) -> Iterator[Check]:
    """``schema``: valid under the format's schema; ``reading``: nothing had to be read over."""
    file = next(f.schema for f in FORMATS if f.name == reading.format)
    found = (Fault(v.pointer, f"The schema forbids this: {v.message}") for v in violations(reading.document, file))
    yield from ruled(
        "schema", found, f"It is valid under the official JSON Schema of {reading.format}.", reading.format
    )
    for defect in reading.defects:
        yield from ruled("reading", [Fault("", defect)], "")
