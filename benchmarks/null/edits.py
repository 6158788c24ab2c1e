"""Models made from others: zeros put in, layers cloned, weights drifted. Written as files, read like any model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from zoo.recipes import HEAD_DIM, HEADS, KV_HEADS, NEURONS, VOCABULARY, WIDTH

from forebear.artifacts import Artifact, read_artifact
from forebear.artifacts.roles import template
from forebear.sources import open_source

F32 = NDArray[np.float32]
Weights = dict[str, F32]

PADDING = {"residual": 32, "gain": 32, "neuron": 64, "key": HEAD_DIM, "value": HEAD_DIM, "token": 32}
PADDING |= {"query": 2 * HEAD_DIM, "mixed": 2 * HEAD_DIM}
"""Zeros per axis: a third more width and neurons, one more key/value head with its two query heads, 32 tokens."""
PADDED_CONFIG = {
    "hidden_size": WIDTH + 32,
    "intermediate_size": NEURONS + 64,
    "num_attention_heads": HEADS + 2,
    "num_key_value_heads": KV_HEADS + 1,
    "vocab_size": VOCABULARY + 32,
}


def load(folder: Path) -> Weights:
    """Weights of a built model in float32, by tensor name."""
    from safetensors.torch import load_file

    return {name: tensor.float().numpy() for name, tensor in load_file(folder / "model.safetensors").items()}


def write(folder: Path, out: Path, weights: Mapping[str, F32], **config: Any) -> Path:
    """A copy of a model with other weights, in bfloat16 as before; ``config`` replaces keys of its config.json."""
    import torch
    from safetensors.torch import save_file

    out.mkdir(parents=True)
    settings = json.loads((folder / "config.json").read_text("utf-8")) | config
    (out / "config.json").write_text(json.dumps(settings), "utf-8")
    shutil.copy(folder / "tokenizer.json", out)
    tensors = {k: torch.from_numpy(np.ascontiguousarray(v)).bfloat16() for k, v in weights.items()}
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    return out


def edit_axes(folder: Path, change: Callable[[F32, int, str], F32]) -> Weights:
    """Weights after ``change(tensor, axis number, axis name)`` on every axis, named as in the family's data file.

    Raises:
        ValueError: the family is not known.
    """
    weights = load(folder)
    artifact = _open(folder)
    family = artifact.architecture
    if family is None:
        raise ValueError(f"{folder}: its family is not known")
    for filled, name in artifact.names.items():
        for at, axis in enumerate(family.roles[template(filled)].axes):
            weights[name] = change(weights[name], at, axis)
    return weights


def padded(folder: Path, out: Path, front: bool) -> Path:
    """A Llama-shaped model grown by zeros, before its own coordinates or behind them; tokens are always added behind.

    Width, neurons, heads and vocabulary grow. It is a shape for the reader, not a network that computes the same.
    """

    def pad(tensor: F32, at: int, axis: str) -> F32:
        zeros = PADDING.get(axis, 0)
        where = [(0, 0)] * tensor.ndim
        where[at] = (zeros, 0) if front and axis != "token" else (0, zeros)
        return np.pad(tensor, where)

    return write(folder, out, edit_axes(folder, pad), **PADDED_CONFIG)


def cloned(folder: Path, out: Path, source: int = 1, target: int = 2) -> Path:
    """A model in which one layer is a copy of another."""
    weights = load(folder)
    for name in list(weights):
        if f".layers.{source}." in name:
            weights[name.replace(f".layers.{source}.", f".layers.{target}.")] = weights[name]
    return write(folder, out, weights)


def drifted(folder: Path, out: Path, cosine: float, seed: int) -> Path:
    """``cosine`` times every matrix plus independent noise of its own scale: root mean square and shape are kept.

    Gains stay: they align layers, and noise would only make the alignment of equal depths fall back to positions.
    """
    rng = np.random.default_rng(seed)

    def drift(x: F32) -> F32:
        if x.ndim < 2:
            return x
        noise = rng.standard_normal(x.shape) * np.sqrt((x.astype(np.float64) ** 2).mean())
        out: F32 = (cosine * x + np.sqrt(1 - cosine**2) * noise).astype(np.float32)
        return out

    return write(folder, out, {name: drift(x) for name, x in load(folder).items()})


def _open(folder: Path) -> Artifact:
    return read_artifact(open_source(str(folder)))
