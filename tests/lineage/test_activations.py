"""What a resemblance of activations is worth, and when a teacher is named: never without controls."""

from __future__ import annotations

import math

import pytest

from forebear.index import Likeness, Likenesses
from forebear.lineage.activations import (
    BEST,
    FALSE_TEACHERS,
    PAIR,
    SIZES,
    TEACHER,
    Control,
    accepted,
    calibration_name,
    likeness_evidence,
    shallow_cosine,
    teacher,
    with_teacher,
)
from forebear.lineage.calibration import ANY, SHIPPED_ACTIVATIONS, Scores, shipped
from forebear.types import Test

NULL = tuple(k / 100 for k in range(40))
SCORES = Scores(24, {ANY: tuple(k / 10 for k in range(60))}, tuple((30.0 + k, 40.0) for k in range(10)))
MARGINS = Scores(24, {ANY: NULL}, ((0.5, 0.6),))


def like(name: str, score: float, *by_depth: float | None) -> Likeness:
    return Likeness(name, score, by_depth or (0.6, 0.5, 0.4, 0.3, 0.2))


def search(*found: Likeness, references: int = 24, normalised: bool = True) -> Likenesses:
    return Likenesses(found, 24, (0.1, 0.0, -0.1), references, normalised)


def control(name: str, cosine: float, size: tuple[int, int] = (4, 96), shape: str = "llama/4/96", *kin: str) -> Control:
    return Control(name, cosine, size, shape, frozenset(kin))


TWINS = (control("a", 0.9), control("b", 0.2), control("c", 0.1, (3, 64), "llama/3/64"))


def test_evidence_supports_nothing_and_says_what_was_seen() -> None:
    told = likeness_evidence(like("base", 31.5), search(like("base", 31.5)), SCORES, "twin", "sixty models", {"x": 1})
    assert (told.signal, told.kind, told.supports, told.test) == (
        "activations/1",
        "activations",
        "nothing",
        Test.CALIBRATED,
    )
    assert told.log10_p == pytest.approx(math.log10(1 / 61)) and told.log10_lr is not None and told.log10_lr > 0.9
    assert "31.5 standard deviations" in told.summary and "base" in told.summary and "0.50" in told.summary
    assert told.details["by_depth"] == [0.6, 0.5, 0.4, 0.3, 0.2] and told.details["x"] == 1
    assert told.details["cohort_cosines"] == [0.1, 0.0, -0.1] and told.details["calibration"] == "sixty models"
    assert told.details["conditions"]


@pytest.mark.parametrize("scores, normalised", [(None, True), (SCORES, False), (Scores(24, {ANY: (0.0,)}), True)])
def test_without_a_null_there_is_no_p(scores: Scores | None, normalised: bool) -> None:
    found = search(like("base", 0.5), normalised=normalised)
    told = likeness_evidence(found.found[0], found, scores, "twin", "", {})
    assert told.test is Test.NONE and told.log10_p is None and told.log10_lr is None
    assert ("what all models have in common is in it" in told.summary) is not normalised


def test_depths_that_are_missing_are_left_out_of_the_mean() -> None:
    assert shallow_cosine(like("a", 1.0, 0.4, 0.2, None, 0.9, 0.9)) == pytest.approx(0.3)
    assert shallow_cosine(like("a", 1.0, None, None, None, 0.9, 0.9)) == 0.0


def test_open_set_rejection_ranks_the_best_score_among_models_without_a_relative() -> None:
    best = Scores(24, {ANY: tuple(float(k) for k in range(199))})
    assert accepted(search(like("a", 500.0), like("b", 3.0)), best) == (1 / 200, 199)
    assert accepted(search(like("a", 197.5)), best) == (2 / 200, 199)
    assert accepted(search(like("a", 500.0), references=240), best)[0] == pytest.approx(10 / 200)
    assert accepted(search(like("a", 500.0), references=5), best)[0] == 1 / 200
    assert accepted(search(), best) == (1.0, 0) and accepted(search(like("a", 1.0)), Scores(1, {})) == (1.0, 0)


