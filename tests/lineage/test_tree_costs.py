"""What an edge of a family tree costs, in numbers by hand: rows, values, structure, distances, what ways share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from forebear.lineage.tree_costs import HALVED, INHERITED, STRUCTURE, Costs, middle_of, stack, summed, there
from forebear.signals.kinship import Kinship, Span
from forebear.signals.training_noise import Patch

F64 = NDArray[np.float64]
Pairs = Mapping[tuple[int, int], float]
NAN, INF = float("nan"), float("inf")
FULL = HALVED * np.log2(1e12)
"""What the largest distance of a group costs: everything is held against a millionth of a millionth of it."""


def matrix(count: int, pairs: Pairs, rest: float = 0.0) -> F64:
    out = np.full((count, count), rest)
    for (i, j), value in pairs.items():
        out[i, j] = out[j, i] = value
    return out


def laid(count: int, squares: Sequence[F64], equal: Sequence[F64] = (), same: Pairs | None = None) -> Kinship:
    """Models whose 64 rows are one as often as told, and clearly two else; not told: all of them are one."""
    one = np.zeros((count, count, 64), dtype=np.uint8)
    for i, j in np.ndindex(count, count):
        kept = 64 if i == j else int((same or {}).get((min(i, j), max(i, j)), 64))
        one[i, j, :kept] = 1
    none = np.eye(count)
    spans = tuple(Span(f"layers.{k}.mlp.up", 10, s, equal[k] if equal else none, 1.0) for k, s in enumerate(squares))
    bits = [np.packbits(rows, axis=2) for rows in (one, 1 - one)]
    return Kinship(tuple("abcdefg"[:count]), spans, bits[0], bits[1], 64, ("",) * count, True, {}, ({},) * count)


def test_who_lacks_a_matrix_has_no_distance_to_itself() -> None:
    squares = np.array([matrix(2, {(0, 1): 1.0}), [[0.0, NAN], [NAN, NAN]]])
    assert there(squares, 2).tolist() == [[True, True], [True, False]]
    assert there(np.zeros((0, 3, 3)), 3).shape == (0, 3) and there(np.zeros((0, 3, 3)), 3).dtype == np.bool_
    assert Costs(laid(2, list(squares))).has.tolist() == [[True, True], [True, False]]


def test_no_tables_are_none_of_their_size() -> None:
    assert stack([], 3).shape == (0, 3, 3)
    assert stack([np.eye(2)], 2).tolist() == [[[1, 0], [0, 1]]]


def test_distances_of_whole_models_are_sums_by_weight() -> None:
    squares = np.array([matrix(2, {(0, 1): 3.0}), matrix(2, {(0, 1): 5.0})])
    assert summed(squares, np.array([1.0, 1.0])).tolist() == [[0, 8], [8, 0]]
    assert summed(squares, np.array([2.0, 0.5])).tolist() == [[0, 8.5], [8.5, 0]]
    assert summed(np.zeros((0, 2, 2)), np.zeros(0)).tolist() == [[0, INF], [INF, 0]]


GONE = np.full((3, 3), NAN)
GONE[:2, :2] = [[0, 3], [3, 0]]
PART = np.array([matrix(3, {(0, 1): 1.0, (0, 2): 4.0, (1, 2): 2.0}), GONE])
"""The last of three lacks the second matrix, in which the two others have three quarters of their way."""


def test_a_part_is_extended_by_what_the_whole_ones_have_in_the_missing_matrix() -> None:
    found = summed(PART, np.array([1.0, 1.0]))
    assert found == pytest.approx(matrix(3, {(0, 1): 4.0, (0, 2): 16.0, (1, 2): 8.0}))
    weighted = summed(PART, np.array([2.0, 1.0]))  # the way of the two: 2 of 5
    assert weighted == pytest.approx(matrix(3, {(0, 1): 5.0, (0, 2): 20.0, (1, 2): 10.0}))


def test_near_relatives_tell_more_of_what_is_missing() -> None:
    """Against the formula in plain loops: each relative's shares count by one over its distance."""
    rng = np.random.default_rng(0)
    points = rng.standard_normal((3, 5, 4)) * np.array([0.2, 1.0, 3.0, 0.5, 2.0])[None, :, None]
    squares = ((points[:, :, None] - points[:, None]) ** 2).sum(axis=3)
    squares[2, 4] = squares[2, :, 4] = NAN
    squares[0, 3] = squares[0, :, 3] = NAN
    weights = np.array([1.0, 2.0, 3.0])
    found = summed(squares, weights)
    has = np.isfinite(squares[:, range(5), range(5)])
    total = np.nansum(squares * weights[:, None, None], axis=0)
    for i in range(3):
        for j in (3, 4):
            shares = [sum(weights[u] * squares[u, i, k] / total[i, k] for k in range(3) if k != i) for u in range(3)]
            expected = total[i, j] * sum(shares) / sum(s for u, s in enumerate(shares) if has[u, j])
            assert found[i, j] == pytest.approx(expected) and found[j, i] == pytest.approx(expected)
    assert found[:3, :3] == pytest.approx(total[:3, :3])
    assert found[3, 4] == pytest.approx(weights[1] * squares[1, 3, 4])  # two parts: what both have, as it is


