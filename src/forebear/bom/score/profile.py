"""Profiles: which elements an instrument asks for, where a record holds each, and what verifies it.

A profile is a TOML file of schema ``forebear.profile/1``: ours lie in ``data/profiles``, a user's is given by its path.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from forebear.bom.score import places
from forebear.catalogue.entries import build
from forebear.errors import FormatError, InputError, UsageError, one_line

SCHEMA = "forebear.profile/1"
MAX_BYTES = 1_000_000


class Need(StrEnum):
    """How much the instrument wants an element."""

    REQUIRED = "required"
    RECOMMENDED = "recommended"


class Judged(StrEnum):
    """Whether being there is all that can be asked, or a person has to judge what is there."""

    AUTOMATIC = "automatic"
    HUMAN = "human"


@dataclass(frozen=True)
class Element:
    """One element.

    Attributes:
        id, title, cluster: as the profile names it.
        text: what is asked, in our words.
        places: where a record can hold it; one that says something is enough.
        every: a place with entries, each of which must have one of ``places`` (written from the entry on).
        only_if, not_if: places: it applies only where something stands there, or only where nothing does.
        need, judged: see there.
        gaps: names under which it can be stated to be withheld or unknown.
        checks: beginnings of the ids of checks that verify it; none: nothing that a machine does verifies it.
        refuted_by: those of checks that can only contradict it: that they pass says too little to verify it.
        not_for: kinds of subjects to which it does not apply: ``service`` (a product behind an endpoint).
        clears: what to write to meet it.
        cites: instruments of the catalogue.
    """

    id: str
    title: str
    cluster: str
    text: str
    places: tuple[str, ...]
    clears: str
    every: str = ""
    only_if: str = ""
    not_if: str = ""
    need: Need = Need.REQUIRED
    judged: Judged = Judged.AUTOMATIC
    gaps: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    refuted_by: tuple[str, ...] = ()
    not_for: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()


@dataclass(frozen=True)
class Profile:
    """What an instrument asks of a bill of materials.

    Attributes:
        id, title, version: of the profile.
        notice: what it rests on and what it does not decide.
        cites: instruments of the catalogue.
        elements: in the instrument's order.
    """

    id: str
    title: str
    version: str
    notice: str
    elements: tuple[Element, ...]
    cites: tuple[str, ...] = ()


@cache
def profiles() -> Mapping[str, Profile]:
    """The profiles that come with the package, by id."""
    folder = resources.files("forebear") / "data" / "profiles"
    found = [f for f in folder.iterdir() if f.name.endswith(".toml")]
    read = (_profile(f.name, f.read_bytes()) for f in sorted(found, key=lambda f: f.name))
    return {profile.id: profile for profile in read}


def load_profile(name: str) -> Profile:
    """A profile of ours by its id, or one from a file.

    Raises:
        UsageError: there is no such profile.
        InputError: the file cannot be read, or is no profile.
    """
    if name in profiles():
        return profiles()[name]
    if not (name.endswith(".toml") or os.sep in name):
        near = get_close_matches(name, list(profiles()), 1, 0.4)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError(f"no profile {one_line(name, 60)}", f"{hint}there are {', '.join(profiles())}, or give a file")
    try:
        with Path(name).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UsageError(f"{name}: no such file", "forebear bom score --help names the profiles that ship") from None
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise InputError(f"{name}: longer than the {MAX_BYTES:,} bytes that are read of a profile")
    return _profile(name, raw)


def _profile(file: str, raw: bytes) -> Profile:
    try:
        table: dict[str, Any] = tomllib.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise FormatError(file, f"no TOML ({one_line(str(error), 200)})") from None
    if table.pop("schema", None) != SCHEMA:
        raise FormatError(file, "no profile", f'its first line is schema = "{SCHEMA}"')
    if "element" in table:
        table["elements"] = table.pop("element")
    profile = build(Profile, table, file, "the profile")
    if not profile.elements:
        raise FormatError(file, "the profile has no elements", "a profile that asks for nothing is met by anything")
    ids = [element.id for element in profile.elements]
    if twice := next((i for i in ids if ids.count(i) > 1), None):
        raise FormatError(file, f"the element {twice} stands there twice")
    for element in profile.elements:
        _check(element, file)
    return profile


def _check(element: Element, file: str) -> None:
    """Refuses places that are in no record."""
    if not element.places:
        raise FormatError(file, f"element {element.id} has no places")
    try:
        start = places.model_at(element.every) if element.every else None
        for place in element.places:
            places.parse(place, start)
        for place in filter(None, (element.only_if, element.not_if)):
            places.parse(place)
    except ValueError as error:
        raise FormatError(file, f"element {element.id}: {error}") from None
