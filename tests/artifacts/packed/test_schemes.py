"""Every scheme against the matrix it was made from: values, any slice of rows, roles, sign code, digest and verdict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import forebear
from edits import move_gains
from forebear.artifacts import Artifact, read_artifact
from forebear.artifacts.packed import Packed
from forebear.index import LocalIndex
from forebear.inspect import enrol
from forebear.signals.content import content_digest
from forebear.signals.fingerprint import fingerprint
from forebear.sources import open_source
from forebear.types import Verdict
from models import refused, tiny, tiny_llama, write_safetensors
from quantise import SCHEMES, entry, quantised
from shared import shared

every_scheme = pytest.mark.parametrize("scheme", SCHEMES)


def read(folder: Path) -> Artifact:
    return read_artifact(open_source(str(folder)))


def draw(rows: int, width: int, seed: int = 0) -> NDArray[Any]:
    return (0.08 * np.random.default_rng(seed).standard_normal((rows, width))).astype(np.float32)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_llama(tmp_path_factory.mktemp("packed") / "base", seed=1, intermediate=160)
    move_gains(folder, seed=2)
    return folder


@every_scheme
def test_any_rows_are_those_of_the_matrix(scheme: str, tmp_path: Path) -> None:
    quantise, stated = SCHEMES[scheme]
    (tmp_path / "config.json").write_text(json.dumps({"quantization_config": stated}))
    for rows, width in ((96, 192), (160, 288), (64, 64)):
        entries, expected = quantise(draw(rows, width))
        write_safetensors(tmp_path / "model.safetensors", {f"layers.0.x.{k}": v for k, v in entries.items()})
        found = read(tmp_path).weights.tensors
        assert found.keys() == {"layers.0.x.weight"}
        tensor = found["layers.0.x.weight"]
        assert isinstance(tensor, Packed) and tensor.shape == (rows, width)
        assert tensor.floating and tensor.signed and tensor.readable
        assert tensor.nbytes < 1.2 * rows * width + 2000
        np.testing.assert_allclose(tensor.values(), expected, rtol=3e-7, atol=1e-9)
        for start, stop in ((0, 1), (1, 2), (5, 38), (31, 33), (rows - 3, rows), (7, 7), (0, rows)):
            np.testing.assert_array_equal(tensor.rows(start, stop), tensor.values()[start:stop])
        for most in (1, 1000, 10**9):
            np.testing.assert_array_equal(np.concatenate(list(tensor.chunks(most))), tensor.values().ravel())
        for start, stop in ((-1, 2), (3, 2), (0, rows + 1)):
            with pytest.raises(ValueError, match="rows"):
                tensor.rows(start, stop)


@every_scheme
@pytest.mark.parametrize("stated", [True, False], ids=["config", "no-config"])
def test_a_quantised_model_is_the_model_that_it_stands_for(
    scheme: str, stated: bool, base: Path, tmp_path: Path
) -> None:
    """The sign code and the digest cover every row that is compared: one row or tensor out of place changes both."""
    if scheme == "gptq-4-v2" and not stated:
        pytest.skip("only the config tells the second format of GPTQ from the first")
    folder = quantised(base, f"{scheme}-{stated}", scheme, stated)
    model, plain = read(folder), read(folder.with_name(folder.name + "-plain"))
    assert model.names == plain.names and model.weights.tensors.keys() == plain.weights.tensors.keys()
    assert model.architecture is not None and not model.by_names and not model.inferred and not model.problems
    assert model.parameters == plain.parameters
    assert len(model.notes) == 1 and "28 weights are stored as" in model.notes[0]
    one, two = fingerprint(model), fingerprint(plain)
    np.testing.assert_array_equal(one.code.bits, two.code.bits)
    np.testing.assert_array_equal(one.code.valid, two.code.valid)
    for name, tensor in model.weights.tensors.items():
        np.testing.assert_allclose(tensor.values(), plain.weights.tensors[name].values(), rtol=3e-7, atol=1e-9)
    assert any(title in one.dtype for title in ("FP8", "FP4", "bit", "INT", "NF4")), one.dtype


@pytest.mark.sweep(4)
@every_scheme
def test_it_depends_on_the_original_and_not_on_a_stranger(scheme: str, base: Path, tmp_path: Path) -> None:
    index = LocalIndex(tmp_path / "home")
    stranger = tiny_llama(tmp_path / "stranger", seed=77, intermediate=160)
    move_gains(stranger, seed=78)
    enrol(str(base), index, name="base")
    enrol(str(stranger), index, name="stranger")
    result = forebear.scan(str(quantised(base, f"{scheme}-scan", scheme)), index)
    assert [a.name for a in result.ancestors] == ["base"], result.why
    assert result.verdict in (Verdict.DERIVED, Verdict.DEPENDENT), result.why
    assert result.ancestors[0].log10_p is not None and result.ancestors[0].log10_p < -20


@pytest.mark.sweep(3)
@every_scheme
def test_a_quantised_model_can_be_the_reference(scheme: str, base: Path, tmp_path: Path) -> None:
    folder = quantised(base, f"{scheme}-reference", scheme)
    assert forebear.compare(str(folder), str(base)).verdict is Verdict.DEPENDENT


def test_equal_values_are_the_same_content_however_they_are_packed(base: Path) -> None:
    for scheme in ("gptq-8-no-index", "awq", "ct-int4", "bnb-nf4"):
        folder = quantised(base, f"{scheme}-content", scheme)
        plain = folder.with_name(folder.name + "-plain")
        assert content_digest(read(folder)) == content_digest(read(plain)), scheme


@pytest.mark.parametrize("family", ["qwen2", "qwen3", "mixtral", "gpt_neox", "gpt2"])
def test_other_families_keep_their_roles(family: str, tmp_path: Path) -> None:
    base = tiny(family, tmp_path / family, seed=3)
    for scheme in ("fp8-blocks", "gptq-4", "awq", "bnb-nf4"):
        folder = quantised(base, f"{family}-{scheme}", scheme)
        model, plain = read(folder), read(folder.with_name(folder.name + "-plain"))
        assert model.names == plain.names and not model.by_names
        np.testing.assert_array_equal(fingerprint(model).code.bits, fingerprint(plain).code.bits)
        for name, tensor in model.weights.tensors.items():
            np.testing.assert_allclose(tensor.values(), plain.weights.tensors[name].values(), rtol=3e-7, atol=1e-9)
            if tensor.shape:
                np.testing.assert_array_equal(tensor.rows(1, 4), tensor.values()[1:4])


@pytest.mark.sweep(3)
@pytest.mark.shared
@pytest.mark.parametrize(("turn", "model"), list(enumerate(["dev-llama-1", "dev-mixtral-1", "dev-qwen2-1"])))
def test_trained_models_keep_their_verdicts_in_every_scheme(turn: int, model: str, tmp_path: Path) -> None:
    """Every model in every third scheme; tests/inspect/test_zoo_formats.py has the other models."""
    zoo = shared("zoo") / "models"
    index = LocalIndex(tmp_path / "home")
    for name in ("dev-llama-1", "dev-llama-2", "dev-mixtral-1", "dev-qwen2-1"):
        enrol(str(zoo / name), index)
    (tmp_path / model).symlink_to(zoo / model)
    for scheme in list(SCHEMES)[turn::3]:
        result = forebear.scan(str(quantised(tmp_path / model, f"{model}-{scheme}", scheme)), index)
        assert result.verdict in (Verdict.DERIVED, Verdict.DEPENDENT), result.why
        assert [a.name for a in result.ancestors] == [model], (
            scheme,
            result.why,
        )


def test_names_that_nobody_has_are_inferred_from_packed_weights_as_well(base: Path) -> None:
    folder = quantised(base, "renamed", "gptq-4")
    plain = folder.with_name("renamed-plain")
    for model in (folder, plain):
        raw = (model / "model.safetensors").read_bytes()
        (model / "model.safetensors").write_bytes(raw.replace(b"model.layers.", b"trunk.blocks."))
    one, two = read(folder), read(plain)
    assert one.inferred and one.names == two.names and len(one.names) > 30


def test_a_scale_that_is_no_number_costs_its_rows_and_nothing_else(base: Path, tmp_path: Path) -> None:
    folder = quantised(base, "not-a-number", "bnb-int8")
    whole = fingerprint(read(folder)).code
    path = folder / "model.safetensors"
    tensor = read(folder).weights.tensors["model.layers.0.mlp.up_proj.weight"]
    assert isinstance(tensor, Packed)
    at = tensor.parts["scale"].start
    raw = path.read_bytes()
    path.write_bytes(raw[:at] + b"\x00\x00\xc0\x7f" * 8 + raw[at + 32 :])
    code = fingerprint(read(folder)).code
    assert whole.n - code.n == 8
    index = LocalIndex(tmp_path / "home")
    enrol(str(base), index, name="base")
    assert forebear.scan(str(folder), index).verdict in (Verdict.DERIVED, Verdict.DEPENDENT)


def test_gpt2_that_was_not_turned_is_left_as_it_is(tmp_path: Path) -> None:
    """FP8 written as the network has it: shapes tell."""
    base = tiny("gpt2", tmp_path / "gpt2", seed=3)
    plain = read(base)
    quantise, _ = SCHEMES["fp8-tensor"]
    stored: dict[str, Any] = {}
    for name, tensor in plain.weights.tensors.items():
        entries = quantise(tensor.values())[0] if ".c_" in name and name.endswith("weight") else {}
        stored |= {name.removesuffix("weight") + k: v for k, v in entries.items()} or {
            name: entry("F32", tensor.values())
        }
    write_safetensors(base / "model.safetensors", stored)
    model = read(base)
    assert model.names == plain.names and not model.by_names
    name = "transformer.h.0.attn.c_proj.weight"
    assert (
        np.corrcoef(model.weights.tensors[name].values().ravel(), plain.weights.tensors[name].values().ravel())[0, 1]
        > 0.9
    )


@pytest.mark.parametrize("per_expert", [False, True], ids=["blocks", "one-each"])
def test_stacks_of_experts_in_fp8(per_expert: bool, tmp_path: Path) -> None:
    """As transformers 5 keeps them: three axes, and a scale for each block or one for each expert."""
    quantise, _ = SCHEMES["fp8-tensor" if per_expert else "fp8-blocks"]
    made = [quantise(draw(160, 192, seed)) for seed in range(3)]
    scale = "weight_scale" if per_expert else "weight_scale_inv"
    stored = {}
    for key in ("weight", scale):
        dtype, shape, _ = made[0][0][key]
        name = "mlp.experts.gate_up_proj" + key.removeprefix("weight")
        stored[name] = (dtype, [3, *shape], b"".join(entries[key][2] for entries, _ in made))
    stored["mlp.experts.gate_up_proj_activation_scale"] = ("F32", [3], bytes(12))
    write_safetensors(tmp_path / "model.safetensors", stored)
    (tensor,) = read(tmp_path).weights.tensors.values()
    assert (tensor.name, tensor.shape, tensor.dtype) == ("mlp.experts.gate_up_proj", (3, 160, 192), "FP8 with scales")
    for k, (_, expected) in enumerate(made):
        np.testing.assert_allclose(tensor.item(k).values(), expected, rtol=3e-7, atol=1e-9)
        np.testing.assert_array_equal(tensor.item(k).rows(100, 140), tensor.item(k).values()[100:140])
        np.testing.assert_array_equal(tensor.rows(k, k + 1)[0], tensor.item(k).values())
    assert np.concatenate(list(tensor.chunks(1000))).size == tensor.size


def test_a_stack_in_four_bits_is_read_entry_by_entry(tmp_path: Path) -> None:
    """bitsandbytes flattens whatever it is given."""
    entries, expected = SCHEMES["bnb-fp4-nested"][0](draw(3 * 41, 33))  # blocks and bytes stand across the entries
    key = "weight.quant_state.bitsandbytes__fp4"
    state = json.dumps({**json.loads(entries[key][2]), "shape": [3, 41, 33]}).encode()
    entries[key] = ("U8", [len(state)], state)
    write_safetensors(tmp_path / "model.safetensors", {f"experts.{k}": v for k, v in entries.items()})
    (tensor,) = read(tmp_path).weights.tensors.values()
    whole = expected.reshape(3, 41, 33)
    np.testing.assert_allclose(tensor.values(), whole, rtol=3e-7)
    for k in range(3):
        np.testing.assert_allclose(tensor.item(k).rows(2, 40), whole[k, 2:40], rtol=3e-7)


@pytest.mark.parametrize("file", ["quantize_config.json", "quant_config.json"])
def test_a_file_beside_the_config_may_tell_the_format(file: str, tmp_path: Path) -> None:
    quantise, stated = SCHEMES["gptq-4-v2"]
    entries, expected = quantise(draw(96, 192))
    write_safetensors(tmp_path / "model.safetensors", {f"x.{k}": v for k, v in entries.items()})
    (tmp_path / file).write_text(json.dumps(stated))
    (tensor,) = read(tmp_path).weights.tensors.values()
    np.testing.assert_allclose(tensor.values(), expected, rtol=3e-7, atol=1e-9)
    (tmp_path / file).write_text("{")
    with refused(f"{file}: its file is not valid JSON"):
        read(tmp_path)
