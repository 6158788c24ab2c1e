"""A frame without tokens: found under every disguise, absent between strangers, fair, and blind to tested flips."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bodies import opened, order_of, rotation, scrambled
from edits import rebuilt, with_layers
from forebear.artifacts import Artifact
from forebear.signals import circuits
from forebear.signals.aligned import align
from forebear.signals.circuits import _centred, _near, _spread, alike, circuit_frame, confirmed
from forebear.signals.frames import Frame
from forebear.signals.generators import comparable_groups
from forebear.signals.invariants import Neurons, described
from forebear.signals.matching import cosines, matched
from forebear.signals.seen import seen
from models import tiny, tiny_llama, write_safetensors
from shared import shared
from symmetry import flips as fl

F32 = NDArray[np.float32]
FAMILIES = ("llama", "qwen2", "mixtral", "gpt2", "gpt_neox")


def rows(artifact: Artifact, layer: int, part: str) -> F32:
    found = seen(artifact, layer, part)
    assert found is not None
    return found


def in_rows(artifact: Artifact) -> str:
    """The role of the rows that neurons are matched by."""
    stem = "experts.0" if "layers.0.router" in artifact.names else "mlp"
    return f"{stem}.gate" if f"layers.0.{stem}.gate" in artifact.names else f"{stem}.up"


def share_right(a: Artifact, b: Artifact, frame: Frame, layers: list[int], seed: int) -> float:
    """The share of all neurons of B that the frame finds in A; ``layers`` are those of A in the order of B's."""
    right, part = [], in_rows(a)
    for j, i in enumerate(layers):
        one, two = rows(a, i, part), rows(b, j, part)
        order = order_of(f"layers.{i}.{part}", len(one), seed)
        right.append(cosines(two @ frame.b, one @ frame.a).argmax(axis=1) == order)
    return float(np.mean(right))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_stream_is_found_again_in_a_rotated_drifted_child(family: str, tmp_path: Path) -> None:
    base = tiny(family, tmp_path / "a", seed=1)
    child = scrambled(base, "b", seed=2, drift=0.2)
    a, b = opened(base), opened(child)
    frame = circuit_frame(a, b)
    assert frame is not None and frame.made_from == "circuits"
    assert frame.points >= circuits.FEWEST_PAIRS
    assert share_right(a, b, frame, list(range(4)), 2) > 0.99
    turn = rotation(64, np.random.default_rng(2), layernorm=family in ("gpt2", "gpt_neox"))
    fit = np.trace(frame.b.T @ (np.eye(64) - 1 / 64) @ turn.T @ frame.a) / 63  # the mean says nothing under LayerNorm
    assert fit > 0.95, "the frame is the rotation that was used"


def test_a_permuted_stream_is_seen_as_one(tmp_path: Path) -> None:
    base = tiny("llama", tmp_path / "a", seed=1)
    frame = circuit_frame(opened(base), opened(scrambled(base, "b", seed=2, drift=0.2, rotate=False)))
    assert frame is not None and frame.dims is not None
    assert len(frame.dims) == 64
    assert np.array_equal(frame.dims[:, 1], np.random.default_rng(2).permutation(64)[frame.dims[:, 0]])


def test_the_neighbours_of_a_layer_carry_it_through_more_drift(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "a", seed=1, intermediate=256)
    a, b = opened(base), opened(scrambled(base, "b", seed=2, drift=0.5))
    frame = circuit_frame(a, b)
    assert frame is not None and share_right(a, b, frame, list(range(4)), 2) > 0.95
    pairs = {}
    for reach in (0, 1):
        one, two = described(a, 1, reach), described(b, 1, reach)
        assert one is not None and two is not None
        pairs[reach] = len(confirmed(one.rows, two.rows, alike(one, two)))
    assert pairs[1] > 1.2 * pairs[0]


def test_dropped_layers(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "a", seed=1, layers=6)
    kept = [0, 1, 4, 5]
    child = rebuilt(scrambled(base, "s", seed=2, drift=0.1), "b", with_layers(kept), num_hidden_layers=4)
    a, b = opened(base), opened(child)
    frame = circuit_frame(a, b)
    assert frame is not None and share_right(a, b, frame, kept, 2) > 0.99


@pytest.mark.parametrize("family", FAMILIES)
def test_strangers_have_no_frame(family: str, tmp_path: Path) -> None:
    models = [opened(tiny(family, tmp_path / str(seed), seed)) for seed in range(4)]
    assert [circuit_frame(a, b) for a, b in combinations(models, 2)] == [None] * 6
    other = opened(tiny("gpt2" if family == "llama" else "llama", tmp_path / "other", 9))
    assert circuit_frame(models[0], other) is None


