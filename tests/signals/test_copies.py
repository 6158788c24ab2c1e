"""Rows that hold one coin between them are counted once, in whatever order they lie, however far they drifted."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from forebear.signals.copies import Distinct

F32 = NDArray[np.float32]


def rows(seed: int, n: int = 200, k: int = 96) -> F32:
    return np.random.default_rng(seed).standard_normal((n, k)).astype(np.float32)


def drifted(values: F32, size: float, seed: int = 9) -> F32:
    """The rows with noise, at the same scale."""
    return np.asarray((values + size * rows(seed, *values.shape)) / np.hypot(1, size), dtype=np.float32)


def test_separate_rows_all_count_and_go_on_counting() -> None:
    distinct = Distinct()
    assert all(distinct.of("neurons", rows(seed)).all() for seed in range(40))


@pytest.mark.parametrize("drift", [0.0, 0.5, 2.0])
def test_a_block_that_was_counted_is_known_again_in_any_order(drift: float) -> None:
    distinct, first = Distinct(), rows(0, 2_000, 512)
    assert distinct.of("neurons", first).all()
    order = np.random.default_rng(1).permutation(2_000)[:900]
    copy = drifted(first, drift)[order]
    assert not distinct.of("neurons", copy).any()
    assert not distinct.of("neurons", -copy).any()
    assert distinct.of("value_output", copy).all()  # blocks of another kind are no copies
    assert distinct.of("neurons", rows(5, 900, 512)).all()


def test_a_block_that_shares_half_of_its_rows_is_left_out() -> None:
    distinct, first = Distinct(), rows(0)
    distinct.of("neurons", first)
    assert not distinct.of("neurons", np.concatenate([first[:100], rows(1, 100)])).any()


def test_of_rows_that_are_nearly_the_same_up_to_sign_the_first_counts() -> None:
    block = rows(0)
    block[7], block[90], block[150] = 3 * drifted(block[:1], 0.1)[0], -block[40], block[40] * 2
    assert np.flatnonzero(~Distinct().of("glu", block)).tolist() == [7, 90, 150]


@pytest.mark.parametrize("drift", [1.5, 3.0])
def test_a_width_that_was_grown_and_moved_far_apart_is_not_counted(drift: float) -> None:
    """No pair of rows is alike by itself; their signs are, all together."""
    half = rows(0, 300, 512)
    order = np.random.default_rng(2).permutation(600)
    grown = np.concatenate([half, drifted(half, drift)])[order]
    assert not Distinct().of("glu", grown).any()
    flips = np.random.default_rng(3).choice([-1.0, 1.0], (600, 1)).astype(np.float32)
    assert Distinct().of("glu", rows(4, 600, 512) * flips).all()


def test_flips_of_separate_rows_change_nothing() -> None:
    """What is left out depends on no sign alone: in separate rows nothing is."""
    for seed in range(20):
        flips = np.random.default_rng(seed).choice([-1.0, 1.0], (200, 1)).astype(np.float32)
        distinct = Distinct()
        assert distinct.of("glu", rows(0) * flips).all() and distinct.of("glu", rows(1) * flips).all()


def test_nothing_and_rows_without_coins_are_no_copies_of_each_other() -> None:
    distinct, empty = Distinct(), np.zeros((0, 8), dtype=np.float32)
    assert distinct.of("glu", empty).shape == distinct.of("glu", empty).shape == (0,)
    zeros = np.zeros((5, 8), dtype=np.float32)
    assert distinct.of("glu", zeros).all() and distinct.of("glu", zeros).all()  # they are not valid, and stay so


def test_a_single_constant_row_is_the_same_coin_in_every_layer() -> None:
    distinct, one = Distinct(), np.ones((1, 32), dtype=np.float32)
    assert [bool(distinct.of("glu", one * k).all()) for k in (1, 2, 5)] == [True, False, False]
