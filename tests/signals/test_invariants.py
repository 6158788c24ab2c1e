"""What describes a neuron stays under every disguise, and under the flips that are tested."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bodies import Tensors, along, opened, scrambled
from edits import copy_layer, move_gains, permute_experts, rebuilt
from forebear.artifacts import Artifact
from forebear.signals import invariants
from forebear.signals.invariants import (
    Neurons,
    _attention,
    _by_head,
    _by_size,
    _gram,
    _mlp,
    _own,
    _paired,
    _sides,
    _standard,
    described,
    largest,
)
from forebear.signals.matching import cosines, unit
from models import tiny, tiny_llama
from signals.held import held
from symmetry import flips as fl

F32 = NDArray[np.float32]
FAMILIES = ("llama", "qwen2", "qwen3", "mixtral", "gpt2", "gpt_neox")


def of(artifact: Artifact, layer: int = 1, reach: int = 1) -> Neurons:
    found = described(artifact, layer, reach)
    assert found is not None
    return found


def check_same(one: Neurons, two: Neurons, tolerance: float) -> None:
    """The same numbers of the same neurons, in whatever order."""
    assert one.features.keys() == two.features.keys()
    assert len(one.rows) == len(two.rows)
    table = [np.stack([n.features[k] for k in sorted(n.features)], axis=1) for n in (one, two)]
    nearest = ((table[0][:, None] - table[1][None]) ** 2).sum(axis=2).argmin(axis=1)
    assert len(set(nearest)) == len(nearest), "every neuron has its own"
    off = np.abs(table[0] - table[1][nearest])
    assert np.median(off) < tolerance and np.quantile(off, 0.99) < 10 * tolerance


@pytest.mark.parametrize("family", FAMILIES)
def test_other_coordinates_leave_every_number_alone(family: str, tmp_path: Path) -> None:
    base = tiny(family, tmp_path / "a", seed=1)
    move_gains(base, 4)
    check_same(of(opened(base)), of(opened(scrambled(base, "b", seed=2))), tolerance=0.02)


def test_two_models_have_other_numbers(tmp_path: Path) -> None:
    one, two = (of(opened(tiny("llama", tmp_path / str(seed), seed))) for seed in (1, 2))
    with pytest.raises(AssertionError):
        check_same(one, two, tolerance=0.02)


def head_maps(layers: int, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """An invertible map of every value head, and a turn and a scale of every RoPE plane."""
    made = {}
    for layer in range(layers):
        for head in range(2):
            made[f"{layer}.{head}.value"] = rng.standard_normal((16, 16)) + 3 * np.eye(16)
            angle, size = rng.uniform(0, 6, 8), np.exp(rng.standard_normal(8))
            c, s = np.diag(size * np.cos(angle)), np.diag(size * np.sin(angle))
            made[f"{layer}.{head}.key"] = np.block([[c, -s], [s, c]])
    return made


def test_the_basis_of_a_head_is_free(tmp_path: Path) -> None:
    """Values mixed by any invertible matrix and heads renumbered; planes turned and scaled."""
    base = tiny("llama", tmp_path / "a", seed=1)
    artifact = opened(base)
    maps = head_maps(4, np.random.default_rng(3))

    def mix(axis: str, maps_of: str, inverse: bool) -> Callable[[Tensors], Tensors]:
        def act(filled: str, x: F32) -> F32:
            layer = filled.split(".")[1]
            each = x.reshape(-1, 16, x.shape[1])
            turned = []
            for k, rows in enumerate(each):
                m = maps[f"{layer}.{k * 2 // len(each)}.{maps_of}"]
                turned.append((np.linalg.inv(m).T if inverse else m) @ rows)
            order = slice(None, None, -1)  # the last key/value head, with its queries, comes first
            return np.concatenate(turned[order])

        return along(artifact, axis, act)

    steps = [mix("value", "value", False), mix("mixed", "value", True)]
    steps += [mix("key", "key", False), mix("query", "key", True)]

    def change(tensors: Tensors) -> Tensors:
        for step in steps:
            tensors = step(tensors)
        return tensors

    check_same(of(artifact), of(opened(rebuilt(base, "b", change))), tolerance=0.02)


@pytest.mark.parametrize("family", ["llama", "mixtral", "gpt2", "gpt_neox"])
def test_flips_that_are_tested_change_no_bit(family: str, tmp_path: Path) -> None:
    base = tiny(family, tmp_path / "a", seed=1)
    artifact = opened(base)
    assert artifact.architecture is not None
    before = of(artifact)
    for group in artifact.architecture.coins:
        flips = fl.draw(artifact, group, 5)
        flipped = opened(rebuilt(base, group, lambda t, f=flips: fl.apply(t, artifact, f)))  # type: ignore[misc]
        after = of(flipped)
        assert before.features.keys() == after.features.keys()
        assert all(np.array_equal(before.features[k], after.features[k]) for k in before.features), group
        assert np.array_equal(np.abs(before.rows), np.abs(after.rows))
        assert (before.rows != after.rows).any() == (group == "residual"), "a gate row is no coin"


def test_experts_are_taken_by_the_size_of_their_router_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = tiny_llama(tmp_path / "a", seed=1, family="mixtral", experts=6, intermediate=32)
    again = rebuilt(base, "b", lambda t: t)
    permute_experts(again, [3, 5, 0, 1, 4, 2])
    monkeypatch.setattr(invariants, "MOST_EXPERTS", 3)
    one, two = of(opened(base)), of(opened(again))
    assert len(one.rows) == 96
    check_same(one, two, tolerance=1e-4)


def test_the_largest_neurons_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = opened(tiny("llama", tmp_path / "a", seed=1))
    everyone = largest(artifact, 1)
    assert everyone is not None and len(everyone.rows) == 128
    sizes = np.linalg.norm(everyone.rows, axis=1)
    assert (np.diff(sizes) <= 0).all()
    monkeypatch.setattr(invariants, "MOST_ROWS", 40)
    some = of(artifact)
    assert np.array_equal(some.rows, everyone.rows[:40])
    assert {len(x) for x in some.features.values()} == {40}


def test_up_rows_stand_for_in_rows_only_where_they_are_no_coins(tmp_path: Path) -> None:
    """A gated model without its gates is no model without gates: its up rows carry signs that are tested."""
    base = tiny("llama", tmp_path / "a", seed=1)
    bare = rebuilt(base, "b", lambda t: {n: v for n, v in t.items() if ".2.mlp.gate_proj" not in n})
    artifact = opened(bare)
    assert largest(artifact, 2) is None
    gpt = opened(tiny("gpt2", tmp_path / "gpt"))
    found = largest(gpt, 2)
    assert found is not None and len(found.rows) == 256


def test_too_large_a_matrix_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = opened(tiny("llama", tmp_path / "a", seed=1))
    whole = of(artifact)
    monkeypatch.setattr(invariants, "MOST_VALUES", 64 * 64)  # attention is this large, the MLP twice
    assert described(artifact, 1) is None
    monkeypatch.setattr(invariants, "MOST_VALUES", 64 * 128)
    assert of(artifact).features.keys() == whole.features.keys()


def test_layers_beyond_the_ends_lend_nothing(tmp_path: Path) -> None:
    artifact = opened(tiny("llama", tmp_path / "a", seed=1))
    first, second = of(artifact, 0), of(artifact, 1)
    assert first.features.keys() < second.features.keys()
    assert not any(name.startswith("-1") for name in first.features)
    assert of(artifact, 1, reach=0).features.keys() < first.features.keys()


def test_a_copied_layer_has_the_same_numbers(tmp_path: Path) -> None:
    base = tiny("llama", tmp_path / "a", seed=1)
    copy_layer(base, 1, 2)
    artifact = opened(base)
    one, two = of(artifact, 1, reach=0), of(artifact, 2, reach=0)
    assert all(np.array_equal(one.features[k], two.features[k]) for k in one.features)


def test_unit_leaves_zero_rows_alone() -> None:
    rows = np.array([[3.0, 4.0], [0.0, 0.0]], dtype=np.float32)
    assert np.allclose(unit(rows), [[0.6, 0.8], [0.0, 0.0]])
    assert np.allclose(cosines(unit(rows), rows), [[1.0, 0.0], [0.0, 0.0]])


# -- by hand -----------------------------------------------------------------------------------------------------------


def single(*rows: list[float]) -> F32:
    return np.array(rows, np.float32)


def test_the_largest_rows_come_first_and_those_without_a_length_not_at_all() -> None:
    rows = single([3, 0], [0, 1], [0, 0], [0, -2], [3, 0])
    assert _by_size(rows, 9).tolist() == [0, 4, 3, 1] and _by_size(rows, 2).tolist() == [0, 4]
    assert _by_size(single([np.nan, 1], [1, 1]), 2).tolist() == [1]
    assert _by_size(single([np.inf, 1], [1, 1]), 2).tolist() == [1] and _by_size(rows[:0], 3).tolist() == []


def test_numbers_are_logarithms_in_robust_deviations_and_drawn_in_at_three() -> None:
    """Logarithms 0, 1, 2, 3 and 9: a median of 2, and of what they are off it of 1."""
    found = _standard(np.exp(np.array([0, 1, 2, 3, 9], np.float32)))
    assert found == pytest.approx(np.array([-2, -1, 0, 1, 3 * 1.4826]) / 1.4826, abs=1e-6)
    assert _standard(np.full(3, 7, np.float32)).tolist() == [0, 0, 0]
    assert _standard(np.array([1, 1, 1, 2], np.float32)).tolist() == [0, 0, 0, 3]
    assert _standard(np.array([0, 1, np.e, np.nan], np.float32)).tolist() == pytest.approx([-1, 1, 1, -1], abs=0.5)


def test_forms_are_squares_of_responses() -> None:
    rng = np.random.default_rng(0)
    w, x = rng.standard_normal((5, 3)).astype(np.float32), rng.standard_normal((4, 3)).astype(np.float32)
    assert _gram(w)(x) == pytest.approx([float(np.linalg.norm(w @ v) ** 2) for v in x], rel=1e-5)
    up, down = w[:2], w[2:4]
    forms = _mlp({"in": w, "up": up, "down": down})
    assert list(forms) == ["in", "up", "down"] and forms["in"](x) == pytest.approx(_gram(w)(x), rel=1e-5)
    lengths = np.linalg.norm(down, axis=1), np.linalg.norm(up, axis=1)
    for name, rows, size in (("up", up, lengths[0]), ("down", down, lengths[1])):
        assert forms[name](x) == pytest.approx([((size * (rows @ v)) ** 2).sum() for v in x], rel=1e-5)
    plain = _mlp({"in": w, "down": down})
    assert list(plain) == ["in", "down"] and plain["down"](x) == pytest.approx(_gram(down)(x), rel=1e-5)


@pytest.mark.parametrize(("heads", "partners"), [(4, 2), (2, 4), (2, 2)])
def test_rows_are_weighted_by_what_they_meet_in_their_head(heads: int, partners: int) -> None:
    """Heads that share a partner are each held against it; partners that share a head, one after the other."""
    rng = np.random.default_rng(1)
    rows, others = (rng.standard_normal((n, 3, 5)).astype(np.float32) for n in (heads, partners))
    x = rng.standard_normal((4, 5)).astype(np.float32)
    most = max(heads, partners)
    met = [(k * heads // most, k * partners // most) for k in range(most)]
    expected = [sum(float(np.linalg.norm(others[p].T @ (rows[h] @ v)) ** 2) for h, p in met) for v in x]
    assert _paired(rows, others)(x) == pytest.approx(expected, rel=1e-4)


def test_heads_are_rows_one_after_the_other() -> None:
    rows = single(*([float(k), 0] for k in range(6)))
    found = _by_head(rows, 3)
    assert found is not None and found.shape == (3, 2, 2) and found[:, :, 0].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert _by_head(rows, 4) is None and _by_head(None, 2) is None


def test_sizes_and_angles_of_a_neuron() -> None:
    """Lengths 5, 2 and 10 and cosines 0.6, 0.8 and 0 up to sign, each with a little noise added."""
    sides = {"in": single([3, 4]), "up": single([-2, 0]), "down": single([0, 10])}
    units = {k: unit(v) for k, v in sides.items()}
    found = {k: float(v[0]) for k, v in _own(sides, units).items()}
    assert found == pytest.approx(
        {"size": 5, "effect": 20, "in to up": 0.62, "in to down": 0.82, "up to down": 0.02}, rel=1e-5
    )
    plain = {k: float(v[0]) for k, v in _own({"in": sides["in"], "down": sides["down"]}, units).items()}
    assert plain["effect"] == pytest.approx(10)
    assert list(_own({"in": sides["in"]}, {"in": units["in"]})) == ["size"]


def test_attention_has_forms_of_heads_that_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    shapes = {"q": (8, 6), "k": (4, 6), "v": (4, 6), "o": (6, 8)}
    weights = {f"layers.0.attn.{p}": rng.standard_normal(s) for p, s in shapes.items()}
    sizes: dict[str, Any] = {"heads": 4, "kv_heads": 2, "head_dim": 2, "width": 6}
    forms = _attention(held(weights, **sizes), 0)
    assert list(forms) == ["q", "k", "v", "o"]
    x = rng.standard_normal((3, 6)).astype(np.float32)
    w = {p: weights[f"layers.0.attn.{p}"] for p in "qkv"} | {"o": weights["layers.0.attn.o"].T}
    for part, other in (("q", "k"), ("k", "q"), ("v", "o"), ("o", "v")):
        expected = np.zeros(3)
        for h in range(4):
            one, two = (w[p][2 * (h if p in "qo" else h // 2) :][:2] for p in (part, other))
            expected += [np.linalg.norm(two.T @ (one @ v)) ** 2 for v in x]
        assert forms[part](x) == pytest.approx(expected, rel=1e-4)
    assert _attention(held(weights, head_dim=2, width=6), 0) == {}
    monkeypatch.setattr(invariants, "MOST_VALUES", 24)
    assert _attention(held(weights, **sizes), 0) == {}


def test_up_and_down_rows_are_those_of_the_chosen_neurons() -> None:
    rng = np.random.default_rng(3)
    gate, up, down = (rng.standard_normal((5, 4)) for _ in range(3))
    weights = {"layers.0.mlp.gate": gate, "layers.0.mlp.up": up, "layers.0.mlp.down": down.T}
    model = held(weights, width=4)
    chosen = invariants._largest(model, 0, 3)
    assert chosen is not None and chosen.stems == ("mlp", "shared")
    order = np.argsort(-np.linalg.norm(gate, axis=1))[:3]
    assert chosen.where.tolist() == [[0, k] for k in order]
    sides = _sides(model, 0, chosen)
    for side, rows in (("in", gate), ("up", up), ("down", down)):
        assert sides[side] == pytest.approx(rows[order], abs=1e-6)
    found = described(model, 0)
    assert found is not None and len(found.rows) == 5 and "0 in on down" in found.features
    assert largest(held({"layers.0.mlp.gate": 0 * gate}, width=4), 0) is None
    assert largest(held({"layers.0.mlp.gate": gate}, width=5), 0) is None  # not against the whole stream
