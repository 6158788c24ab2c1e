"""Bills of ours in every format tell one chain: what licences and policies decide by does not hang on the format."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from forebear.bom import cyclonedx, spdx
from forebear.bom.record import ClaimRecord, Model, Record, Relative, Slot, Status
from forebear.bom.values import Observation
from forebear.lineage.chain import Chain, ParentState
from forebear.lineage.chains import chain_of
from forebear.types import Verdict

WRITERS: dict[str, Callable[[Record], Any]] = {
    "CycloneDX 1.7": cyclonedx.write,
    "CycloneDX 1.6": lambda record: cyclonedx.write(record, "1.6"),
    "SPDX 3.0.1": spdx.write,
}


def told(write: Callable[[Record], Any], **more: Any) -> Chain:
    record = Record(model=Model(name="acme/m"), created="2026-01-02T03:04:05Z", **more)
    return chain_of(json.loads(json.dumps(write(record))), "")


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_declared_origin_of_a_part_stays_one_of_a_part(write: Callable[[Record], Any]) -> None:
    tower = Relative(name="acme/tower", slot=Slot.ANCESTOR, component="vision tower", declared_in="README.md")
    (edge,) = told(write, relatives=(tower,)).edges
    assert (edge.parent, edge.component) == ("acme/tower", "vision tower")


@pytest.mark.parametrize("evidence", [(), (Observation(signal="sign-code/1", summary="they agree"),)])
@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_claim_that_the_bill_itself_contradicts_is_not_what_it_says(
    write: Callable[[Record], Any], evidence: tuple[Observation, ...]
) -> None:
    claim = ClaimRecord(claim="trained from scratch", evidence=evidence)
    assert told(write, claims=(claim,)).parent is ParentState.FROM_SCRATCH
    refuted = claim.model_copy(update={"status": Status.CONTRADICTED})
    assert told(write, claims=(refuted,)).parent is ParentState.ABSENT


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_label_that_was_measured_stays_a_label(write: Callable[[Record], Any]) -> None:
    """What one user calls a file does not become a published model on the way through a bill."""
    measured = {"slot": Slot.VARIANT, "verdict": Verdict.DEPENDENT, "relation": "finetune", "direction": "unknown"}
    label = Relative.model_validate({"name": "myorg/Llama-3.1-8B", **measured})
    assert [(n.name, n.model, n.licences) for n in told(write, relatives=(label,)).nodes] == [(label.name, "", ())]
    named = label.model_copy(update={"slot": Slot.ANCESTOR, "declared_in": "README.md"})
    assert "Llama-3.1-8B" in {n.name for n in told(write, relatives=(named,)).nodes}
