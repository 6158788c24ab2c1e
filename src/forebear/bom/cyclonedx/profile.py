"""The statements of the proposed lineage profile (docs/standard) as ``ai-lineage:…`` properties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebear.bom import lineage_profile as profile
from forebear.bom.cyclonedx.lineage import KEYS, RANK
from forebear.bom.record import Record
from forebear.types import Json


def say_lineage(document: Json, record: Record) -> None:
    """Adds to the model, its relatives, its datasets and its stages what the profile wants said of them."""
    model = document["metadata"]["component"]
    _say(model, profile.of_subject(record))
    holders, relatives = [model], profile.of_relatives(record)
    for holder in holders:  # the list grows while it is walked
        for key in KEYS.values():
            for component in holder.get("pedigree", {}).get(key, ()):
                holders.append(component)
                rank = _rank(component)
                _say(component, relatives[rank] | profile.of_step(record.relatives[rank]))
    data = [part for part in document.get("components", ()) if part["type"] == "data"]
    for part, dataset in zip(data, record.datasets, strict=True):
        _say(part, profile.of_dataset(dataset))
    tasks = [t for f in document.get("formulation", ()) for w in f["workflows"] for t in w["tasks"]]
    for task, stage in zip(tasks, record.stages, strict=True):
        _say(task, profile.of_stage(stage))


def _rank(component: Json) -> int:
    return next(int(p["value"]) - 1 for p in component["properties"] if p["name"] == RANK)


def _say(thing: Json, said: Mapping[str, Any]) -> None:
    added = [{"name": name, "value": value} for name, value in profile.as_properties(said)]
    if added:
        thing["properties"] = [*thing.get("properties", ()), *added]
