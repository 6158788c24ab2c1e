"""Directions of a tree: the sum over all stories, against stories written down one by one."""

from __future__ import annotations

import math

import pytest

from forebear.lineage.direction import ENOUGH
from forebear.lineage.tree_rooting import Pull, rooted


def test_two_models_need_a_fact_that_siblings_cannot_share() -> None:
    edge = (0, 1)
    assert abs(rooted([0, 1], [edge], {}).log_odds[edge]) < ENOUGH
    assert abs(rooted([0, 1], [edge], {edge: Pull(soft=20.0)}).log_odds[edge]) < ENOUGH
    assert rooted([0, 1], [edge], {edge: Pull(hard=5.0)}).log_odds[edge] > ENOUGH
    assert rooted([0, 1], [edge], {edge: Pull(hard=-5.0)}).log_odds[edge] < -ENOUGH


def test_two_models_by_hand() -> None:
    """Three stories: 1 from 0, 0 from 1, and both from a third."""
    hard, soft = 2.0, 1.0
    weights = (
        math.exp((hard + soft) / 2),
        math.exp(-(hard + soft) / 2),
        math.cosh(soft / 2) * math.exp(-hard / 2),
    )
    share = weights[0] / sum(weights)
    found = rooted([0, 1], [(0, 1)], {(0, 1): Pull(hard, soft)}).log_odds[0, 1]
    assert found == pytest.approx(math.log(share / (1 - share)))


@pytest.mark.parametrize(("leaves", "named"), [(3, False), (7, False), (12, True)])
def test_a_model_through_which_many_ways_lead_is_the_ancestor_of_most(leaves: int, named: bool) -> None:
    edges = [(0, k) for k in range(1, leaves + 1)]
    found = rooted(list(range(leaves + 1)), edges, {})
    # of leaves + 1 models and as many edges as leaves, two stories speak against each edge
    stories = 2 * leaves + 1
    for edge in edges:
        assert found.log_odds[edge] == pytest.approx(math.log((stories - 2) / 2))
        assert (found.log_odds[edge] >= ENOUGH) is named
    assert found.parents == dict.fromkeys(range(1, leaves + 1), 0)


def test_a_root_decides_edges_far_from_it() -> None:
    edges = [(0, 1), (1, 2), (2, 3)]
    found = rooted([0, 1, 2, 3], edges, {(0, 1): Pull(hard=12.0)})
    assert found.log_odds[0, 1] > ENOUGH
    assert found.log_odds[2, 3] > found.log_odds[1, 2] > ENOUGH  # fewer stories speak against an edge further away
    assert found.parents == {1: 0, 2: 1, 3: 2}


def test_facts_that_contradict_each_other_leave_a_direction_open() -> None:
    edges = [(0, 1), (1, 2)]
    found = rooted([0, 1, 2], edges, {(0, 1): Pull(hard=6.0), (1, 2): Pull(hard=-6.0)})
    assert all(abs(odds) < 8 for odds in found.log_odds.values())
    assert len(found.parents) == 2


def test_open_edges_do_not_turn_the_drawing_and_ghosts_have_no_missing_parent() -> None:
    edges = [(0, 1), (1, 2)]
    free = rooted([0, 1, 2], edges, {(0, 1): Pull(hard=9.0)}, open_=frozenset(edges))
    assert free.parents == {0: 1, 2: 1}
    ghostly = rooted([0, 1, 9], [(0, 9), (1, 9)], {}, ghosts=frozenset({9}))
    assert ghostly.parents == {0: 9, 1: 9}
    assert ghostly.log_odds[0, 9] == pytest.approx(-math.log(2))  # two of three stories: from the ghost


def test_one_model_has_no_edges() -> None:
    assert rooted([3], [], {}).parents == {}


@pytest.mark.parametrize("hard", [1_000.0, -1_000.0])
def test_no_story_is_ever_certain(hard: float) -> None:
    """Shares are held 1e-12 away from certainty, so that odds stay finite."""
    found = rooted([0, 1], [(0, 1)], {(0, 1): Pull(hard)}).log_odds[0, 1]
    assert found == pytest.approx(math.copysign(math.log(1e12), hard), rel=1e-4)
