"""From coins to significance."""

from __future__ import annotations

import math

import pytest

from coins import model
from forebear.lineage.counts import LOG10_ALIGNED, LOG10_TOWERS, LOOKS, Counts, Tail
from forebear.signals.binomial import log10_tail
from forebear.signals.sign_code import Cell


def test_pools_every_coin_once() -> None:
    counts = model(1.0)
    assert counts.pooled.n == counts.pooled.agree == 200 + 8 * 96
    assert counts.pooled.log10_p == log10_tail(counts.pooled.n, counts.pooled.n)


def test_a_dependence_through_the_model_is_whole() -> None:
    counts = model(0.8)
    assert counts.whole
    assert set(counts.agreeing_groups) == {"residual", "glu", "value_output"}
    assert len(counts.agreeing_layers) == 8


def test_one_copied_layer_is_a_component() -> None:
    counts = model(1.0, only=(3,), residual=0.5)
    assert not counts.whole
    assert counts.agreeing_components == ("layer 3",)
    assert counts.log10_p < -6


def test_copied_embeddings_are_a_component() -> None:
    counts = model(0.5, residual=1.0)
    assert not counts.whole
    assert counts.agreeing_components == ("embedding",)


def test_half_of_the_layers_is_not_the_whole() -> None:
    assert not model(1.0, only=(0, 1, 2, 3)).whole


def test_both_looks_are_paid_for() -> None:
    counts = model(1.0)
    best = min(counts.pooled.log10_p, counts.best_component[1])
    assert counts.log10_p == best + math.log10(LOOKS)


def test_chance_stays_chance() -> None:
    counts = model(0.5)
    assert not counts.agreeing_groups and not counts.agreeing_layers and not counts.agreeing_components
    assert counts.log10_p > -1


def test_no_coins_are_no_evidence() -> None:
    counts = Counts(())
    assert (counts.pooled.log10_p, counts.log10_p, counts.whole, counts.detectable_share()) == (
        0.0,
        0.0,
        False,
        None,
    )


def test_power_is_stated_and_grows_with_the_coins() -> None:
    few, many = model(0.5, layers=2).detectable_share(), model(0.5, layers=40).detectable_share()
    assert few is not None and many is not None
    assert 0.5 < many < few <= 1.0


def test_a_network_of_one_layer_is_whole_only_where_layer_and_embedding_are_significant() -> None:
    def one_layer(embedding: int, layer: int, depth: int = 1) -> Counts:
        return Counts((Cell("residual", None, None, 100, embedding), Cell("cell", 0, 0, 100, layer)), depth)

    assert one_layer(95, 95).whole
    assert not one_layer(95, 95, depth=2).whole  # of a deeper one, one layer was read
    assert not one_layer(95, 95, depth=0).whole
    assert not one_layer(95, 60).whole and not one_layer(60, 95).whole
    assert not one_layer(95, 70).whole  # agrees on its own (p = 4e-5), and is not significant
    assert not Counts((Cell("glu", 0, 0, 100, 95), Cell("value_output", 0, 0, 100, 95)), 1).whole  # one component


def test_two_groups_and_two_layers_are_the_least_that_is_whole() -> None:
    def counted(*groups: str, layers: int) -> Counts:
        cells = [Cell(group, layer, layer, 200, 190) for group in groups for layer in range(layers)]
        return Counts(tuple(cells), max(2, layers))

    assert counted("glu", "value_output", layers=2).whole and counted("glu", "value_output", layers=2).throughout
    assert not counted("glu", layers=2).whole and counted("glu", layers=2).throughout
    assert not counted("glu", "value_output", layers=1).whole and not counted("glu", layers=1).throughout


def test_no_component_is_better_than_chance_by_being_one_of_many() -> None:
    """The price of looking at all of them makes a tail no more than one."""
    cells = tuple(Cell("glu", layer, layer, 2, 1) for layer in range(8))
    assert Counts(cells).best_component == ("layer 0", 0.0)
    assert Counts(()).best_component == ("", 0.0)


