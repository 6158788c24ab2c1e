"""The sign symmetries that the coins rest on, tested on real modelling code, family by family.

A generator is valid when flipping it everywhere leaves the outputs alone, before and throughout training; the code
reads the right bit when exactly that bit changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.signals import generators as gen
from forebear.signals.sign_code import SignCode, encode
from symmetry import flips as fl
from symmetry.flips import Case, Flips

torch = pytest.importorskip("torch", reason="needs the [torch] extra")
pytest.importorskip("transformers", reason="runs the modelling code of transformers")
pytest.importorskip("safetensors", reason="edits saved models")

pytestmark = pytest.mark.torch

TOLERANCE = 1e-5
CHANGED = 1e-2

CASES = (
    Case("llama-tied", "llama", True),
    Case("llama-untied", "llama", False),
    Case("llama-biases", "llama", False, {"attention_bias": True, "mlp_bias": True}),
    Case("mistral-tied", "mistral", True),
    Case("mistral-untied", "mistral", False),
    Case("qwen2-tied", "qwen2", True),
    Case("qwen2-untied", "qwen2", False),
    Case("qwen3-tied", "qwen3", True),
    Case("qwen3-untied", "qwen3", False, {"num_attention_heads": 6}),  # heads wider than the stream
    Case("qwen3-biases", "qwen3", False, {"attention_bias": True}),
    Case("mixtral-tied", "mixtral", True, {"num_local_experts": 6}),
    Case("mixtral-untied", "mixtral", False, {"num_local_experts": 4}),
    Case("gpt2-tied", "gpt2", True),
    Case("gpt2-untied", "gpt2", False),
    Case("gpt_neox-tied", "gpt_neox", True, {"rotary_pct": 0.25}),
    Case("gpt_neox-untied", "gpt_neox", False, {"rotary_pct": 0.25}),
    Case("gpt_neox-no-biases", "gpt_neox", False, {"rotary_pct": 0.25, "attention_bias": False}),
)
COINS = {
    "llama": ("residual", "glu", "value_output", "query_key"),
    "mistral": ("residual", "glu", "value_output", "query_key"),
    "qwen2": ("residual", "glu", "value_output", "query_key"),
    "qwen3": ("residual", "glu", "value_output", "query_key"),
    "mixtral": ("residual", "experts", "value_output", "query_key"),
    "gpt2": ("value_output", "query_key"),
    "gpt_neox": ("value_output", "query_key"),
}
GROUPS = ("residual", "glu", "experts", "value_output", "query_key")
BITS = {"glu": 0, "experts": 0, "value_output": 64, "query_key": 96}


@dataclass(frozen=True)
class Model:
    """A saved model, as this project reads it and as torch computes it."""

    case: Case
    folder: Path
    artifact: Artifact
    weights: dict[str, fl.F32]
    logits: fl.F32

    def flipped(self, flips: Flips, out: Path, acts: fl.Acts = fl.everywhere) -> Path:
        fl.write_like(self.folder, out, fl.apply(self.weights, self.artifact, flips, acts))
        return out

    def change(self, flips: Flips, out: Path, acts: fl.Acts = fl.everywhere) -> float:
        """Largest difference that flips make to a logit, in standard deviations of the logits."""
        difference = np.abs(fl.logits(self.flipped(flips, out, acts)) - self.logits).max()
        return float(difference / self.logits.std())


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.label)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    case: Case = request.param
    folder = tmp_path_factory.mktemp(case.label)
    fl.build(case, folder)
    return Model(case, folder, fl.open_model(folder), fl.weights(folder), fl.logits(folder))


def cases(*families: str) -> pytest.MarkDecorator:
    """Run for these families only."""
    chosen = [c for c in CASES if c.family in families]
    return pytest.mark.parametrize("model", chosen, ids=lambda c: c.label, indirect=True)


def coins(*groups: str) -> pytest.MarkDecorator:
    """Run for every model and those of the groups that its family has."""
    chosen = [(c, g) for c in CASES for g in COINS[c.family] if g in groups]
    ids = [f"{c.label}-{g}" for c, g in chosen]
    return pytest.mark.parametrize(("model", "group"), chosen, ids=ids, indirect=["model"])


def draw_all(model: Model, seed: int) -> Flips:
    flips: Flips = {}
    for group in COINS[model.case.family]:
        flips |= fl.draw(model.artifact, group, seed)
    return flips


def test_the_model_is_recognised_to_the_last_tensor(model: Model) -> None:
    family, geometry = fl.known(model.artifact)
    assert family.name == ("llama" if model.case.family == "mistral" else model.case.family)
    assert family.coins == COINS[model.case.family]
    assert not model.artifact.notes
    assert set(model.artifact.names.values()) == set(model.artifact.weights.tensors)
    assert geometry.tied == model.case.tied
    assert (geometry.width, geometry.layers, geometry.vocabulary) == (fl.WIDTH, fl.LAYERS, fl.VOCABULARY)
    assert geometry.heads == model.case.more.get("num_attention_heads", fl.HEADS)
    assert geometry.head_dim == fl.HEAD_DIM
    assert geometry.kv_heads == (fl.HEADS if model.case.family.startswith("gpt") else fl.KV_HEADS)
    assert geometry.rotary == {"gpt2": None, "gpt_neox": 4}.get(model.case.family, fl.HEAD_DIM)
    assert geometry.experts == model.case.more.get("num_local_experts", 0)


@coins(*GROUPS)
def test_flipping_a_generator_everywhere_leaves_the_outputs_alone(model: Model, group: str, tmp_path: Path) -> None:
    for seed in range(2):
        flips = fl.draw(model.artifact, group, seed)
        assert model.change(flips, tmp_path / str(seed)) < TOLERANCE


def test_flips_of_all_groups_together_leave_the_outputs_alone(model: Model, tmp_path: Path) -> None:
    assert model.change(draw_all(model, seed=2), tmp_path / "flipped") < TOLERANCE


@cases("llama", "mistral", "qwen2", "qwen3", "mixtral")
def test_gains_do_not_flip_with_the_residual_stream(model: Model, tmp_path: Path) -> None:
    flips = fl.draw(model.artifact, "residual", 0)
    with_gains = flips | {("gain", ""): flips["residual", ""]}
    assert model.change(with_gains, tmp_path / "flipped") > CHANGED


@cases("gpt2", "gpt_neox")
def test_layernorm_feels_the_sign_of_a_residual_dimension(model: Model, tmp_path: Path) -> None:
    assert model.change(fl.draw(model.artifact, "residual", 0), tmp_path / "flipped") > CHANGED


@cases("gpt2", "gpt_neox")
def test_neurons_without_a_gate_feel_their_sign(model: Model, tmp_path: Path) -> None:
    assert model.change(fl.draw(model.artifact, "glu", 0), tmp_path / "flipped") > CHANGED


@coins("glu", "experts")
def test_a_gate_row_is_no_coin(model: Model, group: str, tmp_path: Path) -> None:
    flips = fl.draw(model.artifact, group, 0)
    gate_for_up = model.change(flips, tmp_path / "gate", lambda role, axis: ".up" not in role)
    assert gate_for_up > CHANGED


@pytest.mark.parametrize("left_out", ["value", "mixed", "key", "query"])
def test_half_a_flip_is_felt(model: Model, left_out: str, tmp_path: Path) -> None:
    group = "value_output" if left_out in ("value", "mixed") else "query_key"
    flips = fl.draw(model.artifact, group, 0)
    assert model.change(flips, tmp_path / "flipped", lambda role, axis: axis != left_out) > CHANGED


@cases("llama", "mistral", "qwen2", "qwen3", "mixtral", "gpt_neox")
def test_one_dimension_of_a_rotating_plane_is_no_coin(model: Model, tmp_path: Path) -> None:
    family, geometry = fl.known(model.artifact)
    first, second = fl.planes(family, geometry)
    partners = second[first != second]
    assert len(partners) == (2 if model.case.family == "gpt_neox" else 8)
    flips = fl.draw(model.artifact, "query_key", 0)
    for flags in flips.values():
        flags[:, partners] = False
    assert sum(int(flags.sum()) for flags in flips.values())
    assert model.change(flips, tmp_path / "flipped") > CHANGED


@cases("llama", "mistral", "qwen2", "qwen3", "mixtral")
def test_one_query_head_of_a_group_does_not_flip_alone(model: Model, tmp_path: Path) -> None:
    """The flip is done, except in the o columns of the last query head: its group's other heads flip without it."""
    flips = fl.draw(model.artifact, "value_output", 0)
    weights = fl.apply(model.weights, model.artifact, flips)
    last = slice(-fl.HEAD_DIM, None)
    for layer in range(fl.LAYERS):
        name = model.artifact.names[f"layers.{layer}.attn.o"]
        weights[name][:, last] = model.weights[name][:, last]
    fl.write_like(model.folder, tmp_path / "flipped", weights)
    assert np.abs(fl.logits(tmp_path / "flipped") - model.logits).max() / model.logits.std() > CHANGED


