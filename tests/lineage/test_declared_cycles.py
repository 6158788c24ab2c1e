"""Circles among claims: which nodes are told together, and which claims lead nowhere."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from forebear.lineage.declared_cycles import ROUNDS, circles


def told(count: int, edges: Mapping[int, Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    start = np.cumsum([0, *(len(edges.get(k, ())) for k in range(count))], dtype=np.int64)
    base = np.array([b for k in range(count) for b in edges.get(k, ())], dtype=np.int32)
    return circles(start, base)


@pytest.mark.parametrize(
    ("count", "edges", "expected"),
    [
        (0, {}, ()),
        (1, {}, ()),
        (1, {0: [0]}, ()),  # of itself alone: no circle by way of others
        (2, {0: [1]}, ()),
        (2, {0: [1], 1: [0]}, ((0, 1),)),
        (2, {0: [1], 1: [-1]}, ()),
        (3, {2: [1], 1: [0], 0: [2]}, ((0, 1, 2),)),
        (3, {0: [-1, 1], 1: [-1, 0], 2: [0]}, ((0, 1),)),  # who comes from a circle is not in it
        (4, {0: [1], 1: [0], 2: [3], 3: [2]}, ((0, 1), (2, 3))),
        (4, {0: [1], 1: [0, 2], 2: [3], 3: [2]}, ((0, 1), (2, 3))),  # one circle above another
        (4, {0: [1, 2], 1: [0], 2: [3], 3: [0]}, ((0, 1, 2, 3),)),  # two that meet are one
        (5, {4: [3], 3: [4, 1], 1: [2], 2: [1], 0: [1]}, ((1, 2), (3, 4))),
        (6, {0: [1], 1: [2, 4], 2: [0], 4: [5], 3: [0], 5: [-1]}, ((0, 1, 2),)),
    ],
)
def test_circles_by_hand(count: int, edges: Mapping[int, Sequence[int]], expected: tuple[tuple[int, ...], ...]) -> None:
    assert told(count, edges) == expected


def test_who_is_in_a_circle_reaches_its_members_and_is_reached_by_them() -> None:
    """Against the definition, with reachability by repeated squaring."""
    rng = random.Random(3)
    sizes = set[int]()
    for _ in range(150):
        count = rng.randrange(2, 12)
        edges = {k: [rng.randrange(-1, count) for _ in range(rng.choice((0, 1, 1, 2, 3)))] for k in range(count)}
        reach = np.eye(count, dtype=np.int64)
        for child, parents in edges.items():
            for parent in parents:
                if parent >= 0:
                    reach[child, parent] = 1
        for _ in range(4):
            reach = (reach @ reach > 0).astype(np.int64)
        both = reach * reach.T
        expected = sorted({tuple(map(int, np.flatnonzero(row))) for row in both if row.sum() > 1})
        found = told(count, edges)
        sizes |= {len(c) for c in found}
        assert list(found) == expected
    assert len(sizes) > 4


def test_a_long_chain_into_a_circle_needs_more_rounds_than_there_are() -> None:
    """What the rounds leave over the search walks, without recursion."""
    length = 20 * ROUNDS
    edges = {k: [k + 1] for k in range(length)} | {length: [length - 1]}
    assert told(length + 1, edges) == ((length - 1, length),)
    assert told(length + 1, {k: [k + 1] for k in range(length)}) == ()
    assert told(length, {k: [(k + 1) % length] for k in range(length)}) == (tuple(range(length)),)
