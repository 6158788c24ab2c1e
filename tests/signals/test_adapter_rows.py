"""``adapter-rows/1``: coins that are fair for whoever is independent, agree for whoever was trained, and count once."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from adapters import pair, trained_pairs, write_adapter
from edits import edit
from forebear.artifacts import Artifact, read_artifact
from forebear.artifacts.adapter import Adapter
from forebear.artifacts.roles import role_tensor
from forebear.lineage import Counts
from forebear.signals import adapter_rows, fingerprint
from forebear.signals.adapter_rows import _columns, _count, _end, _products, agreement, cells, changes_by_role
from forebear.sources import LocalSource
from models import tiny, tiny_llama
from signals.held import held


def adapter_of(folder: Path) -> Adapter:
    adapter = read_artifact(LocalSource(folder)).adapter
    assert adapter is not None
    return adapter


def counts(adapter: Adapter, base: Path) -> Counts:
    artifact = read_artifact(LocalSource(base))
    return Counts(cells(adapter, artifact, fingerprint(artifact).code))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_llama(tmp_path / "base", seed=1)


@pytest.fixture
def trained(base: Path, tmp_path: Path) -> Adapter:
    return adapter_of(write_adapter(tmp_path / "trained", trained_pairs(base)))


def test_an_adapter_agrees_with_the_base_it_was_trained_on(base: Path, trained: Adapter) -> None:
    found = counts(trained, base)
    assert set(found.groups) == {"value_output", "glu", "residual"}
    # one generator of every block begins the sums and shows no coin: 4 layers, 2 heads x 16 values, 128 neurons
    assert {g: t.n for g, t in found.groups.items()} == {"value_output": 4 * 31, "glu": 4 * 127, "residual": 63}
    assert all(t.log10_p < -6 for t in found.groups.values()), found.groups
    assert found.pooled.log10_p < -60


def test_a_small_budget_reads_less_of_every_generator_and_no_other_coins(
    base: Path, trained: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of matrices that are stored the other way round: seven storage rows of 128 values where a thousand are paid."""
    monkeypatch.setattr(adapter_rows, "VALUES", 1_000)
    found = counts(trained, base)
    assert {g: t.n for g, t in found.groups.items()} == {"value_output": 4 * 31, "glu": 4 * 127, "residual": 63}
    assert found.pooled.share > 0.6 and found.pooled.log10_p < -6


def test_of_independent_bases_every_p_value_is_fair(trained: Adapter, tmp_path: Path) -> None:
    tails = [counts(trained, tiny_llama(tmp_path / f"r{k}", seed=100 + k)).pooled for k in range(40)]
    n, agree = sum(t.n for t in tails), sum(t.agree for t in tails)
    assert abs(agree - n / 2) < 4 * np.sqrt(n) / 2
    low = sum(t.log10_p < np.log10(0.2) for t in tails)
    assert 1 <= low <= 17, "between 1 and 17 of 40 lie below 0.2 except with probability 1e-3"
    assert min(t.log10_p for t in tails) > -4.5


def test_flipping_the_base_turns_its_coins_into_fair_ones(base: Path, trained: Adapter) -> None:
    """Only the tested flips, of a base that agrees throughout: what is left is Binomial."""
    rng = np.random.default_rng(7)
    shares = []
    for turn in range(12):
        other = base.parent / f"flipped{turn}"
        shutil.copytree(base, other)
        neurons, values = rng.choice([-1.0, 1.0], (4, 128)), rng.choice([-1.0, 1.0], (4, 32))
        residual = rng.choice([-1.0, 1.0], 64)

        def flip(
            name: str,
            w: NDArray[np.float32],
            neurons: NDArray[np.float64] = neurons,
            values: NDArray[np.float64] = values,
            residual: NDArray[np.float64] = residual,
        ) -> NDArray[np.float32]:
            if w.ndim != 2:
                return w
            outputs, inputs = np.ones(w.shape[0]), residual
            if "layers" in name:
                layer = int(name.split(".")[2])
                if "up_proj" in name:
                    outputs = neurons[layer]
                elif "v_proj" in name:
                    outputs = values[layer]
                elif "down_proj" in name:
                    outputs, inputs = residual, neurons[layer]
                elif "o_proj" in name:  # both query heads of a group read the same value head
                    outputs, inputs = residual, np.repeat(values[layer].reshape(2, 16), 2, axis=0).ravel()
            return np.asarray(outputs[:, None] * w * inputs, dtype=np.float32)

        edit(other, flip)
        shares.append(counts(trained, other).pooled)
    n, agree = sum(t.n for t in shares), sum(t.agree for t in shares)
    assert abs(agree - n / 2) < 4 * np.sqrt(n) / 2


