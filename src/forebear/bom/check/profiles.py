"""What profiles demand in prose and no schema checks: read from tables in ``data/standards``.

A profile is checked where a user asks for it, and where a document names it. Documents name the profiles whose words
they use (SPDX's own example names two whose demands it does not meet), so there what is missing is told and left open:
it becomes a failure where a user asks. What a profile is about may not be there at all (software without models): then
it does not apply.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib import resources
from typing import Any

from forebear.bom.check.base import Fault, quoted, ruled
from forebear.bom.check.graph import name_of, texts
from forebear.bom.check.walk import Things, at, mappings
from forebear.bom.checks import Check, CheckStatus
from forebear.bom.reading import Reading
from forebear.errors import UsageError, one_line


@dataclass(frozen=True)
class Rule:
    """One demand; the head of ``spdx-ai-profile.toml`` says what each key of a table means.

    Attributes:
        id: profile and name.
        element: type of the elements that it is about.
        property: of theirs; "" for a relationship.
        relationship: type of the relationship that has to start at the element; "" for a property.
        least, most: how many there have to be; no ``most``: any number.
        prose: the demand in our words.
        section: where it is written.
    """

    id: str
    element: str
    property: str = ""
    relationship: str = ""
    least: int = 1
    most: int | None = None
    prose: str = ""
    section: str = ""


@dataclass(frozen=True)
class Profile:
    """A profile of a standard.

    Attributes:
        name: as users ask for it, and as its rules' ids start.
        of: the format, by how its name starts.
        file: the table.
        conformance: what documents call it in ``profileConformance``; "" where they cannot.
    """

    name: str
    of: str
    file: str
    conformance: str = ""


_KINDS = ("type", "@type", "relationshipType")

PROFILES = (
    Profile("spdx-ai", "SPDX", "spdx-ai-profile.toml", "ai"),
    Profile("spdx-dataset", "SPDX", "spdx-ai-profile.toml", "dataset"),
    Profile("cyclonedx-ml", "CycloneDX", "cyclonedx-ml-profile.toml"),
)
"""Every profile that can be asked for."""


def checks(reading: Reading, things: Things, asked: Iterable[str] = ()) -> Iterator[Check]:
    """The checks of every profile that was asked for or that the document says it keeps to.

    Raises:
        UsageError: there is no profile of such a name.
    """
    wanted = set(asked)
    if unknown := sorted(wanted - {p.name for p in PROFILES}):
        listed = ", ".join(p.name for p in PROFILES)
        raise UsageError(f"there is no profile {one_line(unknown[0], 60)}", f"use one of {listed}")
    claimed = set(_claimed(reading.document))
    for profile in PROFILES:
        stated = bool(profile.conformance) and profile.conformance in claimed
        if profile.name not in wanted and not (stated and reading.format.startswith(profile.of)):
            continue
        if not reading.format.startswith(profile.of):
            said = f"The profile is one of {profile.of}, and this is {reading.format}."
            yield Check(f"profile/{profile.name}", CheckStatus.NOT_APPLICABLE, said)
            continue
        yield from (c if profile.name in wanted else _told(c, profile) for c in _of(profile, reading, things))


def _told(check: Check, profile: Profile) -> Check:
    """A failure of a profile that nobody asked for."""
    if check.status is not CheckStatus.FAIL:
        return check
    said = f"{check.message} The bill names the profile; --profile {profile.name} makes this a failure."
    return replace(check, status=CheckStatus.UNKNOWN, message=said)


def _of(profile: Profile, reading: Reading, things: Things) -> Iterator[Check]:
    graph = reading.format.startswith("SPDX")
    own = rules(profile)
    if graph:  # most of a graph is about something else
        kinds = {name for rule in own for name in (rule.element, rule.relationship)}
        things = [
            t for t in things if not kinds.isdisjoint(t[0].get(k) for k in _KINDS if isinstance(t[0].get(k), str))
        ]
    for rule in own:
        name = f"profile/{rule.id}"
        found = list((_elements if graph else _components)(things, rule.element))
        if not found:
            said = f"It lists no {rule.element}, so there is nothing to ask this of."
            yield Check(name, CheckStatus.NOT_APPLICABLE, said, rule=rule.section)
            continue
        faults = _broken(rule, found, things)
        yield from ruled(name, faults, f"This holds for all {len(found):,}: {rule.prose}", rule.section)


def _broken(rule: Rule, found: Things, things: Things) -> Iterator[Fault]:
    targets = _targets(things, rule.relationship) if rule.relationship else {}
    for element, pointer in found:
        number = len(targets.get(name_of(element) or "", ())) if rule.relationship else _count(element, rule.property)
        if number < rule.least or (rule.most is not None and number > rule.most):
            what = "nothing" if not number else f"{number:,}"
            yield Fault(
                pointer,
                f"{quoted(element.get('name', ''))} has {what} for {rule.property or rule.relationship}: {rule.prose}",
            )


def _count(element: Mapping[str, Any], field: str) -> int:
    value = at(element, f"/{field}")
    if value is None or value in ("", [], {}):
        return 0
    return len(value) if isinstance(value, list) else 1


def _targets(things: Things, kind: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for thing, _ in things:
        if thing.get("relationshipType") == kind:
            for start in texts(thing.get("from")):
                found.setdefault(start, []).extend(texts(thing.get("to")))
    return found


def _elements(things: Things, kind: str) -> Iterator[tuple[Mapping[str, Any], str]]:
    for thing, pointer in things:
        if kind in (thing.get("type"), thing.get("@type")):
            yield thing, pointer


def _components(things: Things, kind: str) -> Iterator[tuple[Mapping[str, Any], str]]:
    if kind == "bom":
        yield things[0]
        return
    for thing, pointer in things:
        if thing.get("type") == kind and "name" in thing and "/pedigree/" not in pointer and "/data/" not in pointer:
            yield thing, pointer


def _claimed(document: Mapping[str, Any]) -> Iterator[str]:
    for thing in mappings(document.get("@graph")):
        yield from texts(thing.get("profileConformance"))


_KEYS = frozenset(field.name for field in fields(Rule))


@cache
def rules(profile: Profile) -> tuple[Rule, ...]:
    """The demands of a profile."""
    text = (resources.files("forebear") / "data" / "standards" / profile.file).read_text("utf-8")
    entries = [e for e in tomllib.loads(text)["rule"] if e["id"].startswith(f"{profile.name}/")]
    return tuple(Rule(**{key: value for key, value in entry.items() if key in _KEYS}) for entry in entries)
