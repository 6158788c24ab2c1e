"""Small encoders in the layouts that towers are published in, drawn here; and language models around them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from disguises.network import F32
from forebear.artifacts import read_artifact
from forebear.artifacts.architecture import Role
from forebear.artifacts.towers import conventions
from forebear.sources import LocalSource
from models import tiny_llama, write_safetensors

WIDTH, LAYERS, NEURONS = 64, 6, 128


def tower(convention: str, seed: int, layers: int = LAYERS, width: int = WIDTH) -> dict[str, F32]:
    """A random tower with every tensor that its convention has, gains near one, biases zero."""
    rng = np.random.default_rng(seed)
    family = next(c for c in conventions() if c.name == convention)
    out: dict[str, F32] = {}
    for layer in range(layers):
        for role in family.roles.values():
            name = role.name.replace("{layer}", str(layer))
            if name in out or "k_norm" in name or "q_norm" in name:
                continue
            values = 0.05 * rng.standard_normal(_shape(role, width))
            if values.ndim == 1:
                values = 1 + values if role.axes == ("gain",) else 0 * values
            out[name] = values.astype(np.float32)
    return out


def _shape(role: Role, width: int) -> tuple[int, ...]:
    shape = [NEURONS if axis == "neuron" else width for axis in role.axes]
    if role.part is not None:
        shape[0] *= len(role.part.of)
    return tuple(shape)


def prefixed(tensors: Mapping[str, F32], prefix: str) -> dict[str, F32]:
    """The tensors under longer names."""
    return {prefix + name: values for name, values in tensors.items()}


def trained(tensors: Mapping[str, F32], share: float, seed: int) -> dict[str, F32]:
    """The tensors after some training: noise relative to each one's deviation."""
    rng = np.random.default_rng(seed)
    return {n: (v + share * v.std() * rng.standard_normal(v.shape)).astype(np.float32) for n, v in tensors.items()}


def alone(folder: Path, tensors: Mapping[str, F32]) -> Path:
    """A folder with these tensors and nothing else."""
    folder.mkdir(parents=True)
    write_safetensors(folder / "model.safetensors", tensors)
    return folder


def around(folder: Path, seed: int, tensors: Mapping[str, F32], core: Mapping[str, F32] | None = None) -> Path:
    """A random language model, or the one given, with these tensors beside it."""
    tiny_llama(folder, seed)
    config = json.loads((folder / "config.json").read_text())
    config = {"model_type": "llava", "text_config": config, "vision_config": {"model_type": "clip_vision_model"}}
    (folder / "config.json").write_text(json.dumps(config))
    own = core_of(folder) if core is None else core
    (folder / "model.safetensors").unlink()
    write_safetensors(folder / "model.safetensors", {**prefixed(own, "language_model."), **tensors})
    return folder


def core_of(folder: Path) -> dict[str, F32]:
    """The tensors of a folder, as float32."""
    return {name: tensor.values() for name, tensor in read_artifact(LocalSource(folder)).weights.tensors.items()}
