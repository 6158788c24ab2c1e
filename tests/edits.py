"""Changes to small models: copies, drifted children, edits of every tensor."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import bf16, write_safetensors

F32 = NDArray[Any]


def edit(folder: Path, change: Callable[[str, F32], F32]) -> None:
    """Rewrite every BF16 tensor of a single-file model as ``change(name, float32 values)``."""
    path = folder / "model.safetensors"
    raw = bytearray(path.read_bytes())
    length = int.from_bytes(raw[:8], "little")
    for name, entry in json.loads(raw[8 : 8 + length]).items():
        if name == "__metadata__":
            continue
        a, b = (8 + length + o for o in entry["data_offsets"])
        bits = np.frombuffer(bytes(raw[a:b]), dtype="<u2").astype(np.uint32) << 16
        values = change(name, bits.view(np.float32).reshape(entry["shape"]).copy())
        raw[a:b] = (np.ascontiguousarray(values, dtype=np.float32).view(np.uint32) >> 16).astype("<u2").tobytes()
    path.write_bytes(bytes(raw))


def copy(base: Path, name: str) -> Path:
    folder = base.parent / name
    shutil.copytree(base, folder)
    return folder


def drifted(base: Path, name: str, size: float, seed: int = 5) -> Path:
    folder = copy(base, name)
    rng = np.random.default_rng(seed)
    edit(folder, lambda _, v: v + size * v.std() * rng.standard_normal(v.shape))
    return folder


def move_gains(folder: Path, seed: int) -> None:
    """Move every norm gain from one, as training does."""
    rng = np.random.default_rng(seed)

    def move(name: str, values: F32) -> F32:
        return np.asarray(values * (1 + 0.1 * rng.standard_normal(values.shape))) if "norm" in name else values

    edit(folder, move)


def as_float32(base: Path, name: str, change: Callable[[str, F32], F32]) -> Path:
    """A float32 copy of a BF16 model, every tensor changed."""
    folder = copy(base, name)
    raw = (base / "model.safetensors").read_bytes()
    length = int.from_bytes(raw[:8], "little")
    tensors: dict[str, F32] = {}
    for tensor, entry in json.loads(raw[8 : 8 + length]).items():
        if tensor != "__metadata__":
            a, b = (8 + length + o for o in entry["data_offsets"])
            bits = np.frombuffer(raw[a:b], dtype="<u2").astype(np.uint32) << 16
            tensors[tensor] = np.asarray(
                change(tensor, bits.view(np.float32).reshape(entry["shape"])), dtype=np.float32
            )
    write_safetensors(folder / "model.safetensors", tensors)
    return folder


def repeat_width(folder: Path) -> None:
    """Make the second half of every embedding row nearly repeat the first: coins that are shown twice."""
    rng = np.random.default_rng(11)

    def repeat(name: str, values: F32) -> F32:
        if "embed_tokens" not in name:
            return values
        half = values[:, : values.shape[1] // 2]
        return np.concatenate([half, half * (1 + 0.1 * rng.standard_normal(half.shape))], axis=1)

    edit(folder, repeat)


def copy_layer(folder: Path, source: int, target: int) -> None:
    """Make one layer a copy of another, as depth up-scaling does."""
    tensors: dict[str, F32] = {}
    edit(folder, lambda n, v: tensors.setdefault(n, v))
    edit(folder, lambda n, v: tensors[n.replace(f".layers.{target}.", f".layers.{source}.")])


def upcycled(base: Path, name: str, noise: float, experts: int = 4) -> Path:
    """A Mixtral whose experts are noisy copies of a Llama's MLP (sparse upcycling)."""
    rng = np.random.default_rng(3)
    out = copy(base, name)
    tensors: dict[str, F32] = {}
    edit(out, lambda n, v: tensors.setdefault(n, v))
    made: dict[str, F32] = {}
    for key, values in tensors.items():
        if ".mlp." not in key:
            made[key] = values
            continue
        stem, part = key.split(".mlp.")
        which = {"gate_proj.weight": "w1", "down_proj.weight": "w2", "up_proj.weight": "w3"}[part]
        for e in range(experts):
            change = (noise * rng.standard_normal(values.shape)).astype(np.float32)
            made[f"{stem}.block_sparse_moe.experts.{e}.{which}.weight"] = values + change
        router = rng.standard_normal((experts, tensors["model.embed_tokens.weight"].shape[1]))
        made[f"{stem}.block_sparse_moe.gate.weight"] = router.astype(np.float32)
    write_safetensors(out / "model.safetensors", made)
    config = json.loads((out / "config.json").read_text())
    (out / "config.json").write_text(json.dumps({**config, "model_type": "mixtral", "num_local_experts": experts}))
    return out


