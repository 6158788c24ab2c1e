"""Which layers and experts of two models belong together: signatures by hand, and orders that are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bodies import opened
from edits import copy, drifted, edit, permute_experts, rebuilt, with_layers
from forebear.artifacts import Artifact
from forebear.signals.alignment import (
    align_layers,
    closest_layers,
    layer_pairs,
    layer_signature,
    matched_experts,
    row_norms,
    signature_similarity,
)
from models import tiny, tiny_llama
from signals.held import held

F16 = NDArray[np.float16]


def values(model: Artifact, role: str) -> NDArray[np.float64]:
    return model.weights.tensors[model.names[role]].values().astype(np.float64)


def gains(seed: int, layers: int = 12) -> F16:
    return np.random.default_rng(seed).normal(0, 0.1, (layers, 2, 64)).astype(np.float16)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tiny_llama(tmp_path / "base", seed=1)
    rng = np.random.default_rng(3)
    edit(folder, lambda name, v: v * np.exp(rng.normal(0, 0.3, v.shape)) if "norm" in name else v)
    return folder


def test_a_signature_is_the_logarithms_of_both_gains(base: Path) -> None:
    model = opened(base)
    found = layer_signature(model, 2)
    assert found.shape == (2, 64)
    for row, norm in enumerate(("attn_norm", "mlp_norm")):
        assert np.allclose(found[row], np.log(np.abs(values(model, f"layers.2.{norm}"))), atol=2e-3)
    assert model.architecture is not None
    offset = replace(model, architecture=replace(model.architecture, gain_offset=1.0))
    assert np.allclose(layer_signature(offset, 2)[0], np.log(1 + values(model, "layers.2.attn_norm")), atol=2e-3)
    without = replace(model, names={r: n for r, n in model.names.items() if r != "layers.2.attn_norm"})
    half = layer_signature(without, 2)
    assert np.isnan(half[0]).all() and np.array_equal(half[1], found[1])


def test_of_wide_layers_evenly_spaced_gains_are_read_and_of_narrow_ones_none(tmp_path: Path) -> None:
    wide = opened(tiny_llama(tmp_path / "wide", seed=1, hidden=127))
    every = np.log(np.abs(values(wide, "layers.0.attn_norm")))
    assert np.allclose(layer_signature(wide, 0)[0], every[::2], atol=2e-3)
    narrow = opened(tiny_llama(tmp_path / "narrow", seed=1, hidden=32))
    assert np.isnan(layer_signature(narrow, 0)).all()


def test_without_gains_the_lengths_of_rows_tell_layers(base: Path) -> None:
    model = opened(base)
    for part in ("gate", "up"):
        found = row_norms(model, 1)
        lengths = np.log(np.linalg.norm(values(model, f"layers.1.mlp.{part}")[:24], axis=1))
        assert found.shape == (2, 64) and np.allclose(found, np.resize(lengths, 64), atol=2e-3)
        model = replace(model, names={r: n for r, n in model.names.items() if not r.endswith(".mlp.gate")})
    bare = replace(model, names={r: n for r, n in model.names.items() if ".mlp." not in r})
    assert row_norms(bare, 1).shape == (2, 64) and np.isnan(row_norms(bare, 1)).all()


def test_similarity_is_the_correlation_beside_what_all_layers_share() -> None:
    a, b = gains(1, 4), gains(2, 5)

    def centred(s: F16) -> NDArray[np.float64]:
        x = s.astype(np.float64)
        x = x - x.mean(axis=2, keepdims=True)
        return np.asarray(x - x.mean(axis=0, keepdims=True) if len(x) > 2 else x)

    for one, two in ((a, b), (a[:2], b[:2])):
        x, y = centred(one), centred(two)
        expected = [[np.mean([np.corrcoef(p[n], q[n])[0, 1] for n in (0, 1)]) for q in y] for p in x]
        assert np.allclose(signature_similarity(one, two), expected, atol=1e-6)
    nothing = np.full((3, 2, 64), np.nan, np.float16)
    assert not signature_similarity(nothing, nothing).any()


@pytest.mark.parametrize("kept", [[0, 1, 2, 5, 6, 9, 11], [3, 4, 5, 6], [0, 11], list(range(1, 12))])
def test_layers_that_are_left_meet_those_they_were(kept: Sequence[int]) -> None:
    a = gains(1)
    b = (a[list(kept)].astype(np.float64) + np.random.default_rng(5).normal(0, 0.02, (len(kept), 2, 64))).astype(
        np.float16
    )
    assert align_layers(a, b) == [(i, k) for k, i in enumerate(kept)]
    assert align_layers(b, a) == [(k, i) for k, i in enumerate(kept)]


def test_equal_depths_meet_in_order_unless_another_order_is_clearly_better() -> None:
    a = gains(1)
    shifted = np.concatenate([a[1:], gains(9, 1)])
    assert align_layers(a, shifted) == [(k + 1, k) for k in range(11)]
    assert align_layers(a, gains(2)) == [(k, k) for k in range(12)]


def test_pairs_come_from_the_gains_of_all_layers(base: Path) -> None:
    shorter = rebuilt(base, "shorter", with_layers([0, 2, 3]), num_hidden_layers=3)
    assert layer_pairs(opened(base), opened(shorter), 4, 3) == [(0, 0), (2, 1), (3, 2)]
    assert layer_pairs(opened(base), opened(base), 4, 4) == [(k, k) for k in range(4)]


@pytest.mark.parametrize("order", [[3, 1, 0, 2], [0, 1, 2, 3]])
def test_experts_meet_by_their_router_rows(tmp_path: Path, order: list[int]) -> None:
    folder = tiny("mixtral", tmp_path / "base", 1)
    moved = copy(folder, "moved")
    a = opened(folder)
    assert a.geometry is not None and a.geometry.experts == len(order)
    permute_experts(moved, order)
    b = opened(moved)
    found = matched_experts(a, 1, b, 1)
    assert found is not None and sorted(found) == [0, 1, 2, 3]
    ours, theirs = values(a, "layers.1.router"), values(b, "layers.1.router")
    assert np.allclose(ours, theirs[list(found)], atol=1e-6)
    assert matched_experts(a, 1, opened(tiny_llama(tmp_path / "dense", 2)), 1) is None


def test_the_closest_layer_is_the_copy_and_of_strangers_the_same_number(base: Path, tmp_path: Path) -> None:
    stacked = opened(rebuilt(base, "stacked", with_layers([0, 1, 2, 1, 2, 3]), num_hidden_layers=6))
    ours = opened(drifted(base, "child", 0.2))
    assert closest_layers(stacked, ours) == {0: 0, 1: 1, 2: 2, 3: 1, 4: 2, 5: 3}
    assert closest_layers(ours, opened(base)) == {k: k for k in range(4)}
    stranger = opened(tiny_llama(tmp_path / "stranger", seed=9, layers=6))
    assert closest_layers(stranger, ours) == {k: k for k in range(4)}
    assert closest_layers(ours, stranger) == {k: k for k in range(4)}


# -- by hand -----------------------------------------------------------------------------------------------------------


def test_gains_are_read_from_sixty_four_on_and_drawn_in_at_both_ends() -> None:
    gains_ = np.linspace(0.5, 2, 64)
    gains_[:3] = 0, 1e6, -3
    model = held(
        {"layers.0.attn_norm": gains_, "layers.0.mlp_norm": np.ones(63), "layers.1.attn_norm": np.ones((64, 1))}
    )
    found = layer_signature(model, 0)
    expected = np.log(np.clip(np.abs(gains_), 1e-4, 1e4))
    assert found[0] == pytest.approx(expected, abs=5e-3) and np.isnan(found[1]).all()
    assert np.isnan(layer_signature(model, 1)).all() and np.isnan(layer_signature(model, 2)).all()
    after = held({"layers.0.attn_post_norm": np.full(64, 2.0)}, family="olmo2")
    assert layer_signature(after, 0)[0] == pytest.approx(np.full(64, np.log(2)), abs=1e-3)


def rows(*layers: Any, part: str = "mlp.up") -> Artifact:
    weights = {f"layers.{k}.{part}": np.array(v) for k, v in enumerate(layers) if v is not None}
    return held(weights, layers=len(layers), width=4)


def beside(first: float, second: float) -> list[list[float]]:
    """A row with these cosines to the first two axes."""
    return [[first, second, (1 - first**2 - second**2) ** 0.5, 0.0]]


def test_another_layer_is_closer_where_it_is_a_tenth_more_alike_and_a_fifth_at_all() -> None:
    b = rows([[3.0, 0, 0, 0]], [[0, 5.0, 0, 0]])
    for one, expected in (
        (beside(0.15, 0.26), 1),
        (beside(0.15, 0.24), 0),
        (beside(0.0, 0.21), 1),
        (beside(0.0, 0.19), 0),
        (beside(0.0, -0.9), 0),
        (beside(0.9, 0.0), 0),
    ):
        assert closest_layers(rows(one), b) == {0: expected}, one
    for likeness, found in ((0.21, {2: 1}), (0.19, {})):  # a layer whose number the other has not
        assert closest_layers(rows(None, None, beside(0, likeness)), b) == found
    assert closest_layers(rows([[1.0, 0, 0, 0]], [[1.0, 0, 0, 0]]), b) == {0: 0, 1: 0}


def test_layers_of_other_shapes_meet_by_number() -> None:
    one, two = rows([[1.0, 0, 0, 0]], [[0, 1.0, 0, 0]]), rows([[1.0, 0, 0, 0]] * 2)
    assert closest_layers(one, two) == {0: 0} and closest_layers(two, one) == {0: 0}
    assert closest_layers(replace(one, geometry=None), two) == closest_layers(one, replace(two, geometry=None)) == {}
    assert closest_layers(rows([[0.0] * 4]), one) == {0: 0} and closest_layers(rows([[np.nan] * 4]), one) == {0: 0}


def test_a_layer_is_known_by_some_rows_of_its_first_matrix() -> None:
    """Sixteen rows of 256 values; of an attention's where there is no MLP, and of vectors none."""
    base = np.random.default_rng(0).standard_normal((20, 300))
    changed = base.copy()
    changed[16:], changed[:, 256:] = 0, 0
    other = np.random.default_rng(1).standard_normal((20, 300))
    for part in ("mlp.up", "mlp.gate", "attn.v"):
        assert closest_layers(rows(base, part=part), rows(other, changed, part=part)) == {0: 1}
    for part in ("mlp.down", "mlp_norm"):
        assert closest_layers(rows(base[0], part=part), rows(other[0], base[0], part=part)) == {}


