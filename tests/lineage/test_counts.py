"""From coins to significance."""

from __future__ import annotations

import math

from coins import model
from forebear.lineage.counts import LOOKS, Counts
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
