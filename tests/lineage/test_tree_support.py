"""Trees of made-up families: chains, stars, common data, missing matrices, missing parents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from forebear.lineage.tree_costs import Costs, middle_of
from forebear.lineage.tree_ghosts import haunted
from forebear.lineage.tree_support import SEED, supported
from forebear.signals.kinship import only
from lineage.kin import Family, laid, start, trained

Links = set[frozenset[str]]


def links(family: Family, edges: Sequence[tuple[int, int]]) -> Links:
    names = list(family)
    return {frozenset((names[i], names[j])) for i, j in edges}


def pairs(*told: str) -> Links:
    return {frozenset(pair.split()) for pair in told}


def star(common: bool = False) -> Family:
    base, way = start(), start(99)
    return {"base": base, **{f"c{k}": trained(base, k, common=way if common else None) for k in range(1, 6)}}


def chain() -> Family:
    out = {"m0": start()}
    for k in range(1, 5):
        out[f"m{k}"] = trained(out[f"m{k - 1}"], k)
    return out


@pytest.mark.parametrize("common", [False, True])
def test_a_star_is_a_star_also_where_its_children_share_directions(common: bool) -> None:
    family = star(common)
    found = supported(Costs(laid(family)), 60)
    assert links(family, found.edges) == pairs(*(f"base c{k}" for k in range(1, 6)))
    assert min(found.support.values()) >= 0.8


def test_a_chain_is_a_chain() -> None:
    family = chain()
    found = supported(Costs(laid(family)), 60)
    assert links(family, found.edges) == pairs("m0 m1", "m1 m2", "m2 m3", "m3 m4")


def test_a_long_and_a_short_fine_tune_of_one_data_are_siblings_by_their_rows() -> None:
    """By distance alone the long one is nearer to the short one than to their parent."""
    base, way = start(), start(99)
    short, long = trained(base, 1, 0.05, common=way, share=0.7), trained(base, 2, 0.1, 0.2, way, 0.7)
    family = {"base": base, "short": short, "long": long}
    costs = Costs(laid(family))
    apart = costs.distances()
    assert apart[1, 2] < apart[0, 2]
    assert links(family, supported(costs, 60).edges) == pairs("base short", "base long")


def test_a_part_of_a_model_attracts_nobody() -> None:
    """Who lacks matrices has fewer of them to differ in."""
    family = {**star(), "part": trained(start(), 9, 0.05)}
    costs = Costs(laid(family, {"part": 6}))
    assert links(family, supported(costs, 60).edges) == pairs("base part", *(f"base c{k}" for k in range(1, 6)))
    whole = Costs(laid(family)).distances()
    assert np.allclose(costs.distances(), whole, rtol=0.15)


def test_support_is_a_share_of_replicates_and_the_same_every_time() -> None:
    costs = Costs(laid(star()))
    one, two = supported(costs, 40, SEED), supported(costs, 40, SEED)
    assert one == two
    assert all(0 <= s <= 1 and round(s * 40, 6) == round(s * 40) for s in one.support.values())


def test_an_edge_that_cannot_be_told_has_little_support_and_names_its_rival() -> None:
    base, way = start(), start(99)
    one, two = (trained(base, k, still=0.0, common=way, share=0.95) for k in (1, 2))
    others = {f"c{k}": trained(base, k) for k in range(3, 8)}
    found = supported(Costs(laid({"base": base, **others, "one": one, "two": two})), 60)
    doubtful = [e for e, s in found.support.items() if s < 0.95]
    assert doubtful and all(6 in e or 7 in e for e in doubtful)
    rival, share = found.rivals[doubtful[0]]
    assert rival not in found.edges and 0 < share <= 1 - found.support[doubtful[0]] + 1e-9


def test_two_models_and_one() -> None:
    family = {"a": start(), "b": trained(start(), 1)}
    assert supported(Costs(laid(family))).edges == ((0, 1),)
    assert supported(Costs(laid({"a": start()}))).edges == ()


def test_the_middle_is_the_base() -> None:
    assert middle_of(Costs(laid(star())).distances()) == 0


def test_children_of_a_missing_parent_meet_at_a_ghost() -> None:
    whole = laid(star())
    there = only(whole, [1, 2, 3, 4])
    found = haunted(there, supported(Costs(there), 60).edges)
    assert list(found.ghosts.values()) == [(0, 1, 2, 3)]
    assert found.edges == tuple((k, 4) for k in range(4))
    assert all(found.instead[edge] for edge in found.edges)


@pytest.mark.parametrize("family", [star(), chain()])
def test_where_the_parent_is_there_no_ghost_is(family: Family) -> None:
    kinship = laid(family)
    tree = supported(Costs(kinship), 60)
    found = haunted(kinship, tree.edges)
    assert found.ghosts == {} and found.edges == tree.edges


def test_without_rows_there_is_no_ghost() -> None:
    base = start()
    family = {f"c{k}": trained(base, k, still=0.0) for k in range(4)}
    kinship = laid(family)
    assert haunted(kinship, supported(Costs(kinship), 40).edges).ghosts == {}
