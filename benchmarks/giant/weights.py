"""A sharded safetensors checkpoint that exists only as a function of a byte range.

Values are Gaussian from Philox (Salmon et al. 2011) in counter mode, keyed by the seed and the tensor's name, so that
any range is computed without what stands before it. A child is its parent plus noise of its own of a stated relative
size; an independent twin has another seed, and the same shapes.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from math import prod
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.dtypes import DTYPES
from giant.shapes import Shape, tensors

F32 = NDArray[np.float32]
SCALE = 2.0**-9
"""Of every FP8 block: a power of two, so that child and parent differ by their drift alone."""


@cache
def _gaussian() -> F32:
    """Standard normal quantiles of the 16-bit integers."""
    normal = NormalDist()
    return np.array([normal.inv_cdf((k + 0.5) / 65_536) for k in range(65_536)], dtype=np.float32)


@cache
def _e4m3() -> tuple[F32, NDArray[np.uint8]]:
    """Finite values of the format in order, and their bit patterns."""
    patterns = np.arange(256, dtype=np.uint8)
    decode = DTYPES["F8_E4M3"].decode
    assert decode is not None
    values = decode(patterns)
    order = np.argsort(values[np.isfinite(values)], kind="stable")
    finite = patterns[np.isfinite(values)][order]
    return values[finite], finite


@dataclass(frozen=True)
class Seeds:
    """What a model's values come from: its own seed, and its parent's with the drift from it."""

    own: int
    parent: int | None = None
    drift: float = 0.0

    def values(self, name: str, start: int, stop: int) -> F32:
        """Standard normal values ``[start, stop)`` of a flat tensor."""
        if self.parent is None:
            return _normal(self.own, name, start, stop)
        return _normal(self.parent, name, start, stop) + np.float32(self.drift) * _normal(self.own, name, start, stop)


def _normal(seed: int, name: str, start: int, stop: int) -> F32:
    key = int.from_bytes(hashlib.blake2b(f"{seed}|{name}".encode(), digest_size=16).digest(), "little")
    first = start // 16  # a step of Philox is four words of 64 bits: sixteen values
    stream = np.random.Philox(key=key, counter=first)
    raw = stream.random_raw(4 * (-(-stop // 16) - first))
    picked = np.asarray(raw, dtype=np.uint64).view(np.uint16)[start - 16 * first : stop - 16 * first]
    return _gaussian()[picked]


@dataclass(frozen=True)
class Placed:
    """A tensor of a shard: where its bytes stand after the header."""

    name: str
    dtype: str
    start: int
    stop: int


class Shard:
    """One safetensors file. As the usual writer does, wider dtypes come first, and names in order among equals."""

    def __init__(self, entries: list[tuple[str, str, tuple[int, ...]]], seeds: Seeds) -> None:
        self._seeds = seeds
        self.placed: list[Placed] = []
        header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
        position = 0
        for name, dtype, shape in sorted(entries, key=lambda e: (-DTYPES[e[1]].bits, e[0])):
            size = DTYPES[dtype].nbytes(prod(shape))
            header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [position, position + size]}
            self.placed.append(Placed(name, dtype, position, position + size))
            position += size
        raw = json.dumps(header, separators=(",", ":")).encode()
        raw += b" " * (-len(raw) % 8)
        self._head = len(raw).to_bytes(8, "little") + raw
        self._starts = [p.start for p in self.placed]
        self.data = position
        self.size = len(self._head) + position

    def read(self, start: int, stop: int) -> bytes:
        """Bytes ``[start, stop)`` of the file."""
        out = [self._head[start:stop]]
        begin, end = max(0, start - len(self._head)), stop - len(self._head)
        k = bisect_right(self._starts, begin) - 1
        while begin < end and k < len(self.placed):
            entry = self.placed[k]
            upto = min(end, entry.stop)
            if begin < upto:
                out.append(self._bytes(entry, begin - entry.start, upto - entry.start))
                begin = upto
            k += 1
        return b"".join(out)

    def _bytes(self, entry: Placed, start: int, stop: int) -> bytes:
        width = DTYPES[entry.dtype].bits // 8
        first, last = start // width, -(-stop // width)
        if entry.name.endswith("_scale_inv"):
            raw = np.full(last - first, SCALE, dtype="<f4").tobytes()
        else:
            values = self._seeds.values(entry.name, first, last)
            if entry.name.endswith("norm.weight"):
                values = 1 + np.float32(0.1) * values
            elif entry.dtype == "BF16":
                values = np.float32(0.02) * values
            raw = _encoded(entry.dtype, values)
        return raw[start - first * width : stop - first * width]


def _encoded(dtype: str, values: F32) -> bytes:
    if dtype == "BF16":
        return ((values.view(np.uint32) + 0x8000) >> 16).astype("<u2").tobytes()
    if dtype == "F32":
        return values.astype("<f4").tobytes()
    grid, patterns = _e4m3()
    scaled = values * np.float32(0.02 / SCALE)
    at = np.clip(np.searchsorted(grid, scaled), 1, len(grid) - 1)
    nearer = at - (scaled - grid[at - 1] < grid[at] - scaled)
    return patterns[nearer].tobytes()


def checkpoint(shape: Shape, seeds: Seeds) -> tuple[dict[str, Shard], bytes]:
    """The shards of a model by file name, filled in the order of the network, and ``model.safetensors.index.json``.

    One shard makes one file ``model.safetensors`` and an empty index.
    """
    entries = list(tensors(shape))
    sizes = [DTYPES[dtype].nbytes(prod(dims)) for _, dtype, dims in entries]
    total = sum(sizes)
    groups: list[list[tuple[str, str, tuple[int, ...]]]] = [[] for _ in range(shape.shards)]
    before = 0
    for entry, size in zip(entries, sizes, strict=True):
        groups[min(shape.shards - 1, before * shape.shards // total)].append(entry)
        before += size
    groups = [g for g in groups if g]
    if len(groups) == 1:
        return {"model.safetensors": Shard(groups[0], seeds)}, b""
    names = [f"model-{k + 1:05d}-of-{len(groups):05d}.safetensors" for k in range(len(groups))]
    shards = {name: Shard(group, seeds) for name, group in zip(names, groups, strict=True)}
    weight_map = {entry[0]: name for name, group in zip(names, groups, strict=True) for entry in group}
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
    return shards, json.dumps(index, indent=2).encode()


def parameters(shape: Shape) -> int:
    """Number of weights; scales of blocks are not counted."""
    return sum(prod(dims) for name, _, dims in tensors(shape) if not name.endswith("_scale_inv"))
