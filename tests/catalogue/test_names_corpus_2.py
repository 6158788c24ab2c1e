"""The grammar on a second corpus that was written without it, after the faults that it showed were repaired."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from forebear.catalogue.names import ModelName, decode, find

DATA = Path(__file__).resolve().parents[1] / "data"
MODELS: list[dict[str, Any]] = tomllib.loads((DATA / "identifiers_2.toml").read_text("utf-8"))["models"]
STRANGERS = (DATA / "not_models_2.txt").read_text("utf-8").splitlines()


def said(name: ModelName | None) -> tuple[str, str]:
    return (name.family or "", name.version or "") if name else ("", "")


def test_family_and_version() -> None:
    wrong = []
    for model in MODELS:
        family, version = said(decode(model["identifier"], named=True))
        if family not in model["family"] or version not in model["version"]:
            wrong.append((model["identifier"], family, version))
    assert len(wrong) <= 0.02 * len(MODELS), wrong
    assert all(not family for _, family, _ in wrong), "what is not read is left open, and no other family named"


def test_strangers_are_given_no_family_where_no_field_vouches_for_them() -> None:
    assert [text for text in STRANGERS if said(decode(text))[0]] == []
    assert [text for text in STRANGERS if any(name.family for _, _, name in find(f"see {text} there"))] == []


def test_in_a_field_of_a_model_few_are_read_as_one() -> None:
    """In a field that names a model, ``dbrx`` is one, and ``gemini-12-mission`` reads like one."""
    taken = [text for text in STRANGERS if said(decode(text, named=True))[0]]
    assert len(taken) <= 0.05 * len(STRANGERS), taken
