"""One thing that was checked, as formats for machines need it: whatever raised the findings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from forebear.types import Finding


@dataclass(frozen=True)
class Place:
    """Where in a file: lines and columns from 1, the end behind the last character; 0 where that is not known."""

    path: str
    line: int = 0
    column: int = 0
    end_column: int = 0


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
        at: the place within ``about``; None where there is none, as in weights.
        others: further places of the subject.
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
    at: Place | None = None
    others: tuple[Place, ...] = ()

    @property
    def line(self) -> int:
        """The line that findings point to: the first where none is known."""
        return self.at.line if self.at is not None and self.at.line else 1


def fingerprint(subject: Subject, finding: Finding, earlier: int) -> str:
    """The same for the same kind of finding at the same place, whatever the numbers in its words have become.

    ``earlier`` counts the findings of that kind before it.
    """
    parts = (finding.id, subject.path, str(earlier))
    return sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()


def within(subject: Subject, root: str | None, repository: str) -> Subject:
    """The same with places relative to a repository, for formats that know no other; what lies outside stays.

    Args:
        subject: with places relative to ``root``.
        root: the folder that was checked; None for what is not on this machine.
        repository: where the repository lies.
    """
    if root is None:
        return subject

    def place(path: str) -> str:
        moved = os.path.relpath(os.path.join(root, path), repository).replace(os.sep, "/")
        return path if moved == ".." or moved.startswith("../") else moved

    def at(known: Place) -> Place:
        return replace(known, path=place(known.path))

    return replace(
        subject,
        path=place(subject.path),
        about=place(subject.about),
        at=at(subject.at) if subject.at is not None else None,
        others=tuple(map(at, subject.others)),
    )
