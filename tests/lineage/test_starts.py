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


def leg(cosine: float, error: float = 0.0) -> Leg:
    return Leg(cosine, error, 0, 0)


def test_of_all_pairs_those_with_a_start_are_looked_at() -> None:
    high, low, middle = leg(0.9), leg(0.1), leg(0.45)
    legs = {
        ("a", "b"): (HALF, high, high),
        ("s", "a"): (HALF, middle, high),
        ("b", "s"): (HALF, high, low),
        ("s", "t"): (HALF, high, high),  # two starts say nothing of each other
        ("t", "a"): (HALF, low, middle),
    }
    found = from_starts(Ghosts(("a", "b", "s", "t"), legs), ["s", "t"])
    assert found == {"a": ("t", low), "b": ("s", low)}
    tied = {("a", "s"): (HALF, HALF, leg(0.75)), ("a", "t"): (HALF, HALF, leg(0.25))}
    assert from_starts(Ghosts(("a", "s", "t"), tied), ["s", "t"])["a"][0] == "s", "of two that say as much the first"


@pytest.mark.parametrize(
    ("cosine", "error", "verdict", "kind"),
    [
        (0.7, 0.0, Verdict.DEPENDENT, "finetune"),
        (0.69, 0.0, Verdict.SAME_INIT_OR_DERIVED, "unknown"),
        (0.99, 0.09, Verdict.DEPENDENT, "finetune"),
        (0.99, 0.1, Verdict.SAME_INIT_OR_DERIVED, "unknown"),
        (0.3, 0.0, Verdict.SAME_INIT_OR_DERIVED, "same_init"),
        (0.31, 0.0, Verdict.SAME_INIT_OR_DERIVED, "unknown"),
        (0.0, 0.09, Verdict.SAME_INIT_OR_DERIVED, "same_init"),
        (0.0, 0.11, Verdict.SAME_INIT_OR_DERIVED, "unknown"),
    ],
)
def test_three_standard_errors_are_on_the_side_of_saying_nothing(
    cosine: float, error: float, verdict: Verdict, kind: str
) -> None:
    found = seen_from(OPEN, "step0", leg(cosine, error))
    assert (found.verdict, found.relation.kind) == (verdict, kind)


def test_details_of_shared_training_and_of_a_shared_start() -> None:
    unrated = " (no error rate is known)"
    said = f"seen from step0, which was never trained, the changes of the two have a cosine of 0.90{unrated}"
    told = seen_from(OPEN, "step0", leg(0.9)).relation.details
    assert told == {
        **{"kinds": ["finetune"], "in_words": ["fine-tuned (relative drift 20%)"]},
        **{"start": {"name": "step0", "cosine": 0.9, "error": 0.0}, "excludes_shared_initialisation": said},
    }
    apart = seen_from(OPEN, "step0", leg(0.1)).relation
    assert (apart.direction, apart.confidence) == ("unknown", None)
    assert apart.details == {
        **{"kinds": ["same_init"], "in_words": ["trained apart from one random start"]},
        "start": {"name": "step0", "cosine": 0.1, "error": 0.0},
        "tests": {"same_init": f"S{said[1:].removesuffix(f'0.90{unrated}')}0.10{unrated}, at most 0.3."},
    }
    pruned = Relation("pruned", details={"kinds": ["unknown", "pruned"], "candidates": ["same_init"]})
    both = Conclusion(Verdict.SAME_INIT_OR_DERIVED, pruned, "why")
    assert seen_from(both, "s", leg(0.1)).relation.details["kinds"] == ["same_init", "pruned"]
    assert seen_from(both, "s", leg(0.9)).relation.details["kinds"] == ["pruned"]
    bare = Conclusion(Verdict.SAME_INIT_OR_DERIVED, Relation("unknown", details={}), "why")
    assert seen_from(bare, "s", leg(0.9)).relation.details["kinds"] == ["unknown"]
    start = is_start(both).relation
    assert start.details["kinds"] == ["same_init", "pruned"] and "candidates" not in start.details
    assert start.details["tests"]["same_init"].startswith("No norm gain of the reference has moved")
