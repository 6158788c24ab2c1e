"""CycloneDX (ECMA-424) JSON: 1.7 and 1.6 are written, 1.5 to 1.7 are read."""

from __future__ import annotations

from forebear.bom.reading import Document, Reading
from forebear.bom.record import Record
from forebear.types import Json


def write(record: Record, version: str = "1.7") -> Json:
    """To come."""
    raise NotImplementedError


def read(document: Document) -> Reading:
    """To come."""
    raise NotImplementedError
