"""Reading numbers that share bytes: streams of small integers in 32-bit words, and columns of a stored matrix."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.base import Tensor
from forebear.artifacts.dtypes import DTYPES

U8 = NDArray[np.uint8]
U32 = NDArray[np.uint32]
F32 = NDArray[np.float32]

GAP = 8_192
"""Bytes between two rows of a stored matrix that are read through; further apart, each row is a read of its own."""


def read_bytes(tensor: Tensor, first: int, last: int) -> U8:
    """Bytes ``[first, last)`` of a tensor."""
    raw = tensor.stored(first, last)
    return np.frombuffer(raw, dtype=np.uint8)


def byte_rows(tensor: Tensor, start: int, stop: int) -> U8:
    """Rows ``[start, stop)`` of a tensor of one-byte values: ``(stop - start, bytes)``."""
    width = prod(tensor.shape[1:])
    return read_bytes(tensor, start * width, stop * width).reshape(stop - start, width)


def word_rows(tensor: Tensor, start: int, stop: int) -> U32:
    """Rows ``[start, stop)`` of a tensor of 32-bit words: ``(stop - start, words)``."""
    width = 4 * prod(tensor.shape[1:])
    return read_bytes(tensor, start * width, stop * width).view("<u4").reshape(stop - start, width // 4)


def columns(tensor: Tensor, start: int, stop: int) -> U8:
    """Bytes of columns ``[start, stop)`` of whole-byte values, axes after the first taken as one: ``(rows, bytes)``.

    Costs one read of nearly the whole matrix where its rows are short, else one read for each row.
    """
    height, width = tensor.shape[0], prod(tensor.shape[1:])
    size = DTYPES[tensor.dtype].bits // 8
    stride, first, wanted = width * size, start * size, (stop - start) * size
    if height == 0 or wanted == 0:
        return np.zeros((height, wanted), dtype=np.uint8)
    if stride - wanted > GAP:
        ends = ((k * stride + first, k * stride + first + wanted) for k in range(height))
        return np.stack([read_bytes(tensor, a, b) for a, b in ends])
    held = np.zeros(height * stride, dtype=np.uint8)  # the last row is not read to its end
    through = read_bytes(tensor, first, (height - 1) * stride + first + wanted)
    held[: through.size] = through
    return np.ascontiguousarray(held.reshape(height, stride)[:, :wanted])


def unpack_bits(words: U32, bits: int, count: int) -> U8:
    """The first ``count`` integers of ``bits`` bits along the last axis, lowest bits first, across words.

    Of 3-bit integers the eleventh takes two bits of one word and one of the next.
    """
    at = np.arange(count, dtype=np.int64) * bits
    word, shift = at // 32, (at % 32).astype(np.uint32)
    out = words[..., word] >> shift
    split = np.flatnonzero(shift + bits > 32)
    if split.size:
        out[..., split] |= words[..., word[split] + 1] << (np.uint32(32) - shift[split])
    return (out & np.uint32(2**bits - 1)).astype(np.uint8)


def decoded(dtype: str, raw: U8) -> F32:
    """Bytes along the last axis as the numbers of a dtype of floats."""
    decode = DTYPES[dtype].decode
    assert decode is not None
    width = raw.shape[-1] * 8 // DTYPES[dtype].bits
    return decode(np.ascontiguousarray(raw).ravel()).reshape(*raw.shape[:-1], width)


def nibbles(raw: U8) -> U8:
    """Two 4-bit numbers for each byte along the last axis, the low half first."""
    out = np.empty((*raw.shape[:-1], 2 * raw.shape[-1]), dtype=np.uint8)
    out[..., 0::2], out[..., 1::2] = raw & 0x0F, raw >> 4
    return out
