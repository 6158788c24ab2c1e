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
    EXACT,
    MOST_KEPT,
    Extras,
    alike_rounded,
    drift_of,
    in_place,
    judged,
    others,
    shown,
    weak_beside,
)
from forebear.sources import open_source
from models import tiny_llama

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
