"""Words for verdicts, relations, findings and numbers (``data/explanations``), and the one registry of findings."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from importlib import resources

from forebear.types import Finding, Level, Verdict


@dataclass(frozen=True)
class Explanation:
    """What a finding, a verdict, a kind of relation, a check of a bill of materials or a number means.

    Attributes:
        topic: the identifier.
        kind: ``finding``, ``verdict``, ``relation``, ``check`` or ``number``.
        title: a line for people; for a verdict the headline of its results.
        meaning: what was established.
        does_not_say: what must not be read into it.
        settles: what would clear a finding, or settle a verdict further.
        level: default level of a finding, else "".
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


_TABLES = ("verdicts", "outcomes", "relations", "findings", "checks", "numbers")


@cache
def _table(name: str) -> Mapping[str, Mapping[str, str]]:
    path = resources.files("forebear") / "data" / "explanations" / f"{name}.toml"
    return parse(path.read_text("utf-8"), path.name)


def parse(text: str, file: str) -> Mapping[str, Mapping[str, str]]:
    """The entries of one data file; ``ValueError`` that names the file and the entry where it is wrong."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file}: {error}") from None
    for topic, entry in data.items():
        if not isinstance(entry, dict):
            raise ValueError(f"{file}: {topic} is not a table")
        wanted = {"meaning", "does_not_say", "settles", *(("title", "level") if "level" in entry else ("headline",))}
        if set(entry) != wanted:
            raise ValueError(f"{file}: {topic} needs exactly the keys {', '.join(sorted(wanted))}")
        for key, words in entry.items():
            if not isinstance(words, str) or not words.strip():
                raise ValueError(f"{file}: {key} of {topic} is empty")
    return data


@cache
def verdict_text(verdict: Verdict) -> Explanation:
    """The words for a verdict."""
    return _text("verdict", verdict.value)


@cache
def outcome_text(name: str) -> Explanation:
    """The words for a verdict of a probe; ``KeyError`` for another. ``inconclusive`` is a verdict of scans, too."""
    return replace(_text("outcome", name), kind="verdict")


@cache
def check_text(name: str) -> Explanation:
    """The words for a check of a bill of materials, by the family before its slash; ``KeyError`` for another."""
    return _text("check", name.partition("/")[0])


@cache
def relation_text(kind: str) -> Explanation:
    """The words for a kind of relation that is no verdict; ``KeyError`` for another."""
    return _text("relation", kind)


def _text(kind: str, name: str) -> Explanation:
    entry = _table(f"{kind}s")[name]
    return Explanation(name, kind, entry["headline"], entry["meaning"], entry["does_not_say"], entry["settles"])


@cache
def number_text(name: str) -> Explanation:
    """The words for a number of an answer; ``KeyError`` for another."""
    return _text("number", name)


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
    """The words for a topic (:func:`topics`), however its words are joined; None for an unknown one."""
    wanted = _plain(topic)
    name = next((name for name in topics() if _plain(name) == wanted), None)
    if name is None:
        family = topic.partition("/")[0]
        return check_text(family) if family in _table("checks") else None
    if name in _table("verdicts"):
        return verdict_text(Verdict(name))
    if name in _table("outcomes"):
        return outcome_text(name)
    if name in _table("checks"):
        return check_text(name)
    if name in _table("numbers"):
        return number_text(name)
    return relation_text(name) if name in _table("relations") else finding_text(name)


def topics() -> tuple[str, ...]:
    """Every verdict (of scans and of probes), relation, finding, check of a bill and number that can be explained."""
    return tuple(name for table in _TABLES for name in _table(table))


def nearest(topic: str, extra: Iterable[str] = (), limit: int = 3) -> tuple[str, ...]:
    """The known topics most similar to one that is not known, best first.

    Args:
        topic: what was asked for.
        extra: further names to choose from, such as those of the signals.
        limit: how many to give at most.
    """
    spelled = {_plain(name): name for name in (*extra, *topics())}
    return tuple(spelled[near] for near in get_close_matches(_plain(topic), list(spelled), limit, 0.5))


def _plain(topic: str) -> str:
    """A topic without case and without regard to how its words are joined."""
    return topic.strip().lower().replace("_", "-").replace(" ", "-")
