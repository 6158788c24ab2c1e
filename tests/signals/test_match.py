"""Neurons find their like by different weights: copies do, whatever was done around them, and strangers by chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from disguises import disguise
from disguises.network import read, write
from disguises.surgery import with_layers
from forebear.artifacts import Artifact, read_artifact
from forebear.signals import match as subject
from forebear.signals.experts import ExpertMap
from forebear.signals.frames import Frame, token_frame
from forebear.signals.layers import layer_map
from forebear.signals.match import (
    EXPERTS,
    LayerMatch,
    Match,
    Neurons,
    _beside,
    _neurons,
    _stems,
    compare_layers,
    match_neurons,
    spearman,
    stems_of,
)
from forebear.signals.matching import unit
from forebear.sources import LocalSource
from models import tiny, tiny_llama
from signals.held import held

FLIPS = ["permute-neurons", "permute-heads", "rotate", "flip-neurons?", "flip-values", "flip-planes"]
"""A rotation with every sign flipped on top: no coin is left that lines up."""


def opened(folder: Path) -> Artifact:
    return read_artifact(LocalSource(folder))


def matched(a: Path, b: Path) -> Match:
    one, two = opened(a), opened(b)
    frame = token_frame(one, two)
    assert frame is not None
    found = match_neurons(one, two, frame, layer_map(one, two, frame), {})
    assert found is not None
    return found


def neurons(seed: int, count: int = 300, width: int = 48) -> Neurons:
    rng = np.random.default_rng(seed)
    views = {v: unit(rng.standard_normal((count, width)).astype(np.float32)) for v in ("gate", "up", "down")}
    return Neurons(views, np.arange(count), count)


def chosen(given: Neurons, rows: np.ndarray, signs: np.ndarray | None = None) -> Neurons:
    flip = np.ones(len(rows), dtype=np.float32) if signs is None else signs
    views = {v: x[rows] * (1 if v == "gate" else flip[:, None]) for v, x in given.views.items()}
    return Neurons(views, np.arange(len(rows)), len(rows))


def test_a_copy_is_found_in_any_order_with_any_signs_and_a_part_of_it_as_a_part() -> None:
    ours, rng = neurons(0), np.random.default_rng(1)
    rows = rng.permutation(300)[:120]
    found = compare_layers(ours, chosen(ours, rows, rng.choice(np.array([-1, 1], dtype=np.float32), 120)), 2, 3)
    assert found is not None and (found.a, found.b) == (2, 3)
    assert found.agree == {"up": 120, "down": 120} and found.share == 1.0
    assert found.kept.tolist() == [[int(row), k] for k, row in enumerate(rows)]
    assert found.retained == pytest.approx(120 / 300)
    assert found.rank_correlation == pytest.approx(1.0) and found.closeness == pytest.approx(1.0)


def test_a_flipped_gate_is_another_neuron() -> None:
    """A gate's sign is no symmetry, so it is held against the gate with its sign."""
    ours = neurons(0)
    theirs = Neurons({**ours.views, "gate": -ours.views["gate"]}, ours.indices, ours.size)
    found = compare_layers(ours, theirs, 0, 0)
    assert found is not None and found.count <= 10


def test_strangers_agree_as_often_as_chance_says() -> None:
    counts, expected = [], []
    for seed in range(40):
        found = compare_layers(neurons(2 * seed), neurons(2 * seed + 1), 0, 0)
        assert found is not None
        counts += list(found.agree.values())
        expected.append(found.expected)
    total, chance = sum(counts), 2 * sum(expected)
    assert abs(total - chance) <= 5 * np.sqrt(chance), (total, chance)


def test_neurons_that_everybody_is_like_raise_what_is_expected() -> None:
    """Where one neuron of A is the like of all by every view, agreement says nothing, and the chance says so."""
    ours, theirs = neurons(0), neurons(1)
    common = unit(np.ones((1, 48), dtype=np.float32))
    for side in (ours, theirs):
        for view, rows in side.views.items():
            side.views[view] = unit(rows + (20 if side is theirs else 0) * common)
    for rows in ours.views.values():
        rows[7] = common
    found = compare_layers(ours, theirs, 0, 0)
    assert found is not None and found.share > 0.9
    assert found.expected > 0.8 * found.probes


