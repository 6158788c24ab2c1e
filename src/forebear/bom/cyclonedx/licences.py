"""Licences and digests, of models and of what they consist of.

1.7 takes identifiers, names and expressions in one list; 1.6 takes either one expression or a list without any. There
an expression in company is written as a name, and the property ``forebear:spdx`` says that it is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from forebear.bom.cyclonedx.properties import Fields, build, complete
from forebear.bom.cyclonedx.terms import is_address, is_expression, is_hash, licence_ids
from forebear.bom.cyclonedx.tree import NAME, Node, Trail
from forebear.bom.record import Acknowledgement, LicenceStatement
from forebear.bom.values import Hash
from forebear.types import Json

_ALGORITHM, _DIGEST = re.compile(r"[A-Z0-9][A-Za-z0-9-]{1,20}"), re.compile(r"[0-9a-fA-F]{8,256}")


def hashes(items: Iterable[Hash], version: str) -> list[Json]:
    """The digests that the version has a place for."""
    return [{"alg": h.algorithm, "content": h.value} for h in items if is_hash(h.algorithm, h.value, version)]


def hashes_of(node: Node) -> list[Fields]:
    """The digests of a component."""
    found = []
    for child in node.children("hashes"):
        algorithm, value = child.value.get("alg"), child.value.get("content")
        if not (_matches(_ALGORITHM, algorithm) and _matches(_DIGEST, value)):
            child.wrong(expected="a digest")
            continue
        child.see("alg")
        child.see("content")
        found.append({"algorithm": algorithm, "value": value})
    return found


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def licences(items: tuple[LicenceStatement, ...], version: str, trail: Trail) -> list[Json]:
    """The licences of a model."""
    if version == "1.6" and len(items) == 1 and _is_expression(items[0].spdx):
        return [{"expression": items[0].spdx, "acknowledgement": str(items[0].acknowledgement)}]
    return [_licence(item, version, trail) for item in items]


def _licence(item: LicenceStatement, version: str, trail: Trail) -> Json:
    known = str(item.acknowledgement)
    if version != "1.6" and _is_expression(item.spdx):
        return complete(item, {"expression": item.spdx, "acknowledgement": known}, _statement, trail)
    title = {"id": item.spdx} if item.spdx in licence_ids() else {"name": item.name or item.spdx}
    url = {"url": item.url} if is_address(item.url) else {}
    return {"license": complete(item, {**title, "acknowledgement": known, **url}, _statement, trail)}


def _is_expression(spdx: str) -> bool:
    return spdx not in licence_ids() and is_expression(spdx)


def licences_of(node: Node) -> list[LicenceStatement]:
    """The licences of a component."""
    found = [build(LicenceStatement, choice, _statement) for choice in _choices(node)]
    return [licence for licence in found if licence is not None]


def _choices(node: Node) -> list[Node]:
    inner = ((choice, choice.child("license")) for choice in node.children("licenses"))
    return [choice if licence is None else licence for choice, licence in inner]


def _statement(choice: Node) -> Fields:
    fields: Fields = {
        "name": choice.text("name", NAME),
        "spdx": choice.text("id") or choice.text("expression"),
        "url": choice.text("url"),
    }
    said = choice.value.get("acknowledgement")
    if said in list(Acknowledgement):
        fields["acknowledgement"] = said
        choice.see("acknowledgement")
    elif said is not None:
        choice.wrong("acknowledgement", expected="declared or concluded")
    return fields


def plain_licences(texts: Iterable[str], version: str) -> list[Json]:
    """Licences of which no more is known than an identifier, an expression or a name."""
    found: list[Json] = []
    for text in texts:
        if text in licence_ids():
            found.append({"license": {"id": text}})
        elif version != "1.6" and is_expression(text):
            found.append({"expression": text})
        else:
            found.append({"license": {"name": text}})
    return found


def plain_licences_of(node: Node) -> list[str]:
    """Identifiers, expressions or names of a component's licences."""
    found: list[Any] = []
    for choice in _choices(node):
        found += [next((t for key in ("id", "expression", "name") if (t := choice.text(key))), "")]
    return found