def test_a_teacher_stands_out_among_its_controls() -> None:
    found = teacher(TWINS, MARGINS)
    assert found.attributed and found.name == "a" and found.margin == pytest.approx(0.7)
    assert found.p is not None and found.p == pytest.approx(1 / 41) and found.p <= FALSE_TEACHERS
    assert found.controls == ("b", "c") and "0.700 more than 2 controls" in found.why


def test_a_narrow_margin_names_nobody() -> None:
    found = teacher((control("a", 0.3), *TWINS[1:]), MARGINS)
    assert not found.attributed and found.margin == pytest.approx(0.1) and found.p is not None and found.p > 0.7


@pytest.mark.parametrize(
    "candidates, words",
    [
        ((), "no reference has the model's tokenizer"),
        (TWINS[:1], "of the same sizes"),
        ((TWINS[0], TWINS[2]), "same texts"),
        (TWINS[:2], "of other sizes"),
        ((control("a", 0.9, (4, 96), "llama/4/96", "b"), *TWINS[1:]), "of the same sizes"),
    ],
)
def test_without_controls_it_abstains(candidates: tuple[Control, ...], words: str) -> None:
    found = teacher(candidates, MARGINS)
    assert not found.attributed and words in found.why and found.margin is None and found.p is None


def test_kin_of_the_candidate_are_no_controls() -> None:
    """A child of the teacher is as near as the teacher: it does not stand against it."""
    near = control("child of a", 0.88)
    found = teacher((control("a", 0.9, (4, 96), "llama/4/96", "child of a"), near, *TWINS[1:]), MARGINS)
    assert found.attributed and found.controls == ("b", "c") and found.margin == pytest.approx(0.7)
    assert not teacher((TWINS[0], near, *TWINS[1:]), MARGINS).attributed


@pytest.mark.parametrize("scores", [None, Scores(24, {})])
def test_without_a_calibration_it_abstains(scores: Scores | None) -> None:
    found = teacher(TWINS, scores)
    assert not found.attributed and "no calibration" in found.why and found.margin == pytest.approx(0.7)


def test_the_relation_is_one_of_behaviour() -> None:
    found = teacher(TWINS, MARGINS)
    relation = found.relation(MARGINS)
    assert (relation.kind, relation.direction, relation.confidence) == ("distilled", "unknown", None)
    assert relation.details["behavioural"] is True and relation.details["controls"] == ["b", "c"]
    assert relation.details["n_null"] == 40 and any("direction" in line for line in relation.details["cannot_exclude"])
    told = likeness_evidence(like("a", 9.0), search(like("a", 9.0)), SCORES, "twin", "x", {})
    said = with_teacher(told, found)
    assert said.details["teacher"]["name"] == "a" and said.summary.endswith("2% do so.")
    silent = teacher(TWINS[:1], MARGINS)
    assert with_teacher(told, silent).summary == told.summary


def test_every_size_of_a_cohort_has_its_calibrations_in_the_package() -> None:
    names = {calibration_name(what, size) for what in (PAIR, BEST, TEACHER) for size in SIZES}
    assert names == set(shipped(SHIPPED_ACTIVATIONS).signals)
    assert calibration_name("x/1:best", 8) == "x/1:best:8" and {BEST, TEACHER} == {f"{PAIR}:best", f"{PAIR}:teacher"}


def test_a_resemblance_in_words_and_numbers() -> None:
    one = like("base", 31.5555555, 0.61234567, 0.5, 0.4, 0.3, 0.2)
    told = likeness_evidence(one, search(one), None, "twin", "s", {"cosine": 9, "dtype": "f32"})
    assert told.summary == (
        "Texts lie to one another in the model's hidden states as in those of base with 0.50 (1 in a copy, about 0 in "
        "independent models), 31.6 standard deviations beyond what is usual among 24 independent references."
    )
    assert told.score == 31.555556 and told.n == 0 and told.details["dtype"] == "f32"
    assert told.details["cosine"] == 0.504115 and told.details["cohort"] == 24 and told.details["normalised"] is True
    bare = likeness_evidence(one, search(one, normalised=False), SCORES, "twin", "s", {})
    assert bare.score == 0.504115 and bare.details["normalised"] is False and "deviations" not in bare.summary
    searched = likeness_evidence(one, search(one, references=1_000), SCORES, "twin", "s", {})
    assert searched.details["log10_references"] == 3.0 and searched.details["stratum_of_pair"] == "twin"


