"""Numbers of one byte with scales beside them: FP8 by block, row or tensor, and INT8 of compressed-tensors.

DeepSeek-V3 (arXiv 2412.19437, its weights' README): ``weight`` F8_E4M3 and ``weight_scale_inv`` F32, one for each block
of 128 × 128; despite the name, values are multiplied by it. Kimi K2 and the FP8 of transformers write the same, the
latter also for stacks of experts (``gate_up_proj``, ``gate_up_proj_scale_inv``) and with one scale for a tensor.
compressed-tensors ("float-quantized", "int-quantized"), fbgemm and ModelOpt: ``weight_scale``, one for a tensor, a row,
a group of a row or a block; integers may have a ``weight_zero_point`` that is subtracted first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.base import Tensor
from forebear.artifacts.kinds import Kind, Kinds
from forebear.artifacts.packed.base import (
    Packed,
    Unpacked,
    alike,
    block_edge,
    checked,
    quantization,
    stated_numbers,
    unpacked,
    wrong,
)

F32 = NDArray[np.float32]

BYTES = ("F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I8")
SCALES = ("F32", "F16", "BF16", "F8_E8M0")
ENDINGS = ("_scale_inv", "_scale")
ZERO = "_zero_point"
USUAL = 128
"""Edge of a block where the config is silent."""
BESIDE = ("input_scale", "activation_scale", "input_scale_ub", "input_zero_point", "output_scale", "input_global_scale")
"""What a quantised module keeps for its activations."""


@dataclass(frozen=True, slots=True)
class Scaled(Packed):
    """A matrix, or a stack of them, of codes that are multiplied by the scale of their block.

    Parts: ``weight`` (codes), ``scale`` (no axis: one for all; one: a row each; two: blocks), ``zero`` (optional, as
    many as scales). Reads the rows that are asked for and the scales of their blocks, nothing else.

    Attributes:
        block: rows and columns of a block.
        factor: that every value is multiplied by besides.
    """

    block: tuple[int, int]
    factor: float = 1.0

    def rows(self, start: int, stop: int) -> F32:
        """See :meth:`Tensor.rows`. A scale that is no number makes its block none."""
        self.check_rows(start, stop)
        if len(self.shape) == 3:
            return self.entries(start, stop)
        values = self.codes(start, stop)
        with np.errstate(all="ignore"):
            if "zero" in self.parts:
                values = values - self.spread(self.zeros(start, stop), start, stop)
            values = values * self.spread(self.scales(start, stop), start, stop)
            return values * np.float32(self.factor) if self.factor != 1 else values

    def codes(self, start: int, stop: int) -> F32:
        """The stored numbers of these rows, before zero and scale."""
        return self.parts["weight"].rows(start, stop)

    def scales(self, start: int, stop: int) -> F32:
        """The scales of the blocks that these rows lie in: ``(blocks down, blocks across)``."""
        return self._grid(self.parts["scale"], start, stop)

    def zeros(self, start: int, stop: int) -> F32:
        """The codes that stand for zero, like :meth:`scales`."""
        return self._grid(self.parts["zero"], start, stop)

    def spread(self, grid: F32, start: int, stop: int) -> F32:
        """One number for each row of ``[start, stop)`` and each column (or one for all) from one for each block."""
        down = self.block[0]
        if grid.shape[0] > 1 or down == 1:
            grid = grid[np.arange(start, stop) // down - start // down]
        if grid.shape[1] > 1:
            grid = grid[:, self.groups(grid.shape[1])]
        return grid

    def groups(self, count: int) -> NDArray[np.int64]:
        """Which of ``count`` blocks across each column lies in."""
        return np.arange(self.shape[1]) // self.block[1]

    def _grid(self, part: Tensor, start: int, stop: int) -> F32:
        if not part.shape:
            return part.values()[:, None]
        down = self.block[0]
        if part.shape[0] == 1:
            grid = part.rows(0, 1)
        else:
            grid = part.rows(start // down, -(-stop // down) if stop > start else start // down)
        return grid if grid.ndim == 2 else grid[:, None]


class ByteScales:
    """FP8 and INT8 with scales."""

    name = "FP8 and INT8 with scales"
    endings: tuple[str, ...] = ENDINGS

    def unpack(self, tensors: Kinds, config: Mapping[str, Any]) -> Unpacked | None:
        """See :meth:`Scheme.unpack`. One-byte weights without a scale stay what they are: plain numbers."""
        blocks, groups = _edges(quantization(config)), stated_numbers(config, "group_size")

        def build(name: str) -> Scaled:
            weight = tensors[name]
            scales = [tensors[name + ending] for ending in ENDINGS if name + ending in tensors]
            if len(scales) > 1:
                raise wrong(weight, f"has two scales, {scales[0].name} and {scales[1].name}")
            parts = {"weight": checked(weight, BYTES), "scale": checked(scales[0], SCALES)}
            if (zero := tensors.get(name + ZERO)) is not None:
                parts["zero"] = checked(zero, (weight.dtype,))
                if zero.shape != scales[0].shape:
                    raise wrong(zero, f"has shape {list(zero.shape)}, its scales have {list(scales[0].shape)}")
            title = "INT8 with scales" if weight.dtype == "I8" else "FP8 with scales"
            block = scale_block(weight.shape, scales[0], blocks, groups)
            return Scaled(name, title, weight.shape, weight.path, weight.start, weight.source, parts, block=block)

        scaled = {n.removesuffix(e) for e in ENDINGS for k in tensors.kinds if k.like.name.endswith(e) for n in k.names}
        bytewise = (k for k in tensors.kinds if k.like.dtype in BYTES and len(k.like.shape) in (2, 3))
        names = [name for kind in bytewise for name in kind.names if name in scaled]
        found, parts = alike(tensors, names, ("", *ENDINGS, ZERO), build)
        return unpacked(tensors, found, [*parts, *beside(tensors, found)])


def beside(tensors: Kinds, found: Iterable[Kind]) -> Iterator[str]:
    """Names that quantised modules may keep something for their activations under."""
    there = [ending for ending in BESIDE if any(kind.like.name.endswith(ending) for kind in tensors.kinds)]
    for name in (n for kind in found for n in kind.names if there):
        module = name.removesuffix("weight") if name.endswith("weight") else f"{name}_"
        yield from (module + ending for ending in there)


def scale_block(
    shape: tuple[int, ...], scale: Tensor, blocks: tuple[Any, Any] = (None, None), groups: tuple[int, ...] = ()
) -> tuple[int, int]:
    """Rows and columns that one scale holds for, from the shapes of a weight and its scales.

    Args:
        shape: of the weight, a matrix or a stack of them.
        scale: its scales, a stack where the weight is one, or one for everything.
        blocks: edges of a block that the config states, where scales hold for several rows.
        groups: sizes of a group that the config states, where each row has its own scales.

    Raises:
        FormatError: no blocks give that many scales.
    """
    height, width = shape[-2:]
    counts = scale.shape
    if len(shape) == 3 and counts[:1] == shape[:1]:
        counts = counts[1:]
    elif len(shape) == 3 and scale.size != 1:
        raise wrong(scale, f"has shape {list(scale.shape)}, its weights are a stack of {shape[0]}")
    counts = (*counts, *(1,) * (2 - len(counts)))
    down = across = 0
    if len(counts) == 2:
        one = (height if counts[0] == 1 else None, width if counts[1] == 1 else None)
        down = block_edge(height, counts[0], one[0], blocks[0], USUAL)
        sizes = groups if down == 1 else (blocks[1], USUAL)
        across = block_edge(width, counts[1], one[1], *sizes)
    if not down or not across:
        raise wrong(scale, f"has shape {list(scale.shape)}, which divides no weight of shape {list(shape)} into blocks")
    return down, across


def _edges(stated: Mapping[str, Any]) -> tuple[Any, Any]:
    """The block that a config states, as rows and columns; None where it states none."""
    block = stated.get("weight_block_size")
    return (block[0], block[1]) if isinstance(block, list) and len(block) == 2 else (None, None)