def test_training_is_equivariant(model: Model, tmp_path: Path) -> None:
    """Flip, train, flip back: the weights of the run that was never flipped.

    Rounding is symmetric in the sign, so they are bit-identical wherever sums are taken in the same order; Adam would
    blow up any other rounding (the gradient of GPT-2's key bias is nothing but rounding).
    """
    flips = draw_all(model, seed=3)
    fl.train(model.folder, tmp_path / "plain")
    fl.train(model.flipped(flips, tmp_path / "start"), tmp_path / "flipped")
    plain, other = fl.weights(tmp_path / "plain"), fl.weights(tmp_path / "flipped")
    back = fl.apply(other, model.artifact, flips)
    assert plain.keys() == back.keys() == model.weights.keys()
    moved = max(float(np.abs(plain[n] - model.weights[n]).max()) for n in plain)
    apart = max(float(np.abs(plain[n] - back[n]).max()) for n in plain)
    assert moved > 1e-3
    assert apart < 1e-3 * moved
    assert any(not np.array_equal(plain[n], other[n]) for n in plain)


@coins(*GROUPS)
def test_exactly_the_bits_of_flipped_generators_change(model: Model, group: str, tmp_path: Path) -> None:
    before, _ = encode(model.artifact)
    for seed in range(3):
        flips = fl.draw(model.artifact, group, seed)
        after, _ = encode(fl.open_model(model.flipped(flips, tmp_path / str(seed))))
        expected = expected_bits(model, group, flips, before)
        changed = np.unpackbits(before.bits ^ after.bits).astype(bool)
        if group == "residual":  # every row of a layer is projected along the stream, so only these bits are asked
            changed, expected = changed[: gen.RESIDUAL_BITS], expected[: gen.RESIDUAL_BITS]
        assert expected.any()
        assert np.flatnonzero(changed).tolist() == np.flatnonzero(expected).tolist()
        assert np.array_equal(before.valid, after.valid)
        assert np.array_equal(before.signature, after.signature, equal_nan=True)


