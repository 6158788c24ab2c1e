"""Where bytes live: the interface that every reader is written against.

Readers take a :class:`Source`, never a path, so that the same code reads a directory, a hub repository or a
cloud bucket. A source lists files and reads byte ranges; it never interprets them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

Range = tuple[str, int, int]
"""Bytes ``[start, stop)`` of a file: path, start, stop."""


@dataclass(frozen=True)
class File:
    """One file of a source: its path relative to the source (``/`` between parts) and its size in bytes."""

    path: str
    size: int


@dataclass
class Traffic:
    """What went over the wire so far: every request, also repeated and redirected ones; bytes of bodies as received."""

    requests: int = 0
    bytes_read: int = 0


class Source(Protocol):
    """A place with files.

    Attributes:
        target: what the user typed.
        name: a short name for people.
        only: when the user named one file, its path; weights are then read from that file alone.
        traffic: what a remote source has fetched; None where reads are the cost. Where every read costs a round trip,
            readers ask for less, and in fewer places.
    """

    target: str
    name: str
    only: str | None
    traffic: Traffic | None

    @property
    def location(self) -> str:
        """Where the same bytes are found again: an absolute path, or a target pinned to a revision."""
        ...

    def files(self) -> tuple[File, ...]:
        """All files, sorted by path. Raises ``InputError`` when the place cannot be listed."""
        ...

    def read(self, path: str, start: int, stop: int) -> bytes:
        """Bytes ``[start, stop)`` of a file, exactly that many.

        Raises:
            InputError: the file is absent, unreadable or shorter than ``stop``.
        """
        ...

    def prefetch(self, ranges: Iterable[Range]) -> None:
        """A hint that these ranges will be read soon: a remote source fetches them together, a local one does nothing.

        Raises nothing that :meth:`read` would not raise; what is out of bounds or too large to hold is left to it.
        """
        ...


KEPT_BYTES = 24_000_000
KEPT_READ = 2_000_000


class Metered:
    """A source that counts what is read through it, for the cost line of every answer.

    Small reads are kept for as long as the answer is being made: the code and the row-by-row comparison look at the
    same slices, and a slice is fetched once. Nothing outlives the object, so a replaced file is read anew.
    """

    def __init__(self, inner: Source) -> None:
        self._inner = inner
        self._kept: dict[tuple[str, int, int], bytes] = {}
        self._room = KEPT_BYTES
        self.target = inner.target
        self.name = inner.name
        self.only = inner.only
        self.traffic = inner.traffic
        self._reads = Traffic()
        self._asked: list[Range] | None = None

    @property
    def bytes_read(self) -> int:
        """Bytes read from files, or received from the network."""
        return (self.traffic or self._reads).bytes_read

    @property
    def requests(self) -> int:
        """Reads of files, or requests to the network."""
        return (self.traffic or self._reads).requests

    @property
    def location(self) -> str:
        """See :attr:`Source.location`."""
        return self._inner.location

    def files(self) -> tuple[File, ...]:
        """See :meth:`Source.files`."""
        return self._inner.files()

    def read(self, path: str, start: int, stop: int) -> bytes:
        """See :meth:`Source.read`."""
        key = (path, start, stop)
        if (kept := self._kept.get(key)) is not None:
            return kept
        if self._asked is not None and start > 0:
            self._asked.append(key)
            return bytes(stop - start)
        data = self._inner.read(path, start, stop)
        self._reads.bytes_read += len(data)
        self._reads.requests += 1
        if len(data) <= min(KEPT_READ, self._room):
            self._room -= len(data)
            self._kept[key] = data
        return data

    def rehearse(self, run: Callable[[], object]) -> None:
        """Fetch together all that ``run`` will read from a remote source, whose reads do not depend on values.

        It is run against zeros while its questions are written down; starts of files, which are headers, are real.
        """
        if self.traffic is None:
            return
        self._asked = []
        try:
            run()
        finally:
            asked, self._asked = self._asked, None
        self.prefetch(asked)

    def prefetch(self, ranges: Iterable[Range]) -> None:
        """See :meth:`Source.prefetch`; what is kept here is not asked for again."""
        self._inner.prefetch(r for r in ranges if r not in self._kept)
