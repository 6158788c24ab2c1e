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


def test_the_bound_by_hand() -> None:
    """Chernoff: (e^(k - r) (r / k)^k)."""
    assert log10_poisson(4, 2.0) == pytest.approx(math.log10(math.exp(2) * (2 / 4) ** 4))
    assert log10_poisson(10, 1.0) == pytest.approx(math.log10(math.exp(9) / 10**10))
    assert log10_poisson(2, 3.0) == 0.0 == log10_poisson(0, 1.0)


def test_a_layer_is_held_against_the_worst_of_everything_innocent() -> None:
    def rates(match: Match, *controls: Match) -> list[tuple[float, int]]:
        return [(one.rate, one.controls) for one in Resemblance(match, controls).layers]

    assert rates(found(90, 90)) == [(2.0, 0), (2.0, 0)], "one by chance, and one that was not seen"
    assert rates(found(90, 90, elsewhere=30)) == [(31.0, 0), (31.0, 0)]
    assert rates(found(90, 90, elsewhere=30), found(5, 40)) == [(31.0, 1), (41.0, 1)], "the same layer of the control"
    assert rates(found(90, 90), found(5), found(9, 2)) == [(10.0, 2), (3.0, 1)]
    popular = Match(("up", "down"), (layer(0, 0, 90, expected=50.0), layer(1, 1, 90, expected=7.0)))
    assert rates(popular) == [(51.0, 0), (8.0, 0)]
    small = LayerMatch(0, 0, 100, (1_000, 100), {"up": 20, "down": 30}, 1.0, 0.0, 0.2, np.zeros((0, 2), np.int64))
    assert rates(found(90), Match(("up",), (small,))) == [(101.0, 1)], "a fifth of the control's, in our five hundred"


def test_a_layer_stands_out_beyond_one_in_a_million_the_layers_paid_for() -> None:
    """At rate two the bound falls below one in two million with the 14th neuron, and a tenth of all has to agree."""

    def few(count: int, probes: int, layers: int = 2) -> list[bool]:
        kept = np.zeros((0, 2), np.int64)
        agree = {"up": count, "down": probes}
        each = tuple(LayerMatch(k, k, probes, (9, 9), agree, 1.0, 0.0, 0.0, kept) for k in range(layers))
        control = Match(("gate", "up", "down"), tuple(layer(k, k, 0) for k in range(layers)))
        return [one.stands_out for one in Resemblance(Match(("gate", "up", "down"), each), (control,)).layers]

    assert log10_poisson(14, 2.0) <= -6 - math.log10(2) < log10_poisson(13, 2.0)
    assert few(14, 30) == [True, True] and few(13, 30) == [False, False]
    assert few(16, 30, 200) == [True] * 200 and few(15, 30, 200) == [False] * 200, "one in two hundred million"
    assert few(50, 500) == [True, True] and few(50, 501) == [False, False], "a tenth of the neurons"


def test_without_a_control_half_of_the_neurons_have_to_agree() -> None:
    assert Resemblance(found(250, 250)).nominated and not Resemblance(found(249, 249)).nominated
    assert Resemblance(found(50, 50), (found(0, 0),)).nominated
    assert not Resemblance(found(50, 50), (found(0),)).nominated, "of each layer"
    assert Resemblance(found(250, 249, 250)).nominated and not Resemblance(found(250, 249)).nominated


def test_a_resemblance_in_words() -> None:
    told = Resemblance(found(300, 300, 300), (found(1, 1, 1),))
    assert told.sentence() == (
        "900 of 1,500 neurons find the same neuron by their gate row as by their up row and by their down column "
        "(chance: 3), in most layers more than any control: a resemblance, not a proof."
    )
    quiet = Resemblance(Match(("up", "down"), (layer(0, 0, 1, 0.6), layer(1, 1, 1, 0.6))))
    assert quiet.sentence() == (
        "2 of 1,000 neurons find the same neuron by their up row as by their down column (chance: 1): no resemblance "
        "that speaks for itself."
    )


def test_details_of_a_resemblance() -> None:
    told = Resemblance(found(300, 301), (found(7, 8),)).evidence()
    assert (told.signal, told.kind, told.score, told.n) == ("match/1", "weights", 0.601, 1_000)
    details = told.details
    assert details["nominated"] is True and details["views"] == ["gate", "up", "down"] and details["controls"] == 1
    assert details["most_of_controls"] == 0.015 and details["layers_standing_out"] == 2
    assert details["layers"][1] == {
        **{"a": 1, "b": 1, "neurons": 500, "agree": {"up": 301, "down": 304}, "expected": 1.0, "innocent": 9.0},
        **{"controls": 1, "rank_correlation": 0.0, "retained": 0.301, "stands_out": True},
    }
    assert details["matrix"][0] == [0, 0, 0.6]
    several = Resemblance(found(300, 300), (found(1, 1), found(9, 9), found(3, 3)))
    assert several.most_beside == pytest.approx(9 / PROBES)


def test_kept_neurons_are_named_up_to_a_number_in_the_models_order() -> None:
    turned = np.array([[5, 2], [7, 0], [6, 1]])
    one = LayerMatch(3, 4, PROBES, (1_000, PROBES), {"up": 300}, 1.0, 0.0, 0.5, turned)
    told = Resemblance(Match(("gate", "up"), (one, one))).evidence().details
    assert told["kept_neurons"] == {"4": [[7, 0], [6, 1], [5, 2]]}
    for count, named in ((2_048, True), (2_049, False)):
        kept = np.stack([np.arange(count)] * 2, axis=1)
        many = LayerMatch(0, 0, PROBES, (1_000, PROBES), {"up": 300}, 1.0, 0.0, 0.5, kept)
        other = LayerMatch(1, 1, PROBES, (1_000, PROBES), {"up": 300}, 1.0, 0.0, 0.5, kept[:2_048])
        assert ("kept_neurons" in Resemblance(Match(("gate", "up"), (many, other))).evidence().details) is named


def test_of_equally_close_references_the_last_by_name_is_named() -> None:
    one = Resemblance(found(400, 400))
    assert best([("b", one), ("a", one)]) == ("b", one) == best([("a", one), ("b", one)]) and best([]) is None


def test_experts_in_words() -> None:
    same = np.eye(4, dtype=np.float32)
    told = experts_evidence({3: map_of({"router": same, "gate": same}, 1 / 8)})
    assert told.summary.startswith(
        "Router row and gate rows, each on its own, find the same expert for 4 of 4 experts (chance: "
    )
    assert told.summary.endswith("; 4 are clearly like one of the reference's.")
    (details,) = told.details["layers"]
    assert (details["b"], details["experts"], details["order"], details["confirmed"]) == (3, [4, 4], [0, 1, 2, 3], 4)
    empty = experts_evidence({})
    assert (empty.n, empty.score, empty.supports, empty.test) == (0, None, "nothing", Test.HEURISTIC)