def test_lengths_of_rows_are_drawn_in_at_both_ends_and_repeated() -> None:
    lengths = np.array([3.0, 1e9, 0.0, *[1.0] * 30])
    model = held({"layers.0.mlp.up": lengths[:, None] * [[1.0, 0]]}, width=2)
    expected = np.resize(np.log([3, 1e4, 1e-4, *[1] * 21]), 64)
    found = row_norms(model, 0)
    assert found[0] == pytest.approx(expected, abs=1e-2) and np.array_equal(found[0], found[1])
    assert np.isnan(row_norms(replace(model, geometry=None), 0)).all()


def test_routers_have_to_be_of_one_shape_and_of_as_many_rows_as_there_are_experts() -> None:
    """Rows turned by place; the best pair first, so that the last row gets what is left."""
    axes = np.eye(4)
    ours = np.array([axes[0], axes[1], 0.9 * axes[0] + 0.1 * axes[2]])
    theirs = np.array([axes[1], 2 * axes[0], axes[3]])
    a, b = (held({"layers.0.router": r}, family="mixtral", experts=3, width=4) for r in (ours, theirs))
    assert matched_experts(a, 0, b, 0) == (1, 0, 2)
    assert matched_experts(replace(a, geometry=None), 0, b, 0) is None
    assert matched_experts(a, 0, b, 1) is None and matched_experts(a, 1, b, 0) is None
    four = held({"layers.0.router": np.ones((4, 4))}, family="mixtral", experts=4, width=4)
    assert matched_experts(a, 0, four, 0) is None
    few = held({"layers.0.router": ours}, family="mixtral", experts=4, width=4)
    assert matched_experts(few, 0, b, 0) is None


def test_of_equal_depths_an_order_has_to_fit_a_tenth_of_a_layer_better() -> None:
    """Two layers, of which B's first is A's second; how much that adds is what the second norm has in common."""
    rng = np.random.default_rng(2)
    a = rng.standard_normal((2, 2, 64))
    b = np.stack([a[1], rng.standard_normal((2, 64))])
    assert align_layers(a.astype(np.float16), b.astype(np.float16)) == [(1, 0)]
    weak = np.stack([a[1] + 12 * rng.standard_normal((2, 64)), b[1]])
    assert align_layers(a.astype(np.float16), weak.astype(np.float16)) == [(0, 0), (1, 1)]
    assert align_layers(a[:0].astype(np.float16), b.astype(np.float16)) == []
