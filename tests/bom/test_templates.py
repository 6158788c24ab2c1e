"""Chat templates inside of other files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from forebear.bom.templates import embedded_templates
from forebear.sources import open_source

TEMPLATE = "{% for m in messages %}{{ m.content }}🦙{% endfor %}"


def found(folder: Path, config: Any) -> dict[str, str]:
    text = config if isinstance(config, str) else json.dumps(config)
    (folder / "tokenizer_config.json").write_text(text, "utf-8")
    return {s.name: s.value for s in embedded_templates(open_source(str(folder)))}


def test_one_template_or_several_by_name(tmp_path: Path) -> None:
    digest = hashlib.sha256(TEMPLATE.encode()).hexdigest()
    assert found(tmp_path, {"chat_template": TEMPLATE}) == {"chat_template.sha256: tokenizer_config.json": digest}
    several = [{"name": "tool_use", "template": TEMPLATE}, {"name": "x", "template": 3}, 7]
    assert found(tmp_path, {"chat_template": several}) == {
        "chat_template.sha256: tokenizer_config.json#tool_use": digest
    }


@pytest.mark.parametrize("config", ["{", "[]", {}, {"chat_template": None}, {"chat_template": {"a": 1}}])
def test_a_file_without_one_or_a_damaged_one_has_none(config: Any, tmp_path: Path) -> None:
    assert found(tmp_path, config) == {}


def test_any_other_character_is_another_digest(tmp_path: Path) -> None:
    assert found(tmp_path, {"chat_template": TEMPLATE}) != found(tmp_path, {"chat_template": TEMPLATE + " "})
