"""Experts as sets: in any order, with some left out, copied or blended, by either of two kinds of weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from disguises import disguise
from disguises.network import Network, read, write
from forebear.artifacts import Artifact, read_artifact
from forebear.signals import experts as subject
from forebear.signals.aligned import align
from forebear.signals.experts import ExpertMap, _apart, _gates, expert_map, experts_of, map_of
from forebear.signals.frames import token_frame
from forebear.sources import LocalSource
from models import tiny, tiny_llama
from signals.held import held

EXPERTS = 6


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(
        tmp_path_factory.mktemp("moe") / "base", 5, family="mixtral", experts=EXPERTS, layers=2, hidden=128
    )


def opened(folder: Path) -> Artifact:
    return read_artifact(LocalSource(folder))


def mapped(a: Path, b: Path, layer: int = 0) -> ExpertMap:
    one, two = opened(a), opened(b)
    frame = token_frame(one, two)
    assert frame is not None
    found = expert_map(one, layer, two, layer, frame)
    assert found is not None
    return found


def rebuilt(network: Network, recipe: list[dict[int, float]]) -> Network:
    """The model whose experts are these weighted sums of the old ones."""
    made = {r: v for r, v in network.weights.items() if "experts" not in r}
    for layer in range(network.layers):
        stem = f"layers.{layer}."
        router = network.weights[f"{stem}router"]
        made[f"{stem}router"] = sum_of([{e: w * router[e] for e, w in parts.items()} for parts in recipe])
        for new, parts in enumerate(recipe):
            for part in ("gate", "up", "down"):
                old = {e: w * network.weights[f"{stem}experts.{e}.{part}"] for e, w in parts.items()}
                made[f"{stem}experts.{new}.{part}"] = sum_of([old])[0]
    return replace(network, weights=made)


def sum_of(rows: list[dict[int, np.ndarray]]) -> np.ndarray:
    return np.stack([np.sum(list(parts.values()), axis=0) for parts in rows]).astype(np.float32)


def test_an_order_is_read_and_confirmed_twice(base: Path, tmp_path: Path) -> None:
    order = [3, 0, 5, 1, 4, 2]
    moved = write(rebuilt(read(base), [{e: 1.0} for e in order]), tmp_path / "moved")
    found = mapped(base, disguise(moved, tmp_path / "b", ["permute-neurons", "rotate", "flip-neurons"], seed=1))
    assert found.order == order and found.confirmed.all() and found.by == ("router", "gate")
    assert not len(found.copies) and not len(found.blends)


def test_experts_that_were_dropped_copied_and_blended(base: Path, tmp_path: Path) -> None:
    recipe = [{4: 1.0}, {2: 1.0}, {4: 1.0}, {0: 0.5, 1: 0.5}]
    made = write(rebuilt(read(base), recipe), tmp_path / "made")
    found = mapped(base, disguise(made, tmp_path / "b", ["rotate"], seed=1))
    assert found.sizes == (EXPERTS, 4)
    assert found.order[1] == 2 and 4 in (found.order[0], found.order[2])
    assert {tuple(c) for c in found.copies.tolist()} <= {(4, 0), (4, 2)} and len(found.copies) == 1
    assert [(y, {x, z}) for y, x, z in found.blends.tolist()] == [(3, {0, 1})]
    assert {3, 5}.isdisjoint(found.pairs[:, 0].tolist())


@pytest.mark.parametrize("replaced", ["router", "gate"])
def test_either_kind_of_weights_may_be_replaced(base: Path, tmp_path: Path, replaced: str) -> None:
    network, rng = read(base), np.random.default_rng(0)
    new = {
        role: rng.standard_normal(v.shape).astype(np.float32) if role.endswith(replaced) else v
        for role, v in network.weights.items()
    }
    other = write(replace(network, weights=new), tmp_path / "other")
    found = mapped(base, disguise(other, tmp_path / "b", ["permute-experts", "rotate"], seed=1))
    assert sorted(e for e in found.order if e is not None) == list(range(EXPERTS))
    assert not found.confirmed.all()


def test_strangers_confirm_by_chance_and_no_expert_is_clear(tmp_path: Path) -> None:
    confirmed = expected = clear = 0.0
    for seed in range(12):
        a = tiny_llama(tmp_path / f"a{seed}", 2 * seed, family="mixtral", experts=EXPERTS, layers=1)
        b = tiny_llama(tmp_path / f"b{seed}", 2 * seed + 1, family="mixtral", experts=EXPERTS, layers=1)
        found = mapped(a, b)
        confirmed, expected = confirmed + found.confirmed.sum(), expected + found.expected
        clear += sum(e is not None for e in found.order)
    # pairs are each other's best by the better view, so one of the two views has chosen already
    assert confirmed <= expected + 4 * np.sqrt(expected) and clear <= 1


def test_a_dense_layer_has_no_experts(base: Path, tmp_path: Path) -> None:
    dense = opened(tiny("llama", tmp_path / "dense", 1))
    moe = opened(base)
    frame = token_frame(dense, moe)
    assert frame is not None
    assert expert_map(dense, 0, moe, 0, frame) is None
    assert (experts_of(dense, 0), experts_of(moe, 0)) == (0, EXPERTS)


def test_very_large_layers_are_known_by_their_routers(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MOST_VALUES", 1)
    found = mapped(base, base)
    assert found.by == ("router",) and found.order == list(range(EXPERTS)) and not found.confirmed.any()


def test_coins_of_experts_are_found_without_the_old_routers(base: Path, tmp_path: Path) -> None:
    network, rng = read(base), np.random.default_rng(0)
    new = {
        r: rng.standard_normal(v.shape).astype(np.float32) if r.endswith("router") else v
        for r, v in network.weights.items()
    }
    other = write(replace(network, weights=new), tmp_path / "other")
    b = opened(disguise(other, tmp_path / "b", ["permute-experts", "permute-neurons", "rotate"], seed=3))
    a = opened(base)
    frame = token_frame(a, b)
    assert frame is not None
    coins = align(a, b, frame, frozenset({"experts"}), 0).cells
    assert sum(c.n for c in coins) == sum(c.agree for c in coins) == 2 * 128  # each expert shows a share of its own


# -- by hand -----------------------------------------------------------------------------------------------------------


def likeness(*rows: list[float]) -> np.ndarray:
    return np.array(rows, np.float32)


def test_experts_are_paired_where_each_is_the_others_best() -> None:
    """Of B's four experts the last is like A's first as well, a copy; the third like two of A's, a blend."""
    router = likeness([0.9, 0.1, 0.0, 0.7], [0.2, 0.8, 0.5, 0.1], [0.1, 0.3, 0.6, 0.2])
    found = map_of({"router": router}, 0.05)
    assert (found.sizes, found.by, found.least) == ((3, 4), ("router",), 0.25)
    assert found.pairs.tolist() == [[0, 0], [1, 1], [2, 2]] and found.order == [0, 1, 2, None]
    assert found.likeness.tolist() == pytest.approx([0.9, 0.8, 0.6]) and not found.confirmed.any()
    assert found.copies.tolist() == [[0, 3]] and found.blends.tolist() == [[2, 2, 1]] and found.expected == 1.0
    unclear = map_of({"router": router}, 0.13)
    assert unclear.least == pytest.approx(0.65) and unclear.order == [0, 1, None, None]
    assert unclear.copies.tolist() == [[0, 3]] and unclear.blends.tolist() == []
    assert map_of({"router": router}, 0.15).copies.tolist() == []  # less than 0.75 is spoken of