def test_rows_of_zeros_neither_ask_nor_answer() -> None:
    ours, theirs = neurons(0), neurons(0)
    theirs.views["up"][:100] = 0
    ours.views["down"][200:] = 0
    found = compare_layers(ours, theirs, 0, 0)
    assert found is not None and found.probes == 200
    assert found.agree["up"] == 200 and 100 <= found.agree["down"] < 110
    assert compare_layers(ours, chosen(theirs, np.arange(50)), 0, 0) is None


def test_the_rank_correlation_is_that_of_the_ranks() -> None:
    assert spearman(np.array([3, 1, 2]), np.array([30, 10, 20])) == pytest.approx(1.0)
    assert spearman(np.array([1, 2, 3]), np.array([3, 2, 1])) == pytest.approx(-1.0)
    assert spearman(np.array([1, 1, 2]), np.array([1, 2, 2])) == pytest.approx(0.5)
    assert spearman(np.array([4, 4, 4]), np.array([1, 2, 3])) == 0.0


@pytest.mark.parametrize("family", ["llama", "qwen2", "mixtral", "gpt2", "gpt_neox"])
def test_flips_on_top_of_a_rotation_leave_every_neuron_to_be_found(family: str, tmp_path: Path) -> None:
    base = tiny(family, tmp_path / "base", 1)
    found = matched(base, disguise(base, tmp_path / "b", FLIPS, seed=2))
    assert len(found.layers) == 4 and found.share > 0.99
    assert found.views == (("up", "down") if family in ("gpt2", "gpt_neox") else ("gate", "up", "down"))
    assert max(found.elsewhere(layer) / layer.probes for layer in found.layers) < 0.1
    stranger = matched(tiny(family, tmp_path / "other", 3), base)
    assert stranger.share < 0.05


def test_what_the_coins_flip_changes_nothing(tmp_path: Path) -> None:
    """Counts are the same to the last neuron for every set of signs, so nothing here depends on a tested sign."""
    base = tiny_llama(tmp_path / "base", 1)
    other = tiny_llama(tmp_path / "other", 2)
    first, second = (
        matched(base, disguise(other, tmp_path / str(k), ["flip-neurons", "flip-values", "flip-planes"], seed=k))
        for k in range(2)
    )
    assert [layer.agree for layer in first.layers] == [layer.agree for layer in second.layers]
    assert first.matrix() == second.matrix()


def test_the_neurons_that_a_pruned_model_kept_are_named(tmp_path: Path) -> None:
    """The true ones: those with exactly these gate rows, before the rotation."""
    base = tiny_llama(tmp_path / "base", 1, dtype="F32")
    pruned = disguise(base, tmp_path / "pruned", ["prune-neurons:0.5", "permute-neurons"], seed=1)
    found = matched(base, disguise(pruned, tmp_path / "b", ["rotate", "flip-neurons"], seed=2))
    before, after = read(base).weights, read(pruned).weights
    for layer in found.layers:
        assert layer.retained == pytest.approx(0.5, abs=0.01)
        rows = before[f"layers.{layer.a}.mlp.gate"], after[f"layers.{layer.b}.mlp.gate"]
        assert all(np.array_equal(rows[0][x], rows[1][y]) for x, y in layer.kept) and len(layer.kept) == 64


