"""The block formats of ggml, decoded to float32 with numpy alone.

Formats: ggml's quants (https://github.com/ggml-org/ggml, ggml-common.h names every field of a block). A block holds 32
values with one scale, or 256 (a superblock) with scales of scales. Every decoder takes blocks as rows of bytes and is
tested to give the floats of the ``gguf`` package bit by bit. The IQ formats of up to three bits look their values up in
grids of up to 2,048 points; those come from the ``gguf`` package where it is installed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.dtypes import DTYPES, Bytes, Dtype
from forebear.errors import MissingExtra

F32 = NDArray[np.float32]
SUPER = 256
"""Values of a superblock."""


def _half(raw: Bytes) -> F32:
    """Two bytes a row as float16: ``(n, 1)``."""
    return np.ascontiguousarray(raw).view("<f2").astype(np.float32)


def _split(blocks: Bytes, *sizes: int) -> list[Bytes]:
    """The fields of every block, of these sizes in bytes."""
    return np.split(blocks, np.cumsum(sizes)[:-1], axis=1)


def _bits(raw: Bytes, width: int, run: int) -> Bytes:
    """Numbers of ``width`` bits: a run of bytes gives its lowest bits in order, then the next ones, and so on."""
    shifts = np.arange(0, 8, width, dtype=np.uint8)[:, None]
    fields = raw.reshape(len(raw), -1, 1, run) >> shifts & np.uint8(2**width - 1)
    return np.asarray(fields.reshape(len(raw), -1))


def _signed(numbers: Bytes, offset: int) -> F32:
    return (numbers.astype(np.int8) - np.int8(offset)).astype(np.float32)


def _fifth(raw: Bytes) -> Bytes:
    """The fifth bits of 32 values, the lowest bit of the first byte first, at their place."""
    return np.unpackbits(raw, axis=1, bitorder="little") << np.uint8(4)


def _scaled(scales: F32, values: F32) -> F32:
    """Scales ``(n, groups)`` times values ``(n, groups * size)``."""
    n, groups = scales.shape
    return (scales[:, :, None] * values.reshape(n, groups, -1)).reshape(n, -1)


def _q4_0(blocks: Bytes) -> F32:
    d, qs = _split(blocks, 2, 16)
    return _half(d) * _signed(_bits(qs, 4, 16), 8)


def _q4_1(blocks: Bytes) -> F32:
    d, m, qs = _split(blocks, 2, 2, 16)
    return _half(d) * _bits(qs, 4, 16).astype(np.float32) + _half(m)


def _q5_0(blocks: Bytes) -> F32:
    d, high, qs = _split(blocks, 2, 4, 16)
    return _half(d) * _signed(_bits(qs, 4, 16) | _fifth(high), 16)


def _q5_1(blocks: Bytes) -> F32:
    d, m, high, qs = _split(blocks, 2, 2, 4, 16)
    return _half(d) * (_bits(qs, 4, 16) | _fifth(high)).astype(np.float32) + _half(m)


def _q8_0(blocks: Bytes) -> F32:
    d, qs = _split(blocks, 2, 32)
    return _half(d) * qs.view(np.int8).astype(np.float32)


def _q2_k(blocks: Bytes) -> F32:
    scales, qs, d, least = _split(blocks, 16, 64, 2, 2)
    steps, offsets = (_half(h) * s.astype(np.float32) for h, s in ((d, scales & 0x0F), (least, scales >> 4)))
    values = _scaled(steps, _bits(qs, 2, 32).astype(np.float32))
    return (values.reshape(*offsets.shape, 16) - offsets[:, :, None]).reshape(len(blocks), SUPER)


def _q3_k(blocks: Bytes) -> F32:
    high, qs, packed, d = _split(blocks, 32, 64, 12, 2)
    scales = _bits(packed[:, :8], 4, 8) | _bits(packed[:, 8:], 2, 4) << np.uint8(4)
    values = _bits(qs, 2, 32).astype(np.int8) - (np.int8(4) - 4 * _bits(high, 1, 32).astype(np.int8))
    return _scaled(_half(d) * _signed(scales, 32), values.astype(np.float32))


def _six_bits(packed: Bytes) -> tuple[F32, F32]:
    """Eight scales and eight offsets of six bits in twelve bytes: four of each below, the rest's high bits above."""
    low, middle, high = packed[:, :4], packed[:, 4:8], packed[:, 8:]
    scales = np.concatenate([low & 0x3F, high & 0x0F | low >> 2 & 0x30], axis=1)
    offsets = np.concatenate([middle & 0x3F, high >> 4 | middle >> 2 & 0x30], axis=1)
    return scales.astype(np.float32), offsets.astype(np.float32)