def cell(group: str, layer: int | None, n: int, agree: int | None = None, cosine: float | None = None) -> Cell:
    """Coins of a layer of B, which is the layer above in A; all of them agree where nothing else is said."""
    return Cell(group, None if layer is None else layer + 1, layer, n, n if agree is None else agree, cosine)


def all_agree(n: int) -> float:
    return -n * math.log10(2)


def test_looks_at_one_pair_share_its_level() -> None:
    """Two looks, two frames after alignment, four pairs of towers: together no more than the level."""
    paid = 2 / LOOKS + 2 / 10**LOG10_ALIGNED + 4 / 10**LOG10_TOWERS
    assert paid == pytest.approx(1.0) and math.isclose(2 / LOOKS, 0.998)
    assert math.isclose(2 / 10**LOG10_ALIGNED, 0.001)


def test_a_tail_by_hand() -> None:
    assert Tail(0, 0) == Tail(0, 0) and (Tail(0, 0).log10_p, Tail(0, 0).share) == (0.0, 0.5)
    assert Tail(4, 3).log10_p == pytest.approx(math.log10(5 / 16)) and Tail(4, 3).share == 0.75
    assert Tail(1, 1).log10_p == pytest.approx(math.log10(0.5)) and Tail(1, 0).share == 0.0


def test_coins_by_group_layer_and_component() -> None:
    found = Counts((cell("residual", None, 10, 9), cell("glu", 0, 4, 3), cell("glu", 1, 5, 1), cell("value", 1, 6, 2)))
    assert found.pooled == Tail(25, 15)
    assert found.groups == {"residual": Tail(10, 9), "glu": Tail(9, 4), "value": Tail(6, 2)}
    assert found.layers == {(1, 0): Tail(4, 3), (2, 1): Tail(11, 3)}, "the reference first"
    assert found.components == {"embedding": Tail(10, 9), "layer 0": Tail(4, 3), "layer 1": Tail(11, 3)}
    assert Counts((cell("glu", 0, 4, 3),)).components == {"layer 0": Tail(4, 3)}
    half = Counts((Cell("glu", 3, None, 4, 4), Cell("glu", None, 3, 4, 4)))
    assert half.layers == {} and half.components == {} and half.pooled == Tail(8, 8)
    crossed = Counts((Cell("glu", 0, 1, 4, 4), Cell("glu", 1, 0, 5, 5), Cell("glu", 1, 1, 6, 6)))
    assert crossed.layers == {(0, 1): Tail(4, 4), (1, 0): Tail(5, 5), (1, 1): Tail(6, 6)}


def test_a_group_or_layer_agrees_at_one_in_a_thousand_the_number_of_them_paid_for() -> None:
    """Nine coins that agree are worth 1 in 512, ten 1 in 1,024, eleven 1 in 2,048."""
    for n, agrees in ((9, False), (10, True)):
        one = Counts((cell("glu", 0, n),))
        assert one.agreeing_groups == (("glu",) if agrees else ()) and one.agreeing_layers == ((0,) if agrees else ())
    for n, agrees in ((10, False), (11, True)):
        two = Counts((cell("glu", 0, n), cell("value", 4, 2, 1)))
        assert two.agreeing_groups == (("glu",) if agrees else ()) and two.agreeing_layers == ((0,) if agrees else ())
    assert Counts(()).agreeing_groups == () == Counts(()).agreeing_layers
    both = Counts((cell("glu", 7, 20), cell("glu", 5, 20)))
    assert both.agreeing_layers == (7, 5), "layers of the second model"


def test_a_component_is_significant_at_one_in_a_million_all_looks_paid_for() -> None:
    """One in a million with two looks is one in 2.004 million, 21 coins; of two components one in four million, 22."""
    for n, found in ((20, ()), (21, ("layer 0",))):
        assert Counts((cell("glu", 0, n),)).agreeing_components == found
    for n, found in ((21, ()), (22, ("layer 0",))):
        assert Counts((cell("glu", 0, n), cell("glu", 1, 2, 1))).agreeing_components == found
    for n, found in ((22, ()), (23, ("layer 0",))):
        assert Counts((cell("glu", 0, n),), log10_paid=math.log10(4)).agreeing_components == found, n
    assert Counts((), depth=3).agreeing_components == ()


