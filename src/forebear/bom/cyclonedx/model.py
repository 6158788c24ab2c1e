"""The model itself: the component with its model card.

Energy is written where somebody states it. The standard wants every provider of the energy named with its source; who
states kilowatt-hours seldom knows, so the list of providers is empty rather than made up.
"""

from __future__ import annotations

from typing import Any

from forebear.bom.cyclonedx.foreign import is_taken, see
from forebear.bom.cyclonedx.licences import hashes, hashes_of
from forebear.bom.cyclonedx.properties import PREFIX, Fields, build, complete
from forebear.bom.cyclonedx.terms import (
    MODEL,
    MODEL_TYPE,
    is_address,
    is_link_type,
    is_purl,
    name_of,
    named,
    without_empty,
)
from forebear.bom.cyclonedx.tree import NAME, Node, Trail
from forebear.bom.lineage_profile import KEY
from forebear.bom.record import Metric, Model
from forebear.bom.training import Energy, EnergyActivity
from forebear.types import Json

ON_CARD = ("parameters", "sizes", "library", "languages", "family", "architecture", "task")
"""Fields whose properties stand in the model card; those of the others stand with the component."""
APART = (PREFIX, f"{KEY}:")
"""Properties that are none of the model's own: those that complete it, and those of the lineage profile."""
POINTERS = {
    "name": "name",
    "version": "version",
    "purl": "purl",
    "hashes": "hashes",
    "description": "description",
    "task": "modelCard/modelParameters/task",
    "family": "modelCard/modelParameters/architectureFamily",
    "architecture": "modelCard/modelParameters/modelArchitecture",
    "inputs": "modelCard/modelParameters/inputs",
    "outputs": "modelCard/modelParameters/outputs",
    "uses": "modelCard/considerations/useCases",
    "limitations": "modelCard/considerations/technicalLimitations",
    "tags": "tags",
    "links": "externalReferences",
}
"""Where a field of the model stands inside of its component."""


def model_component(model: Model, version: str, trail: Trail) -> Json:
    """The component without what is not the model's own: licences, pedigree, organisations, card's lists."""
    properties = [{"name": p.name, "value": p.value} for p in model.properties if not p.name.startswith(APART)]
    parameters = {
        "task": model.task,
        "architectureFamily": model.family,
        "modelArchitecture": model.architecture,
        "inputs": [{"format": kind} for kind in model.inputs],
        "outputs": [{"format": kind} for kind in model.outputs],
    }
    considerations = {"useCases": list(model.uses), "technicalLimitations": list(model.limitations)}
    card = {"modelParameters": without_empty(parameters), "considerations": without_empty(considerations)}
    native = {
        "version": model.version,
        "description": model.description,
        "hashes": hashes(model.hashes, version),
        "purl": model.purl if is_purl(model.purl) else "",
        "externalReferences": _links(model, version),
        "modelCard": without_empty(card),
        "properties": properties,
        "tags": list(model.tags),
    }
    native = {"type": MODEL_TYPE, "bom-ref": MODEL, **named(model.name), **without_empty(native)}
    return _sorted_out(complete(model, native, _model, trail), len(properties))


def _sorted_out(component: Json, own: int) -> Json:
    """Properties of the network moved to the card; ``own`` is the number of those that somebody else stated."""
    listed = component.pop("properties", [])
    sides = [(p, p["name"].removeprefix(PREFIX).partition(".")[0].rstrip("[]") in ON_CARD) for p in listed[own:]]
    on_card = [p for p, of_network in sides if of_network]
    other = listed[:own] + [p for p, of_network in sides if not of_network]
    if on_card:
        component.setdefault("modelCard", {})["properties"] = on_card
    return {**component, "properties": other} if other else component


def _links(model: Model, version: str) -> list[Json]:
    found = [{"type": "distribution", "url": model.download}] if is_address(model.download) else []
    for link in model.links:
        if is_address(link.url):
            known = is_link_type(link.kind, version)
            kind = {"type": link.kind} if known else {"type": "other", "comment": link.kind}
            found.append({**kind, "url": link.url})
    return found


def model_of(node: Node) -> Model | None:
    """The model that a component is."""
    return build(Model, node, _model, node.child("modelCard"))


