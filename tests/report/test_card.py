"""Model cards: no key in the header that is not supported, and nothing of a stranger's becomes markup or a key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard
from typer.testing import CliRunner

import reports
from forebear.cli import app
from forebear.errors import ForebearError
from forebear.report.card import card

BASE = "org/base"


def keys(text: str) -> dict[str, Any]:
    """The header as the hub's own library reads it."""
    loaded = yaml.safe_load(text.split("\n---\n")[0])
    assert ModelCard(text, ignore_metadata_errors=True).data.to_dict() == (loaded or {})
    return dict(loaded or {})


def scan(verdict: str = "dependent", direction: str = "unknown", name: str = BASE) -> dict[str, Any]:
    """The demonstration's fine-tune with another verdict on its base."""
    document = reports.scan()
    document["verdict"] = document["ancestors"][0]["verdict"] = verdict
    document["ancestors"][0]["name"] = name
    document["ancestors"][0]["relation"]["direction"] = direction
    return document


def claiming(document: dict[str, Any], source: str = "card or config", relation: str = "") -> dict[str, Any]:
    said = {"claim": f"base model: {BASE}", "source": source, "status": "confirmed", "why": "they are dependent"}
    document["claims"] = [{**said, "relation": relation}]
    return document


def test_a_dependence_whose_direction_is_open_is_a_comment_and_no_key() -> None:
    text = card(reports.scan())
    assert keys(text) == {"license": "apache-2.0"}
    assert '# base_model: not "demo-base", of which this is known: possible, not established' in text
    for part in (
        "(`dependent`)",
        "p ≤ 1e-30",
        "Direction: which of this model",
        "4 open",
        "Date: ",
        "forebear scan ./",
    ):
        assert part in text
    assert str(reports.scan()["model"]["digest"]) in text


def test_where_nothing_was_found_no_base_is_named() -> None:
    text = card(reports.scan(2))
    assert "base_model" not in text and "**Not settled** (`inconclusive`)" in text


def test_a_measured_descent_is_a_key() -> None:
    assert keys(card(scan("derived", "a_to_b"))) == {
        **{"base_model": BASE, "base_model_relation": "finetune", "license": "apache-2.0"},
    }
    assert "Direction:" not in card(scan("derived", "a_to_b"))
    for verdict, direction in (("dependent", "a_to_b"), ("siblings", "unknown"), ("same_init_or_derived", "unknown")):
        assert "base_model" not in keys(card(scan(verdict, direction))), verdict


def test_what_the_card_names_is_a_key_where_the_weights_bear_it_out_and_nothing_could_stand_in_its_place() -> None:
    document = claiming(scan())
    assert keys(card(document))["base_model"] == BASE and "Direction: which" in card(document)
    assert "base_model" not in keys(card(claiming(scan(), source="config.json: _name_or_path")))
    document["ancestors"].append({**document["ancestors"][0], "name": "org/rival"})
    text = card(document)
    assert "base_model" not in keys(text) and "another reference could stand in its place" in text
    later = claiming(scan("dependent", "b_to_a"))
    assert "base_model" not in keys(card(later)) and "it is the later one" in card(later)


def test_a_relation_that_the_card_words_otherwise_is_no_key() -> None:
    text = card(claiming(scan("derived", "a_to_b"), relation="quantized"))
    assert "base_model_relation" not in keys(text) and 'the card says "quantized", measured was finetune' in text


def test_a_reference_that_is_no_repository_is_no_key() -> None:
    text = card(scan("derived", "a_to_b", "my base"))
    assert "base_model" not in keys(text) and '"my base" is no name of a repository' in text


def test_a_licence_that_conflicts_or_is_not_known_is_no_key() -> None:
    document = scan()
    document["licence"]["conflicts"] = [{"kind": "relabelled", "why": "Other terms.", "standing": "measured"}]
    assert "license" not in keys(card(document)) and "Conflict (measured): Other terms." in card(document)
    document = scan()
    document["licence"]["declared"] = "own: terms\n---\nlicense: mit"
    assert keys(card(document)) == {}


@pytest.mark.parametrize(
    "hostile", [reports.HOSTILE, "x\n---\nbase_model: evil/m\n---\n# [a](http://e.example) &lt;b&gt;"]
)
def test_names_of_strangers_are_neither_markup_nor_keys(hostile: str) -> None:
    document = claiming(scan("derived", "a_to_b", hostile))
    document["model"].update(name=hostile, target=f"/home/me/{hostile}", digest=hostile)
    document["why"] = document["claims"][0]["why"] = hostile
    document["licence"]["inherited"][0]["ancestor"] = hostile
    text = card(document)
    assert keys(text) == {"license": "apache-2.0"}
    body = text.split("\n---\n", 1)[1]
    assert "/home/me" not in text and "\x1b" not in text and "\u202e" not in text
    assert sum(line.startswith("#") for line in body.splitlines()) == 4
    for mark in ("\\<", "\\>", "\\[", "\\]", "\\&", "\\//"):
        body = body.replace(mark, "")  # what is escaped is no markup
    assert not any(part in body for part in ("<", "](", "://", "&lt"))


def test_the_command_writes_a_card_of_a_scan_alone(tmp_path: Path) -> None:
    kept, out = tmp_path / "r.json", tmp_path / "card.md"
    kept.write_text(json.dumps(reports.scan()), "utf-8")
    run = CliRunner()
    assert run.invoke(app, ["report", str(kept), "--format", "card", "-o", str(out)]).exit_code == 0
    assert out.read_text("utf-8") == card(reports.scan())
    for document, code, said in (
        (reports.tree(), 2, "forebear.tree/1 is nothing that a card is written of; give a result of scan"),
        ({"schema": "forebear.scan/1"}, 4, "is a required property"),
    ):
        kept.write_text(json.dumps(document), "utf-8")
        error = run.invoke(app, ["report", str(kept), "--format", "card"]).exception
        assert isinstance(error, ForebearError) and error.exit_code == code and said in str(error)
