"""Merges that keep some values of every update: constants, shares, election and base are those that made the model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from forebear.signals.mixture import Gram
from forebear.signals.sparse_merge import (
    SparseMerge,
    _by_chance,
    _commonest,
    _distinct,
    _informative,
    _kept_alike,
    _Patterns,
    _patterns,
    _predictions,
    _refitted,
    _Values,
    sparse_merge,
)

F64 = NDArray[np.float64]
Flags = NDArray[np.bool_]
SINGLE = 2.0**-24


def gram(x: F64, references: Sequence[F64], half: float = SINGLE) -> Gram:
    """Of the values alone: no more is asked."""
    names = tuple(f"r{k}" for k in range(len(references)))
    return Gram(names, (), np.stack([x, *references]).astype(np.float32), half, (), True)


class Bench:
    """A base and updates of it, and what becomes of them."""

    def __init__(self, count: int = 4_000, parents: int = 2, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.base = (0.08 * self.rng.standard_normal(count)).astype(np.float32).astype(np.float64)
        updates = 0.02 * self.rng.standard_normal((parents, count))
        self.models = (self.base + updates).astype(np.float32).astype(np.float64)
        self.updates = self.models - self.base

    def dropped(self, *densities: float) -> Flags:
        return np.asarray(self.rng.random(self.updates.shape) < np.array(densities)[:, None])

    def largest(self, density: float) -> Flags:
        size = np.abs(self.updates)
        return np.asarray(size >= np.quantile(size, 1 - density, axis=1, keepdims=True))

    def elected(self, weights: Sequence[float], kept: Flags) -> Flags:
        """Of those that are kept those whose sign is that of the sum."""
        weighed = np.array(weights)[:, None] * self.updates * kept
        return np.asarray(kept & (np.sign(weighed) == np.sign(weighed.sum(axis=0))))

    def merged(self, weights: Sequence[float], kept: Flags, normal: bool = False) -> F64:
        w = np.array(weights)
        sums = w @ (self.updates * kept)
        return np.asarray(self.base + (sums / np.maximum(w @ kept, 1e-9) if normal else sums))

    def found(self, x: F64, others: Sequence[F64] = ()) -> SparseMerge | None:
        return sparse_merge(gram(x, [*others, self.base, *self.models]))


def some(found: SparseMerge | None) -> SparseMerge:
    assert found is not None
    return found


def test_random_choices() -> None:
    """Weights are constants times shares; shares are counted where signs agree, and their errors are a coin's."""
    bench = Bench()
    kept = bench.dropped(0.5, 0.4)
    found = some(bench.found(bench.merged([1.2, 0.8], kept)))
    agree = np.sign(bench.updates).sum(axis=0) != 0
    shares = kept[:, agree].mean(axis=1)
    assert (found.method, found.base, found.elected, found.normalised, found.random) == ("DARE", 0, False, False, True)
    assert [found.densities[k] for k in (1, 2)] == pytest.approx(shares, abs=0.005)
    assert [found.weights[k] for k in (1, 2)] == pytest.approx([1.2 * shares[0], 0.8 * shares[1]], abs=0.005)
    assert found.explained > 0.995 and found.zeros == pytest.approx((~kept.any(axis=0)).mean(), abs=0.005)
    errors = [c * (d * (1 - d) / agree.sum()) ** 0.5 for c, d in zip((1.2, 0.8), shares, strict=True)]
    assert [found.errors[k] for k in (1, 2)] == pytest.approx(errors, rel=0.03)


def test_random_choices_with_elected_signs() -> None:
    bench = Bench(seed=1)
    kept = bench.elected([1.0, 0.7], bench.dropped(0.6, 0.6))
    found = some(bench.found(bench.merged([1.0, 0.7], kept)))
    assert (found.method, found.elected, found.random) == ("DARE with sign election", True, True)


@pytest.mark.parametrize("normal", [False, True])
def test_the_largest_values(normal: bool) -> None:
    """Weights as they were, or one in all; a share is not told, and leaves no error."""
    bench = Bench(seed=2)
    kept = bench.elected([0.9, 0.6], bench.largest(0.5))
    found = some(bench.found(bench.merged([0.9, 0.6], kept, normal)))
    assert (found.method, found.base, found.elected, found.normalised) == ("TIES", 0, True, normal)
    assert [found.weights[k] for k in (1, 2)] == pytest.approx([0.6, 0.4] if normal else [0.9, 0.6], abs=0.005)
    assert (found.random, found.densities, found.errors) == (False, {}, {1: 0.0, 2: 0.0})
    assert found.explained > 0.99


