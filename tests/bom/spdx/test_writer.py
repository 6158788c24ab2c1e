"""What another tool's reader sees of a record without knowing Forebear's annotations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bom.spdx.typical import BARE, RECORD
from forebear.bom import spdx
from forebear.bom.record import LicenceStatement, Model, Organisation, OrganisationRole, Record, Relative, Slot
from forebear.bom.spdx.terms import NO_ASSERTION, NO_LICENCE
from forebear.bom.training import Dataset, Energy, EnergyActivity, Stage, StageKind
from forebear.types import Json

DOCUMENT = spdx.write(RECORD)


def _of(document: Json, kind: str) -> list[dict[str, Any]]:
    return [node for node in document["@graph"] if node["type"] == kind]


def _named(document: Json, name: str) -> dict[str, Any]:
    return next(node for node in document["@graph"] if node.get("name") == name and "Package" in node["type"])


def _related(document: Json, source: str, kind: str) -> Iterator[str]:
    names = {node["spdxId"]: node.get("name", "") for node in document["@graph"][1:]}
    for node in _of(document, "Relationship"):
        if node["relationshipType"] == kind and names[node["from"]] == source:
            yield from (names.get(target, target) for target in node["to"])


def _expression(document: Json, source: str, kind: str) -> str:
    by_id = {node["spdxId"]: node for node in document["@graph"][1:]}
    (only,) = [n for n in _of(document, "Relationship") if n["relationshipType"] == kind and n["from"] == source]
    (target,) = only["to"]
    return str(by_id[target]["simplelicensing_licenseExpression"] if target in by_id else target)


def test_the_model_in_its_own_fields() -> None:
    model = _named(DOCUMENT, "org/child")
    assert model["type"] == "ai_AIPackage"
    assert model["software_packageUrl"] == "pkg:huggingface/org/child@0123abc"
    assert model["releaseTime"] == "2026-01-20T00:00:00Z"
    assert model["software_primaryPurpose"] == "model"
    assert model["ai_domain"] == ["text-generation"]
    assert "architecture: LlamaForCausalLM" in model["ai_typeOfModel"]
    pairs = {entry["key"]: entry["value"] for entry in model["ai_hyperparameter"]}
    assert pairs == {"parameters": "7241732096", "architecture.layers": "32", "architecture.width": "4096"}
    assert model["ai_informationAboutTraining"] == RECORD.notes
    assert model["ai_limitation"] == "Not for medical advice."
    assert model["verifiedUsing"][0]["algorithm"] == "sha256"
    assert model["ai_standardCompliance"] == ["EN 304 223"]


def test_lineage_is_said_from_both_ends() -> None:
    assert set(_related(DOCUMENT, "org/base", "ancestorOf")) == {"org/child"}
    assert set(_related(DOCUMENT, "org/child", "descendantOf")) == {"org/base"}
    assert set(_related(DOCUMENT, "org/grandparent", "ancestorOf")) == {"org/base"}
    assert set(_related(DOCUMENT, "org/child", "hasVariant")) == {"org/sibling"}
    assert set(_related(DOCUMENT, "org/child", "ancestorOf")) == {"org/merge"}


@pytest.mark.parametrize(("gaps", "state"), [(True, "incomplete"), (False, "noAssertion")])
def test_nobody_says_that_a_list_is_complete(gaps: bool, state: str) -> None:
    document = spdx.write(RECORD if gaps else RECORD.model_copy(update={"gaps": ()}))
    kinds = ("descendantOf", "trainedOn", "testedOn", "other")
    found = {n["completeness"] for n in _of(document, "Relationship") if n["relationshipType"] in kinds}
    assert found == {state}


def test_a_dataset_that_is_only_listed_is_not_said_to_be_trained_on() -> None:
    assert set(_related(DOCUMENT, "org/child", "trainedOn")) == {"org/chats"}
    assert set(_related(DOCUMENT, "org/child", "testedOn")) == {"mmlu"}
    assert set(_related(DOCUMENT, "org/child", "other")) == {"org/listed"}
    assert set(_related(DOCUMENT, "org/teacher", "generates")) == {"org/chats"}


def test_stages_are_builds_that_follow_from_each_other() -> None:
    first, second = _of(DOCUMENT, "build_Build")
    assert (first["build_buildType"], second["build_buildType"]) == (
        "https://forebear.dev/build/sft",
        "https://forebear.dev/build/rl",
    )
    assert first["build_buildStartTime"] == "2025-11-30T23:00:00Z"
    assert "build_buildEndTime" not in first  # a date is no time
    edges = [n for n in _of(DOCUMENT, "Relationship") if n["relationshipType"] in ("hasInput", "hasOutput")]
    made = {t for n in edges if n["from"] == first["spdxId"] and n["relationshipType"] == "hasOutput" for t in n["to"]}
    used = {t for n in edges if n["from"] == second["spdxId"] and n["relationshipType"] == "hasInput" for t in n["to"]}
    assert made & used
    model = _named(DOCUMENT, "org/child")["spdxId"]
    assert [n["to"] for n in edges if n["from"] == second["spdxId"]][-1] == [model]


def test_exactly_one_declared_and_one_concluded_licence_for_each_package() -> None:
    for document in (DOCUMENT, spdx.write(BARE)):
        for package in _of(document, "ai_AIPackage") + _of(document, "dataset_DatasetPackage"):
            for kind in ("hasDeclaredLicense", "hasConcludedLicense"):
                assert _expression(document, package["spdxId"], kind)
    model = _named(DOCUMENT, "org/child")["spdxId"]
    declared = _expression(DOCUMENT, model, "hasDeclaredLicense")
    assert declared == "LicenseRef-scancode-llama-3.1 AND LicenseRef-other"
    assert _expression(DOCUMENT, model, "hasConcludedLicense") == "Apache-2.0"


@pytest.mark.parametrize(
    ("spdx_id", "expected"),
    [
        ("", NO_ASSERTION),
        ("NOASSERTION", NO_ASSERTION),
        ("NONE", NO_LICENCE),
        ("MIT", "MIT"),
        ("MIT OR Apache-2.0", "MIT OR Apache-2.0"),
        ("(MIT", "LicenseRef-MIT"),
        ("llama 4", "LicenseRef-llama-4"),
    ],
)
def test_what_is_no_expression_becomes_a_reference(spdx_id: str, expected: str) -> None:
    licences = (LicenceStatement(spdx=spdx_id),) if spdx_id else ()
    record = BARE.model_copy(update={"licences": licences})
    document = spdx.write(record)
    assert _expression(document, _named(document, "thing")["spdxId"], "hasDeclaredLicense") == expected
    assert spdx.read(document).records == (record,)


def test_who_made_and_who_supplied() -> None:
    record = BARE.model_copy(
        update={
            "organisations": (
                Organisation(name="Maker", roles=(OrganisationRole.MANUFACTURER,)),
                Organisation(name="Hub", roles=(OrganisationRole.PUBLISHER,)),
                Organisation(name="Host", roles=(OrganisationRole.PROVIDER,)),
            )
        }
    )
    document = spdx.write(record)
    names = {node["spdxId"]: node.get("name") for node in document["@graph"][1:]}
    model = _named(document, "thing")
    assert names[model["suppliedBy"]] == "Hub"
    assert [names[key] for key in model["originatedBy"]] == ["Maker"]
    assert "suppliedBy" not in _named(spdx.write(BARE), "thing")


def test_energy_only_where_it_is_known() -> None:
    assert "ai_energyConsumption" not in _named(spdx.write(BARE), "thing")
    energy = (Energy(activity=EnergyActivity.TRAINING, kwh=1e-7), Energy(activity=EnergyActivity.DATA, kwh=1.0))
    model = _named(spdx.write(BARE.model_copy(update={"energy": energy})), "thing")
    (amount,) = model["ai_energyConsumption"]["ai_trainingEnergyConsumption"]
    assert (amount["ai_energyQuantity"], amount["ai_energyUnit"]) == ("0.0000001", "kilowattHour")


def test_a_name_is_no_description_of_a_model() -> None:
    stage = Stage(kind=StageKind.OTHER, outputs=("checkpoint",))
    orphan = Relative(name="org/a", slot=Slot.ANCESTOR, child="org/nobody")
    record = Record(model=Model(name="m"), created="2026-01-01T00:00:00Z", stages=(stage,), relatives=(orphan,))
    document = spdx.write(record)
    assert {node["name"] for node in _of(document, "ai_AIPackage")} == {"m", "org/a"}
    assert {node["name"] for node in _of(document, "software_Package")} == {"checkpoint", "org/nobody"}
    assert spdx.read(document).records == (record,)


def test_a_time_that_nobody_states_is_said_to_be_none() -> None:
    creation = spdx.write(BARE)["@graph"][0]
    assert creation["created"].startswith("1970") and "not stated" in creation["comment"]
    assert "comment" not in DOCUMENT["@graph"][0]


def test_only_profiles_with_elements_are_named() -> None:
    """A bill without datasets conforms to no dataset profile."""

    def named(record: Record) -> list[str]:
        (document,) = (e for e in spdx.write(record)["@graph"] if e["type"] == "SpdxDocument")
        found: list[str] = document["profileConformance"]
        return found

    model = Record(model=Model(name="m"), created="2026-01-01T00:00:00Z")
    assert named(model) == ["core", "software", "ai"]
    more = {"datasets": (Dataset(name="d"),), "stages": (Stage(kind=StageKind.SFT),)}
    assert named(model.model_copy(update=more)) == ["core", "software", "ai", "dataset", "build"]
    licensed = model.model_copy(update={"licences": (LicenceStatement(spdx="MIT"),)})
    assert named(licensed) == ["core", "software", "simpleLicensing", "ai"]


def test_who_made_a_dataset_and_when_are_spdx_fields() -> None:
    stated = Dataset(name="d", originators=("A. Person", "Acme"), built="2025-01-02", released="2025-02-03T04:05:06Z")
    record = Record(model=Model(name="m"), created="2026-01-01T00:00:00Z", datasets=(stated,))
    document = spdx.write(record)
    (node,) = (e for e in document["@graph"] if e["type"] == "dataset_DatasetPackage")
    assert (node["builtTime"], node["releaseTime"]) == ("2025-01-02T00:00:00Z", "2025-02-03T04:05:06Z")
    names = {e["spdxId"]: e.get("name") for e in document["@graph"] if "spdxId" in e}
    assert [names[key] for key in node["originatedBy"]] == ["A. Person", "Acme"]
    assert spdx.read(document).records == (record,)
