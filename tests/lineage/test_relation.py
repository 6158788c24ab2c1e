"""All relations of a pair as one: kinds, tests, words, direction, and the verdict that they allow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from forebear.lineage.conclude import Conclusion
from forebear.lineage.counts import Counts
from forebear.lineage.direction import Reason
from forebear.lineage.relation import RELATIONS, found_in, related, settle
from forebear.lineage.relations.base import Found, Observed, Sizes
from forebear.signals.change import Change, Changes
from forebear.types import Relation, Verdict

PAIR = Observed((Sizes(), Sizes()), Counts(()))
SURE, WEAK = Reason("zeros", "they were lost", 4.0, no_siblings=True), Reason("decay", "rows shrank", 3.0)
PRUNED = Found(
    "pruned", "Half is zero.", "pruned by half", {"share": 0.5, "side": "b"}, (SURE,), "zeros fit", "the same"
)
TUNED = Found("finetune", "It moved.", "fine-tuned", {"share": 0.9, "drift_of": "body"}, (WEAK,))
NOBODY = Found("unknown", "Nothing.", "not told")


def told(*found: Found, observed: Observed = PAIR, direction: str = "unknown", **details: Any) -> Relation:
    return related(Relation("unknown", direction, None, details), observed, found)


def test_relations_of_structure_stand_before_those_of_values() -> None:
    names = [relation.__name__ for relation in RELATIONS]
    assert len(names) == len(set(names)) == 14
    assert names.index("vocabulary_changed") < names.index("quantized") < names.index("finetune")
    assert names[-1] == "undecided" and names[0] == "upcycled"
    assert found_in(PAIR) == tuple(f for relation in RELATIONS if (f := relation(PAIR)) is not None)


def test_what_was_found_is_told_in_its_order() -> None:
    found = told(PRUNED, TUNED)
    assert (found.kind, found.direction, found.confidence) == ("pruned", "a_to_b", None)
    assert found.details["kinds"] == ["pruned", "finetune"]
    assert found.details["in_words"] == ["pruned by half", "fine-tuned"]
    assert found.details["tests"] == {"pruned": "Half is zero.", "finetune": "It moved."}
    assert (found.details["share"], found.details["side"], found.details["drift_of"]) == (0.5, "b", "body")
    assert found.details["direction"] == {
        "log_odds": 7.0,
        "reasons": [
            {"name": "zeros", "text": "they were lost", "log_odds": 4.0, "rules_out_siblings": True},
            {"name": "decay", "text": "rows shrank", "log_odds": 3.0, "rules_out_siblings": False},
        ],
    }
    assert told(PRUNED, replace(PRUNED, test="Another.")).details["tests"] == {"pruned": "Half is zero."}


def test_nothing_found_is_unknown() -> None:
    found = told()
    assert (found.kind, found.direction) == ("unknown", "unknown")
    assert found.details == {"kinds": ["unknown"]}
    assert told(NOBODY).details["kinds"] == ["unknown"] and told(NOBODY, TUNED).kind == "finetune"


def test_what_a_verdict_says_already_comes_first() -> None:
    found = told(PRUNED, TUNED, kinds=["unknown", "finetune"], share=0.1, direction="b_to_a")
    assert found.details["kinds"] == ["finetune", "pruned"] and found.kind == "finetune"
    assert found.details["share"] == 0.1 and found.direction == "b_to_a"
    assert found.details["direction"]["log_odds"] == 7.0  # what the reasons add up to is told all the same
    turned = replace(PRUNED, reasons=(replace(SURE, log_odds=-4.0),))
    assert told(turned).direction == "b_to_a" and told(TUNED).direction == "unknown"


def test_what_had_to_be_undone_is_a_kind() -> None:
    undone = replace(PAIR, undone=("rows were moved",))
    found = told(TUNED, observed=undone)
    assert found.details["kinds"] == ["obfuscated", "finetune"] and found.details["undone"] == ["rows were moved"]
    known = told(observed=undone, kinds=["obfuscated"], undone=["before"])
    assert known.details["kinds"] == ["obfuscated"] and known.details["undone"] == ["before"]
    for nothing in ((), None):
        still = told(observed=replace(PAIR, undone=nothing))
        assert still.details == {"kinds": ["unknown"]}


def test_what_was_measured_or_why_not() -> None:
    change = Change(
        *("layers.0.mlp.up", "layers.0.mlp.up", (10, 10), 100, 4.0, 4.0, 4.0, 1.0, 1.0, 100, 25, 0, 0, ("", ""), (8, 8))
    )
    measured = told(TUNED, observed=replace(PAIR, changes=Changes((change,), whole=False), why_not="no room"))
    assert {k: measured.details[k] for k in ("drift", "equal", "every_value")} == {
        **{"drift": 0.5, "equal": 0.25, "every_value": False}
    }
    assert "not_measured" not in measured.details
    unread = told(TUNED, observed=replace(PAIR, why_not="no room"))
    assert unread.details["not_measured"] == "no room" and "drift" not in unread.details
    assert "not_measured" not in told(TUNED).details


def concluded(verdict: Verdict, way: str = "unknown", log_odds: float | None = None) -> Conclusion:
    details = {"kept": 1} if log_odds is None else {"kept": 1, "direction": {"log_odds": log_odds}}
    return Conclusion(verdict, Relation("pruned", way, None, details), "Before.")


OPEN = (Verdict.DEPENDENT, Verdict.SAME_INIT_OR_DERIVED)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_only_an_open_dependence_is_settled(verdict: Verdict) -> None:
    given = concluded(verdict, "a_to_b")
    found = settle(given, PAIR, [PRUNED])
    if verdict not in OPEN:
        assert found is given
    else:
        assert found.verdict is Verdict.DERIVED and found.relation is given.relation
        assert found.why == "Made from the reference, or from a model with the same values: the same."


@pytest.mark.parametrize("way", ["b_to_a", "unknown"])
def test_descent_needs_values_and_that_the_reference_came_first(way: str) -> None:
    for verdict in OPEN:
        found = settle(concluded(verdict, way), PAIR, [PRUNED])
        assert found.verdict is Verdict.DEPENDENT and found.why.startswith("They share training, not only a start: ")
        geometry = settle(concluded(verdict, "a_to_b"), PAIR, [TUNED])
        assert geometry == concluded(verdict, "a_to_b")


def test_what_excludes_a_shared_start_is_dependence_and_told() -> None:
    for observed, found, fact in (
        (PAIR, [TUNED, replace(PRUNED, made_from="")], "zeros fit"),
        (replace(PAIR, excludes="gains moved"), [PRUNED], "gains moved"),  # the stated test of the coins goes first
        (replace(PAIR, excludes="gains moved"), [], "gains moved"),
    ):
        settled = settle(concluded(Verdict.SAME_INIT_OR_DERIVED), observed, found)
        assert settled.verdict is Verdict.DEPENDENT
        assert settled.relation.details == {"kept": 1, "excludes_shared_initialisation": fact}
        assert settled.relation.kind == "pruned"
        assert settled.why == (
            f"They share training, not only a start: {fact}. Which came first is not settled: parent, child and "
            "sibling look alike."
        )


@pytest.mark.parametrize(
    ("way", "log_odds", "words"),
    [
        ("a_to_b", None, "The model is the later one, as far as its values tell."),
        ("b_to_a", None, "The reference is the later one, as far as its values tell."),
        ("unknown", 2.0, "If one was made from the other, the model is the later one; both may come from a third."),
        (
            "unknown",
            -2.0,
            "If one was made from the other, the reference is the later one; both may come from a third.",
        ),
        ("unknown", 1.99, "Which came first is not settled: parent, child and sibling look alike."),
        ("unknown", -1.99, "Which came first is not settled: parent, child and sibling look alike."),
        ("unknown", 0.0, "Which came first is not settled: parent, child and sibling look alike."),
    ],
)
def test_which_came_first_in_words(way: str, log_odds: float | None, words: str) -> None:
    found = settle(concluded(Verdict.DEPENDENT, way, log_odds), replace(PAIR, excludes="gains moved"), [])
    assert found.why == f"They share training, not only a start: gains moved. {words}"
