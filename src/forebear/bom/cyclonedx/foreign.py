"""``ai-lineage:…`` properties (docs/standard) of bills by others, read into the fields of a record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebear.bom import lineage_profile_read as profile
from forebear.bom.cyclonedx.tree import Node
from forebear.bom.lineage_profile import KEY
from forebear.bom.record import Relative
from forebear.bom.training import Dataset, Stage
from forebear.bom.values import Value
from forebear.types import Json

START = f"{KEY}:"
_STEP = ("relation", "component", "assurance", "evidence")


def lineage_fields(kind: type[Value], node: Node, native: Mapping[str, Any]) -> Json:
    """Fields that the profile's properties of an object state; nothing for a bill of ours, which says them itself.

    Args:
        kind: of the value that the object becomes.
        node: the object.
        native: what its other fields say.
    """
    if not node.trail.foreign:
        return {}
    if kind is Stage:
        return _taken(node, profile.stage_of(said(node)), {"stage": "kind", "method": "method", "reward": "reward"})
    if kind is Dataset:
        return _taken(node, profile.dataset_of(said(node)), {"role": "roles"})
    if kind is not Relative:
        return {}
    fields = profile.relative_of(said(node))
    places = {"relation": "declared_relation", "component": "component", "assurance": "said"}
    _taken(node, fields, places)
    for entry in entries(node, "evidence"):
        one = profile.parsed(str(entry.value.get("value", "")))
        if isinstance(one, dict) and profile.observation_of(one) is not None:
            see(entry)
    if "observations" in fields:
        fields["observations"] = [*fields["observations"], *native.get("observations", ())]
    return fields


def gaps_and_claims(model: Node) -> tuple[list[Json], list[Json]]:
    """What the profile's properties of a model say is withheld, unknown, or not there."""
    if not model.trail.foreign:
        return [], []
    found = said(model)
    return profile.gaps_of(found), profile.claims_of(found)


def is_taken(node: Node, name: str, value: Any) -> bool:
    """Whether a property of a model stands in the record as a gap or a claim, and is no property of it besides."""
    key = name.removeprefix(START)
    if not (node.trail.foreign and name.startswith(START) and key in profile.GAPS):
        return False
    return bool(profile.gaps_of({key: value}) or profile.claims_of({key: value}))


def jurisdictions(node: Node) -> list[Json]:
    """Countries of the maker of a component, each with its tie."""
    if not node.trail.foreign:
        return []
    found = []
    for entry in entries(node, "country"):
        country, _, tie = str(entry.value.get("value", "")).partition(" ")
        made = profile.jurisdictions_of([{"country": country, "tie": tie}])
        if made:
            see(entry)
            found += made
    return found


def said(node: Node) -> Json:
    """The profile's statements about an object by name, the first of each; ``evidence`` a list."""
    found: Json = {}
    for entry in node.children("properties"):
        name, value = entry.value.get("name"), entry.value.get("value")
        if isinstance(name, str) and name.startswith(START) and isinstance(value, str):
            found.setdefault(name.removeprefix(START), value)
    found["evidence"] = [profile.parsed(str(e.value.get("value", ""))) for e in entries(node, "evidence")]
    return found


def entries(node: Node, key: str) -> list[Node]:
    """The properties of that name."""
    return [entry for entry in node.children("properties") if entry.value.get("name") == START + key]


def see(entry: Node) -> None:
    """A property was taken over."""
    entry.see("name")
    entry.see("value")


def _taken(node: Node, fields: Json, places: Mapping[str, str]) -> Json:
    """Marks the first property of each name whose field was made."""
    for key, field in places.items():
        if field in fields:
            for entry in entries(node, key)[:1]:
                see(entry)
    return fields
