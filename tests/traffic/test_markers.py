"""Markers of templates, held against real templates."""

from __future__ import annotations

import json

import pytest

from forebear.catalogue.names.families import families
from forebear.traffic.markers import literals, markers, markers_in
from shared import shared

TEMPLATES = {
    "Llama-3": "llama",
    "gemma": "gemma",
    "DeepSeek-R1": "deepseek",
    "c4ai-command": "command",
    "Mistral": "mistral",
}
"""Whose template a file of the collection is, by a part of its name."""


def test_markers_are_told_in_order_and_longest_first() -> None:
    text = "<|im_start|>x</think><|tool_calls_section_begin|><|im_end|> [INST]<think>"
    assert [m.text for m in markers_in(text)] == [
        "<|im_start|>", "</think>", "<|tool_calls_section_begin|>", "<|im_end|>", "[INST]", "<think>",
    ]  # fmt: skip
    assert not list(markers_in("<|nothing|> [INST think"))


def test_only_markers_of_one_family_name_it() -> None:
    table = markers()
    assert table["<|tool_calls_section_begin|>"].family == "kimi" and table["<start_of_turn>"].family == "gemma"
    for text in ("<|im_start|>", "<think>", "[INST]", "<|endoftext|>"):
        assert table[text].family is None and "does not tell which" in table[text].explanation
    known = {family.name for family in families()} | {family.house for family in families() if family.house}
    assert {family for marker in table.values() for family in marker.families} <= known | {"hermes", "zephyr"}


def test_every_marker_has_a_literal_in_every_way_that_json_writes_it() -> None:
    for text in markers():
        for written in (text, json.dumps(text), json.dumps(text).replace("<", "\\u003c").replace(">", "\\u003e")):
            assert any(literal in written.lower() for literal in literals()), written


@pytest.mark.shared
def test_real_templates_have_no_marker_that_names_another_family() -> None:
    seen = 0
    for path in sorted(shared("artefacts/chat_templates").rglob("*.jinja")):
        family = next((f for part, f in TEMPLATES.items() if part in path.name), None)
        told = {m.family for m in markers_in(path.read_text("utf-8"))} - {None}
        if family:
            assert told <= {family, "deepseek" if "deepseek" in path.name.lower() else family}, path.name
            seen += 1
    assert seen >= 8
