"""A capture as a stream of bytes: a file or standard input, never held whole.

On the way it is inflated where it is gzip, and becomes UTF-8 where it starts with the byte order mark of UTF-16.
"""

from __future__ import annotations

import codecs
import io
import sys
import zlib
from pathlib import Path
from typing import BinaryIO

from forebear.errors import InputError

HEAD = 1 << 20
"""Bytes by which a format is told."""
CHUNK = 1 << 20
MOST_INFLATED = 1 << 38
"""Bytes that a compressed capture may have (256 GB)."""
RATIO, RATIO_FROM = 300, 1 << 28
"""A capture that has expanded this many times when it reaches so many bytes is a bomb; real logs reach a tenth."""
GZIP = b"\x1f\x8b"


class Stream(io.BufferedReader):
    """A capture, readable once from front to back.

    Attributes:
        head: its first bytes (after inflating), still to be read.
        broken: why the bytes ended before their end; "" where they did not.
        bytes_read: bytes of the file read so far; requests: always 1. Both as ``Cost`` counts them.
    """

    requests = 1

    def __init__(self, raw: BinaryIO) -> None:
        self._inner = _Inner(raw)
        self.head = self._inner.sniff()
        super().__init__(self._inner, CHUNK)

    @property
    def broken(self) -> str:
        """Why the bytes ended early."""
        return self._inner.broken

    @property
    def bytes_read(self) -> int:
        """Bytes of the file that were read."""
        return self._inner.taken


def open_stream(path: str) -> Stream:
    """Open a file, or standard input for ``-``.

    Raises:
        InputError: it cannot be opened.
    """
    if path == "-":
        return Stream(sys.stdin.buffer)
    if Path(path).is_dir():
        raise InputError(f"{path}: a folder", "name the capture files in it")
    try:
        return Stream(open(path, "rb", buffering=0))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "cannot be opened"
        raise InputError(f"{path}: {reason}") from None


class _Inner(io.RawIOBase):
    """Raw bytes or, behind a gzip header, the inflated ones, with bounds on what inflating may make."""

    def __init__(self, raw: BinaryIO) -> None:
        self.raw, self.taken, self.given, self.broken = raw, 0, 0, ""
        self._pending = b""  # read from the file and not yet used
        self._ahead = b""  # to be given out first
        self._zip: zlib._Decompress | None = None
        self._decoder: codecs.IncrementalDecoder | None = None
        first = self._take()
        self._is_zip = first.startswith(GZIP)
        self._pending = first

    def sniff(self) -> bytes:
        """The first bytes, without taking them."""
        pieces = bytearray(self._next())
        if pieces.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            self._decoder = codecs.getincrementaldecoder("utf-16")("replace")
            pieces = bytearray(self._decoder.decode(bytes(pieces)).encode("utf-8", "replace"))
        while len(pieces) < HEAD and (more := self._next()):
            pieces += more
        self._ahead = bytes(pieces)
        return self._ahead[:HEAD]

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """As :class:`io.RawIOBase` has it."""
        if not self._ahead:
            self._ahead = self._next()
        count = min(len(buffer), len(self._ahead))
        buffer[:count] = self._ahead[:count]
        self._ahead = self._ahead[count:]
        return count

    def close(self) -> None:
        """Close the file, unless it is standard input."""
        if self.raw is not sys.stdin.buffer:
            self.raw.close()
        super().close()

    def _take(self) -> bytes:
        try:
            more = self.raw.read(CHUNK) or b""
        except OSError as error:
            self.broken = f"reading failed: {error.strerror}"
            return b""
        self.taken += len(more)
        return more

    def _next(self) -> bytes:
        while out := self._inflated() if self._is_zip else self._plain():
            if self._decoder is None:
                return out
            if text := self._decoder.decode(out):
                return text.encode("utf-8", "replace")
        return b""

    def _plain(self) -> bytes:
        out, self._pending = self._pending or self._take(), b""
        return out

    def _inflated(self) -> bytes:
        while not self.broken:
            if self._zip is None:  # a member begins; several may follow each other
                if not self._pending:
                    self._pending = self._take()
                if not self._pending.lstrip(b"\0"):  # padding, or the end
                    return b""
                self._zip = zlib.decompressobj(31)
            if not self._pending:
                self._pending = self._take()
                if not self._pending:
                    self.broken = f"its gzip stream is cut off, {self.given:,} bytes inflated"
                    return b""
            try:
                out = self._zip.decompress(self._pending, CHUNK)
            except zlib.error:
                self.broken = f"its gzip stream is damaged, {self.given:,} bytes inflated"
                return b""
            self._pending = self._zip.unconsumed_tail or self._zip.unused_data
            if self._zip.eof:
                self._zip = None
            self.given += len(out)
            if self.given > MOST_INFLATED or (self.given > RATIO_FROM and self.given > RATIO * self.taken):
                self.broken = f"it expands beyond bounds; the first {self.given:,} bytes were read"
            if out:
                return out
        return b""
