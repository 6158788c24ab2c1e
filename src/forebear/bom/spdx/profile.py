"""The statements of the proposed lineage profile (docs/standard) as annotations: ``{"ai-lineage": {…}}``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from forebear.bom import lineage_profile as profile
from forebear.bom.record import Organisation, Relative, Slot
from forebear.bom.spdx.elements import Elements
from forebear.bom.training import Stage


def say_lineage(to: Elements) -> None:
    """Annotates the model, its relatives, the steps from them, their makers and its stages."""
    record = to.record
    ((model, _),) = to.entries["model"]
    _say(to, model, {key: value for key, value in profile.of_subject(record).items() if key != "countries"})
    told: set[str] = set()
    said = {id(r): about for r, about in zip(record.relatives, profile.of_relatives(record), strict=True)}
    for link, relative in to.entries.get("relative", []):
        assert isinstance(relative, Relative)
        _say(to, link, profile.of_step(relative))
        package = _package(to, link, relative)
        if package not in told:
            told.add(package)
            _say(to, package, {key: value for key, value in said[id(relative)].items() if key != "countries"})
    for agent, firm in to.entries.get("organisation", []):
        assert isinstance(firm, Organisation)
        if agent not in told:
            told.add(agent)
            _say(to, agent, {"countries": profile.countries_of(firm)})
    for build, stage in to.entries.get("stage", []):
        assert isinstance(stage, Stage)
        _say(to, build, profile.of_stage(stage))


def _package(to: Elements, link: str, relative: Relative) -> str:
    node = to.nodes[link]
    return str(node["from"] if relative.slot is Slot.ANCESTOR else node["to"][0])


def _say(to: Elements, subject: str, said: Mapping[str, Any]) -> None:
    if said:
        to.annotate(subject, json.dumps({profile.KEY: said}, ensure_ascii=False, sort_keys=True))