def test_references_are_known_by_their_numbers() -> None:
    """A stranger before, the base after it: neither is a parent."""
    bench = Bench(seed=3)
    x = bench.merged([1.2, 0.8], bench.dropped(0.5, 0.5))
    stranger = 0.08 * bench.rng.standard_normal(len(x))
    found = some(bench.found(x, [stranger]))
    assert found.base == 1 and sorted(found.weights) == sorted(found.densities) == sorted(found.errors) == [2, 3]
    assert found.weights[2] > 1.3 * found.weights[3]


def test_three_parents() -> None:
    bench = Bench(count=6_000, parents=3, seed=4)
    found = some(bench.found(bench.merged([1.5, 1.0, 0.6], bench.dropped(0.5, 0.5, 0.5))))
    assert [found.weights[k] for k in (1, 2, 3)] == pytest.approx([0.75, 0.5, 0.3], abs=0.05)


def test_one_parent_no_parent_and_no_values_are_no_merge() -> None:
    bench = Bench(seed=5)
    first = bench.merged([1.5, 0.0], bench.dropped(0.6, 0.6))
    assert bench.found(first) is None
    assert sparse_merge(gram(first, [bench.base, bench.models[0]])) is None
    assert sparse_merge(gram(first, [bench.base])) is None
    nothing = np.zeros(0)
    assert sparse_merge(gram(nothing, [nothing] * 3)) is None


def test_training_leaves_no_patterns() -> None:
    bench = Bench(seed=6)
    blend = bench.base + np.array([0.5, 0.4]) @ bench.updates
    noise = 0.01 * bench.rng.standard_normal(len(blend))
    assert bench.found(bench.base + noise) is None and bench.found(blend + noise) is None


@pytest.mark.parametrize(("share", "merge"), [(0.08, True), (0.12, False)])
def test_nine_tenths_of_the_moved_values_are_to_be_explained(share: float, merge: bool) -> None:
    bench = Bench(seed=7)
    kept = bench.dropped(0.5, 0.5)
    x = bench.merged([1.2, 0.8], kept)
    moved = np.flatnonzero(kept.any(axis=0))
    wrong = moved[: int(share * len(moved))]
    x[wrong] += 0.013 * bench.rng.standard_normal(len(wrong))
    found = bench.found(x)
    assert (found is not None) is merge
    if found is not None:
        assert found.explained == pytest.approx(1 - share, abs=0.005)


def of_one_sign(count: int, agree: int) -> tuple[F64, list[F64]]:
    """Values that all moved; of two updates so many agree in sign, the other values' are opposed."""
    rng = np.random.default_rng(8)
    base = 0.08 * rng.standard_normal(count)
    updates = 0.02 * (0.5 + rng.random((2, count)))
    updates[1, agree:] *= -1
    which = rng.integers(1, 4, count)
    kept = np.stack([which & 1, which >> 1])
    return base + np.array([1.2, 0.7]) @ (updates * kept), [base, *(base + updates)]


def test_five_hundred_values_are_enough_and_one_less_is_not() -> None:
    for count in (500, 499):
        assert (sparse_merge(gram(*of_one_sign(count, count))) is not None) is (count == 500)


def test_what_was_kept_is_counted_in_two_hundred_values() -> None:
    for agree in (200, 199):
        x, references = of_one_sign(1_500, agree)
        assert (sparse_merge(gram(x, references)) is not None) is (agree == 200)


def test_values_that_did_not_move_tell_no_patterns() -> None:
    """Five hundred have to have moved, however many there are."""
    x, references = of_one_sign(900, 900)
    for still in (400, 401):
        x[:still] = references[0][:still]
        assert (sparse_merge(gram(x, references)) is not None) is (still == 400)


@pytest.mark.parametrize(("factor", "told"), [(8.2, True), (7.8, False)])
def test_updates_near_the_rounding_of_the_model_tell_nothing(factor: float, told: bool) -> None:
    """A value of 1.5 has a half unit of 2^-8 in bfloat16: an update has to be eight times that, here of 102 values."""
    rng = np.random.default_rng(9)
    updates = 2.0**-8 * (9 + 24 * rng.random((2, 601)))
    updates[rng.integers(2, size=102), range(102)] = 2.0**-8 * factor
    which = rng.integers(1, 4, 601)
    x = 1.5 + np.array([1.0, 0.4]) @ (updates * np.stack([which & 1, which >> 1]))
    assert x.max() < 2
    found = sparse_merge(gram(x, [np.full(601, 1.5), *(1.5 + updates)], half=2.0**-9))
    assert (found is not None) is told
    if found is not None:
        assert [found.weights[k] / found.densities[k] for k in (1, 2)] == pytest.approx([1.0, 0.4], rel=0.03)


