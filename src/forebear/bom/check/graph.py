"""SPDX 3: what a JSON Schema cannot see of a graph: ids, ends of relationships, cycles, digests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from forebear.bom.check.base import Fault, misshapen, quoted, ruled
from forebear.bom.check.walk import Things, cycle, mappings, members, step
from forebear.bom.checks import Check
from forebear.bom.reading import Reading

ELSEWHERE = (
    "https://spdx.org/rdf/",
    "http://spdx.org/rdf/",
    "https://spdx.org/licenses/",
    "http://spdx.org/licenses/",
    "spdx:",
)
"""How names start that the standard itself defines: licences of the list, individuals such as NoAssertionLicense."""
INDIVIDUALS = frozenset(
    {
        *("NoneElement", "NoAssertionElement", "SpdxOrganization"),
        *("expandedlicensing_NoneLicense", "expandedlicensing_NoAssertionLicense"),
    }
)
REFERRING = frozenset(
    {
        *(
            "from",
            "to",
            "element",
            "rootElement",
            "subject",
            "createdBy",
            "createdUsing",
            "creationInfo",
            "dataLicense",
        ),
        *("suppliedBy", "originatedBy", "software_snippetFromFile", "security_assessedElement"),
        *("expandedlicensing_member", "expandedlicensing_subjectLicense", "expandedlicensing_subjectAddition"),
        "expandedlicensing_subjectExtendableLicense",
    }
)
"""Properties whose text names an element of the graph."""
DIGITS = {
    **{"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128},
    **{"sha3_224": 56, "sha3_256": 64, "sha3_384": 96, "sha3_512": 128},
    **{"blake2b256": 64, "blake2b384": 96, "blake2b512": 128},
}
_PACKAGES = ("software_Package", "ai_AIPackage", "dataset_DatasetPackage")
_SOFTWARE = (*_PACKAGES, "software_File", "software_Snippet")
_LICENCES = ("simplelicensing_", "expandedlicensing_")
FROM_TO: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    **dict.fromkeys(("ancestorOf", "descendantOf", "hasVariant"), (_SOFTWARE, _SOFTWARE)),
    **dict.fromkeys(("trainedOn", "testedOn"), (_SOFTWARE, _SOFTWARE)),
    **dict.fromkeys(("hasDeclaredLicense", "hasConcludedLicense"), (_SOFTWARE, _LICENCES)),
    "hasDataFile": (_SOFTWARE, _SOFTWARE),
    "hasEvidence": ((), _SOFTWARE),
}
"""Types (by how their names start) at the ends of relationships about models; empty: any."""


def checks(reading: Reading, things: Things) -> Iterator[Check]:
    """Duplicate and dangling ids, ends of relationships, circles of descent, lengths of digests."""
    elements = [(thing, pointer) for thing, pointer in things if pointer.startswith("/@graph")]
    kinds: dict[str, str] = {}
    twice = []
    for thing, pointer in elements:
        if (name := name_of(thing)) is not None:
            if name in kinds:
                twice.append(Fault(pointer, f"The id {quoted(name)} names another element already."))
            kinds.setdefault(name, str(thing.get("type") or thing.get("@type") or ""))
    yield from ruled("references/duplicate", twice, f"All {len(kinds):,} ids differ.")
    outside = set(_imported(elements))
    used = list(_used(elements))
    lost = (
        Fault(where, f"It refers to {quoted(name)}, which is neither in the graph nor among its imports.")
        for name, where in used
        if name not in kinds and name not in outside and name not in INDIVIDUALS and not name.startswith(ELSEWHERE)
    )
    yield from ruled("references/dangling", lost, f"All {len(used):,} references lead to an element.")
    ends = _unfit(elements, kinds)
    yield from ruled("relationships/ends", ends, "Relationships join elements of the types that they are meant for.")
    yield from ruled("cycles/pedigree", _own_ancestor(elements), "No model is its own ancestor.")
    yield from ruled("digests/form", _digests(elements), "Every digest is as long as its algorithm makes it.")
    yield from ruled("timestamps", _times(elements), "Every time is a date and time in UTC.")


def name_of(element: Mapping[str, Any]) -> str | None:
    """The id of an element or of a blank node, None for what has none."""
    name = element.get("spdxId", element.get("@id"))
    return name if isinstance(name, str) else None


def texts(value: Any) -> list[str]:
    """A property's texts, whether it has one or a list of them."""
    return [v for v in (value if isinstance(value, list) else [value]) if isinstance(v, str)]


def _imported(elements: Things) -> Iterator[str]:
    for thing, _ in elements:
        for entry in mappings(thing.get("import")):
            yield from texts(entry.get("externalSpdxId"))


def _used(elements: Things) -> Iterator[tuple[str, str]]:
    for thing, pointer in elements:
        for key, value, where in members(thing, pointer):
            if key in REFERRING:
                if isinstance(value, str):
                    yield value, where
                elif isinstance(value, list):
                    yield from ((v, f"{where}/{k}") for k, v in enumerate(value) if isinstance(v, str))


def _unfit(elements: Things, kinds: Mapping[str, str]) -> Iterator[Fault]:
    for thing, pointer in elements:
        kind = thing.get("relationshipType")
        if not isinstance(kind, str) or kind not in FROM_TO:
            continue
        for key, allowed in zip(("from", "to"), FROM_TO[kind], strict=True):
            for name in texts(thing.get(key)):
                found = kinds.get(name)
                if found and allowed and not found.startswith(allowed):
                    words = f"{kind} cannot lead {key} {quoted(found)}"
                    yield Fault(step(pointer, key), f"{words} ({quoted(name)}).")


def _own_ancestor(elements: Things) -> Iterator[Fault]:
    edges: dict[str, list[str]] = {}
    for thing, _ in elements:
        kind = thing.get("relationshipType")
        if kind in ("ancestorOf", "descendantOf"):
            for one in texts(thing.get("from")):
                for other in texts(thing.get("to")):
                    child, parent = (other, one) if kind == "ancestorOf" else (one, other)
                    edges.setdefault(child, []).append(parent)
    if found := cycle(edges):
        yield Fault("/@graph", f"Descent goes round in a circle: {' → '.join(map(quoted, found[:6]))}.")


def _digests(elements: Things) -> Iterator[Fault]:
    for thing, pointer in elements:
        if wrong := misshapen(thing.get("algorithm"), thing.get("hashValue"), DIGITS):
            yield Fault(step(pointer, "hashValue"), wrong)


_TIMES = frozenset(
    {"created", "releaseTime", "builtTime", "validUntilTime", "startTime", "endTime", "build_buildStartTime"}
)
_MOMENT = re.compile(r"\d{4}-(0\d|1[0-2])-([0-2]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ", re.ASCII)


def _times(elements: Things) -> Iterator[Fault]:
    for thing, pointer in elements:
        for key, value, where in members(thing, pointer):
            if key in _TIMES and isinstance(value, str) and not _MOMENT.fullmatch(value):
                yield Fault(where, f"{quoted(value)} is no date and time in UTC (as 2026-01-31T12:00:00Z).")
