"""The state of the facts, and the JSON Schemas of their files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from facts import ALL, DEVELOPER, SOURCES
from forebear.catalogue.audit import audit, schemas
from forebear.catalogue.collection import shipped, shipped_texts


def test_what_ships_is_in_order() -> None:
    found = audit([])
    assert found["problems"] == [] and found["schemas"] == "checked" and found["unused_sources"] == []
    assert found["counts"]["models"] == len(shipped().models)
    assert len(found["unverified"]) == found["confidence"]["unverified"]


def test_every_shipped_file_satisfies_its_schema() -> None:
    """One validator per file, so that a file that was left out could not pass."""
    assert len(shipped_texts()) == len(shipped().developers) + len(shipped().licences) + 3
    assert set(schemas()) == {
        f"catalogue-{k}" for k in ("file", "source", "developer", "model", "licence", "factor", "instrument")
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ALL.replace("hub_accounts", "accounts"), "accounts"),
        (ALL.replace('"SG"', '"Singapore"'), "Singapore"),
        (ALL.replace('confidence = "high"', "", 1), "confidence"),
        (ALL.replace("above = 100,", 'above = "100",'), "100"),
        (ALL.replace("[[licence]]", "[[licences]]").replace("[[licence.", "[[licences."), "licences"),
    ],
)
def test_schema_and_reader_refuse_the_same(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    problems = audit([file])["problems"]
    assert len(problems) >= 2 and all(line.startswith(str(file)) for line in problems)
    assert any(said in line for line in problems[1:])


def test_a_figure_beyond_all_numbers_is_none(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(ALL.replace("above = 100,", f"above = {'9' * 400},"))
    assert any("above is not a number" in line for line in audit([tmp_path / "mine.toml"])["problems"])


def test_a_broken_file_leaves_the_counts_of_what_ships(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[[")
    found = audit([tmp_path / "mine.toml"])
    assert len(found["problems"]) == 1 and found["counts"]["developers"] == len(shipped().developers)


def test_an_overlay_is_counted(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(SOURCES + DEVELOPER)
    found = audit([tmp_path / "mine.toml"])
    assert found["problems"] == [] and found["counts"]["developers"] == len(shipped().developers) + 1
    assert {"kind": "developer", "id": "acme", "what": "engineering_in[0]"} in found["unverified"]


def test_without_the_schema_package_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    assert "not checked" in audit([])["schemas"]
