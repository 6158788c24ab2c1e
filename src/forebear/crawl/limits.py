"""Token buckets for hosts, shared by all workers of a crawl on this machine through one small file.

Generic cell rate algorithm (ITU-T I.371): of a host one number is kept, the time at which its bucket is full again.
The file is locked by the system, which lets go of the lock of a process that is killed; what a killed one left half
written is read as empty. What a host said with ``Retry-After`` outlives the run.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from forebear.errors import UsageError, one_line

T = TypeVar("T")

POLITE = {"huggingface.co": 10.0}
"""Requests per second where ``--rate`` says nothing: the hub lets a stranger resolve 3,000 files in five minutes."""
BURST = 8
"""Requests at once after a rest: as many as one model opens connections."""
LONGEST_HOLD = 3_600.0
"""Seconds; a host that asks for more is asked again after so many, and a clock that was set back costs no more."""
MOST_HOSTS = 30
"""Hosts in the file; those that are free the longest are forgotten first."""
MOST_NAME = 80
_SIZE = 8_192


def rates_of(words: Sequence[str]) -> dict[str, float]:
    """Requests per second by host, from ``HOST=N/s`` (or ``/m``, ``/h``).

    Raises:
        UsageError: it is not written so.
    """
    rates = dict(POLITE)
    for word in words:
        host, _, rate = word.rpartition("=")
        number, _, unit = rate.partition("/")
        per = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3_600.0}.get(unit)
        try:
            value = float(number)
        except ValueError:
            value = 0.0
        if not host or per is None or not 0 < value < 1e6:
            raise UsageError(f"--rate {one_line(word)[:100]}: not a rate", "write huggingface.co=5/s")
        rates[host.lower()[:MOST_NAME]] = value / per
    return rates


class Buckets:
    """The arithmetic: when a host's next turn is. Not safe for threads; whoever holds it locks.

    Args:
        rates: requests per second by host; others are only held.
        free: by host, the time from which on its bucket is full.
        held: by host, the time until which nobody asks.
    """

    def __init__(
        self, rates: Mapping[str, float], free: dict[str, float] | None = None, held: dict[str, float] | None = None
    ) -> None:
        self.rates, self.free, self.held = rates, free or {}, held or {}

    def turn(self, host: str, now: float) -> float:
        """Take the next turn; seconds until it is there."""
        wait = max(0.0, min(self.held.get(host, 0.0) - now, LONGEST_HOLD))
        if (rate := self.rates.get(host)) is None:
            return wait
        longest = LONGEST_HOLD + (BURST + 1) / rate
        full = min(max(self.free.get(host, 0.0), now), now + longest)
        self.free[host] = full + 1 / rate
        return max(wait, full - now - (BURST - 1) / rate)

    def hold(self, host: str, seconds: float, now: float) -> None:
        """Nobody asks this host for so many seconds."""
        until = now + max(0.0, min(seconds, LONGEST_HOLD))
        self.held[host] = max(until, min(self.held.get(host, 0.0), now + LONGEST_HOLD))

    def forget(self, now: float) -> None:
        """Drop what has passed, and more where there are too many hosts."""
        for times in (self.free, self.held):
            for host in [host for host, until in times.items() if until <= now]:
                del times[host]
            for host in sorted(times, key=lambda each: times[each])[: max(0, len(times) - MOST_HOSTS)]:
                del times[host]


class SharedPace:
    """A :class:`~forebear.sources.pace.Pace` for all processes that name the same file.

    Args:
        path: of the file, made where it is not there.
        rates: requests per second by host.
        clock: seconds, the same in every process.

    Raises:
        UsageError: the file cannot be written.
    """

    def __init__(self, path: Path, rates: Mapping[str, float], clock: Callable[[], float] = time.time) -> None:
        self._rates, self._clock = dict(rates), clock
        self._threads = threading.Lock()  # the file's own lock is the process's
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UsageError(
                f"{path}: cannot be written ({error.strerror})", "choose a folder that can be written"
            ) from None
        weakref.finalize(self, os.close, self._file)

    def turn(self, host: str) -> float:
        """See :meth:`Pace.turn <forebear.sources.pace.Pace.turn>`."""
        host = host.lower()[:MOST_NAME]
        if host not in self._rates:  # nothing is taken, so nothing has to be written
            return self._buckets().turn(host, self._clock())
        return self._change(lambda buckets, now: buckets.turn(host, now))

    def hold(self, host: str, seconds: float) -> None:
        """See :meth:`Pace.hold <forebear.sources.pace.Pace.hold>`."""
        host = host.lower()[:MOST_NAME]
        self._change(lambda buckets, now: buckets.hold(host, seconds, now))

    def _change(self, change: Callable[[Buckets, float], T]) -> T:
        with self._threads:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                buckets, now = self._buckets(), self._clock()
                answer = change(buckets, now)
                buckets.forget(now)
                text = json.dumps([buckets.free, buckets.held]).encode()
                os.pwrite(self._file, (text if len(text) <= _SIZE else b"").ljust(_SIZE), 0)
                return answer
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def _buckets(self) -> Buckets:
        try:
            free, held = json.loads(os.pread(self._file, _SIZE, 0))
            return Buckets(self._rates, _times(free), _times(held))
        except (ValueError, TypeError, AttributeError, OverflowError):
            return Buckets(self._rates)


def _times(found: Any) -> dict[str, float]:
    return {str(host): float(until) for host, until in found.items()}
