"""What the statements of the lineage profile may claim: no more than was measured."""

from __future__ import annotations

from typing import Any

import pytest

from forebear.bom.lineage_profile import of_step
from forebear.bom.record import Relative, Slot
from forebear.bom.values import Basis, Observation, Said
from forebear.types import Test, Verdict

COINS = Observation(
    signal="sign-code/1",
    summary="they agree",
    test=Test.EXACT,
    null="independent initialisation",
    n=896,
    log10_p=-30.0,
)
EQUAL = Observation(signal="content/1", summary="every value is equal", equal=True)


def relative(**more: Any) -> Relative:
    fields: dict[str, Any] = {
        "name": "org/base",
        "slot": Slot.ANCESTOR,
        "direction": "a_to_b",
        "verdict": Verdict.DERIVED,
        "observations": (COINS,),
        "digest": "c5314e1f50b28ee1",
        "said": Said(basis=Basis.MEASURED, by="forebear"),
    }
    return Relative(**{**fields, **more})


@pytest.mark.parametrize(
    ("more", "assurance"),
    [
        ({}, "measured"),
        ({"direction": "unknown"}, "declared"),
        ({"direction": "unknown", "slot": Slot.VARIANT, "verdict": Verdict.DEPENDENT}, "measured"),
        ({"verdict": Verdict.SAME_INIT_OR_DERIVED}, "declared"),  # an adapter has a direction, and yet no descent
        ({"verdict": Verdict.SIBLINGS}, "declared"),
        ({"verdict": Verdict.SAME_INIT_OR_DERIVED, "slot": Slot.VARIANT}, "measured"),
        ({"verdict": None}, "declared"),
        ({"verdict": Verdict.SAME_TOKENIZER}, "declared"),
        ({"digest": ""}, "declared"),
        ({"observations": ()}, "declared"),
        ({"observations": (COINS.model_copy(update={"log10_p": -5.0}),)}, "declared"),
        ({"observations": (COINS.model_copy(update={"test": Test.HEURISTIC}),)}, "declared"),
        ({"said": Said(basis=Basis.DECLARED, by="README.md")}, "declared"),
        ({"said": Said(basis=Basis.PROBED, by="forebear")}, "declared"),
        ({"observations": (EQUAL,)}, "measured"),
        ({"observations": (EQUAL,), "digest": ""}, "declared"),  # equal to what?
    ],
)
def test_a_step_is_measured_where_dependence_and_order_are(more: dict[str, Any], assurance: str) -> None:
    assert of_step(relative(**more))["assurance"] == assurance
