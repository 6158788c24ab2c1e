"""CycloneDX: single values that the schema lets through although the standard does not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from forebear.bom.check import purl
from forebear.bom.check.base import Fault, misshapen, quoted, ruled
from forebear.bom.check.walk import Things, mappings, members, step
from forebear.bom.checks import Check
from forebear.bom.reading import Reading

DIGITS = {
    **{"MD5": 32, "SHA-1": 40, "SHA-256": 64, "SHA-384": 96, "SHA-512": 128},
    **{"SHA3-256": 64, "SHA3-384": 96, "SHA3-512": 128},
    **{"BLAKE2b-256": 64, "BLAKE2b-384": 96, "BLAKE2b-512": 128, "Streebog-256": 64, "Streebog-512": 128},
}
"""Hexadecimal digits of a digest; BLAKE3 has any length."""
_SERIAL = re.compile(r"urn:uuid:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_TIMES = frozenset({"timestamp", "created", "expires", "timeStart", "timeEnd", "timeActivated"})
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_MEANT_FOR = {"modelCard": "machine-learning-model", "data": "data"}


def checks(reading: Reading, things: Things) -> Iterator[Check]:
    """Package URLs, the serial number, digests, confidences, times, and what belongs to other types of components."""
    yield from ruled("identifiers/purl", _purls(things), "Every package URL keeps to the specification.")
    yield from ruled("identifiers/serial-number", _serial(reading.document), "The serial number, if any, is a UUID.")
    yield from ruled("digests/form", _digests(things), "Every digest is as long as its algorithm makes it.")
    yield from ruled("evidence/confidence", _certain(things), "Nobody is certain without a method.")
    yield from ruled("timestamps", _times(things), "Every time is a date and time of RFC 3339.")
    wrong = "A component holds only what its type may hold (CycloneDX: a model card, or data)."
    yield from ruled("components/type", _misplaced(things), wrong, "CycloneDX: “must not be specified for other”")


def _purls(things: Things) -> Iterator[Fault]:
    for thing, pointer in things:
        value = thing.get("purl")
        if isinstance(value, str) and (wrong := purl.defect(value)):
            yield Fault(step(pointer, "purl"), f"{quoted(value)} is no package URL: {wrong}.")


def _serial(document: Mapping[str, Any]) -> Iterator[Fault]:
    value = document.get("serialNumber")
    if isinstance(value, str) and not _SERIAL.fullmatch(value):
        yield Fault("/serialNumber", f"{quoted(value)} is no UUID in the form urn:uuid:….")


def _digests(things: Things) -> Iterator[Fault]:
    for thing, pointer in things:
        if wrong := misshapen(thing.get("alg"), thing.get("content"), DIGITS):
            yield Fault(step(pointer, "content"), wrong)


def _certain(things: Things) -> Iterator[Fault]:
    for thing, pointer in things:
        confidence = thing.get("confidence")
        certain = isinstance(confidence, int | float) and not isinstance(confidence, bool) and confidence >= 1
        if certain and "field" in thing and not mappings(thing.get("methods")):
            said = f"It is certain of its {quoted(thing['field'])} and names no method; nothing says why."
            yield Fault(step(pointer, "confidence"), said)


def _times(things: Things) -> Iterator[Fault]:
    for thing, pointer in things:
        for key, value, where in members(thing, pointer):
            if key in _TIMES and isinstance(value, str) and not _is_time(value):
                yield Fault(where, f"{quoted(value)} is no date and time (as 2026-01-31T12:00:00Z).")


def _is_time(value: str) -> bool:
    if not _RFC3339.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(re.sub(r"\.\d+", "", value).upper().replace("Z", "+00:00"))
    except ValueError:
        return False
    return True


def _misplaced(things: Things) -> Iterator[Fault]:
    for thing, pointer in things:
        kind = thing.get("type")
        if not isinstance(kind, str) or "name" not in thing:
            continue
        for key, meant in _MEANT_FOR.items():
            if key in thing and kind != meant:
                yield Fault(
                    step(pointer, key), f"A component of type {quoted(kind)} holds {key}, which only {meant} may."
                )
