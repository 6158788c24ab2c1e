"""Documents read: our own come back as the records that they were, others' as far as a record has a place for them.

What is in no record is told by its pointer. A document of ours repeats some of what it says (references, citations, the
serial number). That is not lost, for the records alone give it again: so of such a document every leaf is unread that
writing the record again would not give, and a single changed leaf shows there or in the record.
"""

from __future__ import annotations

import json
from typing import Any

from forebear.bom.cyclonedx.properties import PREFIX
from forebear.bom.cyclonedx.subjects import records_of
from forebear.bom.cyclonedx.terms import RECORD, VERSIONS
from forebear.bom.cyclonedx.tree import Node, Trail
from forebear.bom.cyclonedx.write import write
from forebear.bom.reading import Document, Reading
from forebear.bom.record import SCHEMA
from forebear.errors import InputError, one_line

READ = (*VERSIONS, "1.5")


def read(document: Document) -> Reading:
    """The records of a document in CycloneDX 1.5 to 1.7.

    Values of the wrong type, properties that do not fit and the like are defects and stay unread.

    Raises:
        InputError: it is no such document, or nested too deeply.
    """
    version = document.get("specVersion")
    if document.get("bomFormat") != "CycloneDX" or version not in READ:
        raise InputError(f"this is not CycloneDX {', '.join(READ)}: it says {one_line(str(version), 40)}")
    document = document if isinstance(document, dict) else dict(document)
    trail = Trail(document, foreign=not _ours(document))
    records = records_of(Node(document, trail))
    trail.see(document, "bomFormat")
    trail.see(document, "specVersion")
    if records and version in VERSIONS and _ours(document):
        twin = write(records[0], str(version))
        unread = _not_given(document, twin)
        defects = trail.defects + (_replaced(twin, trail) if unread else [])
    else:
        unread, defects = trail.unread(document), trail.defects + trail.shadowed
    return Reading(f"CycloneDX {version}", tuple(records), document, unread, tuple(defects))


def _ours(document: Document) -> bool:
    listed = document.get("properties")
    return isinstance(listed, list) and {"name": PREFIX + RECORD, "value": SCHEMA} in listed


def _replaced(twin: Document, trail: Trail) -> list[str]:
    """Native fields that properties replace and would not, had we written the record: what no format can hold."""
    if not trail.shadowed:
        return []
    again = Trail(twin)
    records_of(Node(twin, again))
    return [said for said in trail.shadowed if said not in again.shadowed]


def _not_given(document: Document, twin: Document) -> tuple[str, ...]:
    """Pointers of the leaves that a document as we write it (``twin``) does not have, or has otherwise."""
    again = Trail()
    if json.dumps(document, sort_keys=True) == json.dumps(twin, sort_keys=True):
        return ()  # nobody touched it
    stack: list[tuple[Any, Any]] = [(document, twin)]
    while stack:
        ours, other = stack.pop()
        for key, item in ours.items() if isinstance(ours, dict) else enumerate(ours):
            same = _at(other, key)
            if isinstance(item, dict | list) and item:
                stack.append((item, same))
            elif type(item) is type(same) and item == same:
                again.see(ours, key)
    return again.unread(document)


def _at(place: Any, key: Any) -> Any:
    if isinstance(place, dict):
        return place.get(key)
    return place[key] if isinstance(place, list) and isinstance(key, int) and key < len(place) else None
