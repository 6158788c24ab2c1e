"""FP4 (E2M1) by two in a byte with a scale for each 16 or 32 of a row: NVFP4 and MXFP4.

NVFP4 (NVIDIA): blocks of 16 with a scale F8_E4M3 each, and one F32 for the tensor. compressed-tensors writes
``weight_packed`` U8, ``weight_scale``, ``weight_global_scale``, and divides by the last; ModelOpt writes ``weight`` U8,
``weight_scale``, ``weight_scale_2``, and multiplies by it. MXFP4 (OCP microscaling formats 1.0): blocks of 32 with a
power of two each (U8, the exponent plus 127). The low half of a byte comes first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.kinds import Kinds
from forebear.artifacts.packed.base import Packed, Unpacked, checked, part_of, unpacked, wrong
from forebear.artifacts.packed.bits import byte_rows, decoded
from forebear.artifacts.packed.scaled import BESIDE, Scaled

F32 = NDArray[np.float32]

NV_BLOCK, MX_BLOCK = 16, 32


@dataclass(frozen=True)
class Fp4(Scaled):
    """A matrix, or a stack of them, of four-bit floats.

    Parts: ``weight`` U8 (rows, columns / 2), ``scale`` (rows, columns / block), and of NVFP4 one of ``divisor`` and
    ``multiplier``.
    """

    def codes(self, start: int, stop: int) -> F32:
        """See :meth:`Scaled.codes`."""
        return decoded("F4", byte_rows(self.parts["weight"], start, stop))

    def scales(self, start: int, stop: int) -> F32:
        """See :meth:`Scaled.scales`."""
        if "divisor" not in self.parts and "multiplier" not in self.parts:
            return decoded("F8_E8M0", byte_rows(self.parts["scale"], start, stop))
        scales = super().scales(start, stop)
        if "divisor" in self.parts:
            return scales / self.parts["divisor"].values().ravel()
        return scales * self.parts["multiplier"].values().ravel()


class Fp4Blocks:
    """NVFP4 and MXFP4 of compressed-tensors and ModelOpt."""

    name = "FP4 with scales"
    endings: tuple[str, ...] = ("weight_packed", "_scale_2")

    def unpack(self, tensors: Kinds, config: Mapping[str, Any]) -> Unpacked | None:
        """See :meth:`Scheme.unpack`."""
        found: list[Packed] = []
        beside: list[str] = []
        for name, packed in tensors.items():
            ours = name.endswith("weight_packed") or f"{name}_scale_2" in tensors
            if packed.dtype != "U8" or not ours:
                continue
            stem = name.removesuffix("_packed")
            scale = part_of(tensors, stem + "_scale", packed, ("F8_E4M3", "F8_E8M0", "U8"))
            parts = {"weight": checked(packed, ("U8",)), "scale": scale}
            if scale.dtype == "F8_E4M3":
                block, title = NV_BLOCK, "NVFP4"
                if stem == name:
                    parts["multiplier"] = part_of(tensors, stem + "_scale_2", packed, ("F32",))
                else:
                    parts["divisor"] = part_of(tensors, stem + "_global_scale", packed, ("F32",))
            else:
                block, title = MX_BLOCK, "MXFP4"
            shape = (*packed.shape[:-1], 2 * packed.shape[-1]) if packed.shape else ()
            if len(shape) not in (2, 3) or scale.shape != (*shape[:-1], -(-shape[-1] // block)):
                problem = f"has shape {list(packed.shape)}, its scales {list(scale.shape)}: no blocks of {block}"
                raise wrong(packed, problem)
            for key in {"divisor", "multiplier"} & parts.keys():
                if parts[key].size != 1 and parts[key].shape[:1] != shape[:-2]:
                    raise wrong(parts[key], f"has shape {list(parts[key].shape)}, expected one value")
            at = (packed.path, packed.start, packed.source)
            found.append(Fp4(stem, title, shape, *at, parts, block=(1, block)))
            beside += [stem.removesuffix("weight") + ending for ending in BESIDE]
        return unpacked(tensors, found, beside)