@pytest.mark.parametrize(("small", "random"), [(0.48, True), (0.32, False)])
def test_choices_are_random_where_small_values_are_kept_as_often_as_large_ones(small: float, random: bool) -> None:
    """All but the smallest quarter of an update are kept six times in ten; a fifth less of those is no chance."""
    bench = Bench(seed=10)
    size = np.abs(bench.updates)
    least = size <= np.quantile(size, 0.25, axis=1, keepdims=True)
    kept = bench.rng.random(size.shape) < np.where(least, small, 0.6)
    kept[0] = bench.rng.random(len(kept[0])) < 0.6
    found = some(bench.found(bench.merged([1.2, 0.8], kept)))
    assert found.random is random and bool(found.densities) is random


def test_patterns_are_sought_in_some_values_and_counted_in_all() -> None:
    """Every second value of 30,001 is looked at; what did not move lies between them, and is counted."""
    bench = Bench(count=30_200, seed=11)
    kept = bench.dropped(0.6, 0.6)
    kept[:, 1::2] = False
    found = some(sparse_merge(gram(bench.merged([1.2, 0.8], kept), [bench.base, *bench.models])))
    assert found.zeros == pytest.approx(0.58, abs=0.02) and found.explained > 0.99
    assert [found.densities[k] for k in (1, 2)] == pytest.approx([0.3, 0.3], abs=0.01)


# -- by hand -----------------------------------------------------------------------------------------------------------


def row(*values: float) -> F64:
    return np.array(values)


def test_patterns_are_all_choices_of_updates_and_their_sums() -> None:
    assert _patterns(2).tolist() == [[False, False], [True, False], [False, True], [True, True]]
    updates, weights = np.array([[1.0, 2], [10, 20]]), row(0.5, 2)
    assert _predictions(updates, weights, False).tolist() == [[0, 0], [0.5, 1], [20, 40], [20.5, 41]]
    assert _predictions(updates, weights, True) == pytest.approx(np.array([[0, 0], [1, 2], [10, 20], [8.2, 16.4]]))


def test_the_commonest_ratio_lies_between_a_fiftieth_and_eight() -> None:
    spread = np.linspace(0.03, 7.9, 40)
    assert _commonest(np.concatenate([np.full(60, 0.5), spread])) == pytest.approx(0.5, rel=0.01)
    assert _commonest(np.concatenate([np.full(60, -0.5), np.full(9, 3.0), np.full(60, 9.0)])) == pytest.approx(3)
    for ratio in (0.0201, 7.99):
        assert _commonest(np.full(3, ratio)) == pytest.approx(ratio)
    for ratio in (0.02, 8.0, -1.0, np.inf, np.nan):
        assert _commonest(np.full(3, ratio)) == 1.0
    assert _commonest(row()) == 1.0
    assert _commonest(row(1.0, 1.001, 1.002, 1.003, 5.0)) == pytest.approx((1.001 * 1.002) ** 0.5, rel=1e-3)


def known(normal: bool, weights: Sequence[float], count: int = 400) -> tuple[_Values, NDArray[np.intp]]:
    """Values of which every pattern is known."""
    rng = np.random.default_rng(0)
    updates = rng.standard_normal((len(weights), count))
    which = rng.integers(0, 1 << len(weights), count)
    x = _predictions(updates, row(*weights), normal)[which, np.arange(count)]
    return _Values(x, updates, np.full(count, 1e-9)), which


def test_weights_are_those_of_the_values_whose_pattern_is_known() -> None:
    values, which = known(False, [0.5, 2.0])
    good = np.arange(400) % 7 != 0
    values.x[~good] += 100.0
    assert _refitted(values, which, good, row(1, 1), False) == pytest.approx([0.5, 2.0])
    values, which = known(False, [-0.5, 30.0])
    assert _refitted(values, which, np.ones(400, bool), row(1, 1), False) == pytest.approx([0.005, 20.0])
    nothing = np.zeros(400, bool)
    assert _refitted(values, which, nothing, row(3, 4), False).tolist() == [3, 4]
    alone = np.where(which == 1, 1, 0)
    assert _refitted(values, alone, np.ones(400, bool), row(3, 4), False).tolist() == [3, 4]  # nothing of the second


