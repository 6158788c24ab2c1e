"""The table of what the AI and Dataset profiles require in prose fits the standard, and what is written."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

import pytest

from bom.spdx.typical import RECORD
from forebear.bom import spdx
from forebear.bom.schemas import load

TABLE = tomllib.loads((files("forebear") / "data/standards/spdx-ai-profile.toml").read_text("utf-8"))
RULES = TABLE["rule"]


def _names(element: str) -> set[str]:
    """Every property that the schema knows for a class, those of its ancestors too."""
    found: set[str] = set()
    waiting: list[Any] = [load("spdx-3.0.1.schema.json")["$defs"][f"{element}_props"]]
    while waiting:
        for part in waiting.pop().get("allOf", []):
            found |= set(part.get("properties", {}))
            if "$ref" in part:
                waiting.append(load("spdx-3.0.1.schema.json")["$defs"][part["$ref"].rpartition("/")[2]])
    return found


@pytest.mark.parametrize("rule", RULES, ids=[rule["id"] for rule in RULES])
def test_a_rule_is_about_something_that_exists(rule: dict[str, Any]) -> None:
    assert rule["prose"].endswith(".") and rule["section"]
    assert 0 < rule["least"] <= rule.get("most", rule["least"])
    assert ("property" in rule) != ("relationship" in rule)
    if "property" in rule:
        assert rule["property"] in _names(rule["element"])
    else:
        kinds = load("spdx-3.0.1.schema.json")["$defs"]["prop_Relationship_relationshipType"]["enum"]
        assert rule["relationship"] in kinds


def test_ids_are_unique_and_both_profiles_are_there() -> None:
    assert len({rule["id"] for rule in RULES}) == len(RULES)
    assert {rule["element"] for rule in RULES} == {"ai_AIPackage", "dataset_DatasetPackage"}


def test_a_record_that_knows_everything_meets_the_rules_for_its_model() -> None:
    graph = spdx.write(RECORD)["@graph"]
    model = next(n for n in graph if "#model-" in n.get("spdxId", ""))
    for rule in (r for r in RULES if r["profile"] == "ai"):
        if "property" in rule:
            assert model.get(rule["property"]), rule["id"]
        else:
            ends = [
                n for n in graph if n.get("from") == model["spdxId"] and n["relationshipType"] == rule["relationship"]
            ]
            assert rule["least"] <= sum(len(n["to"]) for n in ends) <= rule["most"], rule["id"]
