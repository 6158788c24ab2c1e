"""Derivations make what they say: shapes, values, what they leave alone, and merges whose coefficients are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from derivations import DERIVATIONS, derive, gguf, merge, packed
from derivations.growth import EXPERTS, GROWTH
from derivations.merging import METHODS
from disguises import DISGUISES, Inapplicable
from disguises.network import F32, read
from forebear.artifacts import read_artifact
from forebear.sources import LocalSource
from models import tiny, tiny_llama, write_safetensors


def tensors(folder: Path) -> dict[str, F32]:
    return {name: t.values() for name, t in read_artifact(LocalSource(folder)).weights.tensors.items()}


def config_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return found


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny("llama", tmp_path_factory.mktemp("models") / "base", 1)


def children(base: Path, place: Path, count: int = 2) -> list[Path]:
    return [derive(base, place / f"child-{k}", ["noise:0.2"], k, dtype="F32") for k in range(count)]


def test_every_disguise_and_every_kind_of_growth_is_a_step() -> None:
    assert len(DERIVATIONS) == len(DISGUISES) + len(GROWTH)


def test_nothing_done_is_a_copy_and_float32_holds_the_same_values(base: Path, tmp_path: Path) -> None:
    before = tensors(base)
    for dtype in ("BF16", "F32"):
        after = tensors(derive(base, tmp_path / dtype, [], dtype=dtype))
        assert all(np.array_equal(after[n], v) for n, v in before.items()) and len(after) == len(before)


def test_gains_that_the_network_adds_one_to_are_copied_bit_for_bit(tmp_path: Path) -> None:
    base = tiny("llama", tmp_path / "base", 1)
    config = {**config_of(base), "model_type": "gemma"}
    (base / "config.json").write_text(json.dumps(config))
    rng = np.random.default_rng(1)
    small = derive(base, tmp_path / "small", [], dtype="F32")
    edited = {
        n: v * 2.0**-30 * rng.integers(-128, 128, v.shape) if "norm" in n else v for n, v in tensors(small).items()
    }
    write_safetensors(small / "model.safetensors", {n: v.astype(np.float32) for n, v in edited.items()})
    before, after = tensors(small), tensors(derive(small, tmp_path / "out", []))
    assert all(np.array_equal(after[n], v) for n, v in before.items() if "norm" in n)
    assert max(np.abs(v).max() for n, v in before.items() if "norm" in n) < 1e-5


def test_another_licence_changes_papers_alone(base: Path, tmp_path: Path) -> None:
    out = derive(base, tmp_path / "out", ["relicense"])
    assert (out / "LICENSE").read_text().startswith("MIT") and "license: mit" in (out / "README.md").read_text()
    assert (out / "model.safetensors").read_bytes() == derive(base, tmp_path / "copy", []).joinpath(
        "model.safetensors"
    ).read_bytes()


@pytest.mark.parametrize("family", ["llama", "gpt2", "gpt_neox", "mixtral"])
def test_of_four_inputs_the_two_largest_stay(family: str, tmp_path: Path) -> None:
    one = read(tiny(family, tmp_path / "base", 1)).weights
    two = read(derive(tmp_path / "base", tmp_path / "out", ["two-four"])).weights
    pruned = [r for r in one if one[r].ndim == 2 and r.startswith("layers.") and "router" not in r]
    assert pruned and all(np.array_equal(one[r], two[r]) for r in one if r not in pruned)
    for role in pruned:
        before, after = (x[role].reshape(-1, 4) for x in (one, two))
        kept = after != 0
        assert (kept.sum(1) <= 2).all() and kept.sum(1).mean() > 1.9
        assert np.array_equal(after[kept], before[kept])
        assert (np.where(kept, np.inf, np.abs(before)).min(1) <= np.where(kept, np.abs(before), np.inf).min(1)).all()


def test_new_tokens_stand_behind_the_old_ones(base: Path, tmp_path: Path) -> None:
    out = derive(base, tmp_path / "out", ["extend-vocabulary:8"])
    old, new = read(base), read(out)
    size = len(old.weights["embed"])
    for role in ("embed", "lm_head"):
        assert np.array_equal(new.weights[role][:size], old.weights[role])
        near = np.abs(new.weights[role][size:] - old.weights[role].mean(0))
        assert len(near) == 8 and near.max() < old.weights[role].std()
    tokenizer = read_artifact(LocalSource(out)).tokenizer
    assert tokenizer is not None and sorted(tokenizer.ids.values())[-8:] == list(range(size, size + 8))
    assert config_of(out)["vocab_size"] == size + 8


def test_experts_are_copies_of_one_mlp(base: Path, tmp_path: Path) -> None:
    exact, noisy = (derive(base, tmp_path / step, [step]) for step in ("upcycle", "upcycle:0.1"))
    old, new = read(base).weights, read(exact).weights
    assert read(exact).family.name == "mixtral" and config_of(exact)["num_local_experts"] == EXPERTS
    for role, values in new.items():
        if ".experts." in role:
            stem, _, part = role.partition(".experts.")
            assert np.array_equal(values, old[f"{stem}.mlp.{part.split('.')[1]}"])
    x, y = new["layers.0.experts.1.up"], read(noisy).weights["layers.0.experts.1.up"]
    assert np.linalg.norm(y - x) / np.linalg.norm(x) == pytest.approx(0.1, rel=0.1)
    with pytest.raises(Inapplicable):
        derive(tiny("qwen2", tmp_path / "qwen", 1), tmp_path / "no", ["upcycle"])


def test_a_tower_stands_beside_a_core_that_is_still_read(base: Path, tmp_path: Path) -> None:
    out = derive(base, tmp_path / "out", ["add-tower"])
    artifact = read_artifact(LocalSource(out))
    assert artifact.architecture is not None and artifact.architecture.name == "llama"
    before, after = tensors(base), tensors(out)
    assert all(np.array_equal(after[f"language_model.{n}"], v) for n, v in before.items())
    assert any(n.startswith("vision_tower.") for n in after) and config_of(out)["text_config"]["hidden_size"] == 64


def test_one_layer_is_planted_in_another_model(base: Path, tmp_path: Path) -> None:
    other = tiny("llama", tmp_path / "other", 2)
    made = read(derive(base, tmp_path / "out", ["plant-layer"], 3, other)).weights
    one, two = read(base).weights, read(other).weights
    equal = {
        r.split(".")[1]
        for r in made
        if r.startswith("layers.") and np.array_equal(made[r], one[r]) and made[r].ndim == 2
    }
    assert len(equal) == 1
    assert all(np.array_equal(made[r], two[r]) for r in made if f".{min(equal)}." not in r)
    with pytest.raises(Inapplicable):
        derive(base, tmp_path / "no", ["plant-layer"])


@pytest.mark.parametrize(("method", "shares"), [("linear", (0.7, 0.3)), ("dare", (0.6, 0.4))])
def test_coefficients_of_a_merge_are_what_regression_finds(
    base: Path, tmp_path: Path, method: str, shares: tuple[float, float]
) -> None:
    parents = children(base, tmp_path)
    root = derive(base, tmp_path / "root", [], dtype="F32")
    made = read(merge(root, parents, tmp_path / "out", method, shares)).weights
    zero = read(root).weights
    changes = [{r: v - zero[r] for r, v in read(p).weights.items()} for p in parents]
    matrix = np.stack([np.concatenate([c[r].ravel() for r in zero]) for c in changes], axis=1)
    found = np.linalg.lstsq(matrix, np.concatenate([(made[r] - zero[r]).ravel() for r in zero]), rcond=None)[0]
    assert found == pytest.approx(shares, abs=0.03 if method == "dare" else 1e-4)


def test_slerp_keeps_the_length_and_the_angle(base: Path, tmp_path: Path) -> None:
    one, two = tiny("llama", tmp_path / "one", 1), tiny("llama", tmp_path / "two", 2)
    role = "layers.0.mlp.up"
    x, y = (read(p).weights[role].ravel() for p in (one, two))
    z = read(merge(one, [one, two], tmp_path / "out", "slerp", (0.75, 0.25))).weights[role].ravel()

    def angle(a: F32, b: F32) -> float:
        return float(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))

    assert angle(x, z) == pytest.approx(angle(x, y) / 4, rel=0.05)
    assert np.linalg.norm(z) == pytest.approx(np.linalg.norm(x), rel=0.02)
    with pytest.raises(Inapplicable):
        merge(one, [one, two, two], tmp_path / "no", "slerp", (0.5, 0.25, 0.25))


def test_ties_takes_only_sides_that_agree(base: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    zero = np.zeros((40, 40), dtype=np.float32)
    one, two = (rng.standard_normal(zero.shape).astype(np.float32) for _ in range(2))
    made = METHODS["ties"]("layers.0.mlp.up", zero, [one, two], (0.5, 0.5), rng)
    trimmed = [np.where(np.abs(c) >= np.median(np.abs(c)), c, 0) for c in (one, two)]
    elected = np.sign(trimmed[0] + trimmed[1])
    assert (np.sign(made) * elected >= 0).all() and ((made == 0) == (elected == 0)).all()
    both = (np.sign(trimmed[0]) == np.sign(trimmed[1])) & (elected != 0)
    assert np.allclose(made[both], (trimmed[0] + trimmed[1])[both] / 2)
    alone = (trimmed[0] != 0) & (trimmed[1] == 0)
    assert np.allclose(made[alone], trimmed[0][alone])


def test_layers_pass_through_in_turn(base: Path, tmp_path: Path) -> None:
    parents = children(base, tmp_path)
    root = derive(base, tmp_path / "root", [], dtype="F32")
    made = read(merge(root, parents, tmp_path / "out", "passthrough", (1, 1))).weights
    for role, values in made.items():
        turn = int(role.split(".")[1]) % 2 if role.startswith("layers.") else 0
        assert np.allclose(values, read(parents[turn]).weights[role], atol=1e-6)


def test_parents_of_another_shape_are_refused(base: Path, tmp_path: Path) -> None:
    wide = tiny_llama(tmp_path / "wide", 3, hidden=128)
    with pytest.raises(Inapplicable):
        merge(base, [wide], tmp_path / "no", "linear", (1.0,))


@pytest.mark.parametrize("scheme", ["bnb-nf4", "gptq-4", "awq", "fp8-rows"])
def test_integers_and_the_values_they_stand_for_are_one_model(base: Path, tmp_path: Path, scheme: str) -> None:
    stored, plain = (packed(base, tmp_path / f"{scheme}-{p}", scheme, p) for p in (False, True))
    one, two, old = tensors(stored), tensors(plain), tensors(base)
    assert one.keys() == two.keys() == old.keys()
    assert all(np.allclose(one[n], two[n], atol=1e-3) for n in one)
    name = "model.layers.0.mlp.up_proj.weight"
    assert 0 < np.linalg.norm(two[name] - old[name]) / np.linalg.norm(old[name]) < 0.2
    assert "quantization_config" in config_of(stored) and "quantization_config" not in config_of(plain)
    assert sorted(p.name for p in tmp_path.iterdir()) == [stored.name, plain.name]


def test_a_gguf_file_is_the_model_rounded(base: Path, tmp_path: Path) -> None:
    out = gguf(base, tmp_path / "out", "q4_0")
    assert {p.name for p in out.iterdir()} == {"model.gguf", "README.md", "LICENSE"}
    one, two = tensors(base), tensors(out)
    name = "model.layers.1.self_attn.q_proj.weight"
    assert 0 < np.linalg.norm(two[name] - one[name]) / np.linalg.norm(one[name]) < 0.2


def test_equal_seeds_give_equal_models(base: Path, tmp_path: Path) -> None:
    step = ["extend-vocabulary", "upcycle:0.1"]
    made = [derive(base, tmp_path / f"{k}", step, seed) for k, seed in enumerate((1, 1, 2))]
    files = [(folder / "model.safetensors").read_bytes() for folder in made]
    assert files[0] == files[1] != files[2]
