"""The proposed profile: its examples, its checker, and single changes to a document that must be noticed."""

from __future__ import annotations

import ast
import copy
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebear.bom.formats import format_named, format_of
from forebear.bom.record import Model, Record, Relative, Slot
from forebear.bom.schemas import violations
from forebear.bom.training import Stage, StageKind
from forebear.bom.values import Hash

HERE = Path(__file__).parents[2] / "docs" / "standard"
EXAMPLES = sorted((HERE / "examples").glob("*.json"))
Json = dict[str, Any]


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ai_lineage_check", HERE / "check.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CHECK = loaded()


def broken(document: Json, level: str = "measured") -> set[str]:
    return {rule for rule, _ in CHECK.check(CHECK.view_of(document), level)}


def example(name: str) -> Json:
    document: Json = json.loads((HERE / "examples" / name).read_text("utf-8"))
    return document


def test_the_schema_is_one_and_the_checker_shares_no_code_with_the_package() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads((HERE / "lineage.schema.json").read_text("utf-8")))
    tree = ast.parse((HERE / "check.py").read_text("utf-8"))
    imported = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported - set(sys.stdlib_module_names) - {"__future__", "collections.abc"} == {"jsonschema"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_every_example_does_what_its_name_says(path: Path) -> None:
    document = json.loads(path.read_text("utf-8"))
    kind, _, rest = path.name.partition("-")
    found = broken(document, rest.partition("-")[0].partition(".")[0] if kind == "conforms" else "declared")
    assert found == (set() if kind == "conforms" else {kind})
    assert violations(document, format_of(document).schema) == ()  # an ordinary document of its format


def test_levels_are_asked_for() -> None:
    declared = example("conforms-declared-service.cdx.json")
    assert broken(declared, "declared") == set() and broken(declared, "attested") == {"L6"}
    ancestor = declared["metadata"]["component"]["pedigree"]["ancestors"][0]
    for entry in ancestor["properties"]:
        if entry["name"] == "ai-lineage:assurance":
            entry["value"] = "attested"
    assert broken(declared, "attested") == {"L1"}  # by whom, where?
    ancestor["externalReferences"] = [{"type": "attestation", "url": "https://northlight.example/statement.dsse.json"}]
    assert broken(declared, "attested") == set() and broken(declared, "measured") == {"L6"}


def properties(thing: Any) -> Iterator[tuple[list[Json], int]]:
    """Every property of the profile: its list and its place in it."""
    if isinstance(thing, dict):
        for number, entry in enumerate(thing.get("properties", [])):
            if entry["name"].startswith("ai-lineage:"):
                yield thing["properties"], number
        for value in thing.values():
            yield from properties(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from properties(value)


def test_a_test_that_rejects_nothing_measures_nothing() -> None:
    document = example("conforms-measured.cdx.json")
    (entry,) = (p for p in ancestor(document)["properties"] if p["name"] == "ai-lineage:evidence")
    for log10_p, found in ((-6.0, set()), (-5.9, {"L1"})):
        entry["value"] = json.dumps({**json.loads(entry["value"]), "log10_p": log10_p})
        assert broken(document) == found


@pytest.mark.parametrize(
    ("n", "log10_p", "found"),
    [(20, -6.02, set()), (20, -6.1, {"L7"}), (896, -30.0, set()), (896, -269.73, set()), (896, -270.0, {"L7"})],
)
def test_no_p_value_is_smaller_than_its_coins_can_give(n: int, log10_p: float, found: set[str]) -> None:
    document = example("conforms-measured.cdx.json")
    (entry,) = (p for p in ancestor(document)["properties"] if p["name"] == "ai-lineage:evidence")
    entry["value"] = json.dumps({**json.loads(entry["value"]), "n": n, "log10_p": log10_p})
    assert broken(document) == found


@pytest.mark.parametrize("place", ["document", "evidence", "number", "annotation"])
def test_what_two_programs_could_read_in_two_ways_is_read_in_none(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document = example("conforms-measured.cdx.json")
    (entry,) = (p for p in ancestor(document)["properties"] if p["name"] == "ai-lineage:evidence")
    if place in ("evidence", "number"):
        more = ', "test": "exact"}' if place == "evidence" else ', "more": NaN}'
        entry["value"] = entry["value"].removesuffix("}") + more
    text = json.dumps(document)
    if place == "document":
        text = text.replace('"specVersion"', '"specVersion": "1.5", "specVersion"', 1)
    if place == "annotation":
        graph = example("conforms-measured.spdx.json")
        note = next(e for e in graph["@graph"] if "ai-lineage" in str(e.get("statement")))
        note["statement"] = note["statement"].replace("{", '{"ai-lineage": {}, ', 1)
        text = json.dumps(graph)
    path = tmp_path / "bom.json"
    path.write_text(text)
    monkeypatch.setattr(sys, "argv", ["check.py", str(path)])
    assert CHECK.main() == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and ("stands twice" in said or "no number" in said)


@pytest.mark.parametrize(
    "weaker",
    [
        {"test": "equal", "reference": None},
        {"reference": ""},
        {"null": " "},
        {"method": "looks alike"},
        {"test": None},
        {"test": "heuristic"},
    ],
)
def test_evidence_without_what_makes_it_repeatable_is_noticed(weaker: Json) -> None:
    document = example("conforms-measured.cdx.json")
    (entry,) = (p for p in ancestor(document)["properties"] if p["name"] == "ai-lineage:evidence")
    changed = {**json.loads(entry["value"]), **weaker}
    entry["value"] = json.dumps({key: value for key, value in changed.items() if value is not None})
    assert broken(document) == {"L1"}


def test_no_p_value_without_a_test_at_any_level() -> None:
    document = example("conforms-measured.cdx.json")
    listed = ancestor(document)["properties"]
    for entry in listed:
        if entry["name"] == "ai-lineage:assurance":
            entry["value"] = "declared"
        if entry["name"] == "ai-lineage:evidence":
            entry["value"] = json.dumps({"method": "cosine/1", "log10_p": -60, "summary": "alike"})
    assert broken(document, "declared") == {"L1"}


@pytest.mark.parametrize("word", ["none", "withheld", "unknown"])
def test_a_parent_that_is_stated_and_said_not_to_be_is_noticed_in_both_formats(word: str) -> None:
    document = example("conforms-measured.cdx.json")
    document["metadata"]["component"]["properties"].append({"name": "ai-lineage:parent", "value": word})
    assert broken(document) == {"L2"}
    graph = example("conforms-measured.spdx.json")
    view = CHECK.view_of(graph)
    package = next(e for e in graph["@graph"] if e.get("name") == view["subject"]["name"] and "spdxId" in e)
    note = {"type": "Annotation", "subject": package["spdxId"], "contentType": "application/json"}
    graph["@graph"].append({**note, "statement": json.dumps({"ai-lineage": {"parent": word}})})
    assert broken(graph) == {"L2"}


OPTIONAL = {"ai-lineage:method", "ai-lineage:reward", "ai-lineage:role", "ai-lineage:delivered"}
ONE_OF_TWO = {"ai-lineage:country"}
"""Of two countries one remains; that it is missing cannot be seen in the document."""


def test_a_property_that_is_missing_is_noticed() -> None:
    document = example("conforms-measured.cdx.json")
    seen = 0
    for number in range(len(list(properties(document)))):
        changed = copy.deepcopy(document)
        entries, place = list(properties(changed))[number]
        name = entries.pop(place)["name"]
        assert (broken(changed) == set()) == (name in OPTIONAL | ONE_OF_TWO), name
        seen += 1
    assert seen > 10


def test_a_word_that_the_profile_does_not_have_is_noticed() -> None:
    document = example("conforms-measured.cdx.json")
    free = {"ai-lineage:method", "ai-lineage:reward", "ai-lineage:role"}
    for number in range(len(list(properties(document)))):
        changed = copy.deepcopy(document)
        entries, place = list(properties(changed))[number]
        if entries[place]["name"] in free:
            continue
        entries[place]["value"] = "{}" if entries[place]["name"].endswith("evidence") else "perhaps"
        assert broken(changed), entries[place]["name"]


def component(document: Json) -> Json:
    found: Json = document["metadata"]["component"]
    return found


def ancestor(document: Json) -> Json:
    found: Json = component(document)["pedigree"]["ancestors"][0]
    return found


CHANGES: dict[str, Callable[[Json], Any]] = {
    "no author": lambda d: d["metadata"].pop("authors") and d["metadata"]["component"],
    "no time": lambda d: d["metadata"].pop("timestamp"),
    "no digest": lambda d: component(d).pop("hashes"),
    "no licence": lambda d: component(d).pop("licenses"),
    "no producer": lambda d: component(d).pop("manufacturer"),
    "no licence of the ancestor": lambda d: ancestor(d).pop("licenses"),
    "no producer of the ancestor": lambda d: ancestor(d).pop("manufacturer"),
    "no ancestor": lambda d: component(d).pop("pedigree"),
    "an ancestor without a name": lambda d: (ancestor(d).pop("group"), ancestor(d).update(name="")),
    "its own ancestor": lambda d: ancestor(d).update(group="HarbourSystems", name="Pilot-1"),
    "no stage": lambda d: d.pop("formulation"),
    "no data": lambda d: d.update(components=[]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_field_that_is_missing_is_noticed(name: str) -> None:
    document = example("conforms-measured.cdx.json")
    CHANGES[name](document)
    assert broken(document)


def test_both_formats_give_the_same_view_of_the_same_facts() -> None:
    one, two = (CHECK.view_of(example(f"conforms-measured.{f}.json")) for f in ("cdx", "spdx"))
    assert one["subject"]["name"] == two["subject"]["name"] and one["stages"][0] | {"inputs": 0} == two["stages"][0] | {
        "inputs": 0
    }
    assert one["ancestors"][0]["evidence"] == two["ancestors"][0]["evidence"]
    assert one["ancestors"][0]["producer"] == two["ancestors"][0]["producer"]


OURS = Record(
    model=Model(name="acme/one", version="1", hashes=(Hash(algorithm="SHA-256", value="ab" * 32),)),
    created="2026-11-29T09:00:00Z",
    author="Acme",
    relatives=(Relative(name="org/base", slot=Slot.ANCESTOR, declared_in="README.md", declared_relation="finetune"),),
    stages=(Stage(kind=StageKind.SFT),),
)


@pytest.mark.parametrize("name", ["cyclonedx", "cyclonedx-1.6", "spdx"])
def test_our_own_bills_follow_it_once_somebody_answers_for_them_and_a_stage_is_there(name: str) -> None:
    write = format_named(name).write
    assert write is not None
    assert broken(write(OURS), "declared") == set() and broken(write(OURS), "measured") == {"L6"}
    assert broken(write(OURS.model_copy(update={"author": ""})), "declared") == {"L1"}
    assert broken(write(OURS.model_copy(update={"stages": ()})), "declared") == {"L4"}


def test_an_annotation_of_spdx_that_is_missing_is_noticed() -> None:
    document = example("conforms-measured.spdx.json")
    notes = [e for e in document["@graph"] if e["type"] == "Annotation"]
    for note in notes:
        changed = {**document, "@graph": [e for e in document["@graph"] if e is not note]}
        assert broken(changed), note["statement"]


def run(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, HERE / "check.py", path, *options], capture_output=True, text=True)


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    good = HERE / "examples" / "conforms-measured.spdx.json"
    done = run(good, "--level", "measured")
    assert done.returncode == 0 and "conforms" in done.stdout

    def called(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["check.py", *map(str, arguments)])
        return (CHECK.main(), *capsys.readouterr())

    assert json.loads(called(good, "--view")[1])["profile"] == "0.1"
    code, out, _ = called(HERE / "examples" / "L4-nothing-was-done.cdx.json")
    assert code == 1 and out.startswith("L4 violated: ")
    for name, text in {
        "empty": "",
        "list": "[]",
        "deep": "[" * 100_000,
        "software": '{"bomFormat": "CycloneDX"}',
    }.items():
        path = tmp_path / name
        path.write_text(text)
        code, out, told = called(path)
        assert code == 2 and told.count("\n") == 1 and out == ""
    assert called(tmp_path / "nothing")[0] == 2


@given(st.data())
def test_whatever_stands_in_a_document_is_answered(data: st.DataObject) -> None:
    document = example(data.draw(st.sampled_from([p.name for p in EXAMPLES])))
    here: Any = document
    for _ in range(data.draw(st.integers(1, 6))):
        keys = list(here) if isinstance(here, dict) else list(range(len(here))) if isinstance(here, list) else []
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        if data.draw(st.booleans()):
            here[key] = data.draw(st.none() | st.integers() | st.text(max_size=3) | st.just([]) | st.just({}))
            break
        here = here[key]
    try:
        view = CHECK.view_of(document)
    except CHECK.NoLineage:
        return
    assert isinstance(list(CHECK.check(view)), list)
