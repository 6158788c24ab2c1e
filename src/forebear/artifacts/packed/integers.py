"""compressed-tensors "pack-quantized": integers of a few bits in 32-bit words, with a scale for each group of a row.

Format (compressed-tensors 0.20, ``pack_quantized``): ``weight_packed`` I32, each row of the weight a stream of integers
with 2^(bits-1) added; ``weight_scale`` by row or group of columns; ``weight_shape`` rows and columns;
``weight_zero_point`` packed like the weight, but down the rows; ``weight_g_idx`` the group of each column where columns
were sorted by importance. Kimi K2 Thinking and K2.5 keep their experts so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.base import Tensor
from forebear.artifacts.kinds import Kinds, stem
from forebear.artifacts.packed.base import (
    Unpacked,
    alike,
    checked,
    part_of,
    quantization,
    stated_numbers,
    unpacked,
    wrong,
)
from forebear.artifacts.packed.bits import read_bytes, unpack_bits, word_rows
from forebear.artifacts.packed.scaled import SCALES, ZERO, Scaled, beside, scale_block

F32 = NDArray[np.float32]

WORDS = ("I32", "U32")
PACKED = "weight_packed"


@dataclass(frozen=True)
class PackedIntegers(Scaled):
    """A matrix of small integers in words. Parts besides those of :class:`Scaled`: ``shape``, ``group`` (optional).

    Attributes:
        bits: of an integer.
    """

    bits: int = 4

    def codes(self, start: int, stop: int) -> F32:
        """See :meth:`Scaled.codes`."""
        stored = unpack_bits(word_rows(self.parts["weight"], start, stop), self.bits, self.shape[1])
        return stored.astype(np.float32) - np.float32(2 ** (self.bits - 1))

    def zeros(self, start: int, stop: int) -> F32:
        """See :meth:`Scaled.zeros`. Rows stand on a word's edge in every 32nd row, where reading begins."""
        first = start // 32 * 32
        count = max(0, stop - first)
        words = word_rows(self.parts["zero"], first * self.bits // 32, -(-(first + count) * self.bits // 32))
        stored = unpack_bits(words.T, self.bits, count).T[start - first :]
        return stored.astype(np.float32) - np.float32(2 ** (self.bits - 1))

    def groups(self, count: int) -> NDArray[np.int64]:
        """See :meth:`Scaled.groups`."""
        if "group" not in self.parts:
            return super().groups(count)
        index = word_rows(self.parts["group"], 0, self.shape[1]).view(np.int32).astype(np.int64).ravel()
        if (index == -1).all():  # how the format says that columns were not sorted
            return super().groups(count)
        if index.min() < 0 or index.max() >= count:
            raise wrong(self.parts["group"], f"names groups outside the {count} that there are")
        return index


class PackQuantized:
    """compressed-tensors, integers in words."""

    name = "compressed-tensors integers"
    endings: tuple[str, ...] = ("." + PACKED,)

    def unpack(self, tensors: Kinds, config: Mapping[str, Any]) -> Unpacked | None:
        """See :meth:`Scheme.unpack`. Stored shapes are read once for all namesakes: of many experts they are one."""
        groups, said = stated_numbers(config, "group_size"), stated_numbers(config, "num_bits")
        shapes: dict[tuple[str, tuple[int, ...]], tuple[int, int]] = {}
        marlin = "marlin" in str(quantization(config).get("format"))

        def build(name: str) -> PackedIntegers:
            packed = tensors[name + "_packed"]
            if marlin or f"{name}_meta" in tensors:
                raise wrong(packed, "is in the order of a Marlin kernel, which is not read", "scan the model it is of")
            parts = {
                "weight": checked(packed, WORDS),
                "scale": part_of(tensors, name + "_scale", packed, SCALES),
                "shape": part_of(tensors, name + "_shape", packed, ("I64", "I32")),
            }
            if len(packed.shape) != 2:
                raise wrong(packed, f"has {len(packed.shape)} axes, expected 2")
            key = (stem(name), packed.shape)
            if key not in shapes:
                shapes[key] = stored_shape(parts["shape"], packed)
            shape = shapes[key]
            bits = integer_bits(packed, shape, said)
            down, across = scale_block(shape, parts["scale"], groups=groups)
            if (zero := tensors.get(name + ZERO)) is not None:
                count = parts["scale"].shape[1] if len(parts["scale"].shape) == 2 else 1
                if zero.shape != (-(-shape[0] * bits // 32), count) or down != 1:
                    raise wrong(zero, f"has shape {list(zero.shape)}, which fits no scales of one row each")
                parts["zero"] = checked(zero, WORDS)
            if (group := tensors.get(name + "_g_idx")) is not None:
                if group.shape != shape[1:]:
                    raise wrong(group, f"has shape {list(group.shape)}, expected one group for each of {shape[1]}")
                parts["group"] = checked(group, ("I32",))
            at = (packed.path, packed.start, packed.source)
            title = f"compressed-tensors INT{bits}"
            return PackedIntegers(name, title, shape, *at, parts, (down, across), bits=bits)

        packed = (k for k in tensors.kinds if k.like.dtype in WORDS)
        names = [n.removesuffix("_packed") for k in packed for n in k.names if n.endswith("." + PACKED)]
        found, parts = alike(tensors, names, ("_packed", "_scale", "_shape", ZERO, "_g_idx"), build)
        return unpacked(tensors, found, [*parts, *beside(tensors, found)])


def stored_shape(part: Tensor, packed: Tensor) -> tuple[int, int]:
    """Rows and columns as a tensor of two integers says; ``FormatError`` where the packed tensor has others."""
    if part.size != 2:
        raise wrong(part, f"has {part.size} values, expected rows and columns")
    kind = "<i8" if part.dtype == "I64" else "<i4"
    rows, width = (int(v) for v in read_bytes(part, 0, part.nbytes).view(kind))
    if rows != packed.shape[0] or not 0 < width <= 32 * packed.shape[1]:
        raise wrong(part, f"says {rows} × {width}, {packed.name} has {packed.shape[0]} rows of {packed.shape[1]} words")
    return rows, width


def integer_bits(packed: Tensor, shape: tuple[int, int], said: tuple[int, ...]) -> int:
    """Bits of an integer: those that fill the words of a row; the config is asked where several do."""
    fits = [b for b in range(1, 9) if -(-shape[1] * b // 32) == packed.shape[1]]
    if not fits:
        raise wrong(packed, f"has rows of {packed.shape[1]} words, which hold {shape[1]} integers of no 1 to 8 bits")
    return next((b for b in said if b in fits), 4 if 4 in fits else fits[-1])
