"""Parts of two models of unequal width, held against each other one by one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from forebear.artifacts import Artifact, read_artifact
from forebear.signals.floats import precision, rounded
from forebear.signals.part_heads import heads_kept
from forebear.signals.part_neurons import neurons_kept
from forebear.signals.parts import (
    ALIKE,
    EXACT,
    MOST_KEPT,
    NOISE,
    Extras,
    Kept,
    Met,
    alike_rounded,
    bias_of,
    common,
    drift_of,
    in_place,
    judged,
    others,
    pooled,
    shown,
    stored,
    units,
    weak_beside,
)
from forebear.sources import open_source
from models import tiny_llama
from signals.held import held

F32 = NDArray[np.float32]
STRAIGHT = [(k, k) for k in range(4)]


def opened(folder: Path) -> Artifact:
    return read_artifact(open_source(str(folder)))


def test_parts_are_judged_by_the_first_reason_that_holds() -> None:
    no, yes = np.zeros(6, dtype=bool), np.eye(6, dtype=bool)
    found = judged(
        yes[0], yes[0] | yes[1], yes[2] | yes[1], np.array([1, 1, 0, 1, 0.9, 0]), np.array([1, 1, 0, 1, 0.6, 0])
    )
    assert found == Extras(own=1, copies=1, idle=1, near=2, untold=1) and found.total == 6
    assert judged(no[:0], no[:0], no[:0], np.zeros(0), np.zeros(0)) == Extras()
    assert found + found == Extras(2, 2, 2, 4, 2)


def test_a_copy_is_exact_up_to_the_rounding_of_bfloat16() -> None:
    assert drift_of(EXACT) == pytest.approx(0.002, rel=1e-3)
    assert drift_of(1 + 1e-9) == 0.0
    assert drift_of(0.0) is None and drift_of(-0.5) is None and drift_of(float("nan")) is None


def test_values_are_compared_in_the_coarser_format() -> None:
    fine = np.random.default_rng(1).standard_normal((8, 8)).astype(np.float32)
    coarse = rounded(fine, 8)
    assert precision(coarse) == 8 and precision(rounded(fine, 11)) == 11 and np.array_equal(rounded(fine, 24), fine)
    assert np.abs(coarse / fine - 1).max() <= 2.0**-8
    for one, two in ((fine, coarse), (coarse, fine)):
        x, y = alike_rounded(one.astype(np.float64), two.astype(np.float64))
        assert np.array_equal(x, y)
    odd = np.array([np.nan, np.inf, -np.inf, 3e38, 1 + 2.0**-8], dtype=np.float32)
    assert np.array_equal(rounded(odd, 8)[:3], odd[:3], equal_nan=True) and rounded(odd, 8)[4] == 1.0  # a half, to even


def test_weak_is_within_the_rounding_of_a_usual_effect() -> None:
    usual, coarse, fine = np.full(5, 8.0), np.ones(3, dtype=np.float32), np.full(3, 0.1, dtype=np.float32)
    effects = np.array([8 * 2.0**-8, 8 * 2.0**-7, 0.0])
    assert weak_beside(effects, usual, coarse).tolist() == [True, False, True]
    assert weak_beside(effects, usual, fine).tolist() == [False, False, True]
    assert weak_beside(effects, np.zeros(4), coarse).tolist() == [False, False, True]


def test_long_maps_are_not_shown() -> None:
    assert shown({"0": [[k, k] for k in range(MOST_KEPT)]}) and not shown({"0": [[k, k] for k in range(MOST_KEPT + 1)]})
    assert others(5, [3, 0]).tolist() == [1, 2, 4] and others(2, []).tolist() == [0, 1]


def test_parts_that_cannot_be_read_are_neither_found_nor_told(tmp_path: Path) -> None:
    """A layer whose queries have another number of rows than its heads, or whose MLP lacks a matrix: one of each."""
    base = tiny_llama(tmp_path / "base", seed=1, hidden=64, intermediate=64, heads=8, kv_heads=2, head_dim=8)
    narrow = tiny_llama(tmp_path / "narrow", seed=2, hidden=64, intermediate=32, heads=6, kv_heads=2, head_dim=8)
    a, b = opened(narrow), opened(base)
    for role, kept, per_layer in (("attn.q", heads_kept, 6), ("mlp.up", neurons_kept, 32)):
        gone = replace(a, names={r: n for r, n in a.names.items() if r != f"layers.1.{role}"})
        whole, part = kept(a, b, STRAIGHT, in_place(64)), kept(gone, b, STRAIGHT, in_place(64))
        assert whole is not None and part is not None and whole.of == 4 * per_layer
        assert whole.extras is not None and whole.extras.untold == 0
        if role == "attn.q":
            assert part.of == 3 * per_layer + 1 and part.extras is not None and part.extras.untold == 1
            assert not part.equal and part.map["1"] == []
        else:
            assert part.of == 3 * per_layer and "1" not in part.map


# -- by hand -----------------------------------------------------------------------------------------------------------


def judge(*, bad: bool = False, idle: bool = False, weak: bool = False, twin: float = 0.0, like: float = 0.0) -> Extras:
    return judged(np.array([bad]), np.array([idle]), np.array([weak]), np.array([twin]), np.array([like]))


def test_each_reason_goes_before_the_next() -> None:
    assert judge(bad=True, idle=True, weak=True, twin=1, like=1) == Extras(untold=1)
    assert judge(idle=True, weak=True, twin=1, like=1) == Extras(idle=1)
    assert judge(weak=True, twin=1, like=1) == Extras(copies=1)
    assert judge(weak=True) == judge(like=1) == Extras(near=1)
    assert judge(twin=EXACT) == Extras(copies=1) and judge(twin=EXACT - 1e-9) == Extras(own=1)
    assert judge(like=ALIKE) == Extras(near=1) and judge(like=ALIKE - 1e-9) == Extras(own=1)


def test_layers_are_pooled_and_the_one_that_moved_most_is_told() -> None:
    one = Met("0", np.array([[0, 3], [1, 2]]), 4, 0.8, Extras(own=2))
    two = Met("5", np.zeros((0, 2), np.int64), 3, 0.6, Extras(copies=1))
    found = pooled("heads", [one, two], True)
    assert found is not None and found.drift == pytest.approx(4 / 3)
    assert replace(found, drift=None) == Kept("heads", 2, 7, {"0": [[0, 3], [1, 2]], "5": []}, Extras(2, 1))
    unasked = pooled("heads", [one], False)
    assert unasked is not None and unasked.extras is None and unasked.drift == pytest.approx(0.75)
    assert pooled("heads", [], True) is None


def test_parts_are_equal_where_all_were_found_and_none_has_moved() -> None:
    whole = Kept("heads", 3, 3, drift=NOISE)
    assert whole.equal and replace(whole, drift=0.0).equal
    for other in (
        replace(whole, drift=2 * NOISE),
        replace(whole, drift=None),
        replace(whole, found=2),
        replace(whole, of=2),
        replace(whole, found=0, of=0),
    ):
        assert not other.equal
    assert drift_of(0.5) == pytest.approx(3**0.5) and drift_of(1.0) == 0.0


def test_lengths_and_places() -> None:
    assert units(np.array([[3.0, 4], [0, 0]])).tolist() == [[0.6, 0.8], [0, 0]]
    frame = in_place(3)
    assert frame.a.tolist() == frame.b.tolist() == np.eye(3).tolist() and frame.made_from == "places"
    assert frame.dims is not None and frame.dims.tolist() == [[0, 0], [1, 1], [2, 2]]
    assert frame.signs is not None and frame.signs.tolist() == [1, 1, 1] and frame.points == 0


def test_weak_is_told_against_the_median_of_what_has_an_effect() -> None:
    ones = np.ones(1, dtype=np.float32)
    assert weak_beside(np.array([1.0, 1.1]), np.array([0, 0, 0, 256, 1, 512.0]), ones).tolist() == [True, False]
    assert weak_beside(np.array([0.0, 1e-9]), np.zeros(0), ones).tolist() == [True, False]


def test_a_bias_is_zero_where_there_is_none_and_unknown_where_it_cannot_be_told() -> None:
    model = held(
        {"layers.0.attn.q.bias": [1.0, 2.0], "layers.0.attn.k.bias": [[1.0, 2.0]], "embed": np.ones((2, 4))},
        family="qwen2",
    )
    assert bias_of(model, 0, "attn.q", 2).tolist() == [1, 2] and bias_of(model, 0, "attn.v", 3).tolist() == [0, 0, 0]
    assert bias_of(model, 1, "attn.q", 2).tolist() == [0, 0]
    for part, size in (("attn.q", 3), ("attn.k", 2)):
        unknown = bias_of(model, 0, part, size)
        assert unknown.shape == (size,) and np.isnan(unknown).all()


def test_rows_are_as_stored_where_dimensions_are_known_and_with_gains_elsewhere() -> None:
    rows, gains = np.array([[1.0, 2], [3, 4], [5, 6]]), np.array([2.0, -1])
    weights = {"embed": np.ones((2, 2)), "layers.0.mlp.up": rows, "layers.0.mlp_norm": gains}
    model = held({**weights, "layers.0.mlp.down": rows.T})
    for part in ("mlp.up", "mlp.down"):
        found = stored(model, 0, part)
        assert found is not None and found.tolist() == rows.tolist()
    assert stored(model, 0, "mlp.gate") is None and stored(replace(model, geometry=None), 0, "mlp.up") is None
    places = in_place(2)
    turn = replace(places, dims=None, a=np.array([[0, 1], [1, 0]], np.float32), b=2 * np.eye(2, dtype=np.float32))
    for frame, is_b, expected in (
        (places, False, rows),
        (turn, False, (rows * gains)[:, ::-1]),
        (turn, True, 2 * rows * gains),
    ):
        turned = common(model, 0, "mlp.up", frame, is_b)
        assert turned is not None and turned.dtype == np.float64 and turned.tolist() == expected.tolist()
    assert common(model, 0, "mlp.gate", places, False) is None and common(model, 0, "mlp.gate", turn, True) is None
