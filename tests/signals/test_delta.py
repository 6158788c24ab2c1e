"""Lost information, and a shared start against shared training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forebear.artifacts import Artifact
from forebear.signals import delta as module
from forebear.signals.delta import Delta, Tally, movements, pruned_from, round_to, shared_training
from signals.held import held


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


# -- by hand -----------------------------------------------------------------------------------------------------------


def test_a_shared_start_is_excluded_by_three_errors_and_by_nothing_less() -> None:
    none = Delta(1_234, 0.1, 0.0, "", "unknown", None, None)
    assert none.excludes_shared_start == ""
    assert replace(none, shared_training=0.9).excludes_shared_start == ""
    assert replace(none, error=0.0).excludes_shared_start == ""
    for value, error, excludes in ((0.8, 0.0, True), (0.79, 0.0, False), (0.9, 0.03, True), (0.9, 0.034, False)):
        words = replace(none, shared_training=value, error=error).excludes_shared_start
        assert bool(words) is excludes
    assert "cosine 0.90 ± 0.03" in replace(none, shared_training=0.9, error=0.03).excludes_shared_start
    assert replace(none, lost="zeros").excludes_shared_start == "every one of 1,234 values read fits: zeros"


@pytest.mark.parametrize(("finer", "lost"), [(10, ""), (11, "they differ as by rounding to BF16")])
def test_rounding_has_to_have_changed_more_than_one_value_in_a_hundred(finer: int, lost: str) -> None:
    rich = np.ones(1_000, np.float32)
    rich[:finer] += 2.0**-9
    poor = np.ones(1_000, np.float32)
    for dtypes, pair in ((("F32", "BF16"), (rich, poor)), (("BF16", "F32"), (poor, rich))):
        tally = Tally(*dtypes)
        tally.add(*pair)
        assert tally.result(None).lost == lost
    same = Tally("BF16", "BF16")
    same.add(rich, poor)
    assert same.result(None).lost == ""


def test_one_part_that_was_not_rounded_is_enough_whatever_follows() -> None:
    rich = random(1)
    poor = round_to(rich, "BF16")
    assert poor is not None
    for parts in ([(rich, poor), (rich, rich), (rich, poor)], [(rich, rich), (rich, poor)]):
        tally = Tally("F32", "BF16")
        for part in parts:
            tally.add(*part)
        assert tally.result(None).lost == ""


def test_a_place_counts_where_both_hold_a_number() -> None:
    """|A - B|² = 1 and |A|² = 1 + 16 over the two places where both do."""
    tally = Tally("F32", "F32")
    tally.add(np.array([1, 2, np.inf, 4], np.float32), np.array([1, np.nan, 3, 5], np.float32))
    delta = tally.result(None)
    assert (delta.values, delta.strange, delta.equal) == (2, 2, 0.5) and delta.drift == pytest.approx((1 / 17) ** 0.5)


def test_arrays_of_other_shapes_are_not_compared_and_nothing_is_said_about_all_values() -> None:
    dense = np.ones(100, np.float32)
    pruned = np.where(np.arange(100) < 20, 0, dense).astype(np.float32)
    tally = Tally("F32", "F32")
    tally.add(dense, pruned)
    assert tally.result(None).lost == "20% of the values set to zero, the others untouched"
    tally.add(dense, pruned[:50])
    assert tally.result(None).lost == "" and tally.result(None).values == 100


def test_zeros_of_a_tensor_that_was_not_pruned_do_not_count_against_the_richer_model() -> None:
    dense = np.ones(100, np.float32)
    tally = Tally("F32", "F32")
    tally.add(0 * dense, 0 * dense)
    assert (tally.result(None).drift, tally.result(None).equal) == (None, None)
    tally.add(dense, np.where(np.arange(100) < 20, 0, dense).astype(np.float32))
    assert tally.result(None).direction == "a_to_b"


def test_rounding_to_float16_is_to_nearest_even_and_other_formats_are_not_known() -> None:
    values = np.array([1 + 2.0**-11, 1 + 3 * 2.0**-11, 1e6, -0.1], np.float32)
    found = round_to(values, "F16")
    assert found is not None and found.tolist() == [1.0, 1 + 2.0**-9, np.inf, np.float32(np.float16(-0.1))]
    assert found.dtype == np.float32 and round_to(values, "F32") is None
    halves = round_to(np.array([0x3F808000, 0x3F818000, 0x3F808001], np.uint32).view(np.float32), "BF16")
    assert halves is not None and halves.view(np.uint32).tolist() == [0x3F800000, 0x3F820000, 0x3F810000]


def test_shared_training_is_the_cosine_of_centred_gains_and_its_error_a_jackknife() -> None:
    rng = np.random.default_rng(5)
    a = (0.1 + 0.1 * rng.standard_normal((3, 2, 8))).astype(np.float16)
    b = (a[[1, 0, 2]] + 0.05 * rng.standard_normal((3, 2, 8)) - 0.2).astype(np.float16)
    pairs = [(0, 1), (1, 0), (2, 2)]
    norms = [(a[i, k].astype(float), b[j, k].astype(float)) for i, j in pairs for k in (0, 1)]
    centred = [(x - x.mean(), y - y.mean()) for x, y in norms]

    def cosine(left_out: int = -1) -> float:
        x, y = (np.concatenate([c[k] for n, c in enumerate(centred) if n != left_out]) for k in (0, 1))
        return float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))

    without = np.array([cosine(k) for k in range(6)])
    found = shared_training(a, b, pairs)
    assert found is not None
    assert found[0] == pytest.approx(cosine()) and found[1] == pytest.approx(np.sqrt(5 / 6 * 6 * without.var()))
    gone = b.copy()
    gone[1, 0, 3] = np.nan
    centred.pop(0)
    found = shared_training(a, gone, pairs)
    assert found is not None and found[0] == pytest.approx(cosine())
    assert shared_training(gone, b, [(1, 0), (0, 1), (2, 2)]) is not None
    assert shared_training(a, gone, pairs[:2]) is None and shared_training(gone, b, pairs[:2]) is None  # three norms
    assert shared_training(a, b, pairs[:2]) is not None and shared_training(a, b, []) is None


def test_gains_have_to_have_moved_in_both_models() -> None:
    """By three thousandths on average over all norms, each counted from its own mean."""

    def gain(size: float) -> np.ndarray:
        return (0.5 + np.tile([size, -size], (2, 2, 8))).astype(np.float16)

    far, over, under = gain(0.25), gain(2.0**-8), gain(2.0**-9)
    two = [(0, 0), (1, 1)]
    found = shared_training(far, over, two)
    assert found is not None and found[0] == pytest.approx(1) and found[1] == pytest.approx(0)
    assert shared_training(over, far, two) is not None
    assert shared_training(far, under, two) is None and shared_training(under, far, two) is None


def test_movements_are_root_mean_squares_around_the_mean_of_each_norm() -> None:
    """Deviations of 1 and 3, and of 2 and 2: roots of 5 and of 4."""
    a = np.array([[[4, 6], [7, 1]], [[9, 9], [9, 9]]], np.float16)
    b = np.array([[[0, 0], [np.nan, 0]], [[1, 5], [6, 2]]], np.float16)
    for one, two, pairs, expected in (
        (a, b, [(0, 1)], [5**0.5, 2]),
        (a, b, [(0, 0)], [1, 0]),  # the second norm is not known
        (b, a, [(0, 0)], [0, 1]),
        (b, a, [(0, 1)], [0, 0]),
    ):
        found = movements(one, two, pairs)
        assert found is not None and list(found) == pytest.approx(expected)
    assert movements(a, b, []) is None


def model(**changed: np.ndarray) -> Artifact:
    rows = np.arange(1.0, 61).reshape(20, 3)
    return held({"embed": rows, "layers.0.attn_norm": np.arange(1.0, 4), **changed})


def test_pruning_is_asked_of_whole_models(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.arange(1.0, 61).reshape(20, 3)
    zeros = np.where(np.arange(60).reshape(20, 3) % 5 == 0, 0, rows)
    touched = zeros.copy()
    touched[-1, -1] += 1
    for size in (6, 1_000_000):
        monkeypatch.setattr(module, "CHUNK_VALUES", size)
        assert pruned_from(model(), model(embed=zeros)) is True
        assert pruned_from(model(embed=zeros), model()) is False
        assert pruned_from(model(), model(embed=touched)) is False
        assert pruned_from(model(), model()) is False
    one, other = ({"name:scale": np.array(v)} for v in (2.0, 3.0))
    assert pruned_from(model(**one), model(embed=zeros, **one)) is True
    assert pruned_from(model(**one), model(embed=zeros, **other)) is False
    assert pruned_from(model(), model(embed=zeros[:19])) is False
    assert pruned_from(model(), model(embed=zeros, lm_head=rows)) is False
    bytes_ = held({"embed": zeros, "layers.0.attn_norm": np.arange(1.0, 4)}, dtypes={"embed": "U8"})
    assert pruned_from(model(), bytes_) is False and pruned_from(bytes_, model()) is False
