"""One thing that was checked, as formats for machines need it: whatever raised the findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from forebear.types import Finding


@dataclass(frozen=True)
class Subject:
    """A model, a bill of materials, a repository: something with a place and findings.

    Attributes:
        name: for people.
        path: relative to what was checked, ``/`` between parts.
        about: the file, relative to the same place, that findings point to; a folder ends in ``/``.
        findings: what was found.
        problems: what could not be read, one line each.
        contradicted: why a stated expectation is contradicted; empty where it is not.
        undecided: why a decision that was asked for could not be taken; empty where it was, or none was asked for.
        seconds: wall time.
        properties: facts about the subject, in plain JSON values.
    """

    name: str
    path: str
    about: str
    findings: tuple[Finding, ...] = ()
    problems: tuple[str, ...] = ()
    contradicted: str = ""
    undecided: str = ""
    seconds: float = 0.0
    properties: Mapping[str, Any] = field(default_factory=dict)
