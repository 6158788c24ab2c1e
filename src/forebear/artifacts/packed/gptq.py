"""GPTQ: integers of 2, 3, 4 or 8 bits, packed along the input, with a scale and a zero for each group of inputs.

Format (GPTQ, arXiv 2210.17323, as AutoGPTQ and GPTQModel write it): ``qweight`` I32 (in · bits / 32, out), ``qzeros``
I32 (groups, out · bits / 32), ``scales`` (groups, out), ``g_idx`` I32 (in), the group of each input, which
``desc_act`` leaves out of order. A weight is scale · (code - zero). The first version of the format stores zero - 1;
``checkpoint_format: gptq_v2`` stores zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.base import Tensor
from forebear.artifacts.kinds import Kinds
from forebear.artifacts.packed.base import (
    Packed,
    Unpacked,
    block_edge,
    checked,
    part_of,
    quantization,
    stated_numbers,
    unpacked,
    wrong,
)
from forebear.artifacts.packed.bits import columns, decoded, unpack_bits, word_rows
from forebear.artifacts.packed.scaled import SCALES

F32 = NDArray[np.float32]
Indices = NDArray[np.int64]

WORDS = ("I32", "U32")
BITS = (2, 3, 4, 8)
MARLIN = "is in the order of a Marlin kernel, which is not read"


@dataclass(frozen=True)
class Gptq(Packed):
    """A matrix (out, in) that is stored (in, out).

    Rows are columns of the stored matrix, see :func:`~forebear.artifacts.packed.bits.columns` for what reading them
    costs: all of it up to an output of about 2,000, else one read for each stored row (in · bits / 32).

    Parts: ``weight``, ``zero``, ``scale``, ``group`` (optional).

    Attributes:
        bits: of a code.
        size: of a group of inputs where there is no ``group``.
        offset: what is added to a stored zero.
    """

    bits: int
    group_size: int
    offset: int

    def rows(self, start: int, stop: int) -> F32:
        """See :meth:`Tensor.rows`."""
        self.check_rows(start, stop)
        words = columns(self.parts["weight"], start, stop).view("<u4")
        codes = unpack_bits(words.T, self.bits, self.shape[1])
        groups = self.groups()
        with np.errstate(all="ignore"):
            scales = value_columns(self.parts["scale"], start, stop).T[:, groups]
            zeros = self.zeros(start, stop).T[:, groups]
            return scales * (codes.astype(np.float32) - zeros)

    def zeros(self, start: int, stop: int) -> F32:
        """The codes that stand for zero: ``(groups, stop - start)``."""
        first = start // 32 * 32  # where an output begins on a word whatever the bits
        count = max(0, stop - first)
        last = -(-(first + count) * self.bits // 32)
        words = columns(self.parts["zero"], first * self.bits // 32, last).view("<u4")
        stored = unpack_bits(words, self.bits, count)[:, start - first :]
        return ((stored.astype(np.float32) + self.offset) % (1 << self.bits)).astype(np.float32)

    def groups(self) -> Indices:
        """The group of each input. Raises ``FormatError`` where the file names one that is not there."""
        if "group" not in self.parts:
            return np.arange(self.shape[1]) // self.group_size
        index = word_rows(self.parts["group"], 0, self.shape[1]).view(np.int32).astype(np.int64).ravel()
        count = self.parts["scale"].shape[0]
        if index.size and (index.min() < 0 or index.max() >= count):
            raise wrong(self.parts["group"], f"names groups outside the {count} that there are")
        return index


class GptqScheme:
    """GPTQ."""

    name = "GPTQ"
    endings: tuple[str, ...] = (".qweight", ".B")

    def unpack(self, tensors: Kinds, config: Mapping[str, Any]) -> Unpacked | None:
        """See :meth:`Scheme.unpack`."""
        stated = quantization(config)
        marlin = stated.get("is_marlin_format") is True or stated.get("checkpoint_format") == "marlin"
        second, assumed = stated.get("checkpoint_format") == "gptq_v2", ""
        sizes = stated_numbers(config, "group_size")
        found: list[Packed] = []
        for name, weight in tensors.items():
            if name.endswith(".B") and weight.dtype in WORDS and f"{name[:-1]}s" in tensors:
                raise wrong(weight, MARLIN, "scan the GPTQ release")
            if not name.endswith(".qweight"):
                continue
            if marlin:
                raise wrong(weight, MARLIN, "scan the GPTQ release")
            stem = name.removesuffix("qweight")
            scale = part_of(tensors, stem + "scales", weight, SCALES)
            if len(scale.shape) != 2 or len(weight.shape) != 2 or scale.shape[1] != weight.shape[1]:
                continue  # another scheme's order, or nobody's
            zero = part_of(tensors, stem + "qzeros", weight, WORDS)
            parts = {"weight": checked(weight, WORDS), "zero": zero, "scale": scale}
            bits = code_bits(weight, zero, scale)
            shape = (weight.shape[1], weight.shape[0] * 32 // bits)
            size = block_edge(shape[1], scale.shape[0], *sizes)
            if (group := tensors.get(stem + "g_idx")) is not None:
                if group.shape != shape[1:]:
                    raise wrong(group, f"has shape {list(group.shape)}, expected one group for each of {shape[1]}")
                parts["group"] = checked(group, ("I32",))
            elif not size:
                raise wrong(scale, f"has {scale.shape[0]} groups, which divide no {shape[1]} inputs")
            if not stated and not found:
                second, assumed = version(zero, bits, weight.shape[1])
            at = (weight.path, weight.start, weight.source)
            found.append(Gptq(stem + "weight", f"GPTQ {bits}-bit", shape, *at, parts, bits, size, 0 if second else 1))
        made = unpacked(tensors, found)
        return replace(made, note=f"{made.note}; {assumed}") if made is not None and assumed else made


def version(zero: Tensor, bits: int, count: int) -> tuple[bool, str]:
    """Whether a file of which no config speaks is in the second format, and a clause that says how that was told.

    Symmetric quantisation has all zeros in the middle of the codes, which the first format stores as one less.
    """
    words = word_rows(zero, 0, min(1, zero.shape[0])).view("<u4")
    stored, middle = unpack_bits(words, bits, count), 1 << (bits - 1)
    if stored.size and (stored == middle).all():
        return True, "no config says which version of the format it is: the second, by zeros in the middle of the codes"
    if stored.size and (stored == middle - 1).all():
        return False, "no config says which version of the format it is: the first, by zeros in the middle of the codes"
    return (
        False,
        "no config says which version of the format it is: taken for the first; in the second zeros are one less",
    )


def code_bits(weight: Tensor, zero: Tensor, scale: Tensor) -> int:
    """Bits of a code, from the sizes of zeros and scales alone: a config can lie."""
    groups, out = scale.shape
    for bits in BITS:
        fits = zero.shape == (groups, -(-out * bits // 32)) and groups and out
        if fits and weight.shape[0] and weight.shape[0] % (3 if bits == 3 else 1) == 0:
            return bits
    shapes = f"{list(weight.shape)}, its zeros {list(zero.shape)}, its scales {list(scale.shape)}"
    raise wrong(weight, f"has shape {shapes}: no integers of 2, 3, 4 or 8 bits")


def value_columns(tensor: Tensor, start: int, stop: int) -> F32:
    """Columns of a matrix of floats: ``(rows, stop - start)``."""
    return decoded(tensor.dtype, columns(tensor, start, stop))