def _affine(d: Bytes, least: Bytes, packed: Bytes, numbers: Bytes) -> F32:
    scales, offsets = _six_bits(packed)
    values = _scaled(_half(d) * scales, numbers.astype(np.float32))
    return (values.reshape(-1, 8, 32) - (_half(least) * offsets)[:, :, None]).reshape(-1, SUPER)


def _q4_k(blocks: Bytes) -> F32:
    d, least, packed, qs = _split(blocks, 2, 2, 12, 128)
    return _affine(d, least, packed, _bits(qs, 4, 32))


def _q5_k(blocks: Bytes) -> F32:
    d, least, packed, high, qs = _split(blocks, 2, 2, 12, 32, 128)
    return _affine(d, least, packed, _bits(qs, 4, 32) | _bits(high, 1, 32) << np.uint8(4))


def _q6_k(blocks: Bytes) -> F32:
    low, high, scales, d = _split(blocks, 128, 64, 16, 2)
    values = _signed(_bits(low, 4, 64) | _bits(high, 2, 32) << np.uint8(4), 32)
    return _scaled(_half(d) * scales.view(np.int8).astype(np.float32), values)


def _q8_k(blocks: Bytes) -> F32:
    d, qs, _ = _split(blocks, 4, SUPER, 32)
    return np.ascontiguousarray(d).view("<f4") * qs.view(np.int8).astype(np.float32)


_NON_LINEAR = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], dtype=np.float32)


def _iq4_nl(blocks: Bytes) -> F32:
    d, qs = _split(blocks, 2, 16)
    return _half(d) * _NON_LINEAR[_bits(qs, 4, 16)]


def _iq4_xs(blocks: Bytes) -> F32:
    d, high, low, qs = _split(blocks, 2, 2, 4, 128)
    # neighbours share a byte here, so runs of one byte: low half, high half; and two bits of each in a 16-bit number
    scales = _bits(low, 4, 1) | _bits(high, 2, 1) << np.uint8(4)
    return _scaled(_half(d) * _signed(scales, 32), _NON_LINEAR[_bits(qs, 4, 16)])


def _tq1_0(blocks: Bytes) -> F32:
    """Five trits in a byte, as a fraction of 256: the leading one is what three times the byte carries over."""
    main, rest, tail, d = _split(blocks, 32, 16, 4, 2)
    powers = np.array([1, 3, 9, 27, 81], dtype=np.uint8)[:, None]
    trits = [(part[:, None, :] * powers[:n]).reshape(len(blocks), -1) for part, n in ((main, 5), (rest, 5), (tail, 4))]
    return _half(d) * _signed((np.concatenate(trits, axis=1).astype(np.uint16) * 3 >> 8).astype(np.uint8), 1)


def _tq2_0(blocks: Bytes) -> F32:
    qs, d = _split(blocks, 64, 2)
    return _half(d) * _signed(_bits(qs, 2, 32), 1)


