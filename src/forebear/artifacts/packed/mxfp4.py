"""MXFP4 of gpt-oss: experts in a stack, each matrix stored the other way round than the network has it.

Format (OpenAI 2025, arXiv 2508.10925, and the loading code of transformers): ``gate_up_proj_blocks`` U8 (experts, out,
in / 32, 16), two E2M1 numbers in a byte, the low half first; ``gate_up_proj_scales`` U8 (experts, out, in / 32), the
exponent of a power of two plus 127. The implementation's ``gate_up_proj`` is (experts, in, out).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.kinds import Kinds
from forebear.artifacts.packed.base import Packed, Unpacked, checked, part_of, unpacked, wrong
from forebear.artifacts.packed.bits import columns, decoded

F32 = NDArray[np.float32]

BLOCK = 32
ENDING = "_blocks"


@dataclass(frozen=True)
class TurnedStack(Packed):
    """A stack of matrices (in, out) whose columns are stored as rows of blocks, or one of them.

    Parts: ``blocks`` (out, in / 32, 16), ``scale`` (out, in / 32), with the experts before. Rows of one matrix are
    columns of the stored one, see :func:`~forebear.artifacts.packed.bits.columns` for what reading them costs: nearly
    all of an expert (8 MB of gpt-oss), whichever rows are asked for.
    """

    def rows(self, start: int, stop: int) -> F32:
        """See :meth:`Tensor.rows`."""
        self.check_rows(start, stop)
        if len(self.shape) == 3:
            return self.entries(start, stop)
        first, last = start // BLOCK, -(-stop // BLOCK) if stop > start else start // BLOCK
        raw = columns(self.parts["blocks"], first * BLOCK // 2, last * BLOCK // 2)
        exponents = columns(self.parts["scale"], first, last)
        values, scales = decoded("F4", raw), decoded("F8_E8M0", exponents)
        whole = values.reshape(*scales.shape, BLOCK) * scales[..., None]
        inside = slice(start - first * BLOCK, stop - first * BLOCK)
        return np.ascontiguousarray(whole.reshape(self.shape[1], -1)[:, inside].T)


class GptOss:
    """MXFP4 of gpt-oss."""

    name = "MXFP4 experts"
    endings: tuple[str, ...] = (ENDING,)

    def unpack(self, tensors: Kinds, config: Mapping[str, Any]) -> Unpacked | None:
        """See :meth:`Scheme.unpack`."""
        found: list[Packed] = []
        for name, blocks in tensors.items():
            if not name.endswith(ENDING) or blocks.dtype != "U8" or len(blocks.shape) != 4:
                continue
            stem = name.removesuffix(ENDING)
            scale = part_of(tensors, stem + "_scales", blocks, ("U8", "F8_E8M0"))
            experts, out, across, half = blocks.shape
            if half != BLOCK // 2 or scale.shape != (experts, out, across):
                shapes = f"{list(blocks.shape)}, its scales {list(scale.shape)}"
                raise wrong(blocks, f"has shape {shapes}, expected (experts, out, in / 32, 16) and one scale for each")
            parts = {"blocks": checked(blocks, ("U8",)), "scale": scale}
            shape = (experts, across * BLOCK, out)
            found.append(TurnedStack(stem, "MXFP4", shape, blocks.path, blocks.start, blocks.source, parts))
        return unpacked(tensors, found)
