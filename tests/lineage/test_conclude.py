"""Verdicts: dependence first, then relation and direction, each with its own test."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from coins import model
from forebear.lineage import Counts, conclude
from forebear.signals.delta import Delta
from forebear.types import Verdict

UNSETTLED = Delta(1000, 0.3, 0.01, "", "unknown", 0.2, 0.05)
TOGETHER = Delta(1000, 0.1, 0.02, "", "unknown", 1.0, 0.01)
PRUNED = Delta(1000, 0.1, 0.7, "30% of the values set to zero, the others untouched", "a_to_b", None, None)
REVERSED = Delta(1000, 0.1, 0.7, "30% of the values set to zero, the others untouched", "b_to_a", None, None)
ROUNDED = Delta(1000, 0.01, 0.1, "they differ as by rounding to BF16", "unknown", None, None)
FROZEN = Delta(1000, 0.01, 0.9, "", "unknown", None, None)


@pytest.mark.parametrize(
    ("delta", "verdict", "direction"),
    [
        (None, Verdict.SAME_INIT_OR_DERIVED, "unknown"),
        (UNSETTLED, Verdict.SAME_INIT_OR_DERIVED, "unknown"),
        (TOGETHER, Verdict.DEPENDENT, "unknown"),
        (FROZEN, Verdict.SAME_INIT_OR_DERIVED, "unknown"),
        (ROUNDED, Verdict.DEPENDENT, "unknown"),
        (PRUNED, Verdict.DEPENDENT, "unknown"),
        (REVERSED, Verdict.DEPENDENT, "unknown"),
    ],
)
def test_dependence_is_qualified_by_what_lies_between(delta: Delta | None, verdict: Verdict, direction: str) -> None:
    found = conclude(model(0.9), delta, same_shape=True, same_vocabulary=True)
    assert (found.verdict, found.relation.direction) == (verdict, direction)


def test_derived_needs_the_whole_of_both_models() -> None:
    for delta in (None, UNSETTLED, TOGETHER, FROZEN, ROUNDED, PRUNED, REVERSED):
        assert conclude(model(1.0), delta, True, True).verdict is not Verdict.DERIVED
    found = conclude(model(1.0), PRUNED, True, True, pruned="a_to_b")
    assert (found.verdict, found.relation.direction) == (Verdict.DERIVED, "a_to_b")
    found = conclude(model(1.0), REVERSED, True, True, pruned="b_to_a")
    assert (found.verdict, found.relation.direction) == (Verdict.DEPENDENT, "b_to_a")


def test_coins_that_nobody_vouches_for_establish_nothing() -> None:
    assert conclude(model(1.0), TOGETHER, True, True, trusted=False).verdict is Verdict.INCONCLUSIVE


def test_a_copied_part_is_called_a_part() -> None:
    found = conclude(model(1.0, only=(3,), residual=0.5), TOGETHER, True, True)
    assert found.verdict is Verdict.COMPONENT_SHARED
    assert found.relation.details["components"] == ["layer 3"]


def test_a_larger_search_asks_for_more() -> None:
    counts = model(0.56, layers=12)
    alone = conclude(counts, TOGETHER, True, True)
    among_many = conclude(counts, TOGETHER, True, True, log10_looks=math.log10(1_000_000))
    assert counts.log10_p > -12
    assert among_many.verdict is Verdict.SAME_ARCHITECTURE
    assert alone.verdict is not Verdict.SAME_ARCHITECTURE or counts.log10_p > -6


@pytest.mark.parametrize(
    ("shape", "tokens", "verdict"),
    [
        (True, True, Verdict.SAME_ARCHITECTURE),
        (False, True, Verdict.SAME_TOKENIZER),
        (False, False, Verdict.INCONCLUSIVE),
    ],
)
def test_nothing_found_is_never_unrelated(shape: bool, tokens: bool, verdict: Verdict) -> None:
    for counts in (model(0.5), Counts(())):
        found = conclude(counts, UNSETTLED, shape, tokens)
        assert found.verdict is verdict
        assert found.verdict.related is None


def test_equal_hashes_are_identity() -> None:
    assert conclude(Counts(()), None, False, False, identical=True).verdict is Verdict.IDENTICAL


@pytest.mark.parametrize(("undone", "kind"), [(("neurons were permuted",), "obfuscated"), ((), "unknown")])
def test_coins_after_alignment_are_dependence_and_no_descent(undone: tuple[str, ...], kind: str) -> None:
    """A start that is merely shared stays where it is, and who trained before coordinates moved is not told."""
    for delta in (None, TOGETHER, ROUNDED):
        found = conclude(model(0.9), delta, True, True, undone=undone)
        assert (found.verdict, found.relation.kind) == (Verdict.SAME_INIT_OR_DERIVED, kind)
        assert found.relation.direction == "unknown" and found.relation.details["undone"] == list(undone)
        assert ("neurons were permuted" in found.why) is ("one of them scrambled" in found.why) is bool(undone)
        assert "layer_map" not in found.relation.details
    part = conclude(model(1.0, only=(3,), residual=0.5), None, True, True, undone=undone)
    assert part.verdict is Verdict.COMPONENT_SHARED


def test_layers_that_moved_are_told_layer_by_layer() -> None:
    plain = model(0.9)
    cells = tuple(replace(c, layer_b=c.layer_b + 1) if c.layer_b is not None else c for c in plain.cells)
    moved = replace(plain, cells=cells)
    for undone in (None, ("neurons were permuted",)):
        found = conclude(moved, None, False, True, undone=undone)
        assert found.relation.details["layer_map"] == [[a, a + 1] for a, _ in plain.layers]
        assert "layer_map" not in conclude(plain, None, False, True, undone=undone).relation.details


def test_identity_is_said_with_its_test() -> None:
    found = conclude(Counts(()), None, False, False, identical=True)
    assert (found.relation.kind, found.relation.direction) == ("identical", "unknown")
    assert found.relation.details == {"kinds": ["identical"], "test": "content/1"}
    assert found.why == "Every value of the two models is equal."


def test_what_each_verdict_says_of_kinds() -> None:
    untrusted = conclude(model(1.0), TOGETHER, True, True, trusted=False)
    assert untrusted.relation.details == {"kinds": []} and "neither model's coins can be relied on" in untrusted.why
    for shape, tokens, words in ((True, False, "The shape"), (False, True, "The tokenizer"), (False, False, "Nothing")):
        found = conclude(model(0.5), None, shape, tokens)
        assert found.relation.details == {"kinds": []} and found.why.startswith(words)
        assert (found.relation.kind, found.relation.direction) == ("unknown", "unknown")
    assert conclude(model(0.5), None, True, True, trusted=False).verdict is Verdict.SAME_ARCHITECTURE


def test_a_part_is_named_and_so_is_that_nothing_else_could_be_compared() -> None:
    found = conclude(model(1.0, only=(0, 1, 2, 3, 4, 5), layers=16, residual=0.5), None, True, True)
    assert found.verdict is Verdict.COMPONENT_SHARED
    assert found.relation.details["kinds"] == ["component_shared"] and len(found.relation.details["components"]) == 6
    assert found.why == (
        "Only a part is dependent (layer 0, layer 1, layer 2, layer 3, layer 4); the rest looks independent or was "
        "not readable."
    )
    one = Counts(model(1.0, only=(0,)).cells[:1])
    alone = conclude(one, None, True, True)
    assert alone.verdict is Verdict.COMPONENT_SHARED and "(embedding)" in alone.why
    assert "that is all that could be compared, too little to speak for the whole" in alone.why


def test_the_level_is_one_in_a_million_with_all_that_was_searched() -> None:
    counts = model(0.9)
    spare = -6 - counts.log10_p
    assert conclude(counts, None, True, True, log10_looks=spare - 1e-9).verdict is not Verdict.SAME_ARCHITECTURE
    assert conclude(counts, None, True, True, log10_looks=spare + 1e-9).verdict is Verdict.SAME_ARCHITECTURE


def test_dependence_pays_by_the_pooled_count_and_a_part_by_its_own() -> None:
    """What one component alone carries is a part, however the rest counts."""
    strong = model(1.0, only=(3,), residual=0.5)
    assert conclude(strong, None, True, True).verdict is Verdict.COMPONENT_SHARED
    paid = replace(model(0.9), log10_paid=5.0)
    spare = -6 - paid.pooled.log10_p - 5.0
    assert conclude(paid, None, True, True, log10_looks=spare - 1).verdict is Verdict.SAME_INIT_OR_DERIVED
    assert conclude(paid, None, True, True, log10_looks=spare + 1).verdict is Verdict.SAME_ARCHITECTURE


def test_what_excludes_a_shared_start_and_what_was_lost_are_details() -> None:
    bare = conclude(model(0.9), None, True, True)
    assert bare.relation.details == {"kinds": ["unknown"], "excludes_shared_initialisation": None}
    assert bare.why.endswith("nothing excludes two separate trainings from one random initialisation.")
    lost = conclude(model(0.9), ROUNDED, True, True)
    assert lost.relation.details["information_lost"] == ROUNDED.lost
    assert lost.relation.details["excludes_shared_initialisation"] == ROUNDED.excludes_shared_start
    assert lost.why.startswith(f"They share training, not only a start: {ROUNDED.excludes_shared_start}. Which came")
    assert "information_lost" not in conclude(model(0.9), TOGETHER, True, True).relation.details


def test_pruning_of_whole_models_names_its_test_and_its_direction() -> None:
    for way, delta, words in (
        ("a_to_b", PRUNED, "Made from the reference"),
        ("b_to_a", REVERSED, "The reference is the later"),
    ):
        found = conclude(model(1.0), delta, True, True, pruned=way)
        assert found.relation.kind == "pruned" and found.relation.details["kinds"] == ["pruned"]
        assert found.relation.details["test"].startswith("every value of both models")
        assert found.why.startswith(words) and f"over all tensors, {delta.lost}." in found.why
    assert conclude(model(1.0), None, True, True, pruned="a_to_b").verdict is Verdict.SAME_INIT_OR_DERIVED


def test_scrambled_layers_keep_their_details() -> None:
    found = conclude(model(0.9), None, True, True, undone=("a", "b"))
    assert found.relation.details == {"kinds": ["obfuscated"], "undone": ["a", "b"]}
    assert "put together (a; b). Nothing excludes" in found.why
    assert "put together. Nothing excludes" in conclude(model(0.9), None, True, True, undone=()).why
