"""CycloneDX: what objects are called and what refers to them; a JSON Schema sees none of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from forebear.bom.check.base import Fault, quoted, ruled
from forebear.bom.check.walk import Things, cycle, mappings, members, resolves, step
from forebear.bom.checks import Check
from forebear.bom.reading import Reading

LINK = "urn:cdx:"
"""How a reference into another bill starts (BOM-Link); those are not followed."""
REFERRING = frozenset({"ref", "attributedTo", "process", "asserter"})
"""Keys whose text names an object of the bill (``refLinkType`` in the schema)."""
LISTS = frozenset(
    {
        *("dependsOn", "provides", "assemblies", "dependencies", "vulnerabilities", "subjects", "tools"),
        *("claims", "counterClaims", "evidence", "counterEvidence", "mitigationStrategies", "requirements"),
        *("members", "patentRefs"),
    }
)
"""Keys whose texts, where they hold a list of texts, name objects of the bill."""
_DECLARED = frozenset({"target", "requirement", "assessor", "parent"})
"""Keys that name an object inside of ``declarations`` and ``definitions`` alone."""


@dataclass(frozen=True)
class Use:
    """A reference: the name that it uses, and where it stands."""

    name: str
    pointer: str


def checks(reading: Reading, things: Things) -> Iterator[Check]:
    """Duplicate and dangling references, pointers of citations, cycles."""
    document = reading.document
    named = list(_named(things))
    names = Counter(name for name, _ in named)
    again = [(name, where) for name, where in named if names[name] > 1]
    first: set[str] = set()
    twice = []
    for name, where in again:
        twice += [Fault(where, f"The bom-ref {quoted(name)} names another object already.")] if name in first else []
        first.add(name)
    yield from ruled("references/duplicate", twice, f"All {len(names):,} bom-refs differ.")
    used = list(_used(things))
    dangling = (
        Fault(use.pointer, f"It refers to {quoted(use.name)}, and nothing in the bill has that bom-ref.")
        for use in used
        if use.name not in names and not use.name.startswith(LINK)
    )
    yield from ruled("references/dangling", dangling, f"All {len(used):,} references lead to an object of the bill.")
    yield from ruled("references/citations", _lost(document), "Every pointer of a citation leads to a field.")
    yield from ruled("cycles/dependencies", _round(document), "No component depends on itself.")
    yield from ruled("cycles/pedigree", _own_ancestor(things), "No model is its own ancestor.")


def _named(things: Things) -> Iterator[tuple[str, str]]:
    for thing, pointer in things:
        name = thing.get("bom-ref")
        if isinstance(name, str) and not _is_use(pointer):
            yield name, step(pointer, "bom-ref")


def _is_use(pointer: str) -> bool:
    """An assertion about a patent repeats the patent's own name as its ``bom-ref``."""
    return "/patentAssertions/" in pointer


def _used(things: Things) -> Iterator[Use]:
    for thing, pointer in things:
        inside = pointer.startswith(("/declarations", "/definitions"))
        for key, value, where in members(thing, pointer):
            if isinstance(value, str) and (key in REFERRING or (inside and key in _DECLARED)):
                yield Use(value, where)
            elif isinstance(value, list) and key in LISTS:
                yield from (Use(item, f"{where}/{k}") for k, item in enumerate(value) if isinstance(item, str))


def _lost(document: Mapping[str, Any]) -> Iterator[Fault]:
    for number, citation in enumerate(mappings(document.get("citations"))):
        pointers = citation.get("pointers")
        for k, pointer in enumerate(pointers if isinstance(pointers, list) else ()):
            if isinstance(pointer, str) and not resolves(document, pointer):
                yield Fault(f"/citations/{number}/pointers/{k}", f"No field is at {quoted(pointer)}.")


def _round(document: Mapping[str, Any]) -> Iterator[Fault]:
    edges: dict[str, list[str]] = {}
    for entry in mappings(document.get("dependencies")):
        on = entry.get("dependsOn")
        texts = [name for name in on if isinstance(name, str)] if isinstance(on, list) else []
        edges.setdefault(str(entry.get("ref")), []).extend(texts)
    if found := cycle(edges):
        yield Fault("/dependencies", f"These depend on each other in a circle: {' → '.join(map(quoted, found[:6]))}.")


def _own_ancestor(things: Things) -> Iterator[Fault]:
    """By package URL, or by group, name and version: what stands again somewhere above itself."""
    edges: dict[str, list[str]] = {}
    for thing, _ in things:
        pedigree = thing.get("pedigree")
        if isinstance(pedigree, Mapping):
            for key, upwards in (("ancestors", True), ("descendants", False)):
                for other in mappings(pedigree.get(key)):
                    child, parent = (thing, other) if upwards else (other, thing)
                    edges.setdefault(identity(child), []).append(identity(parent))
    if found := cycle(edges):
        yield Fault("", f"The pedigree goes round in a circle: {' → '.join(map(quoted, found[:6]))}.")


def identity(component: Mapping[str, Any]) -> str:
    """What a component is known by: its package URL, else group, name and version."""
    purl = component.get("purl")
    if isinstance(purl, str) and purl:
        return purl
    group, name, version = (str(component.get(key) or "") for key in ("group", "name", "version"))
    return "/".join(part for part in (group, name) if part) + (f"@{version}" if version else "")
