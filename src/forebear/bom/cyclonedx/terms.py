"""The standard's own terms, and what may stand in its fields: each check is stricter than the schema's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import quote

from forebear.bom.cyclonedx.tree import NAME, Node
from forebear.bom.schemas import load
from forebear.types import Json

VERSIONS = ("1.7", "1.6")
"""Those that are written."""
MODEL_TYPE = "machine-learning-model"
MODEL, TOOL = "model", "tool"
RECORD = "record"
"""Property of a document that holds a record of ours; its value is the record's schema."""
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_ADDRESS = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+"
    r"(?:#(?:[A-Za-z0-9._~:/?@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)?"
)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_PURL = re.compile(r"pkg:[a-z][a-z0-9.-]*(?:/(?:[A-Za-z0-9._~:+!$&'()*,;=-]|%[0-9A-Fa-f]{2})+){1,8}"
                   r"(?:@(?:[A-Za-z0-9._~:+-]|%[0-9A-Fa-f]{2})+)?")  # fmt: skip
_EXPRESSION = re.compile(r"\(*[A-Za-z0-9.+:-]+\)*(?: (?:AND|OR|WITH) \(*[A-Za-z0-9.+:-]+\)*)*")
_REFERENCE = re.compile(r"(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+")
_HEX = re.compile(r"(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})")


def is_address(text: str) -> bool:
    """Whether a text is an absolute IRI beyond doubt."""
    return _ADDRESS.fullmatch(text) is not None and not text.endswith("://")


def is_time(text: str) -> bool:
    """Whether a text is a date with time and zone (RFC 3339)."""
    try:
        return _TIME.fullmatch(text) is not None and datetime.fromisoformat(text) is not None
    except ValueError:
        return False


def is_purl(text: str) -> bool:
    """Whether a text is a package URL."""
    return _PURL.fullmatch(text) is not None


def is_expression(text: str) -> bool:
    """Whether a text is an SPDX licence expression, of the list's identifiers or ``LicenseRef-…``."""
    if _EXPRESSION.fullmatch(text) is None or not _paired(text):
        return False
    operands = (word for word in re.split(r"[() ]+", text) if word not in ("", "AND", "OR", "WITH"))
    return all(w.removesuffix("+") in licence_ids() or w in licence_ids() or _REFERENCE.fullmatch(w) for w in operands)


def _paired(text: str) -> bool:
    depth = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            return False
    return depth == 0


def is_hash(algorithm: str, value: str, version: str) -> bool:
    """Whether a version of the standard has a place for a digest."""
    return algorithm in _enum(version, "hash-alg") and _HEX.fullmatch(value) is not None


def is_link_type(kind: str, version: str) -> bool:
    """Whether a version of the standard knows a kind of external reference."""
    return kind in _enum(version, "externalReference", "properties", "type")


@cache
def licence_ids() -> frozenset[str]:
    """The SPDX identifiers that ``license.id`` takes."""
    return frozenset(load("spdx.schema.json")["enum"])


@cache
def _enum(version: str, *path: str) -> frozenset[str]:
    place = load(f"bom-{version}.schema.json")["definitions"]
    for key in path:
        place = place[key]
    return frozenset(place["enum"])


def named(name: str) -> Json:
    """``group`` and ``name`` of a hub id; other names have no group."""
    if not _HUB_ID.fullmatch(name):
        return {"name": name}
    group, short = name.split("/")
    return {"group": group, "name": short}


def name_of(node: Node) -> str:
    """The name of a component or service, with its group before it."""
    group, name = node.text("group", NAME), node.text("name", NAME)
    return f"{group}/{name}" if group else name


def name_at(ref: str, refs: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The name of the component that a reference points to, None for a dangling one."""
    found = refs.get(ref)
    group, name = (found.get("group"), found.get("name")) if found is not None else (None, None)
    if not isinstance(name, str):
        return None
    return f"{group}/{name}" if isinstance(group, str) and group else name


class Refs:
    """Gives every object of one document a ``bom-ref`` of its own, made of what it is."""

    def __init__(self) -> None:
        self._given: dict[str, int] = {}

    def new(self, kind: str, name: str) -> str:
        """``kind/name``, with a number after it from the second of the same name on."""
        ref = f"{kind}/{quote(name, safe='/')}"
        count = self._given[ref] = self._given.get(ref, 0) + 1
        return ref if count == 1 else f"{ref}#{count}"


def without_empty(native: Json) -> Json:
    """The same without empty texts, lists and objects: what is not known is left out, not written as nothing."""
    return {key: item for key, item in native.items() if item or isinstance(item, bool | int | float)}