def test_layers_are_found_where_they_went(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", 1)
    turned = write(with_layers(read(base), [2, 0, 3]), tmp_path / "turned")
    found = matched(base, disguise(turned, tmp_path / "b", FLIPS, seed=1))
    assert [(layer.a, layer.b) for layer in found.layers] == [(2, 0), (0, 1), (3, 2)]
    assert {(a, b) for a, b, share in found.matrix() if share > 0.5} == {(2, 0), (0, 1), (3, 2)}
    assert len(found.matrix()) == 12


def test_copied_layers_of_the_reference_are_no_controls_for_each_other(tmp_path: Path) -> None:
    small = read(tiny_llama(tmp_path / "small", 1))
    base = write(with_layers(small, [0, 1, 1, 2, 3]), tmp_path / "base")
    found = matched(base, disguise(base, tmp_path / "b", FLIPS, seed=1))
    assert {frozenset(pair) for pair in found.copies} == {frozenset((1, 2))}
    assert max(found.elsewhere(layer) for layer in found.layers) < 0.2 * found.layers[0].probes


def test_experts_are_searched_together_and_a_dense_origin_is_found(tmp_path: Path) -> None:
    moe = tiny("mixtral", tmp_path / "moe", 1)
    network = read(moe)
    dense = {
        role.replace("experts.0.", "mlp."): values
        for role, values in network.weights.items()
        if "experts" not in role or "experts.0." in role
        if not role.endswith("router")
    }
    one = matched(moe, disguise(moe, tmp_path / "b", ["permute-experts", *FLIPS], seed=1))
    assert one.share == 1.0 and one.layers[0].neurons == (512, 512)
    llama = read(tiny_llama(tmp_path / "llama", 9))
    write(llama.with_(dense), tmp_path / "dense")
    two = matched(tmp_path / "dense", disguise(moe, tmp_path / "c", FLIPS, seed=2))
    assert two.layers[0].neurons == (128, 512)
    assert two.share == pytest.approx(0.25, abs=0.03)  # the neurons of the one expert that it was made from


def test_gates_and_none_cannot_be_compared(tmp_path: Path) -> None:
    a, b = opened(tiny("gpt2", tmp_path / "a", 1)), opened(tiny_llama(tmp_path / "b", 2))
    frame = Frame(np.eye(64, dtype=np.float32), np.eye(64, dtype=np.float32), 64, "tokens")
    assert match_neurons(a, b, frame, [(0, 0), (1, 1)], {}) is None


def test_work_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too much for all pairs: neighbours remain as controls; too much to read: the matched layers alone are."""
    base = tiny_llama(tmp_path / "base", 1, layers=6)
    part = write(with_layers(read(base), [0, 3]), tmp_path / "part")
    assert len(matched(base, part).matrix()) == 12
    monkeypatch.setattr(subject, "WORK", 0)
    assert {(a, b) for a, b, _ in matched(base, part).matrix()} == {(0, 0), (1, 0), (2, 1), (3, 1), (4, 1)}
    monkeypatch.setattr(subject, "MOST_VALUES", 0)
    assert {(a, b) for a, b, _ in matched(base, part).matrix()} == {(0, 0), (3, 1)}


def test_values_out_of_range_cost_neurons_and_nothing_else(tmp_path: Path) -> None:
    base = read(tiny_llama(tmp_path / "base", 1, dtype="F32"))
    broken = dict(base.weights)
    for part, value in (("gate", 3e38), ("up", np.nan), ("down", 0.0)):
        broken[f"layers.1.mlp.{part}"] = broken[f"layers.1.mlp.{part}"].copy()
        broken[f"layers.1.mlp.{part}"][..., :40] = value
    broken["layers.2.mlp.up"] = np.full_like(broken["layers.2.mlp.up"], 3e38)
    found = matched(tmp_path / "base", write(base.with_(broken), tmp_path / "broken"))
    whole = {layer.b: layer.share for layer in found.layers}
    assert whole[0] == whole[3] == 1.0 and whole.get(2, 0.0) < 0.1


def test_every_layer_is_a_control_until_that_costs_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: 4 layers against 2, 512 probes, 3 x 64 x 128 values a layer, 40 dimensions of 64."""
    model = opened(tiny_llama(tmp_path / "model", seed=1))
    pairs, work = [(0, 0), (3, 1)], 4 * 2 * 512 * (3 * 64 * 128) // 64 * 40
    all_of_b = [(i, [0, 1]) for i in range(4)]
    monkeypatch.setattr(subject, "WORK", work)
    assert subject._plan(model, pairs, 40) == (all_of_b, 512)
    assert subject._plan(model, pairs, 41) == ([(0, [0]), (1, [0]), (2, [1]), (3, [1])], 128)
    monkeypatch.setattr(subject, "MOST_VALUES", 4 * 3 * 64 * 128)
    assert subject._plan(model, pairs, 40)[0] == all_of_b
    monkeypatch.setattr(subject, "MOST_VALUES", 4 * 3 * 64 * 128 - 1)
    assert subject._plan(model, pairs, 40) == ([(0, [0, 1]), (3, [0, 1])], 512)


# -- by hand -----------------------------------------------------------------------------------------------------------


def layer(a: int, b: int, agree: Sequence[int] = (6, 8), probes: int = 10, kept: int = 5) -> LayerMatch:
    views = dict(zip(("up", "down"), agree, strict=False))
    return LayerMatch(a, b, probes, (20, 40), views, 1.0, 0.5, 0.1 * b, np.zeros((kept, 2), np.int64))


def test_a_layer_counts_by_the_view_that_agrees_least() -> None:
    """Half of those that looked have kept theirs: twenty of forty, which is all that the other layer has."""
    found = layer(0, 0)
    assert (found.count, found.share, found.retained) == (6, 0.6, 1.0)
    assert layer(0, 0, kept=2).retained == pytest.approx(0.4) and layer(0, 0, kept=9).retained == 1.0


def test_two_models_are_as_alike_as_their_layers_on_average() -> None:
    straight = (layer(0, 1), layer(2, 3, (2, 9)))
    others = (layer(1, 1, (4, 4)), layer(3, 1, (5, 7)), layer(9, 1, (3, 3)), layer(0, 3, (10, 10)))
    found = Match(("gate", "up", "down"), straight, others, frozenset({(0, 3)}))
    assert found.share == pytest.approx(0.4) and found.closeness == pytest.approx(0.2)
    assert found.elsewhere(straight[0]) == 4 and found.elsewhere(straight[1]) == 10  # (0, 3) is a copy of layer 0
    assert replace(found, copies=frozenset()).elsewhere(straight[0]) == 5
    assert replace(found, others=()).elsewhere(straight[0]) == 0
    assert found.matrix() == [(0, 1, 0.6), (0, 3, 1.0), (1, 1, 0.4), (2, 3, 0.2), (3, 1, 0.5), (9, 1, 0.3)]
    empty = Match(("up", "down"), ())
    assert (empty.share, empty.closeness, empty.matrix()) == (0.0, 0.0, [])


def views(indices: Sequence[int], **rows: Sequence[Sequence[float]]) -> Neurons:
    return Neurons({v: np.array(r, np.float32) for v, r in rows.items()}, np.array(indices), 9)


def test_neurons_look_for_their_like_by_every_view() -> None:
    """Three find 0, 1 and 1 by their rows, 0, 0 and 1 by their columns: the first and the last find the same twice."""
    ours = views([5, 9], up=[[1, 0], [0, 1]], down=[[1, 0], [0, 1]])
    theirs = views([2, 4, 6], up=[[1, 0], [0, 1], [0.6, 0.8]], down=[[1, 0], [1, 0], [0, 1]])
    found = compare_layers(ours, theirs, 7, 8)
    assert found is not None and (found.a, found.b, found.probes, found.neurons) == (7, 8, 3, (9, 9))
    assert found.agree == {"down": 2} and found.kept.tolist() == [[5, 2], [9, 6]]
    assert found.expected == pytest.approx((1 * 2 + 2 * 1) / 3) and found.rank_correlation == pytest.approx(0.5)
    assert found.closeness == pytest.approx((1 + 0.8) / 3)


def test_of_three_views_all_have_to_agree_and_the_worst_is_told() -> None:
    """Signs are left out where a gate is there; the chance is the largest, the correlation the smallest."""
    eye: list[list[float]] = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    ours = views([0, 1, 2], gate=eye, up=eye, down=eye)
    theirs = views([0, 1, 2], gate=eye, up=[[-1, 0, 0], [0, -1, 0], [0, 0, 1]], down=[[1, 0, 0], [1, 0, 0], [-1, 0, 0]])
    found = compare_layers(ours, theirs, 0, 0)
    assert found is not None and found.agree == {"up": 3, "down": 1} and found.kept.tolist() == [[0, 0]]
    assert found.expected == pytest.approx(1.0) and found.rank_correlation == 0.0
    assert found.closeness == pytest.approx(1 / 3)
    turned = compare_layers(ours, replace(theirs, views={**theirs.views, "gate": -theirs.views["gate"]}), 0, 0)
    assert turned is None  # nobody's gate is like another's turned over
    plain = views([0, 1, 2], up=eye, down=[[-1.0, 0, 0], [0, -1, 0], [0, 0, 1]])
    straight = compare_layers(views([0, 1, 2], up=eye, down=eye), plain, 0, 0)
    assert straight is not None and straight.probes == 1  # without gates signs count


def test_a_second_view_is_what_the_first_does_not_say() -> None:
    rows = np.array([[3, 4], [2, 0], [1, 0], [0, 0], [1000, 1.5], [1000, 0.5]], np.float32)
    first = np.array([[1, 0], [0, 0], [5, 0], [1, 1], [2, 0], [2, 0]], np.float32)
    assert _beside(rows, first).tolist() == [[0, 4], [2, 0], [0, 0], [0, 0], [0, 1.5], [0, 0]]


def experts(count: int, family: str = "mixtral", **other: np.ndarray) -> Artifact:
    rng = np.random.default_rng(0)
    weights: dict[str, np.ndarray] = {"embed": np.ones((2, 4)), **other}
    for e in range(count):
        weights |= {f"layers.0.experts.{e}.{part}": rng.standard_normal((3, 4)) for part in ("gate", "up")}
        weights[f"layers.0.experts.{e}.down"] = rng.standard_normal((4, 3))
    return held(weights, family=family)


def test_all_experts_take_part_or_some_that_are_each_others_like() -> None:
    pairs = np.stack([np.arange(12), (np.arange(12) + 5) % 12], axis=1)
    none = np.zeros((0, 3), np.int64)
    known = ExpertMap((12, 12), ("router",), pairs, np.ones(12, bool), np.ones(12, np.float32), 0.1, none[:, :2], none)
    few, many = experts(3), experts(12)
    assert stems_of(few, 0, few, 0, known) == ([f"experts.{e}" for e in range(3)],) * 2
    ours, theirs = stems_of(many, 0, many, 0, known)
    assert len(ours) == EXPERTS == 8 and (ours[0], ours[-1]) == ("experts.0", "experts.11")
    assert [(int(x[8:]) + 5) % 12 for x in ours] == [int(y[8:]) for y in theirs]
    for unknown in (None, replace(known, pairs=pairs[:0])):
        ours, theirs = stems_of(many, 0, few, 0, unknown)
        assert ours == [f"experts.{e}" for e in (0, 2, 3, 5, 6, 8, 9, 11)] and len(theirs) == 3
    ours, theirs = stems_of(few, 0, many, 0, replace(known, pairs=pairs[:2]))
    assert (ours, theirs) == (["experts.0", "experts.1"], ["experts.5", "experts.6"])
    dense = held({"layers.0.mlp.up": np.ones((3, 4)), "layers.1.shared.up": np.ones((3, 4))}, family="qwen2_moe")
    assert (_stems(dense, 0), _stems(dense, 1), _stems(dense, 2)) == (["mlp"], ["shared"], [])


def test_neurons_of_several_experts_are_numbered_one_after_the_other() -> None:
    model, basis = experts(3), np.eye(4, dtype=np.float32)
    every = _neurons(model, 0, _stems(model, 0), basis)
    assert every is not None and every.indices.tolist() == list(range(9)) and every.size == 9
    assert list(every.views) == ["gate", "up", "down"]
    gate = np.concatenate([model.weights.tensors[f"layers.0.experts.{e}.gate"].values() for e in range(3)])
    assert every.views["gate"] == pytest.approx(unit(gate), abs=1e-6)
    up = np.concatenate([model.weights.tensors[f"layers.0.experts.{e}.up"].values() for e in range(3)])
    assert every.views["up"] == pytest.approx(unit(_beside(up, gate)), abs=1e-5)
    down = np.concatenate([model.weights.tensors[f"layers.0.experts.{e}.down"].values().T for e in range(3)])
    assert every.views["down"] == pytest.approx(unit(_beside(down, gate)), abs=1e-5)
    some = _neurons(model, 0, _stems(model, 0), basis, 4)  # two of each of three experts
    assert some is not None and some.indices.tolist() == [0, 2, 3, 5, 6, 8] and some.size == 9
    one = _neurons(model, 0, _stems(model, 0), basis, 3)
    assert one is not None and one.indices.tolist() == [0, 3, 6]
    assert _neurons(model, 0, [], basis) is None and _neurons(model, 0, ["mlp"], basis) is None
    gone = replace(model, names={r: n for r, n in model.names.items() if r != "layers.0.experts.1.down"})
    assert _neurons(gone, 0, _stems(gone, 0), basis) is None
    ungated = replace(model, names={r: n for r, n in model.names.items() if not r.endswith(".gate")})
    plain = _neurons(ungated, 0, ["experts.0"], basis)
    assert plain is not None and list(plain.views) == ["up", "down"]
    mixed = replace(model, names={r: n for r, n in model.names.items() if r != "layers.0.experts.1.gate"})
    assert _neurons(mixed, 0, ["experts.0", "experts.1"], basis) is None


def test_of_many_experts_eight_are_reckoned_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of width 4 and without a stated height, 3 · 4 · 16 values an expert."""
    for count, reckoned in ((0, 1), (3, 3), (12, 8)):
        model = held({"layers.0.mlp.up": np.ones((16, 4))}, layers=2, width=4, experts=count or None)
        for most, layers in ((2 * 3 * 4 * 16 * reckoned, [0, 1]), (2 * 3 * 4 * 16 * reckoned - 1, [1])):
            monkeypatch.setattr(subject, "MOST_VALUES", most)
            assert [i for i, _ in subject._plan(model, [(1, 0)], 4)[0]] == layers
