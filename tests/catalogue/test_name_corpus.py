"""The corpus of identifiers that the grammar of model names is measured on: is it what its head says?"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parents[1] / "data"
MODELS: list[dict[str, Any]] = tomllib.loads((DATA / "identifiers.toml").read_text("utf-8"))["models"]
STRANGERS = (DATA / "not_models.txt").read_text("utf-8").splitlines()

REQUIRED = {"identifier", "group", "source"}
READ = {"family", "version", "size", "stage", "date", "step", "quantization", "variant"}
OPTIONAL = READ | {"provider", "account", "developer", "rule"}
SOURCES = {"recording", "card", "catalogue", "known naming", "style"}
RULES = {"base", "house", "own", "letter", "revision"}


def words(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def not_in_the_name(model: dict[str, Any]) -> list[str]:
    """The fields whose value the identifier does not spell, whatever stands between its letters and figures."""
    name = model["identifier"].lower()
    ways = [words(name), words(re.sub(r"(?<=\d)p(?=\d)", ".", name))]
    spelt: list[str] = [field for field in ("version", "size", "date", "quantization", "account") if field in model]
    if "family" in model and model.get("rule") != "house":
        spelt.append("family")
    missing = [field for field in spelt if not any(words(model[field]) in way for way in ways)]
    return missing + (["step"] if str(model.get("step", "")) not in name else [])


def test_it_has_three_hundred_identifiers_in_groups_that_can_be_reported() -> None:
    assert len({m["identifier"] for m in MODELS}) == len(MODELS) == 300
    groups = Counter(m["group"] for m in MODELS)
    assert len(groups) == 19 and min(groups.values()) >= 12, groups


def test_an_entry_has_the_fields_that_the_head_explains() -> None:
    for model in MODELS:
        assert model.keys() >= REQUIRED and model.keys() <= REQUIRED | OPTIONAL, model
        assert model["source"] in SOURCES and model.get("rule", "base") in RULES, model
        assert "family" in model or "version" not in model, model
        assert all(model[field] == model[field].lower() for field in READ & model.keys() - {"step"}), model


def test_what_an_entry_says_stands_in_its_identifier() -> None:
    assert {m["identifier"]: wrong for m in MODELS if (wrong := not_in_the_name(m))} == {}


def test_a_thousand_strings_are_no_models() -> None:
    assert len({text.lower() for text in STRANGERS}) == len(STRANGERS) == 1000
    assert all(text and text == text.strip() for text in STRANGERS)
    assert not {m["identifier"].lower() for m in MODELS} & {text.lower() for text in STRANGERS}
