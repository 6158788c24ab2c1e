"""Models made from others: zeros put in, layers cloned, weights drifted. Written as files, read like any model."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from zoo.recipes import HEAD_DIM, HEADS, KV_HEADS, LAYERS, NEURONS, VOCABULARY, WIDTH

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


def upcycled(folder: Path, out: Path, noise: float, seed: int) -> Path:
    """A model whose experts are those of one MLP (arXiv 2212.05055), each drifted by ``noise`` of its own scale."""
    rng = np.random.default_rng(seed)
    weights, names = load(folder), _open(folder).names
    origin = dict(weights)
    for role, name in names.items():
        if found := re.fullmatch(r"(layers\.\d+\.experts\.)\d+(\..+)", role):
            x = origin[names[f"{found[1]}0{found[2]}"]]
            weights[name] = x + np.float32(noise * x.std()) * rng.standard_normal(x.shape, dtype=np.float32)
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


def disguised(folder: Path, out: Path, drift: float, seed: int) -> Path:
    """A Llama-shaped model that computes the same in a rotated stream, heads and neurons in another order; then noise.

    Gains are folded into what reads the stream, so that any orthogonal matrix may rotate it. Every matrix then gets
    independent noise of ``drift`` times its root mean square.
    """
    rng = np.random.default_rng(seed)
    artifact = _open(folder)
    weights, family = load(folder), artifact.architecture
    assert family is not None
    named = {role: weights[name] for role, name in artifact.names.items()}
    rotation = np.linalg.qr(rng.standard_normal((WIDTH, WIDTH)))[0]
    orders = [_orders(rng) for _ in range(LAYERS)]
    for role, x in named.items():
        order = orders[int(role.split(".")[1])] if role.startswith("layers.") else {}
        y = x.astype(np.float64)
        for at, axis in enumerate(family.roles[template(role)].axes):
            y = np.moveaxis(y, at, -1)
            if axis == "gain":
                y = np.ones_like(y)
            elif axis == "residual":
                y = (y * _gains_before(role, named)) @ rotation
            elif axis in order:
                y = y[..., order[axis]]
            y = np.moveaxis(y, -1, at)
        if y.ndim > 1:
            y = y + drift * np.sqrt((y**2).mean()) * rng.standard_normal(y.shape)
        weights[artifact.names[role]] = y.astype(np.float32)
    return write(folder, out, weights)


def _orders(rng: np.random.Generator) -> dict[str, NDArray[np.int64]]:
    """Another order of a layer's neurons, key/value heads, and query heads with them."""
    neurons, heads = rng.permutation(NEURONS), rng.permutation(KV_HEADS)
    wide = np.arange(HEADS * HEAD_DIM).reshape(KV_HEADS, -1)[heads].ravel()
    narrow = np.arange(KV_HEADS * HEAD_DIM).reshape(KV_HEADS, -1)[heads].ravel()
    return {"neuron": neurons, "query": wide, "mixed": wide, "key": narrow, "value": narrow}


def _gains_before(role: str, named: Mapping[str, F32]) -> F32:
    """The gains between the stream and what reads it; ones for what writes to it."""
    if role == "lm_head":
        return named["norm"]
    layer = ".".join(role.split(".")[:2])
    if role.endswith((".attn.q", ".attn.k", ".attn.v")):
        return named[f"{layer}.attn_norm"]
    return named[f"{layer}.mlp_norm"] if role.endswith((".mlp.gate", ".mlp.up")) else np.ones(WIDTH, dtype=np.float32)


def _open(folder: Path) -> Artifact:
    return read_artifact(open_source(str(folder)))
