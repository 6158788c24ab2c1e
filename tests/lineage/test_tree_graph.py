"""Graphs of family trees: spanning trees and arborescences against brute force."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from forebear.lineage.tree_graph import Arc, Components, arborescence, neighbours, sides, spanning_tree

COSTS = st.integers(-6, 9)


def cheapest(count: int, arcs: dict[Arc, float], root: int) -> float | None:
    """Over every choice of one entering arc a node, the least sum of those that reach all from the root."""
    entering = [[a for a in arcs if a[1] == n and a[0] != n] for n in range(count) if n != root]
    best = None
    for chosen in product(*entering):
        parents = {head: tail for tail, head in chosen}
        if all(reaches(n, parents, root) for n in parents):
            cost = sum(arcs[a] for a in chosen)
            best = cost if best is None else min(best, cost)
    return best


def reaches(node: int, parents: dict[int, int], root: int) -> bool:
    for _ in range(len(parents) + 1):
        if node == root:
            return True
        node = parents[node]
    return False


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 5), st.data())
def test_the_arborescence_is_the_cheapest_of_all(count: int, data: st.DataObject) -> None:
    pairs = [(i, j) for i in range(count) for j in range(count) if i != j]
    kept = data.draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    arcs = {arc: float(data.draw(COSTS)) for arc in kept}
    root = data.draw(st.integers(0, count - 1))
    found, best = arborescence(count, arcs, root), cheapest(count, arcs, root)
    assert (found is None) == (best is None)
    if found is not None:
        assert sorted(found) == [n for n in range(count) if n != root]
        assert all(reaches(n, found, root) for n in found)
        assert sum(arcs[parent, n] for n, parent in found.items()) == best


@settings(max_examples=80, deadline=None)
@given(st.integers(2, 5), st.data())
def test_the_spanning_tree_is_the_cheapest_of_all(count: int, data: st.DataObject) -> None:
    costs = np.zeros((count, count))
    for i, j in combinations(range(count), 2):
        costs[i, j] = costs[j, i] = data.draw(COSTS)
    edges = spanning_tree(costs)
    sums = []
    for chosen in combinations(combinations(range(count), 2), count - 1):
        parts = Components(count)
        for i, j in chosen:
            parts.join(i, j)
        if len(parts.sets()) == 1:
            sums.append(sum(costs[e] for e in chosen))
    assert len(edges) == count - 1 and all(i < j for i, j in edges)
    assert sum(costs[e] for e in edges) == min(sums)


def test_what_is_infinitely_far_is_joined_all_the_same() -> None:
    costs = np.full((3, 3), np.inf)
    costs[0, 1] = costs[1, 0] = 1.0
    parts = Components(3)
    for i, j in spanning_tree(costs):
        parts.join(i, j)
    assert len(parts.sets()) == 1
    assert spanning_tree(np.zeros((1, 1))) == []


def test_components_keep_the_smallest_number() -> None:
    parts = Components(5)
    parts.join(4, 2)
    parts.join(2, 3)
    assert parts.sets() == [[0], [1], [2, 3, 4]]
    assert parts.find(4) == 2


def test_sides_of_an_edge() -> None:
    edges = [(0, 1), (1, 2), (1, 3)]
    assert sides(4, edges) == {(0, 1): {0}, (1, 2): {0, 1, 3}, (1, 3): {0, 1, 2}}
    assert neighbours(edges) == {0: [1], 1: [0, 2, 3], 2: [1], 3: [1]}
