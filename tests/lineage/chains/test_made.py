"""Bases that only a stage or a claim of a bill names, and relatives of a model that the bill does not describe."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from forebear.bom import cyclonedx, spdx
from forebear.bom.record import ClaimRecord, Model, Record, Relative, Slot, Status
from forebear.bom.training import Input, InputKind, Stage, StageKind
from forebear.bom.values import Basis, Said
from forebear.errors import InputError
from forebear.lineage.chain import Chain, Edge, EdgeKind, Node, ParentState, Standing
from forebear.lineage.chains import chain_of
from forebear.lineage.chains.made import of_cyclonedx, of_spdx, with_bases

FORMATS = ["1.7", "1.6", "spdx"]
MEASURED = Said(basis=Basis.MEASURED, by="forebear")


def chain(version: str, **more: Any) -> Chain:
    record = Record(model=Model(name="acme/mine"), created="2026-01-01T00:00:00Z", **more)
    return chain_of(spdx.write(record) if version == "spdx" else cyclonedx.write(record, version))


def bases(found: Chain) -> list[tuple[str, str, Standing, bool]]:
    return [(e.parent, e.child, e.standing, e.declared) for e in found.edges]


STAGES = (
    Stage(
        kind=StageKind.SFT,
        inputs=(Input(kind=InputKind.MODEL, name="org/base"), Input(kind=InputKind.DATASET, name="org/data")),
        outputs=("acme/halfway",),
    ),
    Stage(
        kind=StageKind.RL,
        inputs=(
            Input(kind=InputKind.MODEL, name="acme/halfway"),
            Input(kind=InputKind.REWARD_MODEL, name="org/judge"),
            Input(kind=InputKind.TEACHER, name="org/teacher"),
        ),
    ),
)


@pytest.mark.parametrize("version", FORMATS)
def test_a_base_that_only_a_stage_names_is_declared(version: str) -> None:
    """And neither what a stage in between makes, nor a reward model, nor a teacher."""
    found = chain(version, stages=STAGES)
    assert bases(found) == [("org/base", "acme/mine", Standing.DECLARED, True)]
    assert found.parent is ParentState.DECLARED
    assert "stage" in found.edges[0].evidence[0]


@pytest.mark.parametrize("version", FORMATS)
def test_what_the_pedigree_says_counts_before_a_stage(version: str) -> None:
    said = Relative(name="org/other", slot=Slot.ANCESTOR, declared_in="README.md", said=Said(by="README.md"))
    assert [e.parent for e in chain(version, stages=STAGES, relatives=(said,)).edges] == ["org/other"]


@pytest.mark.parametrize("version", FORMATS)
def test_a_base_that_only_a_claim_names_is_declared(version: str) -> None:
    claim = ClaimRecord(claim="base model: org/base")
    assert bases(chain(version, claims=(claim,))) == [("org/base", "acme/mine", Standing.DECLARED, True)]
    refuted = claim.model_copy(update={"status": Status.CONTRADICTED})
    assert bases(chain(version, claims=(refuted,))) == []


@pytest.mark.parametrize("version", FORMATS)
def test_an_ancestor_of_a_model_that_the_bill_does_not_trace_this_one_to_is_none_of_its(version: str) -> None:
    base = Relative(name="org/base", slot=Slot.ANCESTOR, said=MEASURED)
    above = Relative(name="org/above", slot=Slot.ANCESTOR, child="org/base", said=MEASURED)
    orphan = Relative(name="org/orphan", slot=Slot.ANCESTOR, child="org/nowhere", said=MEASURED)
    found = chain(version, relatives=(base, above, orphan))
    assert {(e.parent, e.child) for e in found.edges} == {("org/base", "acme/mine"), ("org/above", "org/base")}


def test_a_formulation_of_others_that_is_damaged_or_empty_says_nothing() -> None:
    document = cyclonedx.write(Record(model=Model(name="m"), created="2026-01-01T00:00:00Z", stages=STAGES), "1.7")
    document["formulation"] = [{"workflows": [{"tasks": [{"inputs": [{"resource": {"ref": "ghost"}}]}]}]}]
    assert chain_of(document).parent is ParentState.ABSENT


def test_names_become_declared_steps_once_each() -> None:
    before = Edge("kept", "mine", EdgeKind.FINETUNE, Standing.POSSIBLE)
    given = Chain(Node("mine"), (Node("kept", developer="acme"),), (before,))
    found = with_bases(given, ["b", "", "a", "b", "mine", "withheld", "kept"])
    assert [(e.parent, e.child, e.kind, e.standing, e.declared) for e in found.edges] == [
        ("kept", "mine", EdgeKind.FINETUNE, Standing.DECLARED, True),
        ("b", "mine", EdgeKind.UNKNOWN, Standing.DECLARED, True),
        ("a", "mine", EdgeKind.UNKNOWN, Standing.DECLARED, True),
    ]
    assert found.nodes == (Node("kept", developer="acme"), Node("b"), Node("a"))
    assert found.parent is ParentState.DECLARED
    assert found.edges[1].evidence == ("The bill of materials says that a stage started from b.",)


@pytest.mark.parametrize("names", [[], [""], ["mine"], ["withheld", "undisclosed"]])
def test_no_names_change_nothing(names: list[str]) -> None:
    given = Chain(Node("mine"))
    assert with_bases(given, names) is given


@pytest.mark.parametrize("state", [s for s in ParentState if s is not ParentState.ABSENT])
def test_what_is_said_of_the_parent_elsewhere_counts_before_stages(state: ParentState) -> None:
    given = Chain(Node("mine"), parent=state)
    assert with_bases(given, ["b"]) is given


def test_names_are_bounded() -> None:
    assert len(with_bases(Chain(Node("mine")), [f"b{k}" for k in range(2_000)]).edges) == 2_000
    with pytest.raises(InputError, match="more than the 2,000 models"):
        with_bases(Chain(Node("mine")), [f"b{k}" for k in range(2_001)])


def model(ref: str, name: str, **more: Any) -> dict[str, Any]:
    return {"type": "machine-learning-model", "bom-ref": ref, "name": name, **more}


def task(inputs: list[str], outputs: Sequence[str] = (), **said: str) -> dict[str, Any]:
    noted = {"properties": [{"name": f"forebear:{k}", "value": v} for k, v in said.items()]} if said else {}
    return {
        "inputs": [{"resource": {"ref": r}, **noted} for r in inputs],
        "outputs": [{"resource": {"ref": r}} for r in outputs],
    }


def formed(*tasks: dict[str, Any], inside: tuple[dict[str, Any], ...] = (), **more: Any) -> list[str]:
    formula = {"components": list(inside), "workflows": [{"tasks": list(tasks)}]}
    return list(of_cyclonedx({"formulation": [formula], **more}))


ONE, TWO = model("1", "one"), model("2", "two", group="org")


def test_what_goes_into_a_task_and_comes_out_of_none_is_a_base() -> None:
    assert formed(task(["1", "2"]), inside=(ONE, TWO)) == ["one", "org/two"]
    assert formed(task(["1"], ["2"]), task(["2"]), inside=(ONE, TWO)) == ["one"]
    assert formed(task(["2"]), task(["1"], ["2"]), inside=(ONE, TWO)) == ["one"], "whichever is listed first"
    assert formed(task(["1"]), components=[ONE, TWO]) == ["one"], "described outside of the formula"
    assert formed(task(["9", ""]), inside=(ONE, {**TWO, "bom-ref": None})) == [], "nobody says what that is"
    assert formed(task(["1"]), inside=({**ONE, "type": "data"},)) == [], "data are no model"
    assert formed(task(["1", "1"]), inside=(ONE,)) == ["one", "one"] and formed() == [] == list(of_cyclonedx({}))
    several = {"workflows": [{"tasks": [task(["1"])]}, {"tasks": [task(["2"])]}]}
    assert list(of_cyclonedx({"formulation": [several, several], "components": [ONE, TWO]})) == ["one", "org/two"] * 2


def test_a_reward_model_is_no_base() -> None:
    for kind, names in (("model", ["one"]), ("reward_model", []), ("teacher", [])):
        assert formed(task(["1"], kind=kind), inside=(ONE,)) == names
    assert formed(task(["1"], other="teacher"), inside=(ONE,)) == ["one"]


Links = Sequence[tuple[str, str]]


def package(own: str, name: Any, **more: Any) -> dict[str, Any]:
    return {"type": "ai_AIPackage", "spdxId": own, "name": name, **more}


def statement(about: str, **says: Any) -> dict[str, Any]:
    told = json.dumps({"schema": "forebear.spdx-statement/1", "says": says})
    return {"type": "Annotation", "subject": about, "statement": told}


def built(*elements: dict[str, Any], into: Links, out: Links = ()) -> list[str]:
    return list(of_spdx(elements, {"hasInput": list(into), "hasOutput": list(out)}))


def test_what_goes_into_a_build_and_comes_out_of_none_is_a_base() -> None:
    one, two = package("1", "one"), package("2", "two")
    assert built(one, two, into=[("s", "1"), ("s", "2"), ("s", "9")]) == ["one", "two"]
    assert built(one, two, into=[("s", "1"), ("t", "2")], out=[("s", "2")]) == ["one"]
    plain = {"@type": "software_Package", "@id": "3", "name": "three", "software_primaryPurpose": "model"}
    assert built(plain, {**plain, "@id": "4", "software_primaryPurpose": "data"}, into=[("s", "3"), ("s", "4")]) == [
        "three"
    ]
    assert built(package("1", 5), into=[("s", "1")]) == [] and list(of_spdx([one], {})) == []


def test_what_we_noted_of_a_build_tells_reward_models_and_claims() -> None:
    one, two = package("1", "one"), package("2", "two")
    into = [("s", "1"), ("s", "2"), ("t", "2")]
    inputs = [{"name": "one", "kind": "model"}, {"name": "two", "kind": "reward_model"}, {"name": "x"}, "no object"]
    assert built(one, two, statement("s", inputs=inputs), into=into) == ["one", "two"], "in another build it is a base"
    assert built(one, two, statement("s", inputs=inputs), into=into[:2]) == ["one"]
    claims = [
        {"claim": "base model: org/base"},
        {"claim": " Base Model:  org/other ", "status": "unverified"},
        {"claim": "base model: org/no", "status": "contradicted"},
        {"claim": "it is good"},
    ]
    assert built(statement("s", claims=claims), into=[]) == ["org/base", "org/other"]


@pytest.mark.parametrize(
    "broken",
    [
        {"statement": "forebear.spdx-statement/1 {"},
        {"statement": json.dumps(["forebear.spdx-statement/1"])},
        {"statement": json.dumps({"x": "forebear.spdx-statement/1", "says": [1]})},
        {"statement": json.dumps({"x": "forebear.spdx-statement/1", "says": {"claims": 3, "inputs": {}}})},
        {"statement": "[" * 100_000 + "forebear.spdx-statement/1"},
        {"statement": json.dumps({"says": {"claims": [{"claim": "base model: org/base"}]}})},  # somebody else's
    ],
)
def test_statements_that_cannot_be_read_say_nothing(broken: dict[str, str]) -> None:
    one = package("1", "one")
    assert built(one, {"type": "Annotation", "subject": "s", **broken}, into=[("s", "1")]) == ["one"]
    other = {**statement("s", claims=[{"claim": "base model: org/base"}]), "type": "Note"}
    assert built(other, into=[]) == []