def test_equal_whole_models_extend_nothing_and_parts_without_a_common_matrix_are_infinitely_far() -> None:
    equal = PART.copy()
    equal[:, 0, 1] = equal[:, 1, 0] = 0.0
    assert summed(equal, np.ones(2)) == pytest.approx(matrix(3, {(0, 1): 0.0, (0, 2): 4.0, (1, 2): 2.0}))
    same = np.zeros((2, 3, 3))
    same[1, 2] = same[1, :, 2] = NAN  # a part of two that are one is no other model, either
    assert summed(same, np.ones(2)).tolist() == np.zeros((3, 3)).tolist()
    apart = np.array([[[0.0, NAN], [NAN, NAN]], [[NAN, NAN], [NAN, 0.0]]])
    assert summed(apart, np.ones(2)).tolist() == [[0, INF], [INF, 0]]
    assert Costs(laid(2, list(apart))).table()[0, 1] == INF


def test_changes_are_rows_and_shares_of_values_and_structure() -> None:
    squares = [matrix(3, {(0, 1): 1.0, (0, 2): 1.0, (1, 2): 1.0})] * 2
    equal = [matrix(3, {(0, 1): 0.75, (0, 2): INHERITED, (1, 2): 0.2}, 1.0), matrix(3, {(0, 1): 0.5}, 1.0)]
    costs = Costs(laid(3, squares, equal, {(0, 1): 60, (0, 2): 50, (1, 2): 64}))
    assert costs.changes() == pytest.approx(matrix(3, {(0, 1): 4 + 0.25 + 0.5, (0, 2): 14 + 0.75, (1, 2): 0 + 1.0}))
    units = costs.once
    assert [part.tolist() for part in (units.spans, units.patches, units.rows)] == [[1, 1], [1, 1], [1]]
    units = type(units)(np.array([2.0, 0.0]), np.ones(2), np.array([3.0]))
    assert costs.changes(units)[0, 1] == pytest.approx(3 * 4 + 2 * 0.25)
    part = Costs(laid(3, list(PART)))
    assert part.changes() == pytest.approx(matrix(3, {(0, 1): 2.0, (0, 2): STRUCTURE + 2, (1, 2): STRUCTURE + 2}))
    assert Costs(laid(2, [], same={(0, 1): 61})).changes().tolist() == [[0, 3], [3, 0]]


