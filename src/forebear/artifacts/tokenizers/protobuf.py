"""The wire format of Protocol Buffers, as much as a bounded reader needs (protobuf.dev/programming-guides/encoding).

Nothing is nested here: a message inside a message is a range of bytes, which the caller walks or leaves alone, so the
depth of the input never becomes the depth of a call.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from forebear.errors import FormatError

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
_FLOAT = struct.Struct("<f").unpack_from
_NAMES = {VARINT: "an integer", FIXED64: "eight bytes", LENGTH: "a range of bytes", FIXED32: "four bytes"}


def fields(raw: bytes, start: int, stop: int, path: str) -> Iterator[tuple[int, int, int, int]]:
    """The fields of the message in ``raw[start:stop]``, in order.

    Yields:
        The field's number in the schema; how it is written, one of the constants of this module; the integer of a
        ``VARINT``, else where its bytes begin; where its bytes end. Plain tuples: there are a million of them.

    Raises:
        FormatError: a field reaches beyond the message, has no number, or is a group or of an unknown wire type.
    """
    at = start
    while at < stop:
        begun = at
        tag, at = (raw[at], at + 1) if raw[at] < 0x80 else _varint(raw, at, stop, path)
        number, wire = tag >> 3, tag & 7
        value, end = at, at
        if wire == LENGTH:
            # the branch spares a call for nearly every one of a million lengths
            size, value = (raw[at], at + 1) if at < stop and raw[at] < 0x80 else _varint(raw, at, stop, path)
            end = value + size
        elif wire == VARINT:
            value, end = (raw[at], at + 1) if at < stop and raw[at] < 0x80 else _varint(raw, at, stop, path)
        elif wire == FIXED32:
            end = at + 4
        elif wire == FIXED64:
            end = at + 8
        else:
            raise FormatError(path, f"not a SentencePiece model (wire type {wire} at byte {begun:,})")
        if number == 0:
            raise FormatError(path, f"not a SentencePiece model (a field without a number at byte {begun:,})")
        if end > stop:
            raise _truncated(path, begun)
        yield number, wire, value, end
        at = end


def wrong(wire: int, expected: int, what: str, path: str) -> FormatError:
    """The refusal of a field that is not written as the schema says."""
    return FormatError(path, f"its {what} is {_NAMES[wire]} instead of {_NAMES[expected]}")


def signed(value: int) -> int:
    """A varint as the int32 or enum that it stands for: negative numbers are written in 64 bits."""
    return value - (1 << 64) if value >> 63 else value


def float32(raw: bytes, at: int) -> float:
    """The little-endian float that begins at a byte."""
    value: float = _FLOAT(raw, at)[0]
    return value


def _varint(raw: bytes, at: int, stop: int, path: str) -> tuple[int, int]:
    value = 0
    for position, byte in enumerate(raw[at : min(at + 10, stop)]):
        value |= (byte & 0x7F) << (7 * position)
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at + position + 1
    if at + 10 > stop:
        raise _truncated(path, at)
    raise FormatError(path, f"not a SentencePiece model (an integer of more than ten bytes at byte {at:,})")


def _truncated(path: str, at: int) -> FormatError:
    return FormatError(
        path, f"truncated or damaged (the field at byte {at:,} reaches beyond its end)", "fetch it again"
    )
