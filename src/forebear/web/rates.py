"""Token buckets: so many requests a second, some more at once."""

from __future__ import annotations

import math
import threading
import time

COSTLY = 5.0
"""Requests that one counts for that is computed for it: codes that are compared, a tree or a report that is drawn."""
MOST = 10_000
"""Buckets that are kept; full ones say nothing and go first."""


class Rates:
    """A bucket for every name; safe to use from several threads.

    Args:
        rate: requests that come back per second.
        burst: requests that a full bucket holds.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self._rate, self._burst = rate, float(burst)
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def wait(self, name: str, take: float = 1.0) -> int:
        """0 where a request may come now, and is counted; else seconds until one may.

        Args:
            name: whose bucket.
            take: what the request costs; with 0 it is only asked.
        """
        now = time.monotonic()
        with self._lock:
            left, at = self._buckets.get(name, (self._burst, now))
            left = min(self._burst, left + (now - at) * self._rate)
            if left < max(take, 1.0):
                return math.ceil((max(take, 1.0) - left) / self._rate)
            if len(self._buckets) >= MOST and name not in self._buckets:
                self._drop(now)
            self._buckets[name] = (left - take, now)
        return 0

    def _drop(self, now: float) -> None:
        full = [n for n, (left, at) in self._buckets.items() if left + (now - at) * self._rate >= self._burst]
        for name in full or list(self._buckets)[: MOST // 2]:
            del self._buckets[name]