def test_every_doubling_of_a_distance_costs_as_much_as_eight_rows() -> None:
    assert (HALVED, STRUCTURE, INHERITED) == (8, 16, 0.25)
    squares = matrix(3, {(0, 1): 2.0, (0, 2): 4.0, (1, 2): 0.0})
    costs = Costs(laid(3, [squares], [np.ones((3, 3))], {(0, 1): 61}))
    assert costs.distances() == pytest.approx(squares)
    assert costs.table() == pytest.approx(matrix(3, {(0, 1): FULL - 8 + 3, (0, 2): FULL, (1, 2): 0.0}))
    units = type(costs.once)(np.ones(1), np.array([4.0]), np.array([2.0]))
    assert costs.table(units=units) == pytest.approx(matrix(3, {(0, 1): FULL - 8 + 6, (0, 2): FULL, (1, 2): 0.0}))
    still = Costs(laid(2, [matrix(2, {})], [np.ones((2, 2))]))
    assert still.table().tolist() == [[0, 0], [0, 0]]


def test_who_is_infinitely_far_is_no_measure_of_the_others() -> None:
    near = np.full((3, 3), NAN)
    near[:2, :2] = [[0.0, 0.25], [0.25, 0.0]]
    alone = np.full((3, 3), NAN)
    alone[2, 2] = 0.0
    costs = Costs(laid(3, [near, alone], [np.ones((3, 3))] * 2))
    assert costs.table()[0] == pytest.approx([0.0, FULL, INF])


def test_draws_are_with_replacement_of_as_many_units() -> None:
    squares = [matrix(2, {(0, 1): 1.0})] * 5
    noise = tuple(Patch("r", squares[0], np.full((2, 2), NAN)) for _ in range(3))
    costs = Costs(laid(2, squares), noise)
    rng = np.random.default_rng(1)
    draws = [costs.drawn(rng) for _ in range(400)]
    for name, count in (("spans", 5), ("patches", 3), ("rows", 1)):
        table = np.array([getattr(d, name) for d in draws])
        assert table.shape == (400, count) and table.dtype == np.float64
        assert (table.sum(axis=1) == count).all() and (table == table.round()).all()
        assert table.mean(axis=0) == pytest.approx(np.ones(count), abs=0.2)
    assert np.array([d.spans for d in draws]).max() > 1
    bare = Costs(laid(2, [])).drawn(rng)
    assert (bare.spans.shape, bare.patches.shape, bare.rows.tolist()) == ((0,), (0,), [1.0])


def test_the_middle_is_the_nearest_by_rows_and_by_distances_together() -> None:
    near = matrix(3, {(0, 1): 1.0, (1, 2): 1.0, (0, 2): 2.0})
    assert Costs(laid(3, [near])).middle == 1
    assert Costs(laid(3, [near], same={(0, 1): 30, (1, 2): 30})).middle == 0  # the first of two
    assert Costs(laid(3, [near], same={(0, 1): 30, (1, 2): 64, (0, 2): 64})).middle == 2
    assert middle_of(np.array([[0.0, 5.0, 1.0], [2.0, 0.0, 2.0], [9.0, 9.0, 0.0]])) == 1
    assert middle_of(np.array([[0.0, 3.0, INF], [3.0, 0.0, 9.0], [INF, 9.0, 0.0]])) == 0
    assert middle_of(np.array([[0.0]])) == 0


STAR = matrix(3, {(0, 1): 1.0, (0, 2): 1.0, (1, 2): 0.5})
"""Both ways from the first are of length one and share three quarters of it: (1 + 1 - 0.5) / 2."""


def noisy(kept: Sequence[Pairs], squares: F64 = STAR) -> Costs:
    """The first is the middle; what the second's and third's ways share of their chance part."""
    stored = matrix(3, {(0, 1): 1.0, (0, 2): 1.0, (1, 2): 2.0})
    patches = []
    for pairs in kept:
        table = np.full((3, 3), NAN)
        for (i, j), value in pairs.items():
            table[i, j] = value
        patches.append(Patch("layers.0.mlp.up", squares, table))
    return Costs(laid(3, [stored], [np.ones((3, 3))]), tuple(patches))