@pytest.mark.parametrize(("second", "counts"), [(0.751, True), (0.749, False)])
def test_a_second_likeness_counts_from_three_quarters_of_the_best_on(second: float, counts: bool) -> None:
    copied = map_of({"gate": likeness([1.0, second])}, 0.01)
    assert copied.copies.tolist() == ([[0, 1]] if counts else []) and copied.pairs.tolist() == [[0, 0]]
    blended = map_of({"gate": likeness([1.0], [second])}, 0.01)
    assert blended.blends.tolist() == ([[0, 0, 1]] if counts else []) and blended.copies.shape == (0, 2)


def test_two_kinds_of_weights_confirm_each_other_and_the_better_one_pairs() -> None:
    router, gate = likeness([0.9, 0.1], [0.2, 0.3]), likeness([0.8, 0.7], [0.1, 0.6])
    both = map_of({"router": router, "gate": gate}, 0.05)
    assert both.pairs.tolist() == [[0, 0]] and both.confirmed.tolist() == [True]  # B's second is most like A's first
    turned = map_of({"router": router, "gate": likeness([0.2, 0.1], [0.3, 0.5])}, 0.05)
    assert turned.pairs.tolist() == [[0, 0], [1, 1]] and turned.confirmed.tolist() == [False, True]
    assert turned.likeness.tolist() == pytest.approx([0.9, 0.5]) and turned.by == ("router", "gate")


def test_what_all_router_rows_have_in_common_is_taken_out_and_gate_rows_are_summed() -> None:
    assert _apart(likeness([1, 2], [3, 6])).tolist() == [[-1, -2], [1, 2]]
    assert _apart(likeness([1, 2])).tolist() == [[1, 2]]
    gates = {f"layers.0.experts.{e}.gate": np.array(v) for e, v in enumerate(([[3.0, 4], [0, 2]], [[0, 0], [5, 0]]))}
    model = held({"embed": np.ones((2, 2)), **gates}, family="mixtral")
    basis = np.array([[1, 0, 2], [0, 1, 0]], np.float32)
    found = _gates(model, 0, 2, basis)
    assert found is not None and found == pytest.approx(np.array([[0.6, 1.8, 1.2], [1, 0, 2]]), abs=1e-6)
    assert _gates(model, 0, 3, basis) is None and _gates(replace(model, geometry=None), 0, 2, basis) is None
    assert experts_of(model, 0) == 2 and experts_of(model, 1) == 0
