"""Trees of made-up families: chains, stars, common data, missing matrices, missing parents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from forebear.lineage.tree_costs import Costs, middle_of
from forebear.lineage.tree_ghosts import haunted
from forebear.lineage.tree_support import SEED, supported
from kindred import Family, costs, laid, start, trained, way

Links = set[frozenset[str]]


def links(family: Family, edges: Sequence[tuple[int, int]]) -> Links:
    names = list(family)
    return {frozenset((names[i], names[j])) for i, j in edges}


def pairs(*told: str) -> Links:
    return {frozenset(pair.split()) for pair in told}


def star(common: bool = False) -> Family:
    base, texts = start(), way()
    return {"base": base, **{f"c{k}": trained(base, k, common=texts if common else None) for k in range(1, 6)}}


def chain() -> Family:
    out = {"m0": start()}
    for k in range(1, 5):
        out[f"m{k}"] = trained(out[f"m{k - 1}"], k)
    return out


@pytest.mark.parametrize("common", [False, True])
def test_a_star_is_a_star_also_where_its_children_share_directions(common: bool) -> None:
    family = star(common)
    found = supported(costs(family), 60)
    assert links(family, found.edges) == pairs(*(f"base c{k}" for k in range(1, 6)))
    assert min(found.support.values()) >= 0.8


def test_a_chain_is_a_chain() -> None:
    family = chain()
    found = supported(costs(family), 60)
    assert links(family, found.edges) == pairs("m0 m1", "m1 m2", "m2 m3", "m3 m4")


def test_a_long_and_a_short_fine_tune_of_one_data_are_siblings() -> None:
    """By distance alone the long one is nearer to the short one than to their parent; it has no rows to tell by."""
    base, texts = start(), way()
    short, long = (trained(base, k, drift, 0.0, texts, 0.8) for k, drift in ((1, 0.05), (2, 0.1)))
    family = {"base": base, "short": short, "long": long}
    apart = Costs(laid(family)).distances()
    assert apart[1, 2] < apart[0, 2]
    assert links(family, supported(costs(family), 60).edges) == pairs("base short", "base long")


def test_two_steps_in_one_direction_are_a_chain() -> None:
    """What texts ask for twice is further from the start than from the step between, and shares most with it."""
    base, texts = start(), way()
    first = trained(base, 1, 0.1, 0.0, texts, 0.8)
    second = trained(first, 2, 0.1, 0.0, texts, 0.8)
    family = {"base": base, "first": first, "second": second}
    assert links(family, supported(costs(family), 60).edges) == pairs("base first", "first second")


def test_a_step_back_is_a_chain() -> None:
    """Trained on the start's texts again, a model keeps the chance part of the first step."""
    base, texts = start(), way()
    first = trained(base, 1, 0.1, 0.0, texts, 0.9)
    second = trained(first, 2, 0.1, 0.0, [-m for m in texts], 0.7)
    others = {f"c{k}": trained(base, k, 0.1, 0.0) for k in range(3, 7)}
    family = {"base": base, "first": first, "second": second, **others}
    apart = Costs(laid(family)).distances()
    assert apart[0, 2] < apart[1, 2]
    found = supported(costs(family), 60)
    assert links(family, found.edges) == pairs("base first", "first second", *(f"base c{k}" for k in range(3, 7)))


def test_a_part_of_a_model_attracts_nobody() -> None:
    """Who lacks matrices has fewer of them to differ in."""
    family = {**star(), "part": trained(start(), 9, 0.05)}
    found = supported(costs(family, {"part": 6}), 60)
    assert links(family, found.edges) == pairs("base part", *(f"base c{k}" for k in range(1, 6)))
    whole, some = Costs(laid(family)), Costs(laid(family, {"part": 6}))
    assert np.allclose(some.distances(), whole.distances(), rtol=0.15)


def test_support_is_a_share_of_replicates_and_the_same_every_time() -> None:
    measured = costs(star())
    one, two = supported(measured, 40, SEED), supported(measured, 40, SEED)
    assert one == two
    assert all(0 <= s <= 1 and round(s * 40, 6) == round(s * 40) for s in one.support.values())


def test_an_edge_that_cannot_be_told_has_little_support_and_names_its_rival() -> None:
    """A sibling whose chance part is its brother's for nine tenths: trained in the same order for most of the way."""
    base = start()
    part = trained(base, 1, 0.1, 0.0)
    one, two = trained(part, 10, 0.03, 0.0), trained(part, 11, 0.03, 0.0)
    others = {f"c{k}": trained(base, k, 0.1, 0.0) for k in range(3, 8)}
    found = supported(costs({"base": base, **others, "one": one, "two": two}), 60)
    doubtful = [e for e, s in found.support.items() if s < 0.95]
    assert doubtful and all(6 in e or 7 in e for e in doubtful)
    rival, share = found.rivals[doubtful[0]]
    assert rival not in found.edges and 0 < share < 1


def test_two_models_and_one() -> None:
    assert supported(costs({"a": start(), "b": trained(start(), 1)})).edges == ((0, 1),)
    assert supported(costs({"a": start()})).edges == ()


def test_the_middle_is_the_base() -> None:
    assert middle_of(Costs(laid(star())).distances()) == 0


def test_children_of_a_missing_parent_meet_at_a_ghost() -> None:
    children = {name: model for name, model in star().items() if name in ("c1", "c2", "c3", "c4")}
    found = haunted(laid(children), supported(costs(children), 60).edges)
    assert list(found.ghosts.values()) == [(0, 1, 2, 3)]
    assert found.edges == tuple((k, 4) for k in range(4))
    assert all(found.instead[edge] for edge in found.edges)


