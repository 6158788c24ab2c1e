"""A network between a hub and its readers, on a machine that has none."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

HANDSHAKE = 2
"""Round trips before the first request of a connection: TCP and TLS 1.3."""


class Link:
    """Every request waits for a round trip, and all answers share one line.

    Args:
        latency: of a round trip, in seconds.
        bandwidth: of the line, in bytes a second.
        clock: what time it is, in seconds.
        sleep: waits.
    """

    def __init__(
        self,
        latency: float = 0.0,
        bandwidth: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.latency, self.bandwidth = latency, bandwidth
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._free = -math.inf

    def connect(self) -> None:
        """Wait as long as it takes to open a connection."""
        self._wait(HANDSHAKE * self.latency)

    def ask(self) -> None:
        """Wait as long as a request and the beginning of its answer are under way."""
        self._wait(self.latency)

    def carry(self, count: int) -> None:
        """Wait until the line has carried so many bytes, after those that were given to it before."""
        with self._lock:
            now = self._clock()
            self._free = max(self._free, now) + count / self.bandwidth
            left = self._free - now
        self._wait(left)

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self._sleep(seconds)