def cost(costs: Costs, **more: float) -> float:
    """Of the edge between the two that are not the middle, as a squared distance of a group whose largest is one."""
    assert costs.middle == 0
    table = costs.table(**more)  # type: ignore[arg-type]
    assert table[0, 1:] == pytest.approx([FULL, FULL]) and table[1:, 0] == pytest.approx([FULL, FULL])
    assert table[1, 2] == pytest.approx(table[2, 1])
    return float(2 ** ((table[1, 2] - FULL) / HALVED))


def test_what_two_ways_share_is_put_down_to_their_data_as_far_as_allowed() -> None:
    costs = noisy([{(1, 2): 0.0, (2, 1): 0.0}])
    assert cost(costs) == pytest.approx(0.5 + 2 * 0.75)
    assert cost(costs, shared=1.0) == pytest.approx(2.0)
    assert cost(costs, shared=0.5) == pytest.approx(0.5 + 2 * 0.5)
    assert cost(costs, shared=0.0) == pytest.approx(0.5)
    far = matrix(3, {(0, 1): 1.0, (0, 2): 0.25, (1, 2): 1.5})  # ways that lead away from each other share nothing
    apart = noisy([{(1, 2): 0.0}], far).table()
    assert apart[1, 2] == pytest.approx(FULL) and apart[0, 2] == pytest.approx(FULL + 8 * np.log2(0.25 / 1.5))
    short = matrix(3, {(0, 1): 1.0, (0, 2): 0.25, (1, 2): 0.3})  # by the product of both lengths
    found = noisy([{(1, 2): 0.0}], short).table(shared=0.5)
    assert found[1, 2] == pytest.approx(FULL + 8 * np.log2(0.3 + 2 * 0.25))


@pytest.mark.parametrize(
    ("kept", "part"),
    [
        ([{(1, 2): 1.0}], True),
        ([{(2, 1): 1.0}], True),
        ([{(2, 1): 0.75}], True),
        ([{(2, 1): 1.25}], True),
        ([{(2, 1): 0.74}], False),
        ([{(2, 1): 1.26}], False),
        ([{(2, 1): 0.0, (1, 2): 0.5}], False),
        ([{(2, 1): 1.14}, {(2, 1): 0.86}], True),
        ([{(2, 1): 1.16}, {(2, 1): 0.84}], False),  # uneven: the data put it there
        ([{(2, 1): 0.7}, {(2, 1): 0.9}], True),  # the mean decides
        ([{(2, 1): 0.9}, {}, {}], True),  # where there is no such way nothing is asked
        ([{}], False),
    ],
)
def test_who_has_the_whole_way_evenly_is_a_part(kept: Sequence[Pairs], part: bool) -> None:
    base = {(1, 2): 0.0} if all((1, 2) not in pairs for pairs in kept) else {}
    costs = noisy([{**base, **pairs} for pairs in kept])
    assert cost(costs, whole=0.25) == pytest.approx(0.5 if part else 2.0)


def test_the_default_lies_in_the_middle_of_what_is_drawn() -> None:
    assert [cost(noisy([{(2, 1): share}])) for share in (0.83, 0.82)] == pytest.approx([0.5, 2.0])


def test_matrices_count_for_a_part_as_often_as_they_were_drawn() -> None:
    costs = noisy([{(2, 1): 1.0}, {(2, 1): 0.0}])
    for weights, expected in (([2.0, 0.0], 0.5), ([0.0, 2.0], 2.0), ([1.0, 1.0], 2.0), ([9.0, 0.1], 0.5)):
        units = type(costs.once)(np.ones(1), np.array(weights), np.ones(1))
        found = costs.table(units=units)[1, 2]
        assert float(2 ** ((found - FULL) / HALVED)) == pytest.approx(expected), weights
