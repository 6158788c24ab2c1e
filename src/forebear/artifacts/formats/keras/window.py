"""Bytes of one file inside a source's file: a whole HDF5 file, or one that lies in a zip."""

from __future__ import annotations

import io
from typing import Any

from forebear.errors import FormatError
from forebear.sources import Source

PAGE = 65_536
KEPT_PAGES = 256


class Window(io.RawIOBase):
    """Bytes ``[start, start + size)`` of a source's file, by position and, for ``zipfile``, as a file object.

    Headers lie scattered and are small, so they are read by pages and the pages are kept, up to 16 MB.

    Attributes:
        allowance: bytes that may still be cut, None without a bound. Parts of a hostile file can refer to each other so
            that walking it takes far more steps than it has bytes.
    """

    def __init__(self, source: Source, path: str, start: int, size: int) -> None:
        super().__init__()
        self.source, self.path, self.start, self.size = source, path, start, size
        self.allowance: int | None = None
        self._at = 0
        self._pages: dict[int, bytes] = {}

    def cut(self, at: int, count: int, what: str) -> bytes:
        """Exactly ``count`` bytes. Raises ``FormatError`` where they reach beyond the file."""
        if not 0 <= at <= at + count <= self.size:
            raise FormatError(
                self.path, f"truncated or damaged ({what} at byte {at:,} is beyond its end)", "fetch it again"
            )
        if self.allowance is not None:
            self.allowance -= count + 16
            if self.allowance < 0:
                raise FormatError(self.path, "its headers have no end", "do not use it")
        if count > PAGE:
            return self.source.read(self.path, self.start + at, self.start + at + count)
        first, last = at // PAGE, (at + max(1, count) - 1) // PAGE
        found = b"".join(self._page(k) for k in range(first, last + 1))
        return found[at - first * PAGE : at - first * PAGE + count]

    def _page(self, number: int) -> bytes:
        if (kept := self._pages.get(number)) is not None:
            return kept
        if len(self._pages) >= KEPT_PAGES:
            self._pages.clear()
        stop = min(self.size, (number + 1) * PAGE)
        page = (
            self.source.read(self.path, self.start + number * PAGE, self.start + stop) if number * PAGE < stop else b""
        )
        self._pages[number] = page
        return page

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as there are bytes."""
        view = memoryview(buffer).cast("B")
        count = max(0, min(len(view), self.size - self._at))
        view[:count] = self.cut(self._at, count, "a part") if count else b""
        self._at += count
        return count
