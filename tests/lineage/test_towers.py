"""What a shared tower adds to a conclusion: a part with a name, and never an accusation."""

from __future__ import annotations

import pytest

from forebear.lineage import Conclusion, Counts
from forebear.lineage.confidence import confident
from forebear.lineage.counts import LOG10_TOWERS
from forebear.lineage.towers import Shared, only_towers, shared_tower, with_towers
from forebear.signals.sign_code import Cell
from forebear.signals.towers import TowerMark
from forebear.types import Evidence, Relation, Test, Verdict
from index.fingerprints import SHAPE, make_code

NOTHING = Counts(())
APART = Conclusion(Verdict.SAME_ARCHITECTURE, Relation(details={"kinds": []}), "The shape is the same.")
WHOLE = Conclusion(Verdict.DEPENDENT, Relation("finetune"), "They share training.")
PART = Conclusion(
    Verdict.COMPONENT_SHARED, Relation("component_shared", details={"components": ["layer 3"]}), "Only a part."
)


def counts(share: float, groups: tuple[str, ...] = ("value_output", "query_key"), layers: int = 4) -> Counts:
    cells = tuple(Cell(g, k, k, 32, round(32 * share)) for k in range(layers) for g in groups)
    return Counts(cells, layers, LOG10_TOWERS)


def shared(name: str = "vision tower", other: str = "vision tower", supports: str = "related", **how: object) -> Shared:
    found = counts(1.0, **how)  # type: ignore[arg-type]
    evidence = Evidence(
        "tower-coins/1", "weights", supports, 1.0, Test.EXACT, "n", 1, -20.0, "All.", details={"conditions": ["c"]}
    )
    one, two = (TowerMark(n, SHAPE, make_code(k)) for k, n in enumerate((other, name)))
    return shared_tower(one, two, found, evidence)


def test_a_tower_alone_is_a_shared_component_without_direction() -> None:
    tower = shared()
    said, seen = with_towers(APART, NOTHING, [tower], "org/base")
    assert said.verdict is Verdict.COMPONENT_SHARED and said.relation.kind == "component_shared"
    assert said.relation.direction == "unknown" and said.relation.details["components"] == ["vision tower"]
    assert "from wherever" in said.why and "does not tell who has it from whom" in said.why
    assert said.why.endswith("Of the rest: the shape is the same.")
    assert seen is tower.counts and only_towers(said)
    assert confident(said.relation).confidence is None


def test_towers_that_are_not_established_change_nothing() -> None:
    assert with_towers(APART, NOTHING, [], "a") == (APART, NOTHING)
    assert with_towers(APART, NOTHING, [shared(supports="nothing")], "a") == (APART, NOTHING)


def test_beside_dependence_of_the_whole_a_tower_is_evidence_only() -> None:
    assert with_towers(WHOLE, NOTHING, [shared()], "a") == (WHOLE, NOTHING)


def test_beside_another_part_a_tower_is_a_further_one() -> None:
    own = counts(1.0)
    said, seen = with_towers(PART, own, [shared(), shared("audio tower", "audio tower")], "a")
    assert said.relation.details["components"] == ["layer 3", "vision tower", "audio tower"]
    assert seen is own and not only_towers(said) and not only_towers(PART)


@pytest.mark.parametrize("how", [{"groups": ("value_output",)}, {"layers": 1}], ids=["one group", "one layer"])
def test_two_groups_and_more_than_half_of_the_layers_are_needed(how: dict[str, object]) -> None:
    found = shared(**how)  # type: ignore[arg-type]
    assert not found.established and "A tower is told only where" in found.evidence.summary


def test_evidence_names_the_part_and_says_that_towers_are_published() -> None:
    for mine, theirs, named in (("encoder", "vision tower", "vision tower"), ("audio tower", "encoder", "audio tower")):
        found = shared(mine, theirs)
        assert found.component == found.evidence.details["component"] == named
        assert found.evidence.summary == f"{named.capitalize()}: All."
    assert any("published towers stand in many models" in c for c in found.evidence.details["conditions"])
