"""What a reader of bills of materials gives back, and what a format is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from forebear.bom.record import Record
from forebear.types import Json

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Reading:
    """A bill of materials as read.

    Attributes:
        format: the format's name (``CycloneDX 1.6``).
        records: one per model that the bill describes, what it is about first; empty for software without models.
        document: the bill itself, untouched.
        unread: JSON pointers of every leaf that no record has a place for: nothing is lost silently.
        defects: what is wrong with it, in words with a pointer, where that could be read over.
    """

    format: str
    records: tuple[Record, ...]
    document: Document
    unread: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()


@dataclass(frozen=True)
class Format:
    """One version of one standard.

    Attributes:
        name: ``CycloneDX 1.7``.
        matches: whether a document says that it is this.
        read: raises ``InputError`` for a document that is none or is damaged.
        write: None for versions that are only read.
        schema: file of the official JSON Schema in ``data/standards``.
    """

    name: str
    matches: Callable[[Document], bool]
    read: Callable[[Document], Reading]
    write: Callable[[Record], Json] | None
    schema: str