def test_every_generator_that_is_read_has_a_valid_bit(model: Model) -> None:
    code, _ = encode(model.artifact)
    everything: NDArray[np.bool_] = np.zeros(gen.CODE_BITS, dtype=bool)
    for group in COINS[model.case.family]:
        flips = {key: np.ones_like(flags) for key, flags in fl.draw(model.artifact, group, 0).items()}
        everything |= expected_bits(model, group, flips, code)
    assert np.flatnonzero(np.unpackbits(code.valid)).tolist() == np.flatnonzero(everything).tolist()


def expected_bits(model: Model, group: str, flips: Flips, code: SignCode) -> NDArray[np.bool_]:
    """The bits that stand for these generators, from the layout of sign-code/1 as documented."""
    family, geometry = fl.known(model.artifact)
    assert geometry.kv_heads
    bits: NDArray[np.bool_] = np.zeros(gen.CODE_BITS, dtype=bool)
    if group == "residual":
        bits[: fl.WIDTH] = flips["residual", ""]
        return bits
    assert sorted(layer for layer in code.layers if layer >= 0) == list(range(fl.LAYERS))
    heads = (0, geometry.kv_heads // 2)
    for slot, layer in enumerate(code.layers):
        if layer < 0:
            continue
        start, stem = gen.RESIDUAL_BITS + slot * gen.LAYER_BITS + BITS[group], f"layers.{layer}."
        if group == "glu":
            read = [(start, flips[group, stem][:64])]
        elif group == "experts":
            chosen = [k * geometry.experts // 4 for k in range(4)]
            read = [
                (start + 16 * k, flips[group, f"{stem}experts.{e}."][16 * k : 16 * k + 16])
                for k, e in enumerate(chosen)
            ]
        elif group == "value_output":
            read = [(start + 16 * k, flips[group, stem][head, :16]) for k, head in enumerate(heads)]
        else:
            first, _ = fl.planes(family, geometry)
            read = [(start + 16 * k, flips[group, stem][head, first]) for k, head in enumerate(heads)]
        for at, flags in read:
            bits[at : at + len(flags)] = flags
    return bits
