"""Ranges of remote files on disk, so that an interrupted or repeated answer does not fetch them again.

An entry's name is a hash of what makes the file's content unique (its hash, or address, ETag and size), never of its
name alone, with the range. It is written beside its place and renamed, and holds a checksum: processes may share the
folder, and an entry that is damaged is no entry. A folder that cannot be used is no error; there is just no cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LIMIT = 2_000_000_000
"""Bytes on disk; the oldest entries go first."""
_MAGIC = b"forebr1\n"
_PLACE = re.compile(r"[0-9a-f]{64}\Z")
_NAME = re.compile(r"(\d{1,19})-(\d{1,19})\Z")
_ABANDONED_SECONDS = 3_600.0
_TALLIED = 4_096
"""Bytes of entries that one byte of the tally stands for."""


def cache_home() -> Path:
    """Where the cache lives: ``FOREBEAR_CACHE``, else the platform's user cache directory."""
    if chosen := os.environ.get("FOREBEAR_CACHE"):
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("forebear", appauthor=False)


@dataclass(frozen=True)
class Contents:
    """What is in a cache."""

    entries: int
    bytes: int


class RangeCache:
    """A bounded store of byte ranges.

    Args:
        folder: default :func:`cache_home`.
        limit: bytes on disk.
    """

    def __init__(self, folder: Path | None = None, limit: int = LIMIT) -> None:
        self.folder = (folder or cache_home()) / "ranges"
        self.limit = limit

    def find(self, content: str, start: int, stop: int) -> tuple[int, bytes] | None:
        """An entry that holds ``[start, stop)`` of this content: its first position and its bytes."""
        if not content:
            return None
        place = self._place(content)
        try:
            names = os.listdir(place)
        except OSError:
            return None
        for name in names:
            if not (match := _NAME.match(name)):
                continue
            first, last = int(match[1]), int(match[2])
            if (
                first <= start
                and stop <= last
                and (data := self._load(place / name, content, last - first)) is not None
            ):
                return first, data
        return None

    def put(self, content: str, start: int, data: bytes) -> None:
        """Keep the bytes of this content that begin at ``start``."""
        if not content or len(data) > self.limit // 16:
            return
        place = self._place(content)
        part = place / f"{start}.{os.getpid()}.{time.monotonic_ns()}.part"
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            part.write_bytes(_MAGIC + _checksum(content, data) + data)
            part.replace(place / f"{start}-{start + len(data)}")
        except OSError:
            with contextlib.suppress(OSError):
                part.unlink()
            return
        if self._due(len(data)):
            self._trim(self.limit - self.limit // 16)

    def contents(self) -> Contents:
        """How much is in it."""
        sizes = [size for _, size, _ in self._entries()]
        return Contents(len(sizes), sum(sizes))

    def clear(self) -> Contents:
        """Remove everything; what was removed."""
        before = self.contents()
        self._trim(0)
        after = self.contents()
        return Contents(before.entries - after.entries, before.bytes - after.bytes)

    def _due(self, written: int) -> bool:
        """Whether it is time to look how much there is; counts what was written by all processes since the last time.

        Looking takes a walk over all entries, which a crawl of a hub cannot afford for every model.
        """
        tally = self.folder.with_name("ranges.tally")
        try:
            new = not tally.exists()
            with tally.open("ab") as file:
                file.write(bytes(-(-written // _TALLIED)))
                due = new or file.tell() > self.limit // 32 // _TALLIED
                if due:
                    file.truncate(0)
        except OSError:
            return True
        return due

    def _place(self, content: str) -> Path:
        return self.folder / hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()

    def _load(self, path: Path, content: str, length: int) -> bytes | None:
        """The bytes of an entry; one that is damaged is removed."""
        head = len(_MAGIC) + 32
        try:
            if path.stat().st_size == head + length:
                raw = path.read_bytes()
                if raw[:head] == _MAGIC + _checksum(content, raw[head:]):
                    return raw[head:]
            path.unlink()
        except OSError:  # removed by another process, or not ours to read
            pass
        return None

    def _entries(self) -> Iterator[tuple[float, int, Path]]:
        """Age, size and path of every file in the cache, also of writes under way."""
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = Path(folder, name)
                if not _PLACE.match(path.parent.name) or not (_NAME.match(name) or name.endswith(".part")):
                    continue  # not ours
                with contextlib.suppress(OSError):
                    info = path.stat(follow_symlinks=False)
                    yield info.st_mtime, info.st_size, path

    def _trim(self, most: int) -> None:
        """Remove the oldest entries until at most so many bytes are left, and writes that were given up."""
        entries = sorted(self._entries())
        total = sum(size for _, size, _ in entries)
        given_up = time.time() - _ABANDONED_SECONDS
        for written, size, path in entries:
            if total > most or (path.suffix == ".part" and written < given_up):
                with contextlib.suppress(OSError):
                    path.unlink()
                    total -= size
                    path.parent.rmdir()  # succeeds where this was its last entry


def _checksum(content: str, data: bytes) -> bytes:
    return hashlib.sha256(content.encode("utf-8", "surrogatepass") + b"\0" + data).digest()
