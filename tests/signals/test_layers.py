"""Layers find their like in a common frame, whatever their order and number, and no flip moves one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from disguises import disguise
from disguises.network import read as taken_apart
from disguises.network import write
from disguises.surgery import with_layers
from forebear.artifacts import Artifact, read_artifact
from forebear.signals import layers
from forebear.signals.frames import token_frame
from forebear.signals.layers import layer_map
from forebear.sources import open_source
from models import tiny, tiny_llama

ORDERS = {
    "as they were": [0, 1, 2, 3],
    "in another order": [2, 0, 3, 1],
    "one dropped": [0, 2, 3],
    "some twice": [0, 1, 2, 1, 2, 3],
    "one alone": [2],
}


def opened(folder: Path) -> Artifact:
    return read_artifact(open_source(str(folder)))


def found(a: Path, b: Path) -> list[tuple[int, int]]:
    one, two = opened(a), opened(b)
    frame = token_frame(one, two)
    assert frame is not None
    return layer_map(one, two, frame)


@pytest.mark.parametrize("family", ["llama", "mixtral", "gpt2", "gpt_neox"])
@pytest.mark.parametrize("order", list(ORDERS.values()), ids=list(ORDERS))
def test_layers_are_found_whatever_their_order_and_number(family: str, order: list[int], tmp_path: Path) -> None:
    base = tiny(family, tmp_path / "base", 1)
    moved = write(with_layers(taken_apart(base), order), tmp_path / "moved")
    child = disguise(moved, tmp_path / "child", ["permute-neurons", "permute-heads", "rotate", "noise:0.3"], 2)
    there, back = found(base, child), [(i, j) for j, i in found(child, base)]
    for pairs in (there, back):
        assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs) == min(4, len(order))
        right = [(i, j) for i, j in pairs if order[j] == i]
        assert len(right) == len(set(order)), pairs  # every original once, before a copy is asked


def test_layers_of_independent_models_stay_in_their_order(tmp_path: Path) -> None:
    a, b = (tiny_llama(tmp_path / str(s), s, hidden=128, layers=6) for s in (1, 2))
    assert found(a, b) == [(k, k) for k in range(6)]


@pytest.mark.parametrize("family", ["llama", "qwen3", "mixtral", "gpt2"])
@pytest.mark.parametrize("flip", ["flip-neurons?", "flip-planes", "flip-values", "flip-residual?"])
def test_no_flip_of_the_reference_moves_a_layer(family: str, flip: str, tmp_path: Path) -> None:
    """Against a child, a stranger, and a stranger of another family with which only up rows or keys are shared."""
    base = tiny(family, tmp_path / "base", 1)
    others = {"stranger": tiny(family, tmp_path / "stranger", 2), "odd": tiny("gpt_neox", tmp_path / "odd", 3)}
    others["child"] = disguise(base, tmp_path / "child", ["permute-neurons", "reorder-layers", "rotate"], 1)
    flipped = [disguise(base, tmp_path / f"flipped{k}", [flip], k) for k in range(3)]
    for other in others.values():
        expected = found(base, other)
        assert len(expected) == 4
        assert all(found(one, other) == expected for one in flipped)


def test_of_deep_models_a_part_is_compared_and_of_wide_ones_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tiny_llama(tmp_path / "deep", 1, hidden=16, head_dim=4, layers=40, intermediate=24)
    pairs = found(deep, deep)
    assert all(i == j for i, j in pairs) and len(pairs) == layers.MOST_LAYERS
    assert (pairs[0], pairs[-1]) == ((0, 0), (39, 39))
    monkeypatch.setattr(layers, "MOST_VALUES", 16 * 24 * 5)
    assert len(found(deep, deep)) == 5


@pytest.mark.filterwarnings("error")
def test_layers_without_anything_to_ask_are_not_compared(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", 1)
    network = taken_apart(base)
    bare = {r: v for r, v in network.weights.items() if not r.startswith("layers.2.mlp") and "layers.2.attn.k" not in r}
    nothing = {r: np.zeros_like(v) if "gate" in r else v for r, v in network.weights.items()}
    assert [j for _, j in found(base, write(network.with_(bare), tmp_path / "bare"))] == [0, 1, 3]
    assert len(found(base, write(network.with_(nothing), tmp_path / "zero"))) == 4