@pytest.mark.parametrize("family", [star(), chain()])
def test_where_the_parent_is_there_no_ghost_is(family: Family) -> None:
    tree = supported(costs(family), 60)
    found = haunted(laid(family), tree.edges)
    assert found.ghosts == {} and found.edges == tree.edges


def test_without_rows_there_is_no_ghost() -> None:
    base = start()
    family = {f"c{k}": trained(base, k, still=0.0) for k in range(4)}
    assert haunted(laid(family), supported(costs(family), 40).edges).ghosts == {}


class Told:
    """Costs that are told: a table for each replicate, and one for the group as it was measured."""

    def __init__(self, count: int, replicates: Sequence[Mapping[tuple[int, int], float]], whole: Any = ()) -> None:
        self.kinship = SimpleNamespace(names=tuple("abcd"[:count]))
        self._tables = [self._table(count, t) for t in replicates]
        self._whole = self._table(count, dict(whole))
        self.asked: list[tuple[float, float]] = []

    @staticmethod
    def _table(count: int, cheap: Mapping[tuple[int, int], float]) -> np.ndarray:
        out = np.full((count, count), 9.0)
        for (i, j), cost in cheap.items():
            out[i, j] = out[j, i] = cost
        return out

    def drawn(self, rng: np.random.Generator) -> str:
        return "units"

    def table(self, shared: float = 1.0, whole: float = 0.175, units: str = "") -> np.ndarray:
        if not units:
            return self._whole
        self.asked.append((shared, whole))
        return self._tables[(len(self.asked) - 1) % len(self._tables)]


def by(told: Told, replicates: int) -> Any:
    return supported(told, replicates)  # type: ignore[arg-type]


CHAIN, FORK = {(0, 1): 1.0, (1, 2): 2.0}, {(0, 1): 1.0, (0, 2): 2.0}


def test_support_and_rivals_by_hand() -> None:
    """Three replicates of four are a chain, one is a fork."""
    found = by(Told(3, [CHAIN, CHAIN, FORK, CHAIN]), 4)
    assert found.edges == ((0, 1), (1, 2)) and found.support == {(0, 1): 1.0, (1, 2): 0.75}
    assert found.rivals == {(0, 1): ((0, 2), 0.25), (1, 2): ((0, 2), 0.25)}
    sure = by(Told(3, [CHAIN]), 5)
    assert sure.support == {(0, 1): 1.0, (1, 2): 1.0} and sure.rivals == {}, "what no replicate has is no rival"


def test_the_measurements_decide_between_edges_of_one_support() -> None:
    other = {(0, 2): 1.0, (1, 2): 2.0}
    for whole, edge, rival in (
        ({(0, 1): 1.0, (0, 2): 2.0}, (0, 1), (0, 2)),
        ({(0, 1): 2.0, (0, 2): 1.0}, (0, 2), (0, 1)),
    ):
        found = by(Told(3, [CHAIN, other], whole), 2)
        assert found.edges == tuple(sorted((edge, (1, 2)))) and found.support[edge] == 0.5
        assert found.rivals[edge] == (rival, 0.5)
    once = by(Told(3, [CHAIN, CHAIN, other], {(0, 2): 0.0}), 3)
    assert once.edges == ((0, 1), (1, 2)), "and never against a replicate"


def test_of_four_the_best_rival_joins_the_same_two_parts() -> None:
    line = {(0, 1): 1.0, (1, 2): 1.0, (2, 3): 1.0}
    found = by(
        Told(4, [line] * 5 + [{**line, (1, 2): 9.0, (0, 3): 1.0}] * 3 + [{**line, (1, 2): 9.0, (0, 2): 1.0}] * 2), 10
    )
    assert found.edges == ((0, 1), (1, 2), (2, 3))
    assert found.support == pytest.approx({(0, 1): 1.0, (1, 2): 0.5, (2, 3): 1.0})
    assert found.rivals[1, 2] == ((0, 3), pytest.approx(0.3)) and found.rivals[0, 1] == ((0, 3), pytest.approx(0.3))


def test_draws_of_what_is_put_down_to_the_data() -> None:
    """The root of an even draw has a mean of two thirds; how far from whole is even between its bounds."""
    told = Told(3, [CHAIN])
    by(told, 500)
    shared, whole = np.array(told.asked).T
    assert len(shared) == 500 and shared.min() >= 0 and shared.max() <= 1
    assert shared.mean() == pytest.approx(2 / 3, abs=0.04) and (shared**2).mean() == pytest.approx(0.5, abs=0.05)
    assert 0.05 <= whole.min() < 0.06 and 0.29 < whole.max() <= 0.3 and whole.mean() == pytest.approx(0.175, abs=0.01)
    usual = Told(3, [CHAIN])
    supported(usual)  # type: ignore[arg-type]
    assert len(usual.asked) == 200


def test_two_models_have_one_edge_without_replicates() -> None:
    told = Told(2, [])
    found = by(told, 9)
    assert (found.edges, found.support, found.rivals, told.asked) == (((0, 1),), {(0, 1): 1.0}, {}, [])
    alone = by(Told(1, []), 9)
    assert (alone.edges, alone.support, alone.rivals) == ((), {}, {})
    none = by(Told(3, [], {(0, 1): 1.0, (1, 2): 2.0}), 0)
    assert none.edges == ((0, 1), (1, 2)) and set(none.support.values()) == {0.0} and none.rivals == {}
