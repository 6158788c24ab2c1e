"""Where three models meet at none of them: legs by hand, and which edges a ghost stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from forebear.lineage.tree_ghosts import NO_LEG, haunted, legs
from forebear.signals.kinship import Kinship, Span

F64 = NDArray[np.float64]
Trios = Mapping[tuple[int, int, int], int]


def star(lengths: Sequence[float], lacking: Sequence[int] = ()) -> F64:
    """Squared distances of models around one point."""
    out = np.add.outer(lengths, lengths).astype(np.float64)
    np.fill_diagonal(out, 0.0)
    for k in lacking:
        out[k] = out[:, k] = np.nan
    return out


def laid(squares: Sequence[F64], odd: Trios) -> Kinship:
    """Models with so many rows in which the last two of three are one and the first is another."""
    count = len(squares[0])
    rows = max(8, -(-sum(odd.values()) // 8) * 8)
    same, other = (np.zeros((count, count, rows), dtype=np.uint8) for _ in range(2))
    at = 0
    for (one, two, three), number in odd.items():
        part = slice(at, at + number)
        same[two, three, part] = same[three, two, part] = 1
        for k in (two, three):
            other[one, k, part] = other[k, one, part] = 1
        at += number
    spans = tuple(Span(f"layers.{k}.mlp.up", 10, s, np.zeros_like(s), 1.0) for k, s in enumerate(squares))
    bits = [np.packbits(flags, axis=2) for flags in (same, other)]
    return Kinship(tuple("abcdefg"[:count]), spans, bits[0], bits[1], rows, ("",) * count, True, {}, ({},) * count)


def meeting(*trios: tuple[int, int, int], rows: int = 8) -> dict[tuple[int, int, int], int]:
    return {key: rows for a, b, c in trios for key in ((a, b, c), (b, a, c), (c, a, b))}


def test_a_leg_is_its_share_of_the_ways_with_the_rows_of_each() -> None:
    table = [star((1, 1, 1)), star((1, 2, 3)), star((50, 60, 70), lacking=[2])]
    found = legs(laid(table, {(0, 1, 2): 8, (1, 0, 2): 9, (2, 0, 1): 10}), 0, 1, 2)
    assert [leg.cosine for leg in found] == pytest.approx([2 / sqrt(5 * 6), 3 / sqrt(5 * 7), 4 / sqrt(6 * 7)])
    assert [(leg.rows, leg.others) for leg in found] == [(8, 9), (9, 8), (10, 8)]
    without = [[1 / sqrt(3 * 4), 1 / 2], [2 / sqrt(3 * 5), 1 / 2], [3 / sqrt(4 * 5), 1 / 2]]
    errors = [abs(a - b) / 2 for a, b in without]  # jackknife of two: sqrt(1/2 * 2 * (half the difference) ** 2)
    assert [leg.error for leg in found] == pytest.approx(errors)


def test_legs_are_told_in_the_order_asked_for() -> None:
    table = [star((9, 1, 2, 3)), star((9, 1, 2, 3))]
    found = legs(laid(table, {(3, 1, 2): 4, (1, 3, 2): 5, (2, 3, 1): 6}), 3, 1, 2)
    assert [leg.cosine for leg in found] == pytest.approx([3 / sqrt(4 * 5), 1 / sqrt(4 * 3), 2 / sqrt(5 * 3)])
    assert [leg.rows for leg in found] == [4, 5, 6]
    assert [leg.error for leg in found] == pytest.approx([0, 0, 0], abs=1e-12)


def test_one_matrix_that_all_have_tells_nothing() -> None:
    one = laid([star((1, 1, 1)), star((1, 1, 1), lacking=[0])], meeting((0, 1, 2)))
    assert legs(one, 0, 1, 2) == (NO_LEG,) * 3
    assert not NO_LEG.clear and (NO_LEG.cosine, NO_LEG.error, NO_LEG.rows, NO_LEG.others) == (0, 1, 0, 0)
    assert haunted(one, [(0, 1), (1, 2)]).ghosts == {}


def test_three_that_meet_at_none_meet_at_a_ghost() -> None:
    found = haunted(laid([star((1, 1, 1))] * 2, meeting((0, 1, 2))), [(0, 1), (1, 2)])
    assert found.ghosts == {3: (0, 1, 2)}
    assert found.edges == ((0, 3), (1, 3), (2, 3))
    assert found.instead == {(0, 3): ((0, 1),), (1, 3): ((0, 1), (1, 2)), (2, 3): ((1, 2),)}


def test_each_of_the_three_has_to_be_away_from_the_point() -> None:
    for key in ((0, 1, 2), (1, 0, 2), (2, 0, 1)):
        found = haunted(laid([star((1, 1, 1))] * 2, {**meeting((0, 1, 2)), key: 7}), [(0, 1), (1, 2)])
        assert (found.ghosts, found.instead, found.edges) == ({}, {}, ((0, 1), (1, 2)))
    for k in range(3):
        lengths = [0.0 if j == k else 1.0 for j in range(3)]
        assert haunted(laid([star(lengths)] * 2, meeting((0, 1, 2))), [(0, 1), (1, 2)]).ghosts == {}


def test_other_edges_stay_and_ghosts_have_the_next_numbers() -> None:
    table = [star((1,) * 6)] * 2
    edges = [(0, 1), (1, 2), (2, 3), (3, 4), (3, 5)]
    one = haunted(laid(table, meeting((0, 1, 2))), edges)
    assert one.ghosts == {6: (0, 1, 2)}
    assert one.edges == ((0, 6), (1, 6), (2, 3), (2, 6), (3, 4), (3, 5))
    two = haunted(laid(table, meeting((0, 1, 2), (3, 4, 5))), edges)
    assert two.ghosts == {6: (0, 1, 2), 7: (3, 4, 5)}
    assert two.edges == ((0, 6), (1, 6), (2, 3), (2, 6), (3, 7), (4, 7), (5, 7))
    assert two.instead[3, 7] == ((3, 4), (3, 5))


def test_edges_that_are_tied_by_a_third_share_one_ghost() -> None:
    table = [star((1,) * 4)] * 2
    found = haunted(laid(table, meeting((0, 1, 2), (1, 2, 3))), [(0, 1), (1, 2), (2, 3)])
    assert found.ghosts == {4: (0, 1, 2, 3)}
    assert found.edges == ((0, 4), (1, 4), (2, 4), (3, 4))


def test_no_edges_no_ghosts() -> None:
    assert haunted(laid([star((1,))], {}), []).edges == ()
