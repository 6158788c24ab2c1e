"""Who said which field: ``citations`` of CycloneDX 1.7.

A citation attributes JSON pointers to something that the document holds: a file of the model, or the tool that
measured. What is attributed to neither has no citation and stays in properties. What the model's own fields are
attributed to is read back; citations of list items repeat what their properties say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from forebear.bom.cyclonedx.model import POINTERS
from forebear.bom.cyclonedx.properties import PREFIX, Fields
from forebear.bom.cyclonedx.terms import TOOL, is_time, name_at
from forebear.bom.cyclonedx.tree import Node
from forebear.bom.record import Record
from forebear.bom.values import Basis, Said
from forebear.types import Json

_COMPONENT = "/metadata/component"
_NOTE = re.compile(f"({'|'.join(Basis)})(?:: (.+))?")
_PLACES = ("properties", "modelCard/properties")
_DEEPEST = 1 + max(place.count("/") + 1 for place in (*POINTERS.values(), *_PLACES))
"""Keys of a pointer that can stand below the model that it is about."""
Cited = dict[str, list[tuple[Node, list[tuple[int, str]]]]]
"""Citations by a place above what they point to: each with the numbers of its pointers and their paths from there."""
_BY_PROGRAM = (Basis.MEASURED, Basis.PROBED, Basis.CATALOGUED)


def citations(document: Json, record: Record, files: Mapping[str, str]) -> list[Json]:
    """The citations of a document; ``files`` are references by path. None without a time, which each must have."""
    if not is_time(record.created):
        return []
    known = _pointers(document["metadata"]["component"])
    found = []
    for each in record.attributions:
        found += _citation(each.said, [_COMPONENT + p for name in each.fields for p in known.get(name, ())], files)
    for said, pointers in _items(document).items():
        found += _citation(said, pointers, files)
    stamp = {"timestamp": record.created}
    return [{"bom-ref": f"citation/{number}", **stamp, **each} for number, each in enumerate(found, 1)]


def _citation(said: Said, pointers: list[str], files: Mapping[str, str]) -> list[Json]:
    ref = files.get(said.by) or (TOOL if said.basis in _BY_PROGRAM else None)
    if ref is None or not pointers:
        return []
    note = f"{said.basis}: {said.note}" if said.note else str(said.basis)
    return [{"pointers": list(dict.fromkeys(pointers)), "attributedTo": ref, "note": note}]


def _pointers(component: Mapping[str, Any]) -> dict[str, list[str]]:
    """Where the fields of the model stand in its component, natively and in properties."""
    found = {name: ["/" + path] for name, path in POINTERS.items() if _inside(component, path)}
    for where in _PLACES:
        for number, entry in enumerate(_inside(component, where) or ()):
            found.setdefault(_field(entry["name"]), []).append(f"/{where}/{number}")
    return found


def _inside(place: Any, path: str) -> Any:
    for key in path.split("/"):
        place = place.get(key) if isinstance(place, dict) else None
    return place


def _field(name: str) -> str:
    """The field of the model that a property is of."""
    return name.removeprefix(PREFIX).partition(".")[0].rstrip("[]") if name.startswith(PREFIX) else "properties"


def _items(document: Json) -> dict[Said, list[str]]:
    """Pointers of components by who says that they are there, as their properties have it."""
    found: dict[Said, list[str]] = {}
    listed: list[tuple[str, Any]] = [(f"/components/{k}", c) for k, c in enumerate(document.get("components", ()))]
    listed.append((_COMPONENT, document["metadata"]["component"]))
    for where, component in listed:  # the list grows while it is walked
        if where != _COMPONENT:
            found.setdefault(_said(component), []).append(where)
        for key, relatives in component.get("pedigree", {}).items():
            if isinstance(relatives, list):
                listed += [(f"{where}/pedigree/{key}/{k}", each) for k, each in enumerate(relatives)]
    return found


def _said(component: Mapping[str, Any]) -> Said:
    texts = {p["name"]: p.get("value", "") for p in component.get("properties", ())}
    return Said.model_validate(
        {key: value for key in Said.model_fields if (value := texts.get(f"{PREFIX}said.{key}")) is not None}
    )


def cited(document: Node) -> Cited:
    """The citations of a document by what their pointers may be about; in one pass, for many models may have many."""
    found: Cited = {}
    for node in document.children("citations"):
        here: dict[str, list[tuple[int, str]]] = {}
        for number, pointer in enumerate(node.items("pointers")):
            place, path = pointer if isinstance(pointer, str) else "", ""
            for _ in range(_DEEPEST):
                place, slash, key = place.rpartition("/")
                if not slash:
                    break
                path = f"{key}/{path}" if path else key
                here.setdefault(place, []).append((number, path))
        for place, paths in here.items():
            found.setdefault(place, []).append((node, paths))
    return found


def attributions_of(citations: Cited, model: Node) -> list[Fields]:
    """Attributions of fields of the model in the citations of its document, by what they are about."""
    found = []
    for node, paths in citations.get(model.pointer, ()):
        first: dict[str, int] = {}
        for number, path in paths:
            if (name := _at(model.value, path)) is not None:
                first.setdefault(name, number)
        ref = node.value.get("attributedTo")
        by = name_at(ref, node.trail.refs) if isinstance(ref, str) else None
        if by is None or not any(first):
            continue
        node.see("attributedTo")
        pointers = node.items("pointers")
        for number in first.values():
            node.trail.see(pointers, number)
        found.append({"fields": list(first), "said": {**_note(node), "by": by}})
    return found


def _at(component: Mapping[str, Any], path: str) -> str | None:
    """The field of the model at a pointer inside of its component, None where it is not one."""
    named = next((name for name, place in POINTERS.items() if place == path), None)
    where, _, number = path.rpartition("/")
    if named is not None or where not in _PLACES or not re.fullmatch("[0-9]{1,6}", number):
        return named
    entries = _inside(component, where)
    entry = entries[int(number)] if isinstance(entries, list) and int(number) < len(entries) else None
    name = entry.get("name") if isinstance(entry, dict) else None
    return _field(name) if isinstance(name, str) else None


def _note(node: Node) -> Fields:
    note = node.text("note")
    match = _NOTE.fullmatch(note)
    return {"basis": match[1], "note": match[2] or ""} if match else {"note": note}