def test_a_frame_that_is_wrong_makes_fair_coins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever passes for the same neuron, signs of up rows are coins: here every guess does, and all are wrong."""
    monkeypatch.setattr(circuits, "confirmed", lambda one, two, pairs: pairs)
    models = [opened(tiny_llama(tmp_path / str(seed), seed, layers=2)) for seed in range(12)]
    scores = []
    for a, b in combinations(models, 2):
        frame = circuit_frame(a, b)
        assert frame is not None
        agree = n = 0
        for layer in range(2):
            gates = (rows(a, layer, "mlp.gate") @ frame.a, rows(b, layer, "mlp.gate") @ frame.b)
            pairs = matched(cosines(*gates))
            assert np.mean(np.abs(cosines(*gates)[pairs[:, 0], pairs[:, 1]])) > 0.2, "the frame is fitted to gates"
            ups = (rows(a, layer, "mlp.up") @ frame.a)[pairs[:, 0]], (rows(b, layer, "mlp.up") @ frame.b)[pairs[:, 1]]
            agree += int(((ups[0] * ups[1]).sum(axis=1) > 0).sum())
            n += len(pairs)
        scores.append((2 * agree - n) / np.sqrt(n))
    z = np.array(scores)
    assert len(z) == 66
    assert abs(z.mean()) < 4 / np.sqrt(66)
    assert 66 - 4 * np.sqrt(132) < (z**2).sum() < 66 + 4 * np.sqrt(132), "four deviations of a chi-square"


@pytest.mark.parametrize("group", ["glu", "value_output", "query_key", "residual"])
@pytest.mark.parametrize("side", [0, 1])
def test_flips_that_are_tested_later_change_no_match(group: str, side: int, tmp_path: Path) -> None:
    base = tiny("llama", tmp_path / "a", seed=1)
    folders = [base, scrambled(base, "b", seed=2, drift=0.3)]
    models = [opened(folder) for folder in folders]
    flips = fl.draw(models[side], group, 5)
    turned = rebuilt(folders[side], "flipped", lambda t: fl.apply(t, models[side], flips))
    others = list(models)
    others[side] = opened(turned)
    before, after = circuit_frame(*models), circuit_frame(*others)
    assert before is not None and after is not None and before.points == after.points
    signs = np.ones((64, 2))
    if group == "residual":
        signs[:, side] = np.where(flips["residual", ""], -1, 1)
    assert np.allclose(before.a @ before.b.T * signs[:, :1] * signs[:, 1:].T, after.a @ after.b.T, atol=1e-4)
    for layer in range(4):
        one, two = (
            matched(cosines(rows(a, layer, "mlp.gate") @ f.a, rows(b, layer, "mlp.gate") @ f.b))
            for (a, b), f in ((models, before), (others, after))
        )
        assert np.array_equal(one, two)


def test_confirmed_keeps_what_is_right_and_drops_what_is_not() -> None:
    rng = np.random.default_rng(0)
    one = rng.standard_normal((200, 32)).astype(np.float32)
    two = (one @ rotation(32, rng, False) + 0.2 * rng.standard_normal((200, 32))).astype(np.float32)
    pairs = np.stack([np.arange(200), np.arange(200)], axis=1)
    pairs[::4, 1] = np.roll(pairs[::4, 1], 1)
    kept = confirmed(one, two, pairs)
    assert len(kept) > 140 and (kept[:, 0] == kept[:, 1]).mean() > 0.98
    shuffled = np.stack([np.arange(200), rng.permutation(200)], axis=1)
    assert len(confirmed(one, two, shuffled)) < circuits.FEWEST_PAIRS
    assert len(confirmed(one, two, pairs[:8])) == 0


def test_what_cannot_be_matched_is_no_error(tmp_path: Path) -> None:
    a = opened(tiny_llama(tmp_path / "a"))
    small = opened(tiny_llama(tmp_path / "small", intermediate=8))
    assert circuit_frame(a, small) is None and circuit_frame(small, small) is None
    loose = tmp_path / "loose"
    loose.mkdir()
    write_safetensors(loose / "model.safetensors", {"x": np.ones((4, 4), dtype=np.float32)})
    assert circuit_frame(a, opened(loose)) is None and circuit_frame(opened(loose), a) is None
    narrow = opened(tiny_llama(tmp_path / "narrow", hidden=32))
    assert circuit_frame(a, narrow) is None


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, 3e38])
@pytest.mark.parametrize("part", ["gate_proj", "up_proj", "down_proj", "q_proj", "v_proj", "norm"])
def test_absurd_values_cost_points_and_nothing_else(value: float, part: str, tmp_path: Path) -> None:
    base = tiny("llama", tmp_path / "a", seed=1)

    def spoil(tensors: dict[str, F32]) -> dict[str, F32]:
        for name, values in tensors.items():
            if f"{part}." in name:
                values[: len(values) // 4] = value
        return tensors

    frame = circuit_frame(opened(base), opened(rebuilt(scrambled(base, "s", seed=2), "b", spoil)))
    assert frame is None or (np.isfinite(frame.a).all() and np.isfinite(frame.b).all())
    if part not in ("gate_proj", "norm"):
        assert frame is not None


@pytest.mark.shared
@pytest.mark.parametrize(
    ("base", "child"),
    [
        ("dev-llama-1", "dev-llama-1-cpt-heavy"),
        ("dev-llama-5-mature", "dev-llama-5-mature-ft-long"),
        ("dev-qwen2-1", "dev-qwen2-1-pruned-healed"),
        ("dev-mixtral-1", "dev-mixtral-1-ft"),
        ("dev-gpt2-1", "dev-gpt2-1-ft-long"),
        ("dev-neox-1", "dev-neox-1-ft"),
        ("dev-llama-1", "dev-llama-1-moe"),
    ],
)
def test_trained_children_in_other_coordinates(base: str, child: str, tmp_path: Path) -> None:
    a = opened(shared("zoo") / "models" / base)
    (tmp_path / "child").symlink_to(shared("zoo") / "models" / child)
    b = opened(scrambled(tmp_path / "child", "b", seed=3))
    frame = circuit_frame(a, b)
    assert frame is not None
    cells = align(a, b, frame, comparable_groups(a, b)[0], 0).cells
    assert sum(c.n for c in cells) > 300
    assert sum(c.agree for c in cells) > 0.99 * sum(c.n for c in cells)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("dev-llama-1", "dev-llama-2"),
        ("dev-llama-5-mature", "dev-llama-6-mature"),
        ("dev-llama-1", "dev-llama-1-distilled"),
        ("dev-gpt2-1", "dev-gpt2-2"),
        ("dev-mixtral-1", "dev-llama-3"),
    ],
)
def test_trained_strangers(a: str, b: str) -> None:
    assert circuit_frame(*(opened(shared("zoo") / "models" / name) for name in (a, b))) is None


# -- by hand -----------------------------------------------------------------------------------------------------------


def test_layers_are_taken_from_the_middles_of_even_parts() -> None:
    assert [_spread(n, 3) for n in (1, 2, 3, 12, 40)] == [[0], [0, 1], [0, 1, 2], [2, 6, 10], [6, 20, 33]]


def test_layers_of_another_depth_are_tried_by_relative_depth() -> None:
    assert _near(3, 8, 8) == [3] and _near(0, 4, 2) == [0, 1] and _near(3, 4, 2) == [1, 0]
    assert _near(2, 7, 12) == [4, 3, 5, 2, 6, 1]  # at 2.5 / 7 of the depth, which is 4.3 of twelve layers


def test_directions_are_told_without_what_all_share() -> None:
    found = _centred(np.array([[5.0, 0, 3], [0, 5, 3]], np.float32))
    assert found == pytest.approx(np.array([[1, -1, 0], [-1, 1, 0]]) / 2**0.5, abs=1e-6)


def test_neurons_with_the_same_numbers_are_pairs_whatever_the_scale_of_a_number() -> None:
    """Sixteen at least; of numbers that one of the two lacks nothing is asked."""
    rng = np.random.default_rng(0)
    features = {"x": rng.standard_normal(20), "y": 1e3 * rng.standard_normal(20), "z": 1e-3 * rng.standard_normal(20)}
    order = rng.permutation(20)
    one = Neurons(np.ones((20, 2), np.float32), {k: v.astype(np.float32) for k, v in features.items()})
    more = {**{k: v[order] for k, v in one.features.items()}, "w": one.features["x"]}
    two = Neurons(np.ones((20, 2), np.float32), more)
    found = alike(one, two)
    assert len(found) >= 15 and all(order[j] == i for i, j in found)
    few = Neurons(np.ones((15, 2), np.float32), {k: v[:15] for k, v in one.features.items()})
    assert alike(one, few).shape == alike(few, one).shape == (0, 2)
    enough = Neurons(np.ones((16, 2), np.float32), {k: v[:16] for k, v in one.features.items()})
    assert len(alike(enough, enough)) > 8


def test_pairs_are_confirmed_from_sixteen_on() -> None:
    rows = np.random.default_rng(1).standard_normal((16, 40)).astype(np.float32)
    pairs = np.stack([np.arange(16)] * 2, axis=1)
    assert confirmed(rows, rows, pairs).tolist() == pairs.tolist() and len(confirmed(rows, rows, pairs[:15])) == 0
