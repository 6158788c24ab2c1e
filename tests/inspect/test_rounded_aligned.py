"""Rotated and rounded: who was rounded shows in the coordinates of the one that lies on a grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import forebear
from disguises import disguise
from disguises.network import read, write
from edits import as_float32, move_gains
from forebear.lineage.direction import ENOUGH
from forebear.types import Comparison, Verdict
from models import tiny_llama

F32 = NDArray[np.float32]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_llama(tmp_path_factory.mktemp("rotated") / "base", seed=1, hidden=64, intermediate=128)
    move_gains(folder, 9)
    return folder


def both(one: Path, two: Path) -> tuple[Comparison, Comparison]:
    return forebear.compare(str(one), str(two)), forebear.compare(str(two), str(one))


@pytest.mark.sweep(2)
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("order", [["rotate"], ["rotate", "permute-neurons", "permute-heads"], ["permute-residual"]])
def test_the_rounded_one_is_the_later_one(base: Path, tmp_path: Path, order: list[str], bits: int) -> None:
    child = disguise(base, tmp_path / "child", [*order, f"int{bits}"])
    there, back = both(base, child)
    assert {"obfuscated", "quantized"} <= set(there.relation.details["kinds"])
    if bits == 4:  # with eight the error of the frame, bfloat16 on both sides, leaves little of a cell
        odds = [found.relation.details["direction"]["log_odds"] for found in (there, back)]
        assert odds[0] >= ENOUGH and odds[1] <= -ENOUGH
        # too few values are held against the grid to exclude a sibling that was trained at a tiny rate
        assert there.relation.direction == back.relation.direction == "unknown"
        assert there.verdict is Verdict.DEPENDENT and "rounded to a coarser grid" in there.why
    assert there.relation.direction != "b_to_a" and back.relation.direction != "a_to_b"


def turned(folder: Path, out: Path, seed: int, fill: float = 0.0) -> Path:
    """A copy in other coordinates, before that with noise of this size, of half a step, in every group of 32."""

    def move(name: str, values: F32) -> F32:
        if values.ndim < 2 or not fill or "layers" not in name:
            return values
        groups = values.reshape(-1, 32)
        half = np.abs(groups).max(axis=1, keepdims=True) / 14
        noise = np.random.default_rng(seed).uniform(-fill, fill, groups.shape)
        return np.asarray((groups + half * noise).reshape(values.shape), dtype=np.float32)

    return disguise(as_float32(folder, f"{out.name}-filled", move), out, ["rotate"], seed=seed)


@pytest.mark.sweep(3)
@pytest.mark.parametrize("fill", [0.0, 0.72, 0.98])
def test_a_quantised_model_that_was_turned_is_not_what_it_was_made_from(
    base: Path, tmp_path: Path, fill: float
) -> None:
    """Turned alone its values come out on the levels; filled before, its groups have not kept their largest values."""
    released = disguise(base, tmp_path / "released", ["fold-norms", "int4"])
    framed = turned(released, tmp_path / "famous-base", 7, fill)
    there, back = both(framed, released)
    assert there.related is True and "quantized" in there.relation.details["kinds"]
    assert there.relation.direction == back.relation.direction == "unknown"
    assert there.verdict is not Verdict.DERIVED


def test_a_fine_tune_in_between_leaves_it_open(base: Path, tmp_path: Path) -> None:
    network, rng = read(base), np.random.default_rng(3)
    moved = {
        r: (v + 0.02 * v.std() * rng.standard_normal(v.shape)).astype(np.float32) if v.ndim == 2 else v
        for r, v in network.weights.items()
    }
    sibling = write(network.with_(moved), tmp_path / "sibling")
    there, back = both(sibling, disguise(base, tmp_path / "child", ["rotate", "int4"]))
    assert "quantized" in there.relation.details["kinds"]
    assert there.relation.direction == back.relation.direction == "unknown"


def test_an_adapter_in_between_does_so_too(base: Path, tmp_path: Path) -> None:
    """The embeddings are equal, so the frame is as good as floats are; the values are not in their cells."""
    network, rng = read(base), np.random.default_rng(3)
    moved = {
        r: (v + 0.03 * v.std() * rng.standard_normal(v.shape)).astype(np.float32) if r.startswith("layers.") else v
        for r, v in network.weights.items()
        if v.ndim == 2
    }
    sibling = write(network.with_({**network.weights, **moved}), tmp_path / "sibling")
    there, back = both(sibling, disguise(base, tmp_path / "child", ["rotate", "int4"]))
    assert there.relation.direction == back.relation.direction == "unknown"
