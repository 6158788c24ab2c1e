"""The answer of ``traffic``: every identifier with its places, what follows, what was withheld."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from forebear.traffic.sightings import Kind, Role
from forebear.types import Cost, Coverage, Finding, Json, head, to_json


@dataclass(frozen=True)
class Where:
    """A place where an identifier stands.

    Attributes:
        file: as the user named it.
        record: entry, flow, interaction or request, from 1; of a log, the line.
        part: ``request URL``, ``response body``, … (see :class:`~forebear.traffic.sightings.Sighting`).
        pointer: JSON pointer in that part, of a stream with the event first; keys that are not known are ``*``.
        role: whose word it is there.
        context: at most 40 characters of structure before it.
    """

    file: str
    record: int
    part: str
    pointer: str
    role: Role
    context: str = ""


@dataclass(frozen=True)
class Identified:
    """An identifier, what it says, and where it stands.

    Attributes:
        identifier: as found.
        kind: ``name``, ``marker`` (a template's control token) or ``fingerprint`` (names no model).
        count: how often it stands there.
        roles: how often in which role.
        where: its first places.
        confidence: how sure family and version are; see :class:`~forebear.catalogue.names.ModelName`, which explains
            the other fields as well.
    """

    identifier: str
    kind: Kind
    count: int
    roles: Mapping[str, int]
    where: tuple[Where, ...]
    family: str | None = None
    version: str | None = None
    size: str | None = None
    stage: str | None = None
    date: str | None = None
    step: int | None = None
    variant: str | None = None
    quantization: str | None = None
    provider: str | None = None
    account: str | None = None
    developer: str | None = None
    revision: str | None = None
    line: str | None = None
    base: str | None = None
    confidence: float | None = None
    explanation: str = ""


@dataclass(frozen=True)
class Capture:
    """A file that was read.

    Attributes:
        file: as the user named it.
        format: what it is.
        records: records with something that could be an identifier; others are not counted.
    """

    file: str
    format: str
    records: int


@dataclass(frozen=True)
class Expected:
    """Whether answers name the model that somebody expects.

    Attributes:
        name: that model's, as it was given.
        met: False where an answer names another known model, None where none tells.
        explanation: the same in words.
    """

    name: str
    met: bool | None
    explanation: str


@dataclass(frozen=True)
class Traffic:
    """What model identifiers stand in captured traffic.

    Attributes:
        summary: what was found, in a sentence.
        identifiers: names first, those that were served before those that were asked for and all others.
        findings: what a reader should know: answers that name another model than was asked, accounts in paths.
        redactions: what stood where a name stands and was not shown, by kind.
        problems: what could not be read, in a line for each file.
        expected: what came of an expectation, where there was one.
    """

    summary: str
    captures: tuple[Capture, ...]
    identifiers: tuple[Identified, ...]
    findings: tuple[Finding, ...]
    redactions: Mapping[str, int]
    coverage: Coverage
    cost: Cost
    problems: tuple[str, ...] = field(default=())
    expected: Expected | None = None

    def to_json(self) -> Json:
        """The ``forebear.traffic/1`` document."""
        return {**head("forebear.traffic/1"), **to_json(self)}