_E2M1_DOUBLED = np.array([0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12], dtype=np.float32)
_E8M0_HALVED = np.concatenate(
    [np.array([0x00200000, 0x00400000], dtype=np.uint32), np.arange(1, 255, dtype=np.uint32) << np.uint32(23)]
).view(np.float32)
_UE4M3_HALVED = np.array(
    [0.5 * (1 + b % 8 / 8) * 2.0 ** (b // 8 % 16 - 7) if b // 8 % 16 else 0.5 * (b % 8) * 2.0**-9 for b in range(256)],
    dtype=np.float32,
)
_UE4M3_HALVED[0x7F] = 0  # the pattern that would be nan


def _mxfp4(blocks: Bytes) -> F32:
    e, qs = _split(blocks, 1, 16)
    return _E8M0_HALVED[e] * _E2M1_DOUBLED[_bits(qs, 4, 16)]


def _nvfp4(blocks: Bytes) -> F32:
    scales, qs = _split(blocks, 4, 32)
    return _scaled(_UE4M3_HALVED[scales], _E2M1_DOUBLED[_bits(qs, 4, 8)])


def _with_grid(name: str, blocks: Bytes) -> F32:
    try:
        from gguf import GGMLQuantizationType, dequantize
    except ImportError:
        raise MissingExtra("gguf", f"decoding values of type {name}") from None
    return np.asarray(dequantize(blocks, GGMLQuantizationType[name]))


class Block(NamedTuple):
    """A ggml type whose values come in blocks: its number in files, values and bytes of a block, and its decoder."""

    name: str
    kind: int
    values: int
    nbytes: int
    decode: Callable[[Bytes], F32]


BLOCKS = (
    Block("Q4_0", 2, 32, 18, _q4_0),
    Block("Q4_1", 3, 32, 20, _q4_1),
    Block("Q5_0", 6, 32, 22, _q5_0),
    Block("Q5_1", 7, 32, 24, _q5_1),
    Block("Q8_0", 8, 32, 34, _q8_0),
    Block("Q2_K", 10, SUPER, 84, _q2_k),
    Block("Q3_K", 11, SUPER, 110, _q3_k),
    Block("Q4_K", 12, SUPER, 144, _q4_k),
    Block("Q5_K", 13, SUPER, 176, _q5_k),
    Block("Q6_K", 14, SUPER, 210, _q6_k),
    Block("Q8_K", 15, SUPER, 292, _q8_k),
    Block("IQ4_NL", 20, 32, 18, _iq4_nl),
    Block("IQ4_XS", 23, SUPER, 136, _iq4_xs),
    Block("TQ1_0", 34, SUPER, 54, _tq1_0),
    Block("TQ2_0", 35, SUPER, 66, _tq2_0),
    Block("MXFP4", 39, 32, 17, _mxfp4),
    Block("NVFP4", 40, 64, 36, _nvfp4),
    *(
        Block(name, kind, SUPER, nbytes, partial(_with_grid, name))
        for name, kind, nbytes in (
            ("IQ2_XXS", 16, 66),
            ("IQ2_XS", 17, 74),
            ("IQ3_XXS", 18, 98),
            ("IQ1_S", 19, 50),
            ("IQ3_S", 21, 110),
            ("IQ2_S", 22, 82),
            ("IQ1_M", 29, 56),
        )
    ),
)
KINDS = {0: "F32", 1: "F16", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 30: "BF16"} | {
    b.kind: b.name for b in BLOCKS
}
"""Number of a ggml type to the name of its number format."""
UNREAD = {4: "Q4_2", 5: "Q4_3", 9: "Q8_1", 31: "Q4_0_4_4", 32: "Q4_0_4_8", 33: "Q4_0_8_8", 41: "Q1_0"}
UNREAD |= {36: "IQ4_NL_4_4", 37: "IQ4_NL_4_8", 38: "IQ4_NL_8_8"}
"""The same of those that are not read: withdrawn, of intermediate results (Q8_1), or without a published decoder."""


def _decoder(block: Block) -> Callable[[Bytes], F32]:
    def decode(raw: Bytes) -> F32:
        if not raw.size:
            return np.empty(0, dtype=np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # what becomes inf or nan, the signals leave out
            return block.decode(raw.reshape(-1, block.nbytes)).ravel()

    return decode


DTYPES.update({b.name: Dtype(b.name, 8 * b.nbytes, _decoder(b), block=b.values) for b in BLOCKS})
