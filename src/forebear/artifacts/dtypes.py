"""The number formats of safetensors files, decoded to float32 with numpy alone.

Formats and names follow the safetensors specification; the 8-bit floats follow the OCP 8-bit floating point
specification (E4M3 without infinities, E5M2 as IEEE) and OCP microscaling formats (E8M0 scales). The FNUZ variants
have a bias larger by one, no infinities and no negative zero, whose pattern is the only nan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Dtype:
    """One number format.

    Attributes:
        name: as written in the header, e.g. ``BF16``.
        bits: bits per value, or per block where values come in blocks with a common scale.
        decode: raw bytes to float32, or None where the values are not weights (complex, packed 6-bit).
        floating: False for integers and booleans.
        signed: False where no value can be negative; such a tensor carries no sign coins.
        block: values that are stored together.
    """

    name: str
    bits: int
    decode: Callable[[Bytes], F32] | None
    floating: bool = True
    signed: bool = True
    block: int = 1

    def divides(self, values: int) -> bool:
        """Whether this many values are whole blocks and whole bytes."""
        return values % self.block == 0 and values // self.block * self.bits % 8 == 0

    def nbytes(self, values: int) -> int:
        """Bytes of this many values."""
        return values // self.block * self.bits // 8


def wide(values: F32) -> NDArray[np.float64]:
    """The values as float64, without the warning that numpy gives where a file holds a signalling NaN."""
    with np.errstate(invalid="ignore"):
        return values.astype(np.float64)


def _plain(code: str) -> Callable[[Bytes], F32]:
    kind = np.dtype(code)

    def decode(raw: Bytes) -> F32:
        with np.errstate(over="ignore", invalid="ignore"):  # what becomes inf or is nan, the signals leave out
            return raw.view(kind).astype(np.float32)

    return decode


def _bfloat16(raw: Bytes) -> F32:
    return (raw.view("<u2").astype(np.uint32) << np.uint32(16)).view(np.float32)


def _small_float(exponent_bits: int, mantissa_bits: int, infinities: bool) -> F32:
    """All values of a sign/exponent/mantissa format of at most 8 bits, indexed by their bit pattern."""
    width = 1 + exponent_bits + mantissa_bits
    bias = 2 ** (exponent_bits - 1) - 1
    values = np.empty(2**width, dtype=np.float32)
    top = 2**exponent_bits - 1
    for pattern in range(2**width):
        sign = -1.0 if pattern >> (width - 1) else 1.0
        exponent = (pattern >> mantissa_bits) & top
        mantissa = (pattern & (2**mantissa_bits - 1)) / 2**mantissa_bits
        if infinities and exponent == top:
            values[pattern] = np.nan if mantissa else sign * np.inf
        elif exponent == 0:
            values[pattern] = sign * mantissa * 2.0 ** (1 - bias)
        else:
            values[pattern] = sign * (1 + mantissa) * 2.0 ** (exponent - bias)
    return values


def _table(values: F32) -> Callable[[Bytes], F32]:
    return lambda raw: values[raw]


def _packed_four(values: F32) -> Callable[[Bytes], F32]:
    def decode(raw: Bytes) -> F32:
        out = np.empty(raw.size * 2, dtype=np.float32)
        out[0::2], out[1::2] = values[raw & 0x0F], values[raw >> 4]
        return out

    return decode


_E4M3 = _small_float(4, 3, infinities=False)
_E4M3[[0x7F, 0xFF]] = np.nan
_E5M2 = _small_float(5, 2, infinities=True)
_E4M3_FNUZ, _E5M2_FNUZ = (_small_float(e, m, infinities=False) / np.float32(2) for e, m in ((4, 3), (5, 2)))
_E4M3_FNUZ[0x80] = _E5M2_FNUZ[0x80] = np.nan
_E2M1 = _small_float(2, 1, infinities=False)
_E8M0 = np.exp2(np.minimum(np.arange(256), 254) - 127.0).astype(np.float32)
_E8M0[255] = np.nan

DTYPES: dict[str, Dtype] = {
    d.name: d
    for d in (
        Dtype("BOOL", 8, _plain("u1"), floating=False, signed=False),
        Dtype("U8", 8, _plain("u1"), floating=False, signed=False),
        Dtype("I8", 8, _plain("i1"), floating=False),
        Dtype("I16", 16, _plain("<i2"), floating=False),
        Dtype("U16", 16, _plain("<u2"), floating=False, signed=False),
        Dtype("I32", 32, _plain("<i4"), floating=False),
        Dtype("U32", 32, _plain("<u4"), floating=False, signed=False),
        Dtype("I64", 64, _plain("<i8"), floating=False),
        Dtype("U64", 64, _plain("<u8"), floating=False, signed=False),
        Dtype("F16", 16, _plain("<f2")),
        Dtype("BF16", 16, _bfloat16),
        Dtype("F32", 32, _plain("<f4")),
        Dtype("F64", 64, _plain("<f8")),
        Dtype("F8_E4M3", 8, _table(_E4M3)),
        Dtype("F8_E5M2", 8, _table(_E5M2)),
        Dtype("F8_E4M3FNUZ", 8, _table(_E4M3_FNUZ)),
        Dtype("F8_E5M2FNUZ", 8, _table(_E5M2_FNUZ)),
        Dtype("F8_E8M0", 8, _table(_E8M0), signed=False),
        Dtype("F4", 4, _packed_four(_E2M1)),
        Dtype("F6_E2M3", 6, None),
        Dtype("F6_E3M2", 6, None),
        Dtype("C64", 64, None),
    )
}
"""Every number format, by the name in the header; the block formats of other files join in their own modules."""
SAFETENSORS = frozenset(DTYPES)
"""Those that a safetensors file may name."""
