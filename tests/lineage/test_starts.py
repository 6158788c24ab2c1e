"""What a start that was never trained says of two models: shared training, the start alone, or nothing."""

from __future__ import annotations

import pytest

from forebear.lineage.conclude import Conclusion
from forebear.lineage.ghosts import Ghosts, Leg
from forebear.lineage.starts import APART, TOGETHER, from_starts, is_start, seen_from
from forebear.types import Relation, Verdict

HALF = Leg(0.5, 0.01, 0, 0)
OPEN = Conclusion(
    Verdict.SAME_INIT_OR_DERIVED,
    Relation(
        "unknown",
        details={
            "kinds": ["unknown"],
            "candidates": ["finetune", "same_init"],
            "in_words": ["fine-tuned, or only the same random start (relative drift 20%)"],
        },
    ),
    "why",
)


def test_the_leg_is_the_starts_own() -> None:
    legs = {("start", "a"): (HALF, Leg(0.9, 0.01, 0, 0), HALF), ("a", "b"): (HALF, HALF, HALF)}
    found = from_starts(Ghosts(("start", "a", "b"), legs), ["start"])
    assert set(found) == {"a"} and found["a"] == ("start", Leg(0.9, 0.01, 0, 0))
    assert from_starts(Ghosts(("start", "a"), legs), []) == {}


def test_of_two_starts_the_one_that_says_more_counts() -> None:
    legs = {("a", "s"): (HALF, HALF, Leg(0.55, 0.01, 0, 0)), ("a", "t"): (HALF, HALF, Leg(0.1, 0.01, 0, 0))}
    assert from_starts(Ghosts(("a", "s", "t"), legs), ["s", "t"])["a"][0] == "t"


def test_changes_that_go_one_way_are_shared_training() -> None:
    found = seen_from(OPEN, "step0", Leg(0.9, 0.02, 0, 0))
    assert found.verdict is Verdict.DEPENDENT and "share training" in found.why and "step0" in found.why
    assert found.relation.kind == "finetune" and found.relation.details["kinds"] == ["finetune"]
    assert "candidates" not in found.relation.details and found.relation.details["excludes_shared_initialisation"]
    assert found.relation.details["in_words"] == ["fine-tuned (relative drift 20%)"]


def test_changes_that_go_different_ways_are_the_start_alone() -> None:
    found = seen_from(OPEN, "step0", Leg(0.1, 0.02, 0, 0))
    assert found.verdict is Verdict.SAME_INIT_OR_DERIVED and found.relation.kind == "same_init"
    assert "three times as far" in found.why and "0.10" in found.relation.details["tests"]["same_init"]


@pytest.mark.parametrize("cosine", [TOGETHER, APART, 0.5])
def test_between_them_and_within_the_error_nothing_is_said(cosine: float) -> None:
    found = seen_from(OPEN, "step0", Leg(cosine, 0.02, 0, 0))
    assert found.verdict is OPEN.verdict and found.why == OPEN.why and found.relation.kind == "unknown"
    assert found.relation.details["start"] == {"name": "step0", "cosine": cosine, "error": 0.02}


def test_what_was_proved_otherwise_is_not_taken_back() -> None:
    proved = Conclusion(Verdict.DEPENDENT, Relation("finetune", details={"kinds": ["finetune"]}), "rows lie still")
    low, high = (seen_from(proved, "step0", Leg(c, 0.01, 0, 0)) for c in (0.05, 0.95))
    assert low.verdict is high.verdict is Verdict.DEPENDENT and low.relation.kind == high.relation.kind == "finetune"
    assert low.why == high.why == "rows lie still"


def test_the_start_itself_is_called_one() -> None:
    found = is_start(OPEN)
    assert found.relation.kind == "same_init" and "never trained" in found.relation.details["in_words"][0]
    assert found.verdict is OPEN.verdict and found.relation.direction == "unknown"
