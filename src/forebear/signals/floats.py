"""How finely float values are stored: significant bits, and the distance to the next value."""

from __future__ import annotations

from typing import NamedTuple

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


def rounded(values: F32, bits: int) -> F32:
    """Values as bfloat16 (8 bits) or float16 (11) hold them, to nearest and halves to even; as they are otherwise."""
    if bits == F16:
        with np.errstate(all="ignore"):
            return values.astype(np.float16).astype(np.float32)
    if bits != BF16:
        return values
    raw = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    even = (raw >> np.uint32(16)) & np.uint32(1)
    with np.errstate(all="ignore"):
        nearest = (raw + np.uint32(0x7FFF) + even) & np.uint32(0xFFFF0000)
    return np.where(np.isfinite(values), nearest.view(np.float32), values)


class Format(NamedTuple):
    """How finely values can have been stored.

    Attributes:
        bits: significant bits.
        least: the smallest distance of neighbours, however small the values.
    """

    bits: int
    least: float


def coarsest(values: F32) -> Format:
    """The coarsest format that may have held all values: float16 keeps its smallest numbers far apart."""
    bits = precision(values)
    with np.errstate(all="ignore"):
        half = np.array_equal(values.astype(np.float16).astype(np.float32), values)
    return Format(bits, 2.0**-24 if half else 2.0**-133)


def spacing(values: F32 | F64, held: Format) -> F64:
    """Distance between neighbours of a format at every value; at zero, which is stored exactly, that below one.

    So a zero is worth nothing as evidence for a grid. Who asks by how much a value may be wrong uses :func:`doubt`.
    """
    _, exponent = np.frexp(np.where(np.isfinite(values), values, 0.0))
    return np.asarray(np.maximum(np.ldexp(1.0, np.maximum(exponent, -120) - held.bits), held.least))


def doubt(values: F32 | F64, held: Format) -> F64:
    """By how much a value may differ from what was stored: :func:`spacing`, and nothing to speak of at zero."""
    return np.where(values == 0, held.least, spacing(values, held))
