"""The proposed profile's statements in bills by others get into the record, and out of it again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from forebear.bom import cyclonedx, spdx
from forebear.bom import lineage_profile_read as profile
from forebear.bom.record import (
    ClaimRecord,
    Jurisdiction,
    Model,
    Organisation,
    OrganisationRole,
    Record,
    Relative,
    Slot,
)
from forebear.bom.spdx.statements import SCHEMA
from forebear.bom.training import Dataset, DatasetRole, Stage, StageKind
from forebear.bom.values import Basis, Gap, GapState, Hash, Observation, Said
from forebear.types import Json, Test, Verdict

NOW = "2026-01-02T03:04:05Z"
COINS = Observation(
    signal="sign-code/1",
    summary="880 of 896 coins agree.",
    test=Test.EXACT,
    null="independent initialisation",
    n=896,
    log10_p=-30.0,
)
FIRM = Organisation(
    name="Acme Ltd",
    roles=(OrganisationRole.MANUFACTURER,),
    jurisdictions=(
        Jurisdiction(country="GB", tie="incorporated_in"),
        Jurisdiction(country="CN", tie="controlled_from"),
    ),
)
RECORD = Record(
    model=Model(name="acme/one", hashes=(Hash(algorithm="SHA-256", value="ab" * 32),)),
    created=NOW,
    author="A. Person",
    organisations=(FIRM,),
    relatives=(
        Relative(
            name="org/base",
            slot=Slot.ANCESTOR,
            declared_relation="finetune",
            component="language model",
            digest="sha256:0123456789",
            observations=(COINS,),
            relation="finetune",
            direction="a_to_b",
            verdict=Verdict.DERIVED,
            said=Said(basis=Basis.MEASURED, by="forebear"),
        ),
    ),
    stages=(Stage(kind=StageKind.SFT, method="LoRA", reward="unit tests"),),
    datasets=(Dataset(name="acme/tickets", roles=(DatasetRole.FINE_TUNING,)),),
    gaps=(Gap(field="licence", state=GapState.WITHHELD),),
)
SCRATCH = Record(model=Model(name="acme/two"), created=NOW, claims=(ClaimRecord(claim="trained from scratch"),))


def of_others(document: Any) -> Any:
    """A bill of ours as somebody else's program would write it: nothing of ours is left but the profile's words."""
    if isinstance(document, dict):
        kept = {key: of_others(value) for key, value in document.items()}
        for key in ("properties", "@graph"):
            if isinstance(kept.get(key), list):
                kept[key] = [e for e in kept[key] if not _ours(e)]
        for identity in kept.get("evidence", {}).get("identity", ()) if isinstance(kept.get("evidence"), dict) else ():
            identity.pop("methods", None)
        return {key: value for key, value in kept.items() if value != [] or key not in ("properties",)}
    if isinstance(document, list):
        return [of_others(each) for each in document]
    if isinstance(document, str):
        return document.replace("forebear.dev", "other.example").replace("forebear", "other")
    return document


def _ours(entry: Any) -> bool:
    # strings inside of it were renamed already
    text = json.dumps(entry)
    return '"name": "other:' in text or SCHEMA.replace("forebear", "other") in text


@pytest.mark.parametrize("write", [cyclonedx.write, spdx.write], ids=["cyclonedx", "spdx"])
def test_statements_of_the_profile_are_read_from_bills_by_others(write: Any) -> None:
    document = of_others(write(RECORD))
    assert "forebear" not in json.dumps(document)
    module = cyclonedx if write is cyclonedx.write else spdx
    reading = module.read(document)
    record = reading.records[0]
    (relative,) = record.relatives
    assert (relative.declared_relation, relative.component) == ("finetune", "language model")
    assert (relative.said.basis, relative.digest) == (Basis.MEASURED, "sha256:0123456789")
    assert relative.observations[0] == COINS
    (stage,) = record.stages
    assert (stage.kind, stage.method, stage.reward) == (StageKind.SFT, "LoRA", "unit tests")
    assert record.datasets[0].roles[0] in (DatasetRole.FINE_TUNING, DatasetRole.TRAINING)
    assert {(j.country, j.tie) for o in record.organisations for j in o.jurisdictions} == {
        ("GB", "incorporated_in"),
        ("CN", "controlled_from"),
    }
    assert ("licence", "withheld") in {(g.field, g.state.value) for g in record.gaps}
    assert not [p for p in reading.unread if "ai-lineage:evidence" in p]
    again = module.read(write(record)).records[0]  # and what was read is written as ours, and comes back the same
    assert (again.relatives, again.stages, again.gaps) == (record.relatives, record.stages, record.gaps)


@pytest.mark.parametrize("write", [cyclonedx.write, spdx.write], ids=["cyclonedx", "spdx"])
def test_that_there_is_no_parent_is_a_claim(write: Any) -> None:
    module = cyclonedx if write is cyclonedx.write else spdx
    record = module.read(of_others(write(SCRATCH))).records[0]
    assert "trained from scratch" in {c.claim for c in record.claims}
    assert module.read(write(SCRATCH)).records[0] == SCRATCH  # of ours nothing is read twice


def bill(*properties: tuple[str, str], **more: Any) -> Json:
    listed = [{"name": f"ai-lineage:{n}", "value": v} for n, v in properties]
    base = {"type": "machine-learning-model", "name": "base", "properties": listed}
    model = {"type": "machine-learning-model", "name": "m", "pedigree": {"ancestors": [base]}, **more}
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": model}}


@pytest.mark.parametrize(
    "said",
    [
        ("relation", "cousin"),
        ("assurance", "certain"),
        ("evidence", "{"),
        ("evidence", "[" * 5_000),
        ("evidence", '{"method": "x"}'),
        ("evidence", '{"method": "x", "summary": "y", "log10_p": 5}'),
        ("evidence", '{"method": "x", "summary": "y", "mood": "good"}'),
        ("more", "or less"),
    ],
)
def test_what_is_not_the_profiles_stays_where_it_is_and_is_told(said: tuple[str, str]) -> None:
    reading = cyclonedx.read(bill(said))
    (relative,) = reading.records[0].relatives
    assert relative == Relative(name="base", slot=Slot.ANCESTOR)
    assert "/metadata/component/pedigree/ancestors/0/properties/0/value" in reading.unread


def test_words_that_are_none_of_the_profiles() -> None:
    assert profile.gaps_of({"parent": "none", "data": "much"}) == []
    assert profile.claims_of({"parent": "withheld"}) == []
    assert profile.jurisdictions_of([{"country": "Britain", "tie": "address"}, {"country": "GB", "tie": "love"}]) == []
    assert profile.jurisdictions_of("GB") == [] and profile.stage_of({"stage": "magic"}) == {}
    assert profile.dataset_of({"role": "decoration"}) == {}


@pytest.mark.parametrize("odd", [{}, [], [{}], 1, None, True])
def test_values_of_other_kinds_say_nothing(odd: Any) -> None:
    """An annotation by a stranger may hold anything; objects and lists may not even be looked up."""
    said = dict.fromkeys(("relation", "assurance", "evidence", "stage", "role", "parent", "licence"), odd)
    assert profile.relative_of(said) == {} and profile.stage_of(said) == {} and profile.dataset_of(said) == {}
    assert profile.gaps_of(said) == [] and profile.claims_of(said) == []
    assert profile.jurisdictions_of([{"country": "GB", "tie": odd}]) == []
