"""Changes to small models: copies, drifted children, edits of every tensor."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import write_safetensors

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


def clone_layers(folder: Path) -> None:
    """Make every layer a copy of the first one."""
    first: dict[str, F32] = {}
    edit(folder, lambda name, values: first.setdefault(re.sub(r"layers\.\d+", "layers", name), values))
