"""Layers find their like in a common frame, whatever their order and number, and no flip moves one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from disguises import disguise
from disguises.network import read as taken_apart
from disguises.network import write
from disguises.surgery import with_layers
from forebear.artifacts import Artifact, read_artifact
from forebear.signals import layers
from forebear.signals.frames import MATCHING, Frame, token_frame
from forebear.signals.layers import KINDS, UNFLIPPED, _chosen, _likeness, _Rows, layer_map
from forebear.sources import open_source
from models import tiny, tiny_llama
from signals.held import held

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


# -- by hand -----------------------------------------------------------------------------------------------------------

Rows = list[list[float]]


def same(rows: np.ndarray, most: int) -> np.ndarray:
    assert most == MATCHING
    return rows


def of(weights: dict[str, Rows], family: str = "llama", most: int = 64) -> _Rows:
    return _Rows(
        held({"embed": [[1.0, 1.0]], **{f"layers.0.{p}": v for p, v in weights.items()}}, family=family), same, most
    )


def likeness(ours: dict[str, Rows], theirs: dict[str, Rows], family: str = "llama") -> float:
    return _likeness(of(ours, family), 0, of(theirs, family), 0)


def test_a_layer_is_as_like_as_its_neurons_are_to_their_like_on_average() -> None:
    ours: Rows = [[2, 0], [0, 5]]
    assert likeness({"mlp.gate": ours}, {"mlp.gate": [[3, 0], [0, 1]]}) == pytest.approx(1)
    assert likeness({"mlp.gate": ours}, {"mlp.gate": [[0, 9], [3, 4]]}) == pytest.approx((1 + 0.8) / 2)
    assert likeness({"mlp.gate": [[3, 4]]}, {"mlp.gate": ours}) == pytest.approx((0.6 + 0.8) / 2)
    assert likeness({"mlp.gate": [[0, 0]]}, {"mlp.gate": ours}) == 0.0


def test_signs_count_only_where_no_flip_changes_them() -> None:
    """A neuron's gate row has its sign, its up row and keys may be turned over."""
    ours, theirs = [[1.0, 0.0]], [[-1.0, 0.0]]
    assert set(UNFLIPPED) == {"gate", "router"}
    assert likeness({"mlp.gate": ours}, {"mlp.gate": theirs}) == pytest.approx(-1)
    assert likeness({"mlp.up": ours}, {"mlp.up": theirs}) == pytest.approx(1)
    assert likeness({"attn.k": ours}, {"attn.k": theirs}) == pytest.approx(1)


def test_the_best_kind_that_both_have_is_asked() -> None:
    """Gates before routers, up rows and keys; where there is none in common there is nothing to ask."""
    alike, other = [[1.0, 0.0]], [[0.0, 1.0]]
    both = {"mlp.gate": alike, "mlp.up": alike, "attn.k": alike}
    assert likeness(both, {"mlp.gate": other, "mlp.up": alike, "attn.k": alike}) == pytest.approx(0)
    assert likeness(both, {"mlp.up": alike, "attn.k": other}) == pytest.approx(1)
    assert likeness(both, {"attn.k": other}) == pytest.approx(0)
    assert likeness({"mlp.gate": alike}, {"mlp.up": alike}) == likeness({}, {"mlp.up": alike}) == -1.0
    assert list(dict.fromkeys(KINDS.values())) == ["gate", "router", "up", "key"]
    mixed = {"router": alike, "experts.0.gate": alike, "mlp.up": alike}
    assert of(mixed, "mixtral").kinds(0) == {"router": "router", "gate": "experts.0.gate", "up": "mlp.up"}
    assert of({"mlp.gate": alike, "experts.0.gate": alike}, "mixtral").kinds(0) == {"gate": "mlp.gate"}
    assert of(mixed, "mixtral").kinds(1) == {}


def test_rows_are_read_once_and_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = of({"mlp.up": [[k + 1.0, 1.0] for k in range(9)]}, most=3)
    found = rows.of(0, "mlp.up")
    assert found is not None and (found[:, 0] / found[:, 1]).tolist() == pytest.approx([1, 5, 9])
    monkeypatch.setattr(layers, "seen", None)
    assert rows.of(0, "mlp.up") is found and rows.of(0, "mlp.gate") is None and rows.of(1, "mlp.up") is None


def stack(*gates: Rows) -> Artifact:
    return held({"embed": [[1.0, 1.0]], **{f"layers.{k}.mlp.gate": rows for k, rows in enumerate(gates)}})


def mapped(a: Artifact, b: Artifact) -> list[tuple[int, int]]:
    plain = np.eye(2, dtype=np.float32)
    return layer_map(a, b, Frame(plain, plain, 1, "tokens"))


@pytest.mark.parametrize(("cosine", "moved"), [(0.76, False), (0.74, True)])
def test_a_layer_stays_where_it_is_three_quarters_as_like_as_the_best(cosine: float, moved: bool) -> None:
    """Layer 0 of B is layer 1 of A, and this much like layer 0 of A."""
    first, second = [[1.0, 0.0]], [[cosine, (1 - cosine**2) ** 0.5]]
    swapped = [(1, 0), (0, 1)]
    assert mapped(stack(first, second), stack(second, first)) == (swapped if moved else [(0, 0), (1, 1)])
    # where the numbers of layers differ they tell nothing
    assert mapped(stack(first, second, [[-1.0, 0.0]]), stack(second, first)) == swapped


def test_the_most_alike_layers_are_paired_first() -> None:
    """Both layers of B are most like A's first: the second one is it exactly."""
    near, far = [[0.9, 0.19**0.5]], [[-1.0, 0.0]]
    assert mapped(stack([[1.0, 0.0]], far, far), stack(near, [[1.0, 0.0]])) == [(1, 0), (0, 1)]
    assert mapped(stack([[1.0, 0.0]]), stack(near, [[1.0, 0.0]])) == [(0, 1)]


def test_models_whose_sizes_are_not_known_have_no_layers_to_pair() -> None:
    model, plain = stack([[1.0, 0.0]]), np.eye(2, dtype=np.float32)
    frame = Frame(plain, plain, 1, "tokens")
    unknown = replace(model, geometry=None)
    assert layer_map(model, model, frame) == [(0, 0)]
    assert layer_map(unknown, model, frame) == layer_map(model, unknown, frame) == []
    assert layer_map(held({"embed": [[1.0, 1.0]]}), held({"embed": [[1.0, 1.0]]}), frame) == []


def test_as_many_layers_are_chosen_as_may_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen(number: int, **sizes: Any) -> list[int]:
        return _chosen(held({"embed": [[1.0] * 10]}, layers=number, **sizes))

    assert chosen(3) == [0, 1, 2] and chosen(16) == list(range(16))
    assert chosen(31) == list(range(0, 31, 2))
    monkeypatch.setattr(layers, "MOST_VALUES", 6 * 400)  # of a matrix without a stated height: four times its width
    assert len(chosen(31)) == 6 and len(chosen(31, intermediate=48)) == 5 and len(chosen(31, intermediate=30)) == 8
    assert chosen(31, intermediate=1_000) == [0, 10, 20, 30]  # four at least
