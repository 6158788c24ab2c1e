"""The lineage predicate: what it says, that it is as specified, and that it says no more than the result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import forebear
from documents import registry
from edits import drifted
from forebear.attest.documents import sha256
from forebear.attest.lineage import lineage_statement
from forebear.attest.statements import DOCUMENT, LINEAGE, MANIFEST, Subject
from forebear.errors import FormatError
from forebear.index import LocalIndex
from forebear.inspect.enrol import enrol
from forebear.report.schemas import schema
from models import tiny_llama

MODEL = (Subject("m", "ab" * 32, MANIFEST),)


def predicate(document: dict[str, Any]) -> dict[str, Any]:
    raw = json.dumps(document).encode()
    made = lineage_statement(raw, json.loads(raw), "r.json", MODEL, "state")
    assert made.predicate_type == LINEAGE and made.about(sha256(raw), DOCUMENT) and made.about("ab" * 32, MANIFEST)
    found = dict(made.predicate)
    Draft202012Validator(schema("lineage-v1"), registry=registry()).validate(json.loads(json.dumps(found)))
    assert found["result"]["sha256"] == sha256(raw)
    return found


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    base = tiny_llama(folder / "base", 1)
    return {"base": base, "child": drifted(base, "child", 0.1), "stranger": tiny_llama(folder / "stranger", 2)}


def test_a_scan_with_an_ancestor(models: dict[str, Path], tmp_path: Path) -> None:
    index = LocalIndex(tmp_path / "home")
    enrol(str(models["base"]), index, "org/base")
    scan = forebear.scan(str(models["child"]), index).to_json()
    made = predicate(scan)
    (ancestor,), (theirs,) = made["ancestors"], scan["ancestors"]
    assert (ancestor["name"], ancestor["verdict"]) == ("org/base", theirs["verdict"])
    assert ancestor["log10P"] == theirs["log10_p"] and ancestor["digest"] == {"slices/2": theirs["digest"]}
    test = ancestor["tests"][0]
    assert (test["signal"], test["kind"], test["null"]) == ("sign-code/1", "exact", "independent initialisation")
    assert test["n"] == theirs["evidence"][0]["n"] and test["conditions"]
    assert made["against"] == {"references": 1, "indexDigest": "state", "names": None}
    assert made["subject"]["digest"] == {"slices/2": scan["model"]["digest"]}
    assert made["notTested"] == scan["coverage"]["not_tested"]


def test_a_comparison_that_finds_nothing_names_no_ancestor(models: dict[str, Path]) -> None:
    document = forebear.compare(str(models["stranger"]), str(models["child"])).to_json()
    made = predicate(document)
    assert made["ancestors"] == [] and made["related"] is document["related"]
    assert made["against"]["names"] == [document["a"]["name"]]


def test_a_comparison_with_a_relative(models: dict[str, Path]) -> None:
    document = forebear.compare(str(models["base"]), str(models["child"])).to_json()
    (ancestor,) = predicate(document)["ancestors"]
    assert ancestor["relation"]["direction"] == document["relation"]["direction"]
    assert made_kinds(ancestor) == document["relation"]["details"]["kinds"]


def made_kinds(ancestor: dict[str, Any]) -> list[str]:
    kinds: list[str] = ancestor["relation"]["kinds"]
    return kinds


@pytest.mark.parametrize("missing", ["model", "ancestors", "verdict", "coverage", "references_tested"])
def test_half_a_result_is_refused(missing: str, models: dict[str, Path], tmp_path: Path) -> None:
    scan = forebear.scan(str(models["child"]), LocalIndex(tmp_path / "home")).to_json()
    del scan[missing]
    with pytest.raises(FormatError, match="not a whole result"):
        lineage_statement(b"", scan, "r.json", MODEL)
    for odd in (None, 3, "x"):
        with pytest.raises(FormatError, match="not a whole result"):
            lineage_statement(b"", {**scan, missing: odd, "ancestors": odd}, "r.json", MODEL)