def permute_experts(folder: Path, order: list[int]) -> None:
    """Renumber the experts of a Mixtral, router rows with them: the same function."""
    tensors: dict[str, F32] = {}
    edit(folder, lambda n, v: tensors.setdefault(n, v))

    def move(name: str, values: F32) -> F32:
        if name.endswith("block_sparse_moe.gate.weight"):
            return values[order]
        if ".experts." in name:
            stem, rest = name.split(".experts.")
            number, rest = rest.split(".", 1)
            return tensors[f"{stem}.experts.{order[int(number)]}.{rest}"]
        return values

    edit(folder, move)


def rebuilt(base: Path, name: str, change: Callable[[dict[str, F32]], dict[str, F32]], **config: Any) -> Path:
    """A copy whose tensors are ``change`` of the original's, in BF16, with these keys of its config replaced."""
    out = copy(base, name)
    tensors: dict[str, F32] = {}
    edit(out, lambda n, v: tensors.setdefault(n, v))
    made = {n: ("BF16", list(v.shape), bf16(v)) for n, v in change(tensors).items()}
    write_safetensors(out / "model.safetensors", made)
    path = out / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **config}))
    return out


def with_copied_heads(base: Path, name: str, order: list[int], noise: float) -> Path:
    """A Llama with these key/value heads of the base's, each moved by noise of its own."""
    rng = np.random.default_rng([*name.encode()])

    def change(tensors: dict[str, F32]) -> dict[str, F32]:
        made = dict(tensors)
        for key, values in tensors.items():
            if ".k_proj." in key or ".v_proj." in key:
                heads = values.reshape(len(set(order)), -1, values.shape[1])[order]
                made[key] = shaken(heads, noise, rng).reshape(-1, values.shape[1])
        return made

    return rebuilt(base, name, change, num_key_value_heads=len(order))


def from_one_mlp(base: Path, name: str, noise: float, experts: int = 8) -> Path:
    """A Qwen2-MoE whose shared expert and routed experts were all made from a Llama's MLPs, and moved by noise."""
    rng = np.random.default_rng([*name.encode()])

    def change(tensors: dict[str, F32]) -> dict[str, F32]:
        made = {n: v for n, v in tensors.items() if ".mlp." not in n}
        for key, values in tensors.items():
            stem, _, part = key.partition(".mlp.")
            if key.endswith(("q_proj.weight", "k_proj.weight", "v_proj.weight")):
                made[key.replace("weight", "bias")] = 0.1 * rng.standard_normal(len(values))
            if part:
                for own in ("shared_expert", *(f"experts.{e}" for e in range(experts))):
                    made[f"{stem}.mlp.{own}.{part}"] = shaken(values, noise, rng)
                for gate, rows in (("gate", experts), ("shared_expert_gate", 1)):
                    width = tensors["model.embed_tokens.weight"].shape[1]
                    made[f"{stem}.mlp.{gate}.weight"] = rng.standard_normal((rows, width))
        return made

    size = json.loads((base / "config.json").read_text())["intermediate_size"]
    sizes = {"moe_intermediate_size": size, "shared_expert_intermediate_size": size}
    return rebuilt(base, name, change, model_type="qwen2_moe", num_experts=experts, **sizes)


def shaken(values: F32, noise: float, rng: np.random.Generator) -> F32:
    """Values with normal noise, relative to their deviation."""
    return np.asarray(values + noise * values.std() * rng.standard_normal(values.shape))


def with_layers(order: list[int]) -> Callable[[dict[str, F32]], dict[str, F32]]:
    """Keep, drop and repeat layers: the new model's layers are these of the old one."""

    def change(tensors: dict[str, F32]) -> dict[str, F32]:
        made = {n: v for n, v in tensors.items() if ".layers." not in n}
        for new, old in enumerate(order):
            stem = f"model.layers.{old}."
            made |= {f"model.layers.{new}.{n[len(stem) :]}": v for n, v in tensors.items() if n.startswith(stem)}
        return made

    return change
