"""Bases that only a stage or a claim of a bill names, and relatives of a model that the bill does not describe."""

from __future__ import annotations

from typing import Any

import pytest

from forebear.bom import cyclonedx, spdx
from forebear.bom.record import ClaimRecord, Model, Record, Relative, Slot, Status
from forebear.bom.training import Input, InputKind, Stage, StageKind
from forebear.bom.values import Basis, Said
from forebear.lineage.chain import Chain, ParentState, Standing
from forebear.lineage.chains import chain_of

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
