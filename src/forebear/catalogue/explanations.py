"""Words for findings and verdicts, and the one registry of findings. The texts are data, in ``data/explanations``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from forebear.types import Finding, Level, Verdict


@dataclass(frozen=True)
class Explanation:
    """What a finding or a verdict means.

    Attributes:
        topic: the identifier.
        kind: ``finding`` or ``verdict``.
        title: a line for people; for a verdict the headline of its results.
        meaning: what was established.
        does_not_say: what must not be read into it.
        settles: what would clear a finding, or settle a verdict further.
        level: default level of a finding, "" for a verdict.
    """

    topic: str
    kind: str
    title: str
    meaning: str
    does_not_say: str
    settles: str
    level: str = ""

    @property
    def headline(self) -> str:
        """The title, under the name that results use."""
        return self.title


@cache
def _table(name: str) -> Mapping[str, Mapping[str, str]]:
    path = resources.files("forebear") / "data" / "explanations" / f"{name}.toml"
    return tomllib.loads(path.read_text("utf-8"))


@cache
def verdict_text(verdict: Verdict) -> Explanation:
    """The words for a verdict."""
    entry = _table("verdicts")[verdict.value]
    return Explanation(
        verdict.value, "verdict", entry["headline"], entry["meaning"], entry["does_not_say"], entry["settles"]
    )


@cache
def finding_text(identifier: str) -> Explanation:
    """The words for a finding; ``KeyError`` for one that is not in the registry."""
    entry = _table("findings")[identifier]
    return Explanation(
        identifier,
        "finding",
        entry["title"],
        entry["meaning"],
        entry["does_not_say"],
        entry["settles"],
        Level(entry["level"]).value,
    )


def raise_finding(
    identifier: str,
    message: str,
    evidence: tuple[str, ...] = (),
    level: Level | None = None,
    clears: str | None = None,
) -> Finding:
    """A finding of the registry, at its default level and with its default remedy unless others are given."""
    text = finding_text(identifier)
    return Finding(
        identifier, level or Level(text.level), message, evidence, text.settles if clears is None else clears
    )


def explanation(topic: str) -> Explanation | None:
    """The words for a finding or verdict, however its words are joined; None for an unknown topic."""
    wanted = topic.strip().lower()
    for name in _table("verdicts"):
        if name == wanted.replace("-", "_").replace(" ", "_"):
            return verdict_text(Verdict(name))
    for name in _table("findings"):
        if name == wanted.replace("_", "-").replace(" ", "-"):
            return finding_text(name)
    return None


def topics() -> tuple[str, ...]:
    """Every verdict and finding that can be explained."""
    return (*_table("verdicts"), *_table("findings"))