def test_the_p_value_of_a_pair_by_hand() -> None:
    looks = math.log10(2 / 0.998)
    assert Counts((cell("glu", None, 20),)).log10_p == pytest.approx(all_agree(20) + looks), "no component"
    one = Counts((cell("glu", 0, 20), cell("glu", 1, 20, 0)))
    name, tail = one.best_component
    assert name == "layer 0" and tail == pytest.approx(all_agree(20) + math.log10(2))
    assert one.log10_p == pytest.approx(all_agree(20) + math.log10(2) + looks)
    paid = Counts(one.cells, log10_paid=1.5)
    assert paid.log10_p == pytest.approx(one.log10_p + 1.5) and Counts(one.cells, log10_paid=9.0).log10_p == 0.0
    assert one.best_component == Counts(one.cells[::-1]).best_component


def test_the_weaker_half_are_the_layers_of_the_smallest_shares() -> None:
    cells = (cell("glu", 0, 10, 9), cell("glu", 1, 20, 10), cell("glu", 2, 10, 5), cell("glu", 3, 30, 24))
    assert Counts(cells).weaker_half == Tail(30, 15), "two of four, ties and all"
    assert Counts(cells[:3]).weaker_half == Tail(10, 5), "one of three: of equal shares that of fewer coins"
    assert Counts(cells[:1]).weaker_half == Tail(0, 0) == Counts(()).weaker_half


def test_the_weaker_half_has_to_agree_at_one_in_a_thousand() -> None:
    for n, through in ((9, False), (10, True)):
        found = Counts((cell("glu", 0, n), cell("glu", 1, 40), cell("value", 1, 40)), 2)
        assert found.throughout is through and found.whole is (through and len(found.agreeing_groups) >= 2)
    two = Counts((cell("glu", 0, 20), cell("glu", 1, 20), cell("value", 0, 20)), 2)
    assert two.whole and two.throughout
    silent = Counts((cell("glu", 0, 20), cell("glu", 1, 20), cell("value", 0, 20, 12)), 2)
    assert not silent.whole and silent.throughout, "one group alone"
    shallow = Counts((cell("residual", None, 100, 95), cell("cell", 0, 100, 95)), 1)
    assert shallow.whole and shallow.throughout, "of one layer the embedding is the other half"


def test_the_cosine_is_weighed_by_coins() -> None:
    assert Counts((cell("glu", 0, 3, cosine=0.8), cell("glu", 1, 1, cosine=0.4))).cosine == pytest.approx(0.7)
    codes = cell("glu", 2, 100)
    empty = cell("glu", 3, 0, cosine=-1.0)
    assert Counts((cell("glu", 0, 3, cosine=0.8), codes, empty)).cosine == pytest.approx(0.8)
    assert Counts((codes, empty)).cosine is None and Counts(()).cosine is None
    assert Counts((cell("glu", 0, 2, cosine=0.0),)).cosine == 0.0


@pytest.mark.parametrize(("paid", "alpha"), [(0.0, -6.0), (0.0, -3.0), (1.0, -6.0)])
def test_power_is_the_critical_count_and_three_deviations(paid: float, alpha: float) -> None:
    n = 400
    limit = 10 ** (alpha - paid) * 0.998 / 2
    least = next(k for k in range(n + 1) if sum(math.comb(n, j) for j in range(k, n + 1)) / 2**n <= limit)
    found = Counts((cell("glu", 0, n, 200),), log10_paid=paid)
    shares = (found.detectable_share(alpha), found.detectable_share() if alpha == -6.0 else None)
    assert shares[0] == pytest.approx(least / n + 3.09 * 0.5 / 20) and shares[1] in (None, shares[0])
    assert Counts((cell("glu", 0, 20, 10),)).detectable_share() is None, "20 coins are worth one in 1,048,576 at most"
    assert Counts((cell("glu", 0, 21, 10),)).detectable_share() == 1.0
