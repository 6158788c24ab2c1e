"""Where bytes live: the interface that every reader is written against.

Readers take a :class:`Source`, never a path, so that the same code reads a directory, a hub repository or a
cloud bucket. A source lists files and reads byte ranges; it never interprets them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class File:
    """One file of a source: its path relative to the source (``/`` between parts) and its size in bytes."""

    path: str
    size: int


class Source(Protocol):
    """A place with files.

    Attributes:
        target: what the user typed.
        name: a short name for people.
        only: when the user named one file, its path; weights are then read from that file alone.
    """

    target: str
    name: str
    only: str | None

    def files(self) -> tuple[File, ...]:
        """All files, sorted by path. Raises ``InputError`` when the place cannot be listed."""
        ...

    def read(self, path: str, start: int, stop: int) -> bytes:
        """Bytes ``[start, stop)`` of a file, exactly that many.

        Raises:
            InputError: the file is absent, unreadable or shorter than ``stop``.
        """
        ...


class Metered:
    """A source that counts what is read through it, for the cost line of every answer."""

    def __init__(self, inner: Source) -> None:
        self._inner = inner
        self.target = inner.target
        self.name = inner.name
        self.only = inner.only
        self.bytes_read = 0
        self.requests = 0

    def files(self) -> tuple[File, ...]:
        """See :meth:`Source.files`."""
        return self._inner.files()

    def read(self, path: str, start: int, stop: int) -> bytes:
        """See :meth:`Source.read`."""
        data = self._inner.read(path, start, stop)
        self.bytes_read += len(data)
        self.requests += 1
        return data
