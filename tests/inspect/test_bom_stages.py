"""Stages by relation, and what is missing: only what is settled is measured, only what is stated is withheld."""

from __future__ import annotations

import pytest

from forebear.bom.record import ClaimRecord, Model, Relative, Slot
from forebear.bom.training import Dataset, Stage, StageKind, Training
from forebear.bom.values import Basis, Gap, GapState, Said
from forebear.inspect.bom_stages import gaps_of, stages_by_relation
from forebear.types import Verdict

MODEL = Model(name="acme/mine")


def measured(relation: str, standing: str = "measured", name: str = "org/base", **more: object) -> Relative:
    values = {"slot": Slot.ANCESTOR, "verdict": Verdict.DERIVED, "direction": "a_to_b", "why": "W.", **more}
    return Relative.model_validate({"name": name, "relation": relation, "standing": standing, **values})


@pytest.mark.parametrize(
    ("relation", "kind", "name"),
    [
        ("quantized", StageKind.QUANTIZATION, "quantisation"),
        ("finetune", StageKind.OTHER, "fine-tuning"),
        ("depth_pruned", StageKind.PRUNING, "depth pruned"),
        ("vocabulary_changed", StageKind.OTHER, "vocabulary changed"),
    ],
)
def test_a_settled_relation_is_a_measured_stage(relation: str, kind: StageKind, name: str) -> None:
    (stage,) = stages_by_relation([measured(relation, version="abc")], [])
    assert (stage.kind, stage.name, stage.said.basis) == (kind, name, Basis.MEASURED)
    assert [(i.name, i.revision) for i in stage.inputs] == [("org/base", "abc")] and "W." in stage.said.note


@pytest.mark.parametrize(
    "relative",
    [
        measured("finetune", "possible"),
        measured("finetune", "declared"),
        measured("finetune", slot=Slot.VARIANT),
        measured("finetune", child="org/other"),
        measured("unknown"),
        measured("same_init"),
        measured("finetune", verdict=None),
    ],
)
def test_what_is_open_is_no_stage(relative: Relative) -> None:
    assert stages_by_relation([relative], []) == ()


def test_a_direction_that_is_only_declared_is_said_to_be() -> None:
    relative = measured("finetune", "probable", direction="unknown", declared_in="README.md", declared_relation="x")
    (stage,) = stages_by_relation([relative], [])
    assert (
        "that it came first is the declaration's word" in stage.said.note and "README.md declares x" in stage.said.note
    )


def test_any_stated_training_explains_a_measured_one_and_no_quantisation() -> None:
    sft = Stage(kind=StageKind.SFT)
    assert stages_by_relation([measured("finetune")], [sft]) == () == stages_by_relation([measured("rl")], [sft])
    merge = Stage(kind=StageKind.MERGE)
    assert stages_by_relation([measured("finetune")], [merge]) == ()
    assert len(stages_by_relation([measured("quantized")], [sft, merge])) == 1
    assert len(stages_by_relation([measured("vocabulary_changed")], [sft])) == 1


def test_models_of_one_merge_are_one_stage() -> None:
    (stage,) = stages_by_relation([measured("merge", name="org/a"), measured("merge", name="org/b")], [])
    assert stage.kind is StageKind.MERGE and [i.name for i in stage.inputs] == ["org/a", "org/b"]


def test_a_declared_relation_is_a_declared_stage_unless_it_was_measured() -> None:
    declared = Relative(name="org/base", slot=Slot.ANCESTOR, declared_in="README.md", declared_relation="quantized")
    (stage,) = stages_by_relation([declared], [])
    assert (stage.kind, stage.said.by, stage.file) == (StageKind.QUANTIZATION, "README.md", "README.md")
    both = measured("quantized", declared_in="README.md", declared_relation="quantized")
    assert [s.said.basis for s in stages_by_relation([both], [])] == [Basis.MEASURED]
    other = measured("finetune", declared_in="README.md", declared_relation="quantized")
    assert [s.said.basis for s in stages_by_relation([other], [])] == [Basis.MEASURED, Basis.DECLARED]


def fields(gaps: tuple[Gap, ...]) -> dict[str, str]:
    assert len({g.field for g in gaps}) == len(gaps)
    return {g.field: g.state.value for g in gaps}


def test_what_nobody_says_is_unknown() -> None:
    gaps = gaps_of(MODEL, Training(), (), False, (), (), "")
    assert set(fields(gaps)) == {"licence", "training_data", "version", "purl", "base_model"}
    assert all(g.state is GapState.UNKNOWN and g.said.by == "forebear" for g in gaps)


def test_what_is_known_is_no_gap() -> None:
    whole = Model(name="acme/mine", version="abc", purl="pkg:huggingface/acme/mine@abc")
    base = Relative(name="org/base", slot=Slot.ANCESTOR)
    assert gaps_of(whole, Training(), [Dataset(name="d")], True, [base], (), "") == ()
    scratch = ClaimRecord(claim="trained from scratch")
    assert gaps_of(whole, Training(), [Dataset(name="d")], True, (), [scratch], "") == ()
    above = base.model_copy(update={"child": "org/other"})
    variant = base.model_copy(update={"slot": Slot.VARIANT})
    for other in (above, variant):
        assert fields(gaps_of(whole, Training(), [Dataset(name="d")], True, [other], (), "")) == {
            "base_model": "unknown"
        }


def test_what_is_withheld_is_not_unknown_as_well() -> None:
    stated = Training(gaps=(Gap(field="training_data", state=GapState.WITHHELD, said=Said(by="t.yaml")),))
    found = fields(gaps_of(MODEL, stated, (), True, (), (), "README.md"))
    assert (found["training_data"], found["base_model"]) == ("withheld", "withheld") and "licence" not in found
