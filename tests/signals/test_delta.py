"""Lost information, and a shared start against shared training."""

from __future__ import annotations

import numpy as np
import pytest

from forebear.signals.delta import Tally, round_to, shared_training


def random(seed: int, shape: tuple[int, ...] = (64, 128)) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_rounding_is_noticed_and_gives_no_direction() -> None:
    """Whoever has the coarse values can make finer ones that round to them."""
    rich = random(1)
    poor = round_to(rich, "BF16")
    assert poor is not None
    for dtypes, pair in ((("F32", "BF16"), (rich, poor)), (("BF16", "F32"), (poor, rich))):
        tally = Tally(*dtypes)
        tally.add(*pair)
        delta = tally.result(None)
        assert (delta.lost, delta.direction) == ("they differ as by rounding to BF16", "unknown")


def test_rounding_of_a_near_relative_is_not_rounding_of_this_model() -> None:
    rich = random(1)
    poor = round_to(rich * np.float32(1.01), "BF16")
    assert poor is not None
    tally = Tally("F32", "BF16")
    tally.add(rich, poor)
    assert tally.result(None).lost == ""


def test_a_lossless_change_of_format_is_no_loss() -> None:
    values = round_to(random(1), "BF16")
    assert values is not None
    tally = Tally("F32", "BF16")
    tally.add(values, values)
    delta = tally.result(None)
    assert (delta.lost, delta.drift, delta.equal) == ("", 0.0, 1.0)


def test_rounding_to_bfloat16_is_to_nearest_even() -> None:
    values = np.array([1.0, 1.00390625, 1.01171875, -1.00390625, 3.3895e38], dtype=np.float32)
    rounded = round_to(values, "BF16")
    assert rounded is not None
    assert rounded.tolist()[:4] == [1.0, 1.0, 1.015625, -1.0]


def test_pruning_shows_who_lost_values() -> None:
    dense = random(2)
    pruned = np.where(np.abs(dense) < 0.3, 0, dense).astype(np.float32)
    tally = Tally("BF16", "BF16")
    tally.add(dense, pruned)
    delta = tally.result(None)
    assert delta.direction == "a_to_b"
    assert "set to zero, the others untouched" in delta.lost
    assert delta.excludes_shared_start


def test_two_pruned_relatives_have_no_direction() -> None:
    dense = random(2)
    light, heavy = (np.where(np.abs(dense) < cut, 0, dense).astype(np.float32) for cut in (0.1, 0.5))
    tally = Tally("BF16", "BF16")
    tally.add(light, heavy)
    assert tally.result(None).direction == "unknown"


def test_drift_and_equality_are_those_of_the_values() -> None:
    """By hand: |A - B|² = 9 + 16 and |A|² = 4 + 9 + 16 + 4 + 67, over two arrays; four of A's five are equal."""
    tally = Tally("F32", "F32")
    tally.add(np.array([2, 3, 0, 4], np.float32), np.array([2, 3, 3, 4], np.float32))
    tally.add(np.array([2, 67**0.5], np.float32), np.array([2, 67**0.5 - 4], np.float32))
    delta = tally.result((0.9, 0.01))
    assert delta.values == 6 and delta.drift == pytest.approx(0.5)
    assert (delta.equal, delta.shared_training, delta.error, delta.strange) == (0.8, 0.9, 0.01, 0)


@pytest.mark.parametrize(
    ("zeroed", "other", "own", "way"),
    [
        (101, 0, 0, "a_to_b"),
        (101, 0, 1, "a_to_b"),  # one value in 10,000 may be the richer one's own zero
        (101, 0, 2, "unknown"),
        (100, 0, 0, ""),  # one in a hundred is no pruning yet
        (101, 1, 0, ""),
    ],
)
def test_zeros_are_pruning_from_more_than_one_in_a_hundred_on(zeroed: int, other: int, own: int, way: str) -> None:
    dense = np.ones(10_000, np.float32)
    dense[:own] = 0.0
    pruned = dense.copy()
    pruned[own : own + zeroed] = 0.0
    dense[5_000 : 5_000 + other] = 0.0
    for pair, turned in (((dense, pruned), way), ((pruned, dense), {"a_to_b": "b_to_a"}.get(way, way))):
        tally = Tally("BF16", "BF16")
        tally.add(*pair)
        delta = tally.result(None)
        assert (delta.lost, delta.direction) == (
            ("1% of the values set to zero, the others untouched", turned) if way else ("", "unknown")
        )


def test_a_part_that_was_skipped_leaves_nothing_said_about_all_values() -> None:
    dense = random(2)
    tally = Tally("BF16", "BF16")
    tally.add(dense, np.where(np.abs(dense) < 0.3, 0, dense).astype(np.float32))
    tally.skip()
    assert tally.result(None).lost == ""


def test_a_pruned_relative_is_not_a_pruned_copy() -> None:
    dense = random(2)
    relative = np.where(np.abs(dense) < 0.3, 0, dense * np.float32(1.001)).astype(np.float32)
    tally = Tally("F32", "F32")
    tally.add(dense, relative)
    assert tally.result(None).lost == ""


def test_nothing_compared_concludes_nothing() -> None:
    delta = Tally("BF16", "BF16").result(None)
    assert (delta.values, delta.drift, delta.equal, delta.excludes_shared_start) == (0, None, None, "")


def test_nothing_is_said_about_all_values_where_some_are_no_numbers() -> None:
    dense = random(2)
    pruned = np.where(np.abs(dense) < 0.3, 0, dense).astype(np.float32)
    pruned[0, 0] = np.nan
    tally = Tally("BF16", "BF16")
    tally.add(dense, pruned)
    assert tally.result(None).lost == ""


def test_not_finite_values_are_left_out() -> None:
    values = random(3)
    values[0, 0] = np.nan
    tally = Tally("F32", "F32")
    tally.add(values, values)
    assert tally.result(None).values == values.size - 1


def gains(seed: int, layers: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, (layers, 2, 64))


PAIRS = [(k, k) for k in range(12)]


def movement(a: np.ndarray, b: np.ndarray) -> tuple[float, float] | None:
    return shared_training(a.astype(np.float16), b.astype(np.float16), PAIRS)


def test_descent_contains_the_parents_movement() -> None:
    parent = gains(1)
    found = movement(parent, parent + gains(2) * 0.2)
    assert found is not None
    assert found[0] == pytest.approx(0.98, abs=0.02)
    assert found[0] - 3 * found[1] > 0.8


def test_two_trainings_from_one_start_do_not() -> None:
    found = movement(gains(1), gains(2))
    assert found is not None
    assert abs(found[0]) < 0.2


def test_a_longer_training_from_one_start_does_not_pass_for_descent() -> None:
    """The shorter training's movement lies wholly within the longer one's, yet they are two trainings."""
    short = gains(1) * 0.3
    found = movement(short, short * 3 + gains(2))
    assert found is not None
    assert found[0] < 0.8


def test_gains_that_never_moved_say_nothing() -> None:
    assert movement(gains(1) * 0, gains(2)) is None
    assert movement(gains(1) * np.nan, gains(2)) is None
