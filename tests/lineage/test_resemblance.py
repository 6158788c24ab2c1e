"""Who may be named without proof: nobody that other models, other layers or chance could explain."""

from __future__ import annotations

import math

import numpy as np
import pytest

from forebear.lineage.resemblance import Resemblance, best, experts_evidence, log10_poisson
from forebear.signals.experts import map_of
from forebear.signals.match import LayerMatch, Match
from forebear.types import Test

PROBES = 500


def layer(a: int, b: int, count: int, expected: float = 1.0) -> LayerMatch:
    kept = np.stack([np.arange(count), np.arange(count)], axis=1)
    agree = {"up": count, "down": count + 3}
    return LayerMatch(a, b, PROBES, (1_000, PROBES), agree, expected, 0.0, count / PROBES, kept)


def found(*counts: int, elsewhere: int = 1, copies: frozenset[tuple[int, int]] = frozenset()) -> Match:
    others = tuple(layer(k + 1, k, elsewhere) for k in range(len(counts)))
    return Match(("gate", "up", "down"), tuple(layer(k, k, n) for k, n in enumerate(counts)), others, copies)


def test_the_bound_is_above_the_tail_and_not_far() -> None:
    for rate in (0.5, 1.0, 7.0, 40.0):
        for count in range(math.ceil(rate) + 1, 120, 7):
            tail = sum(math.exp(k * math.log(rate) - rate - math.lgamma(k + 1)) for k in range(count, count + 400))
            assert math.log10(tail) <= log10_poisson(count, rate) <= math.log10(tail) + 2.5
    assert log10_poisson(3, 3.0) == 0.0


def test_a_copy_is_nominated_beside_controls_and_alone_only_with_a_majority() -> None:
    some = found(150, 150, 150, 150)
    assert Resemblance(some, (found(2, 1, 0, 3),)).nominated
    assert not Resemblance(some).nominated
    assert Resemblance(found(260, 260, 260, 260)).nominated


@pytest.mark.parametrize("count", [0, 5, 25, 49])
def test_what_independent_trainings_share_is_never_enough(count: int) -> None:
    """However far beyond Poisson: up to a tenth of the neurons, no model is named."""
    assert not Resemblance(found(*[count] * 8), (found(*[0] * 8),)).nominated


def test_another_reference_that_is_resembled_as_much_silences_both() -> None:
    one, two = found(200, 220, 210), found(180, 230, 190)
    assert not Resemblance(one, (two, found(1, 1, 1))).nominated
    assert not Resemblance(two, (one, found(1, 1, 1))).nominated


def test_other_layers_that_are_resembled_as_much_silence_it_unless_they_are_copies() -> None:
    controls = (found(1, 1, 1),)
    assert not Resemblance(found(300, 300, 300, elsewhere=250), controls).nominated
    copies = frozenset({(0, 1), (1, 2), (2, 3)})
    assert Resemblance(found(300, 300, 300, elsewhere=250, copies=copies), controls).nominated


def test_it_takes_most_of_the_layers_and_more_than_one() -> None:
    control = (found(*[1] * 6),)
    assert Resemblance(found(400, 400, 400, 400, 2, 2), control).nominated
    assert not Resemblance(found(400, 400, 400, 2, 2, 2), control).nominated
    assert not Resemblance(found(400), control).nominated
    assert not Resemblance(Match(("gate", "up", "down"), ())).nominated


def test_what_everybody_is_like_is_expected() -> None:
    popular = Match(("up", "down"), tuple(layer(k, k, 300, expected=290.0) for k in range(4)))
    assert not Resemblance(popular).nominated


def test_controls_are_told_and_no_rank_among_them_is_called_a_p_value() -> None:
    """Whoever is named was chosen by rank: the best of four independent references would have p = 1/4 every time."""
    controls = tuple(found(k, k, k) for k in (1, 2, 9))
    assert Resemblance(found(300, 300, 300)).most_beside is None
    beside = Resemblance(found(300, 300, 300), controls)
    assert beside.nominated and beside.most_beside == pytest.approx(9 / PROBES)
    evidence = beside.evidence()
    assert (evidence.test, evidence.log10_p, evidence.null) == (Test.HEURISTIC, None, None)
    assert evidence.supports == "nothing"
    assert (evidence.details["controls"], evidence.details["most_of_controls"]) == (3, pytest.approx(9 / PROBES))


def test_evidence_without_controls_says_so() -> None:
    evidence = Resemblance(found(300, 300)).evidence()
    assert (evidence.test, evidence.log10_p, evidence.null) == (Test.HEURISTIC, None, None)
    assert evidence.supports == "nothing" and evidence.details["most_of_controls"] is None
    assert evidence.n == 2 * PROBES and evidence.score == pytest.approx(0.6)
    assert "600 of 1,000 neurons" in evidence.summary and "not a proof" in evidence.summary
    assert evidence.details["kept_neurons"]["1"][5] == [5, 5]
    assert [cell[:2] for cell in evidence.details["matrix"]] == [[0, 0], [1, 0], [1, 1], [2, 1]]
    quiet = Resemblance(found(3, 3)).evidence()
    assert "no resemblance" in quiet.summary and "kept_neurons" not in quiet.details


def test_of_relatives_the_closest_is_named_and_of_strangers_none() -> None:
    near, far = Resemblance(found(400, 400)), Resemblance(found(390, 390))
    assert best([("far", far), ("near", near)]) == ("near", near)
    assert best([("stranger", Resemblance(found(3, 3)))]) is None


def test_experts_are_context() -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((8, 64))
    cosine = (rows @ rows.T / 64).astype(np.float32)[:, [3, 1, 6]]
    evidence = experts_evidence({2: map_of({"router": cosine, "gate": cosine}, 1 / 8)})
    assert evidence.supports == "nothing" and evidence.log10_p is None
    assert "3 of 3 experts" in evidence.summary
    assert evidence.details["layers"][0]["order"] == [3, 1, 6] and evidence.score == 1.0


def test_the_score_of_experts_is_the_share_that_both_views_find() -> None:
    """Of eight experts in two layers, two gates of the second layer find another expert than their routers do."""
    same = np.eye(4, dtype=np.float32)
    turned = {"router": same, "gate": np.float32(0.5) * same[[1, 0, 2, 3]]}
    evidence = experts_evidence({0: map_of({"router": same, "gate": same}, 1 / 8), 1: map_of(turned, 1 / 8)})
    assert (evidence.score, evidence.n) == (0.75, 8)
    assert [told["confirmed"] for told in evidence.details["layers"]] == [4, 2]
    assert experts_evidence({}).score is None
