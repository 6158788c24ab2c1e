"""Changes of coordinates of a small Llama that leave its outputs as they are, in float32."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edits import edit
from models import write_safetensors

F32 = NDArray[Any]
Tensors = dict[str, F32]
Step = Callable[[Tensors, dict[str, Any], np.random.Generator], None]

READERS = (
    ("input_layernorm", ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")),
    ("post_attention_layernorm", ("mlp.gate_proj", "mlp.up_proj")),
)
WRITERS = ("self_attn.o_proj", "mlp.down_proj")


def scrambled(base: Path, name: str, *steps: Step, seed: int = 1) -> Path:
    """A float32 copy of a BF16 Llama beside it, changed by every step in turn."""
    out = base.parent / name
    shutil.copytree(base, out)
    tensors: Tensors = {}
    edit(out, lambda key, values: tensors.setdefault(key, values))
    config = json.loads((out / "config.json").read_text())
    rng = np.random.default_rng(seed)
    tensors = {key: values.astype(np.float64) for key, values in tensors.items()}
    for step in steps:
        step(tensors, config, rng)
    write_safetensors(out / "model.safetensors", {k: v.astype(np.float32) for k, v in tensors.items()})
    return out


def stems(tensors: Tensors) -> list[str]:
    """What the names of every layer begin with."""
    return sorted({key.split("self_attn")[0] for key in tensors if "self_attn" in key})


def train_gains(tensors: Tensors, config: dict[str, Any], rng: np.random.Generator) -> None:
    """Norm gains that are not one; not a change of coordinates, but what a trained model has."""
    for key, values in tensors.items():
        if "norm" in key:
            tensors[key] = values * np.exp(rng.normal(0, 0.3, values.shape))


def rotate(tensors: Tensors, config: dict[str, Any], rng: np.random.Generator) -> None:
    """Fold the norms, and turn the residual stream."""
    width = config["hidden_size"]
    turn, _ = np.linalg.qr(rng.standard_normal((width, width)))
    for stem in stems(tensors):
        for norm, readers in READERS:
            gain = tensors[f"{stem}{norm}.weight"]
            for reader in readers:
                tensors[f"{stem}{reader}.weight"] = tensors[f"{stem}{reader}.weight"] * gain @ turn
            tensors[f"{stem}{norm}.weight"] = np.ones(width)
        for writer in WRITERS:
            tensors[f"{stem}{writer}.weight"] = turn.T @ tensors[f"{stem}{writer}.weight"]
    tensors["lm_head.weight"] = tensors["lm_head.weight"] * tensors["model.norm.weight"] @ turn
    tensors["model.norm.weight"] = np.ones(width)
    tensors["model.embed_tokens.weight"] = tensors["model.embed_tokens.weight"] @ turn


def permute_heads(tensors: Tensors, config: dict[str, Any], rng: np.random.Generator) -> None:
    """Put key/value groups, and the query heads inside each, in another order."""
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    size = config["hidden_size"] // heads
    for stem in stems(tensors):
        order = rng.permutation(groups)
        inside = [g * (heads // groups) + rng.permutation(heads // groups) for g in order]
        rows = (np.concatenate(inside)[:, None] * size + np.arange(size)).ravel()
        group_rows = (order[:, None] * size + np.arange(size)).ravel()
        for part, chosen in (("q", rows), ("k", group_rows), ("v", group_rows)):
            key = f"{stem}self_attn.{part}_proj.weight"
            tensors[key] = tensors[key][chosen]
        key = f"{stem}self_attn.o_proj.weight"
        tensors[key] = tensors[key][:, rows]


def mix_values(tensors: Tensors, config: dict[str, Any], rng: np.random.Generator) -> None:
    """An invertible matrix between the values and the output of every key/value group."""
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    size = config["hidden_size"] // heads
    for stem in stems(tensors):
        value, out = (f"{stem}self_attn.{part}_proj.weight" for part in "vo")
        for group in range(groups):
            matrix = np.diag(np.exp(rng.normal(0, 1, size))) @ np.linalg.qr(rng.standard_normal((size, size)))[0]
            rows = slice(group * size, (group + 1) * size)
            tensors[value][rows] = matrix @ tensors[value][rows]
            for head in range(group * heads // groups, (group + 1) * heads // groups):
                columns = slice(head * size, (head + 1) * size)
                tensors[out][:, columns] = tensors[out][:, columns] @ np.linalg.inv(matrix)


def permute_neurons(tensors: Tensors, config: dict[str, Any], rng: np.random.Generator) -> None:
    """Put the neurons of every layer in another order."""
    for stem in stems(tensors):
        order = rng.permutation(config["intermediate_size"])
        for part in ("gate", "up"):
            tensors[f"{stem}mlp.{part}_proj.weight"] = tensors[f"{stem}mlp.{part}_proj.weight"][order]
        tensors[f"{stem}mlp.down_proj.weight"] = tensors[f"{stem}mlp.down_proj.weight"][:, order]


def scale_stream(tensors: Tensors, config: dict[str, Any], rng: np.random.Generator) -> None:
    """A louder residual stream: norms do not feel it."""
    for key in tensors:
        if key.endswith(("embed_tokens.weight", "o_proj.weight", "down_proj.weight")):
            tensors[key] = 7.0 * tensors[key]


EVERY_STEP: tuple[Step, ...] = (permute_neurons, permute_heads, mix_values, scale_stream, rotate)
