"""AWQ: 4-bit integers, packed along the output in an order of their own, with a scale and a zero for each group.

Format (AWQ, arXiv 2306.00978, "gemm" as AutoAWQ writes it): ``qweight`` I32 (in, out / 8), ``qzeros`` I32 (groups,
out / 8), ``scales`` (groups, out). Nibble i of a word, the lowest first, belongs to output 0, 2, 4, 6, 1, 3, 5, 7. A
weight is scale · (code - zero); zeros are stored as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
from forebear.artifacts.packed.bits import columns, nibbles
from forebear.artifacts.packed.gptq import WORDS, value_columns
from forebear.artifacts.packed.scaled import SCALES

F32 = NDArray[np.float32]

NIBBLE = np.array([0, 4, 1, 5, 2, 6, 3, 7])
"""Which nibble of a word each of its eight outputs is in."""
HINT = "scan the release in the gemm order, or the model it was made from"


@dataclass(frozen=True)
class Awq(Packed):
    """A matrix (out, in) that is stored (in, out).

    Rows are columns of the stored matrix, see :func:`~forebear.artifacts.packed.bits.columns` for what reading them
    costs: all of it up to an output of about 16,000, else one read for each input.

    Parts: ``weight``, ``zero``, ``scale``.

    Attributes:
        group_size: inputs of a group.
    """

    group_size: int

    def rows(self, start: int, stop: int) -> F32:
        """See :meth:`Tensor.rows`."""
        self.check_rows(start, stop)
        groups = np.arange(self.shape[1]) // self.group_size
        codes, zeros = (self._codes(self.parts[k], start, stop) for k in ("weight", "zero"))
        with np.errstate(all="ignore"):
            scales = value_columns(self.parts["scale"], start, stop)
            return np.ascontiguousarray((scales[groups] * (codes - zeros[groups])).T)

    def _codes(self, part: Tensor, start: int, stop: int) -> F32:
        """Columns ``[start, stop)`` of a packed matrix: ``(rows, stop - start)``."""
        first, last = start // 8, -(-stop // 8) if stop > start else start // 8
        stored = nibbles(columns(part, first, last)).reshape(part.shape[0], last - first, 8)
        ordered = stored[:, :, NIBBLE].reshape(part.shape[0], 8 * (last - first))
        return ordered[:, start - 8 * first : stop - 8 * first].astype(np.float32)


class AwqScheme:
    """AWQ."""

    name = "AWQ"
    endings: tuple[str, ...] = (".qweight",)

    def unpack(self, tensors: Kinds, config: Mapping[str, Any]) -> Unpacked | None:
        """See :meth:`Scheme.unpack`. GPTQ has taken its own tensors before; what is left of this name is ours."""
        stated, sizes = quantization(config), stated_numbers(config, "group_size")
        order = str(stated.get("version") or "gemm").lower()
        found: list[Packed] = []
        for name, weight in tensors.items():
            if not name.endswith(".qweight"):
                continue
            stem = name.removesuffix("qweight")
            scale = part_of(tensors, stem + "scales", weight, SCALES)
            zero = part_of(tensors, stem + "qzeros", weight, WORDS)
            parts = {"weight": checked(weight, WORDS), "zero": zero, "scale": scale}
            if order != "gemm":
                raise wrong(weight, f"is AWQ in the order {order[:20]}, which is not read", HINT)
            groups, out = scale.shape if len(scale.shape) == 2 else (0, 0)
            if len(weight.shape) != 2 or not out or out % 8 or weight.shape[1] * 8 != out:
                shapes = f"{list(weight.shape)}, its scales {list(scale.shape)}"
                raise wrong(weight, f"has shape {shapes}: the order of neither GPTQ nor AWQ (gemm)", HINT)
            size = block_edge(weight.shape[0], groups, *sizes)
            if not size or zero.shape != (groups, out // 8):
                shapes = f"{list(zero.shape)} for scales {list(scale.shape)} and {weight.shape[0]} inputs"
                raise wrong(zero, f"has shape {shapes}: no groups of inputs")
            at = (weight.path, weight.start, weight.source)
            found.append(Awq(stem + "weight", "AWQ 4-bit", (out, weight.shape[0]), *at, parts, size))
        return unpacked(tensors, found)