def _model(node: Node) -> Fields:
    card = node.child("modelCard")
    parameters = card.child("modelParameters") if card is not None else None
    considerations = card.child("considerations") if card is not None else None
    links = [(link.value.get("type"), link) for link in node.children("externalReferences")]
    download = next((link for kind, link in links if kind == "distribution"), None)
    if download is not None:
        download.see("type")
    fields: Fields = {
        "name": name_of(node),
        "version": node.text("version", NAME),
        "description": node.text("description"),
        "hashes": hashes_of(node),
        "purl": node.text("purl"),
        "download": download.text("url") if download is not None else "",
        "links": [_link(link) for _, link in links if link is not download],
        "tags": node.texts("tags", NAME),
        "properties": [*_settings(node), *_settings(card)],
    }
    if parameters is not None:
        fields |= {
            "task": parameters.text("task", NAME),
            "family": parameters.text("architectureFamily", NAME),
            "architecture": parameters.text("modelArchitecture", NAME),
            "inputs": [kind.text("format", NAME) for kind in parameters.children("inputs")],
            "outputs": [kind.text("format", NAME) for kind in parameters.children("outputs")],
        }
    if considerations is not None:
        fields["uses"] = considerations.texts("useCases")
        fields["limitations"] = considerations.texts("technicalLimitations")
    return fields


def _link(node: Node) -> Fields:
    kind = node.text("type", NAME)
    comment = node.text("comment", NAME) if kind == "other" else ""
    return {"kind": comment or kind, "url": node.text("url")}


def _settings(node: Node | None) -> list[Fields]:
    found = []
    for entry in node.children("properties") if node is not None else ():
        name = entry.value.get("name")
        if isinstance(name, str) and node is not None and is_taken(node, name, entry.value.get("value")):
            see(entry)
        elif isinstance(name, str) and not name.startswith(APART):
            found.append({"name": entry.text("name"), "value": entry.text("value")})
    return found


def measured_card(metrics: tuple[Metric, ...], energy: tuple[Energy, ...], trail: Trail) -> Json:
    """What a card says of results and energy: its parts, to be joined with the model's own."""
    results = [without_empty({"type": m.name, "value": m.value, "slice": m.dataset}) for m in metrics]
    consumed = {"energyConsumptions": [_consumption(each, trail) for each in energy]}
    return {
        **({"quantitativeAnalysis": {"performanceMetrics": results}} if results else {}),
        **({"considerations": {"environmentalConsiderations": consumed}} if energy else {}),
    }


def _consumption(energy: Energy, trail: Trail) -> Json:
    native: Json = {
        "activity": str(energy.activity),
        "energyProviders": [],
        "activityEnergyCost": {"value": energy.kwh, "unit": "kWh"},
    }
    if energy.tonnes_co2 is not None:
        native["co2CostEquivalent"] = {"value": energy.tonnes_co2, "unit": "tCO2eq"}
    return complete(energy, native, _energy, trail)


def metrics_of(model: Node) -> list[Fields]:
    """Results of evaluations in a model's card."""
    place = model.child("modelCard", "quantitativeAnalysis")
    listed = place.children("performanceMetrics") if place is not None else []
    keys = {"name": "type", "value": "value", "dataset": "slice"}
    return [{ours: metric.text(theirs, NAME) for ours, theirs in keys.items()} for metric in listed]


def energy_of(model: Node) -> list[Energy]:
    """Energy that a model's card states."""
    place = model.child("modelCard", "considerations", "environmentalConsiderations")
    listed = place.children("energyConsumptions") if place is not None else []
    found = [build(Energy, each, _energy) for each in listed]
    return [each for each in found if each is not None]


def _energy(node: Node) -> Fields:
    activity = node.value.get("activity")
    known = isinstance(activity, str) and activity in list(EnergyActivity)
    if known:
        node.see("activity")
    cost, carbon = node.child("activityEnergyCost"), node.child("co2CostEquivalent")
    fields: dict[str, Any] = {
        "activity": activity if known else EnergyActivity.OTHER,
        "kwh": _quantity(cost, "kWh"),
        "tonnes_co2": _quantity(carbon, "tCO2eq"),
    }
    return fields


def _quantity(node: Node | None, unit: str) -> float | None:
    if node is None or node.value.get("unit") != unit:
        return None
    node.see("unit")
    return node.number("value")
