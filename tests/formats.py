"""One model in many formats: functions from a folder and a place to what was written there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import ggufs
import torch_files
from forebear.artifacts.formats.safetensors import Safetensors
from forebear.sources import LocalSource
from models import write_safetensors

Make = Callable[[Path, Path], Path]


def sharded(base: Path, out: Path) -> Path:
    """Every layer in a file of its own, with an index."""
    shutil.copytree(base, out, ignore=shutil.ignore_patterns("*.safetensors"))
    owner: dict[str, str] = {}
    for name, tensor in Safetensors().read(LocalSource(base)).tensors.items():
        part = name.split(".")[2] if ".layers." in name else "rest"
        owner[name] = f"part-{part}.safetensors"
        held = {name: tensor}
        path = out / owner[name]
        if path.exists():
            held |= Safetensors().read(LocalSource(path)).tensors
        write_safetensors(path, {n: t.values() for n, t in sorted(held.items())})
    (out / "model.safetensors.index.json").write_text(json.dumps({"weight_map": owner}))
    return out


def renamed(base: Path, out: Path) -> Path:
    """Another file name, and nothing else."""
    shutil.copytree(base, out)
    (out / "model.safetensors").rename(out / "weights-final(2).safetensors")
    return out


def zipped(base: Path, out: Path) -> Path:
    """As torch.save writes it."""
    return torch_files.converted(base, out)


def legacy(base: Path, out: Path) -> Path:
    """As torch.save wrote it before 1.6."""
    return torch_files.converted(base, out, torch_files.legacy_bytes)


def bin_shards(base: Path, out: Path) -> Path:
    """Three checkpoints with an index."""
    return torch_files.converted(base, out, shards=3)


def gguf_of(encode: Callable[..., ggufs.Stored]) -> Make:
    """A converter to GGUF."""

    def make(base: Path, out: Path) -> Path:
        return ggufs.convert(base, out.with_suffix(".gguf"), encode)

    make.__name__ = f"gguf_{encode.__name__}"
    return make


LOSSLESS: list[Make] = [
    *(sharded, renamed, zipped, legacy, bin_shards),
    *(gguf_of(encode) for encode in (ggufs.f32, ggufs.bfloat16, ggufs.f16)),
]
LOSSY: list[Make] = [gguf_of(encode) for encode in (ggufs.q8_0, ggufs.q4_0)]
