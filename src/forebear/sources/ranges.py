"""Ranges of remote files, each fetched once: from memory, from the cache, or over the wire, several at a time."""

from __future__ import annotations

import threading
from bisect import bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from forebear.errors import InputError
from forebear.sources.base import File, Range
from forebear.sources.cache import RangeCache
from forebear.sources.http import PARALLEL

T = TypeVar("T")

GAP = 32_768
"""Bytes between two ranges that are fetched rather than left out: a request costs about as much as they do."""
LONGEST = 8_000_000
"""Bytes; ranges are not joined beyond, so that one slow connection does not hold up the rest."""
HELD = 64_000_000
"""Bytes that are held in memory; the oldest are dropped first."""
SMALL = 262_144
"""Bytes; a file of no more is fetched whole, whatever part of it is asked for."""


class Ranges:
    """Reads the files of one remote source.

    Args:
        target: the source, for errors.
        files: what there is.
        contents: for every file something that only this version of it has; files without it are not cached.
        fetch: brings exactly the bytes of a range.
        halt: ends fetches under way in other threads.
        cache: on disk.
    """

    def __init__(
        self,
        target: str,
        files: Iterable[File],
        contents: Mapping[str, str],
        fetch: Callable[[str, int, int], bytes],
        halt: Callable[[], None],
        cache: RangeCache,
    ) -> None:
        self._target, self._contents, self._fetch, self._halt, self._cache = target, contents, fetch, halt, cache
        self._sizes = {f.path: f.size for f in files}
        self._pieces = {path: _Pieces() for path in self._sizes}
        self._order: deque[tuple[str, int]] = deque()
        self._held = 0
        self._lock = threading.Lock()

    def read(self, path: str, start: int, stop: int) -> bytes:
        """See :meth:`Source.read <forebear.sources.base.Source.read>`."""
        if path not in self._sizes:
            raise InputError(f"{path}: not in {self._target}", "fetch the missing file again")
        if start < 0 or stop > self._sizes[path]:
            raise InputError(
                f"{path}: ends at byte {self._sizes[path]:,}, expected {max(start, stop):,}",
                "the file is truncated: its owner has to upload it again",
            )
        if stop <= start:
            return b""
        if stop - start > HELD // 2:
            return self._fetch(path, start, stop)
        self._ensure([(path, start, stop)])
        return self._pieces[path].join(start, stop)

    def prefetch(self, ranges: Iterable[Range]) -> None:
        """See :meth:`Source.prefetch <forebear.sources.base.Source.prefetch>`."""
        wanted: list[Range] = []
        room = HELD // 2
        for path, start, stop in ranges:
            if 0 <= start < stop <= self._sizes.get(path, 0) and (room := room - (stop - start)) >= 0:
                wanted.append((path, start, stop))
        self._ensure(wanted)

    def _ensure(self, wanted: Sequence[Range]) -> None:
        """Hold these ranges."""
        while self._held > HELD // 2 and self._order:
            path, start = self._order.popleft()
            self._held -= self._pieces[path].drop(start)
        for path, start, stop in self._missing(wanted):
            if (found := self._cache.find(self._contents.get(path, ""), start, stop)) is not None:
                self._hold(path, *found)

        def bring(span: Range) -> None:
            path, start, stop = span
            data = self._fetch(path, start, stop)
            self._cache.put(self._contents.get(path, ""), start, data)
            self._hold(path, start, data)

        together(bring, coalesced(self._missing(wanted)), self._halt)

    def _missing(self, wanted: Iterable[Range]) -> list[Range]:
        """What is not held of these ranges; all of a small file."""
        out: list[Range] = []
        for path, start, stop in wanted:
            whole = self._sizes[path] <= SMALL
            first, last = (0, self._sizes[path]) if whole else (start, stop)
            out += [(path, a, b) for a, b in self._pieces[path].gaps(first, last)]
        return out

    def _hold(self, path: str, start: int, data: bytes) -> None:
        with self._lock:
            for first, kept in self._pieces[path].add(start, data):
                self._order.append((path, first))
                self._held += kept


class _Pieces:
    """Parts of one file that are held, none overlapping another."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._data: dict[int, bytes] = {}

    def gaps(self, start: int, stop: int) -> list[tuple[int, int]]:
        """What is not held of ``[start, stop)``."""
        out: list[tuple[int, int]] = []
        at = start
        for first in self._starts[max(0, bisect_right(self._starts, start) - 1) :]:
            if first >= stop:
                break
            if first > at:
                out.append((at, first))
            at = max(at, first + len(self._data[first]))
        if at < stop:
            out.append((at, stop))
        return out

    def add(self, start: int, data: bytes) -> list[tuple[int, int]]:
        """Hold what is new of these bytes; start and length of each part that is."""
        new = self.gaps(start, start + len(data))
        for first, last in new:
            self._data[first] = data[first - start : last - start]
            insort(self._starts, first)
        return [(first, last - first) for first, last in new]

    def join(self, start: int, stop: int) -> bytes:
        """Bytes ``[start, stop)``, all of which are held."""
        out = bytearray()
        for first in self._starts[max(0, bisect_right(self._starts, start) - 1) :]:
            if first >= stop:
                break
            out += self._data[first][max(0, start - first) : stop - first]
        return bytes(out)

    def drop(self, start: int) -> int:
        """Let go of the piece that starts here; how long it was."""
        self._starts.remove(start)
        return len(self._data.pop(start))


def coalesced(ranges: Iterable[Range]) -> list[Range]:
    """The same ranges with near ones of a file joined, in the order of files and positions."""
    out: list[Range] = []
    for path, start, stop in sorted(ranges):
        if out and out[-1][0] == path and start - out[-1][2] <= GAP and stop - out[-1][1] <= LONGEST:
            out[-1] = path, out[-1][1], max(stop, out[-1][2])
        elif out and out[-1][0] == path and start < out[-1][2]:  # too long to join: what overlaps is fetched once
            if stop > out[-1][2]:
                out.append((path, out[-1][2], stop))
        else:
            out.append((path, start, stop))
    return out


def together(work: Callable[[T], None], items: Sequence[T], halt: Callable[[], None]) -> None:
    """Do the work for every item, several at a time; the first error ends it.

    The threads are daemons: a server that keeps one waiting does not keep an interrupted process alive.
    """
    if len(items) == 1:
        work(items[0])
        return
    todo = iter(items)
    errors: list[Exception] = []
    lock = threading.Lock()

    def worker() -> None:
        while not errors:
            with lock:
                item = next(todo, None)
            if item is None:
                return
            try:
                work(item)
            except Exception as error:
                errors.append(error)

    threads = [threading.Thread(target=worker, daemon=True) for _ in range(min(PARALLEL, len(items)))]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except BaseException:
        halt()
        raise
    if errors:
        raise errors[0]
