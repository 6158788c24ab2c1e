"""The names that real quantised models use: each is one that the tests' quantisers write, and all are understood."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forebear.artifacts import read_artifact
from forebear.artifacts.packed import Packed
from forebear.sources import open_source
from models import Entry, write_safetensors
from quantise import Quantiser, bnb_4bit, entry, gptq
from shared import shared

pytestmark = pytest.mark.shared

MODELS: dict[str, tuple[Quantiser, str, int]] = {
    "IrfanUruchi__Llama-2-13B-Computer-Engineering-": (bnb_4bit(nested=True), ".weight.absmax", 280),
    "reubzdubz__Molmo7B_D_NF4Quant": (bnb_4bit(), ".weight.absmax", 112),
    "x1ngzai__Qwen-VL-Chat-Int4": (gptq(), ".qweight", 160),
}
"""Folder to its scheme, the ending that a quantised module has, and how many of them there are."""
MARKS = ("absmax", "quant_map", "quant_state", "qweight", "qzeros", "scales", "g_idx", "_blocks")


def names_of(folder: Path) -> list[str]:
    return list(json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"])


@pytest.mark.parametrize("folder", MODELS)
def test_every_module_of_a_real_index_is_read(folder: str, tmp_path: Path) -> None:
    quantise, ending, count = MODELS[folder]
    real = shared("artefacts") / "repositories" / folder
    names = names_of(real)
    modules = [n.removesuffix(ending) for n in names if n.endswith(ending)]
    assert len(modules) == count
    rng = np.random.default_rng(0)
    stored: dict[str, Entry | Any] = {n: np.ones(4, dtype=np.float32) for n in names}
    expected = {}
    for module in modules:
        entries, expected[f"{module}.weight"] = quantise(rng.standard_normal((32, 64)).astype(np.float32))
        ours = {f"{module}.{key}" for key in entries}
        theirs = {n for n in names if n.startswith(module + ".") and not n.endswith(".bias")}
        assert ours == theirs
        stored |= {f"{module}.{key}": made for key, made in entries.items()}
    write_safetensors(tmp_path / "model.safetensors", stored)
    (tmp_path / "config.json").write_bytes((real / "config.json").read_bytes())
    tensors = read_artifact(open_source(str(tmp_path))).weights.tensors
    assert {n for n, t in tensors.items() if isinstance(t, Packed)} == expected.keys()
    assert not [n for n in tensors if any(mark in n for mark in MARKS) and "visual" not in n and "vision" not in n]
    for name in (min(expected), max(expected)):
        np.testing.assert_allclose(tensors[name].values(), expected[name], rtol=3e-7)


def test_every_tensor_of_gpt_oss_is_understood(tmp_path: Path) -> None:
    """With its true names and toy sizes: every role there, all of it trusted."""
    real = shared("artefacts") / "repositories" / "EchoCog__gpt-oss-20b"
    config = json.loads((real / "config.json").read_text())
    rng = np.random.default_rng(0)
    width, neurons, experts, heads, kv_heads, head, vocabulary = 64, 96, 2, 4, 2, 16, 128
    sizes: dict[str, tuple[int, ...]] = {
        "embed_tokens.weight": (vocabulary, width),
        "lm_head.weight": (vocabulary, width),
        "router.weight": (experts, width),
        "router.bias": (experts,),
        "sinks": (heads,),
        "gate_up_proj_bias": (experts, 2 * neurons),
        "down_proj_bias": (experts, width),
        "q_proj.weight": (heads * head, width),
        "o_proj.weight": (width, heads * head),
        "o_proj.bias": (width,),
        "q_proj.bias": (heads * head,),
        "norm.weight": (width,),
    } | {
        f"{p}_proj.{k}": (kv_heads * head, width)[: 2 if k == "weight" else 1] for p in "kv" for k in ("weight", "bias")
    }
    packed = {"gate_up_proj": (experts, 2 * neurons, width // 32), "down_proj": (experts, width, neurons // 32)}
    stored: dict[str, Entry | Any] = {}
    for name in names_of(real):
        stem, _, what = name.rpartition("_")
        if what in ("blocks", "scales"):
            shape: tuple[int, ...] = packed[stem.rpartition(".")[2]]
            values = rng.integers(0, 256, (*shape, 16)) if what == "blocks" else rng.integers(118, 124, shape)
            stored[name] = entry("U8", values)
        else:
            dims = next(s for ending, s in sizes.items() if name.endswith(ending))
            stored[name] = rng.standard_normal(dims).astype(np.float32)
    write_safetensors(tmp_path / "model.safetensors", stored)
    said = {"hidden_size": width, "num_attention_heads": heads, "num_key_value_heads": kv_heads, "head_dim": head}
    said |= {"intermediate_size": neurons, "vocab_size": vocabulary, "num_local_experts": experts}
    (tmp_path / "config.json").write_text(json.dumps({**config, **said}))
    model = read_artifact(open_source(str(tmp_path)))
    assert model.architecture is not None and model.architecture.name == "gpt_oss" and not model.by_names
    assert model.notes == ("48 weights are stored as MXFP4, and were read as the numbers that they stand for",)
    assert set(model.weights.tensors) == set(model.names.values())
    assert {f"layers.23.experts.1.{r}" for r in ("gate", "up", "down", "gate.bias", "down.bias")} <= model.names.keys()
    tensor = model.weights.tensors["model.layers.0.mlp.experts.down_proj"]
    assert tensor.shape == (experts, neurons, width)
