"""A document that was kept, read with care: it may have been written by another version, or by somebody else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from forebear.errors import one_line

NOTHING: Mapping[str, Any] = {}
KINDS: Mapping[str, str] = {
    "forebear.scan/1": "scan",
    "forebear.compare/1": "compare",
    "forebear.tree/1": "tree",
    "forebear.policy/1": "policy check",
    "forebear.bom-verify/1": "bom verify",
    "forebear.bom-verify-set/1": "bom verify -r",
    "forebear.licence/1": "licence",
    "forebear.scan-set/1": "scan -r",
    "forebear.policy-set/1": "policy check -r",
    "forebear.demo/1": "demo",
}
"""The documents that a report is written from, and the commands that they are of."""
ONE_MODEL = frozenset({"scan", "compare", "policy check", "bom verify", "licence"})


@dataclass(frozen=True)
class Reproduction:
    """What a document does not hold and a reader needs who wants to get it again.

    Attributes:
        command: as it was typed, "" where that is not known.
        digests: of files, by name.
        index: what the references were, in words, "" where that is not known.
        options: of the command, but for its targets, which the document names; None where they are not known.
    """

    command: str = ""
    digests: tuple[tuple[str, str], ...] = ()
    index: str = ""
    options: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Saved:
    """A document of one of :data:`KINDS`, and what is known beside it."""

    document: Mapping[str, Any]
    how: Reproduction = field(default_factory=Reproduction)

    @property
    def kind(self) -> str:
        """The command that the document is of."""
        return KINDS[text(self.document, "schema")]

    @property
    def evidence(self) -> list[Mapping[str, Any]]:
        """Of a comparison; of a scan that against the nearest reference, or against what is merely resembled."""
        if self.kind == "compare":
            return objects(self.document, "evidence")
        found = objects(self.document, "ancestors") or objects(self.document, "nominated")
        return objects(found[0], "evidence") if found else []

    @property
    def relation(self) -> Mapping[str, Any]:
        """How the two models are related, of a scan the model and the nearest reference."""
        if self.kind == "compare":
            return part(self.document, "relation")
        found = objects(self.document, "ancestors")
        return part(found[0], "relation") if found else NOTHING

    @property
    def reference(self) -> str:
        """Name of the model that the evidence is held against."""
        if self.kind == "compare":
            return text(part(self.document, "a"), "name")
        found = objects(self.document, "ancestors") or objects(self.document, "nominated")
        return text(found[0], "name") if found else ""

    @property
    def policy(self) -> Mapping[str, Any]:
        """The decision of a policy, empty where there is none."""
        return self.document if self.kind == "policy check" else part(self.document, "policy")


def text(of: Mapping[str, Any], key: str) -> str:
    """A string, "" for anything else."""
    value = of.get(key)
    return value if isinstance(value, str) else ""


def line(of: Mapping[str, Any], key: str, most: int = 400) -> str:
    """A string as one bounded line."""
    return one_line(text(of, key), most)


def number(of: Mapping[str, Any], key: str) -> float | None:
    """A finite number, None for anything else."""
    return finite(of.get(key))


def finite(value: Any) -> float | None:
    """A finite number, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300:
        return None
    return None if math.isnan(value) else float(value)


def log_p(of: Mapping[str, Any], key: str = "log10_p") -> float | None:
    """The logarithm of a probability, None for anything else."""
    value = number(of, key)
    return value if value is not None and -1e9 <= value <= 0 else None


def count(of: Mapping[str, Any], key: str) -> int:
    """A whole number from zero on, 0 for anything else."""
    value = number(of, key)
    return int(value) if value is not None and value >= 0 else 0


def part(of: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An object, an empty one for anything else."""
    value = of.get(key)
    return value if isinstance(value, Mapping) else NOTHING


def objects(of: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The objects of a list."""
    return [item for item in many(of, key) if isinstance(item, Mapping)]


def texts(of: Mapping[str, Any], key: str, most: int = 400) -> tuple[str, ...]:
    """The strings of a list, each as one bounded line."""
    return tuple(one_line(item, most) for item in many(of, key) if isinstance(item, str))


def many(of: Mapping[str, Any], key: str) -> Sequence[Any]:
    """A list, an empty one for anything else."""
    value = of.get(key)
    return value if isinstance(value, list | tuple) else ()
