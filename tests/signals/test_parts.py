"""Parts of two models of unequal width, held against each other one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from disguises import disguise
from disguises.network import read, write
from forebear.artifacts import Artifact, read_artifact
from forebear.signals.floats import precision, rounded
from forebear.signals.frames import token_frame
from forebear.signals.part_dimensions import dimensions_kept
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
from models import tiny, tiny_llama

F32 = NDArray[np.float32]
STRAIGHT = [(k, k) for k in range(4)]


def opened(folder: Path) -> Artifact:
    return read_artifact(open_source(str(folder)))


def grown(base: Path, out: Path, new: Mapping[str, F32], layer: int) -> Path:
    """One neuron more in every MLP: of this layer with these weights, elsewhere zeros."""
    network = read(base)

    def grow(role: str, x: F32) -> F32:
        row = new[role.split("mlp.")[1]][None]
        return np.concatenate([x, row if role.startswith(f"layers.{layer}.") else 0 * x[:1]]).astype(np.float32)

    return write(network.along("neuron", grow), out)


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


@pytest.mark.parametrize("family", ["llama", "mixtral", "gpt2"])
def test_pruned_neurons_are_named_in_their_order(tmp_path: Path, family: str) -> None:
    base = tiny(family, tmp_path / "base", 1)
    narrow = disguise(base, tmp_path / "narrow", ["prune-neurons", "permute-neurons"])
    a, b = opened(narrow), opened(base)
    assert a.geometry is not None and b.geometry is not None and a.geometry.intermediate and b.geometry.intermediate
    kept = neurons_kept(a, b, STRAIGHT, in_place(a.geometry.width))
    assert kept is not None and kept.equal and kept.drift == pytest.approx(0, abs=1e-6)
    extras, more = kept.extras, b.geometry.intermediate - a.geometry.intermediate
    assert extras is not None and extras.total == kept.found * more // a.geometry.intermediate
    assert extras.own == extras.total - extras.near and extras.own > 0.9 * extras.total  # some are near by chance
    assert a.names.keys() == b.names.keys()
    ours, theirs = (
        next(v for r, v in read(folder).weights.items() if r.endswith("up") and r.startswith("layers.0"))
        for folder in (narrow, base)
    )
    pairs = np.array(next(pairs for where, pairs in kept.map.items() if where.startswith("0")))
    assert np.array_equal(ours[pairs[:, 0]], theirs[pairs[:, 1]])


def test_one_more_neuron_is_what_its_rows_make_of_it(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", seed=1, hidden=64, intermediate=64)
    rng = np.random.default_rng(2)
    weights = read(base).weights
    first = {part: weights[f"layers.0.mlp.{part}"] for part in ("gate", "up", "down")}
    late = {part: weights[f"layers.2.mlp.{part}"] for part in first}
    late = {part: v[:, 7] if part == "down" else v[7] for part, v in late.items()}
    drawn = {part: (0.08 * rng.standard_normal(64)).astype(np.float32) for part in first}
    twin = {"gate": -3 * first["gate"][5], "up": drawn["up"], "down": drawn["down"]}
    cases = {
        "own": (drawn, 0, Extras(own=1)),
        "near": ({**drawn, "down": drawn["down"] * np.float32(1e-3)}, 0, Extras(near=1)),
        "idle": ({**drawn, "down": 0 * drawn["down"]}, 0, Extras(idle=1)),
        "silent": ({**drawn, "up": 0 * drawn["up"]}, 0, Extras(idle=1)),
        "closed": ({**drawn, "gate": 0 * drawn["gate"]}, 0, Extras(idle=1)),
        "untold": ({**drawn, "up": np.where(np.arange(64) == 9, np.inf, drawn["up"])}, 0, Extras(untold=1)),
        "copy": (twin, 0, Extras(copies=1)),
        "new there": (twin, 1, Extras(own=1)),
        "of the next": (late, 1, Extras(copies=1)),
        "of the last": (late, 3, Extras(own=1)),
    }
    for name, (new, layer, expected) in cases.items():
        a, b = opened(base), opened(grown(base, tmp_path / name, new, layer))
        kept = neurons_kept(a, b, STRAIGHT, in_place(64))
        assert kept is not None and kept.equal and kept.extras == expected + Extras(idle=3), name


def test_moved_and_missing_parts_are_not_equal(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", seed=1, hidden=64, intermediate=64)
    narrow = disguise(base, tmp_path / "narrow", ["prune-neurons", "noise:0.02"])
    kept = neurons_kept(opened(narrow), opened(base), STRAIGHT, in_place(64))
    assert kept is not None and kept.found == kept.of and not kept.equal and kept.drift == pytest.approx(0.02, rel=0.2)
    stranger = tiny_llama(tmp_path / "stranger", seed=2, hidden=64, intermediate=32)
    lost = neurons_kept(opened(stranger), opened(base), STRAIGHT, in_place(64))
    assert lost is not None and lost.found < lost.of / 8 and not lost.equal


def test_query_heads_are_held_against_each_other_inside_of_groups_too(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", seed=1, hidden=64, intermediate=64, heads=8, kv_heads=2, head_dim=8)
    network = read(base)
    rows = np.concatenate([np.arange(24), np.arange(32, 56)])  # the last query head of both groups less
    fewer = network.along("query mixed", lambda _, x: x[rows])
    narrow = write(fewer.with_(fewer.weights, heads=6), tmp_path / "narrow")
    kept = heads_kept(opened(narrow), opened(base), STRAIGHT, in_place(64))
    assert kept is not None and kept.equal and kept.extras == Extras(own=8)
    assert kept.map["0"] == [[0, 0], [1, 1], [2, 2], [3, 4], [4, 5], [5, 6]]


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


def test_heads_of_another_size_are_not_held_against_each_other(tmp_path: Path) -> None:
    one = tiny_llama(tmp_path / "one", seed=1, hidden=64, heads=8, kv_heads=2, head_dim=8)
    two = tiny_llama(tmp_path / "two", seed=1, hidden=64, heads=4, kv_heads=2, head_dim=16)
    assert heads_kept(opened(one), opened(two), STRAIGHT, in_place(64)) is None


def test_dimensions_are_held_against_each_other_by_the_frame(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", seed=1, hidden=64, intermediate=64)
    narrow = disguise(base, tmp_path / "narrow", ["prune-residual", "permute-residual"])
    a, b = opened(narrow), opened(base)
    frame = token_frame(a, b)
    assert frame is not None
    kept = dimensions_kept(a, b, frame)
    assert kept is not None and kept.equal and kept.found == 56 and kept.extras == Extras(own=8)
    assert dimensions_kept(b, b, in_place(64)) is None
    rotated = opened(disguise(narrow, tmp_path / "rotated", ["rotate"]))
    turned = token_frame(rotated, b)
    assert turned is not None and dimensions_kept(rotated, b, turned) is None
