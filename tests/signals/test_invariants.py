"""What describes a neuron stays under every disguise, and under the flips that are tested."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bodies import Tensors, along, opened, scrambled
from edits import copy_layer, move_gains, permute_experts, rebuilt
from forebear.artifacts import Artifact
from forebear.signals import invariants
from forebear.signals.invariants import Neurons, described, largest
from forebear.signals.matching import cosines, unit
from models import tiny, tiny_llama
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
