"""What is costly to make of a result, made once.

A report of a large tree takes seconds. It depends on the job's document and request, and on this version of Forebear,
none of which changes once the job is done: the job's identifier is the key, until the job is removed or others need
the room.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
MOST_BYTES = 64 << 20


class Renderings(Generic[T]):
    """What was made of jobs, the least recently shown first to go; safe to use from several threads.

    Args:
        size: bytes of one.
        most: bytes of all that are kept.
    """

    def __init__(self, size: Callable[[T], int], most: int = MOST_BYTES) -> None:
        self._size, self._most = size, most
        self._kept: OrderedDict[str, T] = OrderedDict()
        self._lock, self._making = threading.Lock(), threading.Lock()
        self.bytes = 0
        """Of all that are kept."""

    def get(self, job: str) -> T | None:
        """What was made of a job; None where it has to be made."""
        with self._lock:
            if job in self._kept:
                self._kept.move_to_end(job)
            return self._kept.get(job)

    def make(self, job: str, how: Callable[[], T]) -> T:
        """What a function makes of a job, or another caller has made meanwhile: whoever asks while it is made waits."""
        with self._making:
            if (found := self.get(job)) is not None:
                return found
            made = how()
            self._keep(job, made)
        return made

    def drop(self, job: str) -> None:
        """Forget what was made of a job."""
        with self._lock:
            self._drop(job)

    def _keep(self, job: str, made: T) -> None:
        size = self._size(made)
        if size > self._most:
            return
        with self._lock:
            while self._kept and self.bytes + size > self._most:
                self._drop(next(iter(self._kept)))
            self._kept[job] = made
            self.bytes += size

    def _drop(self, job: str) -> None:
        if (gone := self._kept.pop(job, None)) is not None:
            self.bytes -= self._size(gone)
