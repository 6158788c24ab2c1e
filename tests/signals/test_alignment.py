"""Which layers and experts of two models belong together: signatures by hand, and orders that are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

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
