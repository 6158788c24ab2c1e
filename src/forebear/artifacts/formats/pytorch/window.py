"""A part of a file, read forward in blocks: what a pickle is interpreted from."""

from __future__ import annotations

from collections.abc import Callable

from forebear.errors import FormatError

BLOCK = 65_536


class Window:
    """Bytes ``[start, stop)`` of a file, taken from the front.

    Nothing is read before it is asked for, and no request is larger than what is left.

    Args:
        path: the file, for errors.
        read: gives bytes ``[start, stop)`` of it.
        start: offset of the first byte.
        stop: offset behind the last byte that may be taken.
        what: the part in words, for errors: ``data.pkl``; empty for the file itself.
    """

    def __init__(self, path: str, read: Callable[[int, int], bytes], start: int, stop: int, what: str = "") -> None:
        self.path, self.what = path, what
        self._read, self._start, self._stop = read, start, stop
        self._block, self._at, self._behind = b"", 0, start

    @property
    def position(self) -> int:
        """Offset of the next byte in the file."""
        return self._behind - len(self._block) + self._at

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes.

        Raises:
            FormatError: fewer are left.
        """
        end = self._at + count
        if end > len(self._block):
            if count > self.left:
                raise self.wrong(f"asks for {count:,} bytes where {self.left:,} are left", "it is truncated or damaged")
            self._fill(count)
            end = count
        out = self._block[self._at : end]
        self._at = end
        return out

    def line(self, most: int = BLOCK) -> bytes:
        """The bytes up to the next newline, which is taken too.

        Raises:
            FormatError: there is none within ``most`` bytes.
        """
        found = self._block.find(b"\n", self._at, self._at + most)
        if found < 0 and len(self._block) - self._at < most:
            self._fill(min(most, self.left))
            found = self._block.find(b"\n", self._at, self._at + most)
        if found < 0:
            raise self.wrong("a line does not end")
        out = self._block[self._at : found]
        self._at = found + 1
        return out

    @property
    def left(self) -> int:
        """Bytes that may still be taken."""
        return self._stop - self.position

    def wrong(self, problem: str, hint: str = "") -> FormatError:
        """The error that something is wrong at the present position."""
        return FormatError(self.path, f"{self.place(self.position)}: {problem}", hint)

    def place(self, position: int) -> str:
        """An offset in words: within the part, which other tools show, where there is one."""
        return f"byte {position - self._start:,} of {self.what}" if self.what else f"byte {position:,}"

    def _fill(self, count: int) -> None:
        """Make ``count`` bytes (which are there) stand at the front of the block."""
        rest = self._block[self._at :]
        stop = min(self._stop, self._behind + max(BLOCK, count - len(rest)))
        self._block, self._at = rest + self._read(self._behind, stop), 0
        self._behind = stop