def test_normalised_weights_come_from_values_that_sum_several() -> None:
    """Fifty at least; their scale is free, and is one."""
    values, which = known(True, [0.25, 0.75])
    every = np.ones(400, bool)
    assert _refitted(values, which, every, row(1, 1), True) == pytest.approx([0.25, 0.75])
    several = np.flatnonzero(which == 3)
    for count, expected in ((50, [0.25, 0.75]), (49, [3, 4])):
        some = (which != 3) | np.isin(np.arange(400), several[:count])
        assert _refitted(values, which, some, row(3, 4), True) == pytest.approx(expected)


def test_chance_is_what_is_explained_with_one_parent_moved_by_one_place() -> None:
    """Values that did not move are not asked, but count as places."""
    found = _Patterns(row(1.0), False, 1.0)
    values = _Values(row(1, 2, 3, 0), np.array([[1.0, 2, 3, 2]]), np.full(4, 0.1))
    assert _by_chance(values, found, 0) == 0.0  # 2, 1 and 2 against 1, 2 and 3
    same = _Values(row(1, 1, 1, 0), np.array([[1.0, 1, 1, 5]]), np.full(4, 0.1))
    assert _by_chance(same, found, 0) == pytest.approx(2 / 3)
    two = _Values(row(1, 2, 3), np.array([[1.0, 2, 3], [9, 8, 7]]), np.full(3, 0.1))
    assert _by_chance(two, _Patterns(row(1, 1), False, 1.0), 1) == 1.0
    assert _by_chance(two, _Patterns(row(1, 1), False, 1.0), 0) == 0.0


def test_patterns_are_told_apart_where_they_lie_two_errors_apart() -> None:
    """Of updates of 3 and 2 the patterns predict 0, 2, 3 and 5, of 4 and 1 they predict 0, 1, 4 and 5."""
    updates, error = np.array([[3.0, 4, 3], [2, 1, 2]]), row(0.49, 0.49, 0.5)
    assert _distinct(_Values(row(0, 0, 0), updates, error), row(1, 1), False).tolist() == [True, True, False]
    assert not _distinct(_Values(row(0, 0, 0), updates, 1.1 * error), row(1, 1), False).any()


@pytest.mark.parametrize(("large", "small", "alike"), [(24, 20, True), (24, 18, False), (18, 24, True)])
def test_small_and_large_values_were_kept_alike(large: int, small: int, alike: bool) -> None:
    """Of 25 values in each quarter of either update so many were kept: a difference of more than a fifth tells."""
    update = np.arange(1.0, 101)
    kept = np.zeros((2, 100), bool)
    kept[0] = True
    kept[1, :small], kept[1, 75 : 75 + large] = True, True
    values = _Values(update, np.stack([update, -update]), update)
    assert _kept_alike(values, kept, np.ones(100, bool)) is alike
    assert _kept_alike(values, kept[::-1], np.ones(100, bool)) is alike
    wide = _Values(np.tile(update, 2), np.tile(values.updates, 2), update)
    among = np.arange(200) < 100
    assert _kept_alike(wide, np.hstack([kept, np.flip(kept, axis=1)]), among) is alike


def test_values_are_informative_where_every_update_exceeds_eight_times_the_rounding() -> None:
    """Half a unit of 3 is 4 / 2^24, and the error of the sum also that of the updates; of 550 every second is taken."""
    half = 4 * SINGLE
    x = np.full(600, 3.0)
    base, near, far = x - 1.0, x - 1.0 + 2.0**-17, x - 0.5
    far[:50] = base[:50] + 2.0**-19  # eight times half a unit: not more
    far[50:100] = base[50:100] - 2.0**-18
    measured = gram(x, [near, base, far])
    values = _informative(measured, 1, [0, 2])
    assert values is not None and values.x.tolist() == [1.0] * 550
    assert values.updates[:, 100].tolist() == [2.0**-17, 0.5]
    assert values.updates[:, 0].tolist() == [2.0**-17, -(2.0**-18)]
    assert values.error[100] == pytest.approx(1.1 * half + 2 * SINGLE * (2.0**-17 + 0.5))
    some, whole = (_informative(measured, 1, [0, 2], most) for most in (549, 550))
    assert some is not None and len(some.x) == 275 and whole is not None and len(whole.x) == 550
