"""Adapters that the tests write themselves: on a base, as one step of training would leave them, or at random."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact, read_artifact
from forebear.artifacts.roles import role_tensor
from forebear.sources import LocalSource
from models import Entry, write_safetensors

F32 = NDArray[np.float32]

CONFIG: dict[str, Any] = {
    "peft_type": "LORA",
    "base_model_name_or_path": "org/base",
    "r": 4,
    "lora_alpha": 8,
    "target_modules": ["q_proj", "v_proj"],
    "revision": None,
}


def pair(
    module: str, outputs: int, inputs: int, rank: int = 4, seed: int = 0, prefix: str = "base_model.model."
) -> dict[str, F32]:
    """A random pair of low rank under PEFT's names."""
    rng = np.random.default_rng([seed, *module.encode()])
    return {
        f"{prefix}{module}.lora_A.weight": rng.standard_normal((rank, inputs)).astype(np.float32),
        f"{prefix}{module}.lora_B.weight": rng.standard_normal((outputs, rank)).astype(np.float32),
    }


def write_adapter(
    folder: Path, tensors: dict[str, F32], file: str = "adapter_model.safetensors", **config: Any
) -> Path:
    """A folder with an adapter; ``config`` changes the usual one, ``peft_type=None`` leaves the key out."""
    folder.mkdir(parents=True, exist_ok=True)
    stated = {k: v for k, v in {**CONFIG, **config}.items() if v is not None}
    (folder / "adapter_config.json").write_text(json.dumps(stated))
    entries: dict[str, Entry | NDArray[Any]] = dict(tensors)
    write_safetensors(folder / file, entries)
    return folder


def trained_pairs(base: Path, seed: int = 0, rank: int = 4) -> dict[str, F32]:
    """Pairs for v, up, o and down of every layer, with B as a first step of training leaves it.

    The gradient of an output runs through the columns that use it: B is those columns times something random.
    """
    artifact = read_artifact(LocalSource(base))
    geometry = artifact.geometry
    assert geometry is not None and geometry.heads and geometry.kv_heads and geometry.value_dim
    rng = np.random.default_rng(seed)
    out: dict[str, F32] = {}
    for layer in range(geometry.layers):
        o, down = (whole(artifact, f"layers.{layer}.{role}") for role in ("attn.o", "mlp.down"))
        up = whole(artifact, f"layers.{layer}.mlp.up")
        heads = o.reshape(geometry.width, geometry.kv_heads, -1, geometry.value_dim).sum(axis=2)
        used = {
            "self_attn.v_proj": (heads.reshape(geometry.width, -1), geometry.width),
            "mlp.up_proj": (down, geometry.width),
            "self_attn.o_proj": (up, o.shape[1]),
            "mlp.down_proj": (up, down.shape[1]),
        }
        for name, (columns, inputs) in used.items():
            module = f"model.layers.{layer}.{name}"
            made = pair(module, columns.shape[1], inputs, rank, seed)
            mixed = columns.T @ rng.standard_normal((columns.shape[0], rank))
            made[f"base_model.model.{module}.lora_B.weight"] = mixed.astype(np.float32)
            out |= made
    return out


def whole(artifact: Artifact, role: str) -> F32:
    found = role_tensor(artifact, role)
    assert found is not None
    return found.tensor.values()