def test_sums_in_order_are_exactly_binomial() -> None:
    """All 2^n flips of one matrix: the distribution itself, not a sample of it."""
    rng = np.random.default_rng(1)
    n = 9
    matrix = rng.standard_normal((n, n))
    matrix = matrix + matrix.T
    seen = np.zeros(n, dtype=int)
    for number in range(2**n):
        signs = 1.0 - 2.0 * ((number >> np.arange(n)) & 1)
        total, agree = agreement(matrix * np.outer(signs, signs), np.ones(n, dtype=bool))
        assert total == n - 1
        seen[agree] += 1
    from math import comb

    assert seen.tolist() == [2 * comb(n - 1, k) for k in range(n)]


def test_zeros_disagree_and_too_few_generators_show_nothing() -> None:
    assert agreement(np.zeros((5, 5)), np.ones(5, dtype=bool)) == (4, 0)
    assert agreement(np.ones((5, 5)), np.array([True, False, False, False, False])) == (0, 0)
    assert agreement(np.ones((5, 5)), np.array([True, False, True, False, True])) == (2, 2)


def test_rows_of_another_order_do_not_agree(base: Path, tmp_path: Path) -> None:
    """A reader that mixed up rows would be seen: shifted by one, nothing is left."""
    made = {
        n: np.roll(t, 1, axis=0) if ".lora_B." in n and "layers" in n else t for n, t in trained_pairs(base).items()
    }
    found = counts(adapter_of(write_adapter(tmp_path / "rolled", made)), base)
    assert found.pooled.n > 500 and found.pooled.log10_p > -4


def test_layers_are_matched_by_their_numbers(base: Path, tmp_path: Path) -> None:
    swapped = {
        n.replace("layers.0.", "layers.x.").replace("layers.1.", "layers.0.").replace("layers.x.", "layers.1."): t
        for n, t in trained_pairs(base).items()
    }
    layers = counts(adapter_of(write_adapter(tmp_path / "swapped", swapped)), base).layers
    assert all(layers[k, k].log10_p > -4 for k in (0, 1)) and all(layers[k, k].log10_p < -9 for k in (2, 3))


@pytest.mark.parametrize("family", ["qwen2", "qwen3"])
def test_other_families_agree_too(family: str, tmp_path: Path) -> None:
    base = tiny(family, tmp_path / "m", seed=3)
    found = counts(adapter_of(write_adapter(tmp_path / "a", trained_pairs(base))), base)
    assert all(t.log10_p < -5 for t in found.groups.values()), found.groups


@pytest.mark.parametrize("turned", [False, True])
def test_fused_matrices_are_taken_apart(turned: bool, tmp_path: Path) -> None:
    """GPT-2 keeps q, k and v in one matrix of (inputs, outputs); B is (outputs, rank) all the same."""
    base = tiny("gpt2", tmp_path / "m", seed=3)
    artifact = read_artifact(LocalSource(base))
    rng = np.random.default_rng(4)
    tensors: dict[str, NDArray[np.float32]] = {}
    for layer in range(4):
        out = artifact.weights.tensors[
            f"transformer.h.{layer}.attn.c_proj.weight"
        ].values()  # (value dimensions, residual)
        up = rng.standard_normal((192, 4)).astype(np.float32)
        at = 0 if turned else 128  # q's place and v's place
        up[at : at + 64] = out @ rng.standard_normal((64, 4))
        made = pair(f"transformer.h.{layer}.attn.c_attn", 192, 64)
        made[f"base_model.model.transformer.h.{layer}.attn.c_attn.lora_B.weight"] = up
        tensors |= made
    found = counts(adapter_of(write_adapter(tmp_path / "a", tensors)), base)
    assert set(found.groups) == {"value_output"} and found.pooled.n == 4 * 63
    assert (found.pooled.log10_p < -20) != turned


def test_a_copied_layer_of_the_base_counts_once(base: Path, trained: Adapter) -> None:
    def doubled(artifact: Artifact) -> Counts:
        return Counts(cells(trained, artifact, fingerprint(artifact).code))

    before = doubled(read_artifact(LocalSource(base)))
    raw = read_artifact(LocalSource(base))
    tensors = dict(raw.weights.tensors)
    for name in [n for n in tensors if "layers.0." in n]:
        tensors[name.replace("layers.0.", "layers.3.")] = tensors[name]
    copied = doubled(replace(raw, weights=replace(raw.weights, tensors=tensors)))
    assert (0, 0) in copied.layers and (3, 3) not in copied.layers
    assert len(before.layers) == 4