def test_only_the_first_third_of_the_layers_counts() -> None:
    assert shallow_cosine(like("a", 1.0, 0.3, 0.3, 0.6, 0.9)) == pytest.approx(0.4)
    assert shallow_cosine(like("a", 1.0, None, 0.0, 0.4)) == pytest.approx(0.2)
    assert shallow_cosine(like("a", 1.0, None)) == 0.0


def test_open_set_rejection_by_hand() -> None:
    best = Scores(10, {ANY: (1.0, 2.0, 3.0), "twin": (9.0,) * 50})
    assert accepted(search(like("a", 2.0), references=10), best) == (3 / 4, 3), "ties speak for the null"
    assert accepted(search(like("a", 2.1), like("b", 0.0), references=10), best) == (2 / 4, 3), "the best one counts"
    assert accepted(search(like("a", 4.0), references=15), best) == (1.5 / 4, 3)
    assert accepted(search(like("a", 4.0), references=400), best) == (1.0, 3)
    assert accepted(search(like("a", 4.0), references=2), Scores(0, best.null)) == (2 / 4, 3)


def ranked(*null: float) -> Scores:
    return Scores(24, {ANY: null}, ())


def test_a_teacher_is_named_up_to_one_false_in_twenty() -> None:
    assert teacher(TWINS, ranked(*[0.0] * 19)).attributed and teacher(TWINS, ranked(*[0.0] * 19)).p == 0.05
    assert not teacher(TWINS, ranked(*[0.0] * 18)).attributed
    margin = 0.9 - 0.2
    assert teacher(TWINS, ranked(*[0.0] * 19, margin)).p == 2 / 21, "ties speak for the null"
    told = teacher(TWINS, ranked(*[0.0] * 19)).why
    assert told == (
        "at the last layer it resembles a by 0.700 more than 2 controls of the same tokenizer; of 19 models without a "
        "teacher among the references 5% do so"
    )


def test_controls_are_of_the_same_shape_first_and_the_nearest_of_all_counts() -> None:
    wide = control("wide", 0.8, (4, 128), "llama/4/128")
    same_size = control("same size", 0.7, (4, 96), "qwen/4/96")
    found = teacher((wide, same_size, control("twin", 0.1), control("a", 0.9)), MARGINS)
    assert found.name == "a" and found.controls == ("twin", "wide", "same size") and found.margin == pytest.approx(0.1)
    no_others = teacher((same_size, control("twin", 0.1), control("a", 0.9)), MARGINS)
    assert no_others.why.startswith("there is no control of other sizes: a reference") and no_others.name == "a"
    neither = teacher((same_size, control("a", 0.9)), MARGINS)
    assert neither.why == (
        "there is no control of the same sizes (it may have learned from the same texts) and none of other sizes: a "
        "reference of its tokenizer, independent of it"
    )
    tied = teacher((control("b", 0.9), control("a", 0.9), *TWINS[2:]), MARGINS)
    assert tied.name == "b" and tied.margin == 0.0 and not tied.attributed
    alone = teacher((), MARGINS)
    assert (alone.name, alone.attributed, alone.margin, alone.p, alone.controls) == ("", False, None, None, ())


def test_a_relation_and_evidence_with_all_their_details() -> None:
    found = teacher(TWINS, MARGINS)
    details = dict(found.relation(ranked()).details)
    assert len(details.pop("cannot_exclude")) == 3
    assert details == {
        **{"kinds": ["distilled"], "behavioural": True, "teacher": "a", "margin": found.margin, "p": found.p},
        **{"n_null": 0, "controls": ["b", "c"]},
    }
    bare = likeness_evidence(like("a", 9.0), search(like("a", 9.0)), None, "twin", "x", {})
    said = with_teacher(bare, found)
    assert said.details["teacher"] == {
        **{"name": "a", "attributed": True, "why": found.why, "margin": found.margin, "p": found.p},
        "controls": ["b", "c"],
    }
    assert said.summary == f"{bare.summary} A{found.why[1:]}." and said.details["cosine"] == bare.details["cosine"]
