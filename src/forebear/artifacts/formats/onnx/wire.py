"""Protocol Buffers by ranges of bytes: an ONNX file of two gigabytes is walked without reading its weights.

Format: https://protobuf.dev/programming-guides/encoding. :mod:`forebear.artifacts.tokenizers.protobuf` walks bytes in
memory; here a field is a place in a file, and a message that nobody asks for is stepped over.
"""

from __future__ import annotations

from collections.abc import Iterator

from forebear.errors import FormatError
from forebear.sources import Source

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
SMALLEST, LARGEST = 1_024, 65_536
MAX_FIELDS = 2_000_000
"""Of one file: the largest public graphs have some 200,000. A bound on time, where a file is made of tiny fields."""
MAX_TEXT = 65_536


class Wire:
    """The fields of one file.

    What is read ahead grows while reading goes on where it stopped, and is small after a jump: weights cost little.
    """

    def __init__(self, source: Source, path: str, size: int) -> None:
        self.source, self.path, self.size = source, path, size
        self._start, self._held = 0, b""
        self._ahead = SMALLEST
        self._count = 0

    def fields(self, start: int, stop: int) -> Iterator[tuple[int, int, int, int]]:
        """Number, wire type, value (of a varint; else where its bytes begin) and end of every field of a message.

        Raises:
            FormatError: a field reaches beyond the message, or is none; or the file has more than ``MAX_FIELDS``.
        """
        at = start
        while at < stop:
            begun = at
            self._count += 1
            if self._count > MAX_FIELDS:
                raise FormatError(self.path, f"holds more than {MAX_FIELDS:,} parts", "do not use it")
            tag, at = self.varint(at, stop)
            number, wire = tag >> 3, tag & 7
            value, end = at, at
            if wire == LENGTH:
                length, value = self.varint(at, stop)
                end = value + length
            elif wire == VARINT:
                value, end = self.varint(at, stop)
            elif wire in (FIXED32, FIXED64):
                end = at + (4 if wire == FIXED32 else 8)
            else:
                raise FormatError(self.path, f"not an ONNX model (wire type {wire} at byte {begun:,})")
            if number == 0 or end > stop:
                what = "no number" if number == 0 else "an end beyond its message"
                raise FormatError(self.path, f"truncated or no ONNX model (the field at byte {begun:,} has {what})")
            yield number, wire, value, end
            at = end

    def varint(self, at: int, stop: int) -> tuple[int, int]:
        """The integer at a byte, and where it ends."""
        value = 0
        for position in range(10):
            if at + position >= stop:
                raise FormatError(self.path, f"truncated (the integer at byte {at:,} is cut off)", "fetch it again")
            byte = self._byte(at + position)
            value |= (byte & 0x7F) << (7 * position)
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF, at + position + 1
        raise FormatError(self.path, f"not an ONNX model (an integer of more than ten bytes at byte {at:,})")

    def text(self, start: int, stop: int, what: str) -> str:
        """A string field; ``FormatError`` where it is long or not UTF-8."""
        if stop - start > MAX_TEXT:
            raise FormatError(self.path, f"{what} at byte {start:,} has {stop - start:,} bytes, which no name has")
        try:
            return self.bytes(start, stop).decode("utf-8")
        except UnicodeDecodeError:
            raise FormatError(self.path, f"{what} at byte {start:,} is not UTF-8") from None

    def bytes(self, start: int, stop: int) -> bytes:
        """Bytes of a short field."""
        if self._start <= start and stop <= self._start + len(self._held):
            return self._held[start - self._start : stop - self._start]
        return self.source.read(self.path, start, stop)

    def _byte(self, at: int) -> int:
        if not 0 <= at - self._start < len(self._held):
            onward = at == self._start + len(self._held)
            self._ahead = min(LARGEST, self._ahead * 2) if onward else SMALLEST
            self._held = self.source.read(self.path, at, min(self.size, at + self._ahead))
            self._start = at
        return self._held[at - self._start]
