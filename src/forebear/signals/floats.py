"""How finely float values are stored: significant bits, and the distance to the next value."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

BF16, F16, FULL = 8, 11, 24
"""Significant bits, the hidden one among them."""


def precision(values: F32) -> int:
    """Significant bits that all values get by with: 8 (bfloat16), 11 (float16) or 24.

    What was cast to a wider format is as coarse as before, whatever the file says.
    """
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    if not (bits & np.uint32(0xFFFF)).any():
        return BF16
    with np.errstate(all="ignore"):
        narrow = values.astype(np.float16).astype(np.float32)
    return F16 if np.array_equal(narrow, values) else FULL


def spacing(values: F32 | F64, bits: int) -> F64:
    """Distance between neighbours of a float format with these significant bits, at every value.

    Args:
        values: any shape.
        bits: 8, 11 or 24; float16 has a fixed distance of 2^-24 below 2^-14, of the others that is too small to matter.
    """
    _, exponent = np.frexp(np.where(np.isfinite(values), values, 0.0))
    gap = np.ldexp(1.0, np.maximum(exponent, -120) - bits)
    return np.maximum(gap, 2.0**-24) if bits == F16 else np.asarray(gap)