def test_rows_that_are_zero_or_not_finite_hold_no_coins(base: Path, tmp_path: Path) -> None:
    made = trained_pairs(base)
    for name in [n for n in made if "lora_B" in n]:
        made[name][:5] = 0
        made[name][5] = np.nan
    found = counts(adapter_of(write_adapter(tmp_path / "a", made)), base)
    assert found.groups["glu"].n == 4 * 121 and found.groups["residual"].n == 57
    blank = {n: np.zeros_like(t) if "lora_B" in n else t for n, t in made.items()}
    assert counts(adapter_of(write_adapter(tmp_path / "b", blank)), base).pooled.n == 0


def test_shapes_that_do_not_fit_are_left_out(trained: Adapter, tmp_path: Path) -> None:
    wider = tiny_llama(tmp_path / "wider", seed=9, hidden=96, head_dim=24, intermediate=160)
    assert counts(trained, wider).pooled.n == 0
    deeper = tiny_llama(tmp_path / "less", seed=9, layers=2)
    assert set(counts(trained, deeper).layers) == {(0, 0), (1, 1)}


def test_modules_match_where_one_name_ends_in_the_other(base: Path, tmp_path: Path) -> None:
    tensors = {
        k: v
        for module in (
            "language.model.layers.0.mlp.up_proj",
            "audio.layers.1.mlp.up_proj",
            "layers.1.mlp.up_proj",
            "vision.model.layers.0.self_attn.v_proj",
            "model.layers.0.self_attn.v_proj",
        )
        for k, v in pair(module, 32, 64).items()
    }
    artifact = read_artifact(LocalSource(base))
    found = changes_by_role(adapter_of(write_adapter(tmp_path / "a", tensors)), artifact)
    assert {role: c.module for role, c in found.items()} == {
        "layers.0.mlp.up": "language.model.layers.0.mlp.up_proj",
        "layers.0.attn.v": "model.layers.0.self_attn.v_proj",
        "layers.1.mlp.up": "layers.1.mlp.up_proj",
    }
    assert counts(adapter_of(tmp_path / "a"), base).groups["value_output"].n == 31


# -- by hand -----------------------------------------------------------------------------------------------------------


def test_names_agree_from_the_word_before_their_first_number_on() -> None:
    for name, end in (
        ("model.layers.3.mlp.up.weight", "layers.3.mlp.up.weight"),
        ("vision.layers.3.blocks.4.w", "layers.3.blocks.4.w"),
        ("3.mlp.up", "3.mlp.up"),
        ("lm_head.weight", "lm_head.weight"),
    ):
        assert _end(name) == end


def test_products_are_those_of_rows_times_those_of_columns() -> None:
    """By hand, for three generators of five that have values on both sides; together of length one."""
    rows = np.array([[1, 2], [3, -1], [0, 0], [np.nan, 1], [2, 2]], np.float32)
    columns = np.array([[1, 0, 0], [2, 1, 0], [1, 1, 1], [1, 1, 1], [0, 5, 3]], np.float32)
    matrix, valid = _products(rows, columns)
    assert valid.tolist() == [True, True, False, False, True]
    expected = np.zeros((5, 5))
    for i, j, value in ((0, 1, 1 * 2), (0, 4, 6 * 0), (1, 4, 4 * 5)):
        expected[i, j] = expected[j, i] = value
    assert matrix == pytest.approx(expected / np.sqrt(2 * (4 + 400)))
    nothing, valid = _products(0 * rows[:3], columns[:3])
    assert not nothing.any() and not valid.any()


def test_what_is_read_of_a_base_has_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of their own cost as many values as they have; of columns all are had, as deep as the budget goes."""
    weights = {"layers.0.mlp.up": np.arange(60.0).reshape(6, 10), "layers.0.mlp.down": np.arange(60.0).reshape(10, 6)}
    model = held(weights)
    up, down = role_tensor(model, "layers.0.mlp.up"), role_tensor(model, "layers.0.mlp.down")
    assert up is not None and down is not None
    monkeypatch.setattr(adapter_rows, "VALUES", 45)
    assert _count(up, "neuron", 6) == 4 and _count(up, "neuron", 6, 2) == 2 and _count(up, "neuron", 3) == 3
    assert _count(up, "neuron", 6, 9) == 2 and _count(down, "neuron", 6) == 6
    assert _columns(up, "neuron", np.array([1, 3])).tolist() == weights["layers.0.mlp.up"][[1, 3]].tolist()
    assert _columns(down, "neuron", np.array([1, 3])).tolist() == weights["layers.0.mlp.down"][:7, [1, 3]].T.tolist()
    monkeypatch.setattr(adapter_rows, "VALUES", 5)
    assert _columns(down, "neuron", np.array([1])).shape == (1, 2)
    monkeypatch.setattr(adapter_rows, "GENERATORS", 3)
    assert _count(down, "neuron", 6) == 3 and _count(up, "neuron", 2) == 2
