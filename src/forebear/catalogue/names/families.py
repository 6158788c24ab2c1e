"""Known families of models: how their names are spelled, who makes them, how their versions look.

Facts are data, ``data/families/*.toml``. The head of a file gives defaults (``developer``, ``source``, ``confidence``,
``owners``) for its ``[[family]]`` entries:

- ``name``; ``title`` for people; ``stems``: spellings, words apart by a space (the name by default). A name may write
  such words together or apart.
- ``implies``: what a stem says besides, ``{chatglm = "chat"}``: a word of the vocabulary.
- ``owners``: accounts under which the developer publishes.
- ``letters``: what versions begin with besides v (``kr``: k2, r1); ``plain``: versions carry no v, so v3p1 is 3.1;
  ``assume``: the letter of a bare number (``kimi-2.5`` is k2.5); ``suffixes``: what may follow (``o``: 4o);
  ``codes``: versions that are no numbers; ``versions``: known ones, of a source.
- ``variants``: words that are a tier of this family alone; ``whole``: names that are complete although they say little.
- ``ambiguous``: the stem is a word of another meaning, too, and needs more beside it; ``never``: phrases that are none.
- ``dates = "mmyy"``: how four digits are read; ``base``: what it descends from, ``bases``
  what single versions do, and ``base_source`` who says so.
- ``house``: the family of which this is a line with a name of its own (Codestral: mistral); ``derivative``: made from
  others' weights and named with them, so that the other family in such a name is the base; ``closed``: its weights are
  not published, so that it is nobody's base and in another's name a teacher.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from importlib import resources
from typing import Any

CONFIDENCES = ("retrieved", "unverified")
SHORT = 3
"""A stem of fewer letters is found in free text only with a hyphen after it."""


@dataclass(frozen=True)
class Family:
    """One family; the module says what its fields mean."""

    name: str
    developer: str
    source: str
    confidence: str
    title: str = ""
    stems: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    letters: str = ""
    assume: str = ""
    suffixes: str = ""
    codes: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    dates: str = ""
    base: str = ""
    base_source: str = ""
    house: str = ""
    plain: bool = False
    ambiguous: bool = False
    derivative: bool = False
    closed: bool = False
    implies: Mapping[str, str] = field(default_factory=dict, hash=False)
    bases: Mapping[str, str] = field(default_factory=dict, hash=False)

    def base_of(self, version: str | None) -> str | None:
        """What a version descends from, None where the catalogue does not know."""
        return self.bases.get(version or "", self.base) or None

    def plausible(self, version: str) -> bool:
        """A known version, or one of a known major or the next: families go on after the catalogue was written."""
        if version in self.versions or version in self.codes:
            return True
        number = re.fullmatch(r"[a-z]*(\d+)(?:\.\d+)?[a-z]?", version)
        majors = [int(m[1]) for known in self.versions if (m := re.match(r"[a-z]*(\d+)", known))]
        return bool(number and majors) and 0 < int(number[1]) <= max(majors) + 1 if number else False


@cache
def families() -> tuple[Family, ...]:
    """Every known family, by file and in its file's order.

    Raises:
        ValueError: a data file is wrong (a bug of ours).
    """
    folder = resources.files("forebear") / "data" / "families"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return tuple(family for file in files for family in parse(file.read_text("utf-8"), file.name))


def parse(text: str, file: str) -> list[Family]:
    """The families of one data file; ``ValueError`` that names file and entry where it is wrong."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file}: {error}") from None
    entries = data.pop("family", None)
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"{file}: needs at least one [[family]]")
    return [_family({**data, **entry}, file) for entry in entries]


def _family(entry: dict[str, Any], file: str) -> Family:
    where = f"{file}: {entry.get('name') or 'an entry without a name'}"
    for key in ("name", "developer", "source", "confidence"):
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise ValueError(f"{where} has no {key}")
    if entry["confidence"] not in CONFIDENCES:
        raise ValueError(f"{where}: confidence is one of {', '.join(CONFIDENCES)}, not {entry['confidence']}")
    kinds = {f.name: str(f.type) for f in fields(Family)}
    if unknown := set(entry) - set(kinds):
        raise ValueError(f"{where} has unknown keys: {', '.join(sorted(unknown))}")
    values: dict[str, Any] = {}
    for key, value in entry.items():
        if kinds[key].startswith("tuple"):
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                raise ValueError(f"{where}: {key} is not a list of strings")
            value = tuple(value)
        elif kinds[key] in ("str", "bool") and type(value).__name__ != kinds[key]:
            raise ValueError(f"{where}: {key} is not of type {kinds[key]}")
        values[key] = value
    if bool(entry.get("base") or entry.get("bases")) != bool(entry.get("base_source")):
        raise ValueError(f"{where}: a base and a base_source belong together")
    values.setdefault("stems", (entry["name"],))
    values.setdefault("title", entry["name"].capitalize())
    return Family(**values)


@cache
def spellings() -> Mapping[str, tuple[Family, str]]:
    """Every stem, written together, with its family and the stem as the data writes it.

    Raises:
        ValueError: two families share a spelling.
    """
    found: dict[str, tuple[Family, str]] = {}
    for family in families():
        for stem in family.stems:
            key = re.sub(r"[^a-z0-9]", "", stem)
            if key in found and found[key][0] is not family:
                raise ValueError(f"{family.name}: {stem} is a spelling of {found[key][0].name}, too")
            found.setdefault(key, (family, stem))
    return found


@cache
def owners() -> Mapping[str, tuple[str, frozenset[str]]]:
    """Account in lower case: the account as its owner writes it, and the families that it publishes."""
    found: dict[str, tuple[str, set[str]]] = {}
    for family in families():
        for owner in family.owners:
            found.setdefault(owner.lower(), (owner, set()))[1].add(family.name)
    return {key: (owner, frozenset(names)) for key, (owner, names) in found.items()}


@cache
def literals() -> frozenset[str]:
    """Lower-case substrings, one of which every text has in which a family is found."""
    found = set()
    for family in families():
        for stem in family.stems:
            words = stem.split(" ")
            short = len(words[0]) < SHORT
            found.add("-".join(words) + "-" * (len(words) == 1 and "." not in stem) if short else max(words, key=len))
    return frozenset(found)
