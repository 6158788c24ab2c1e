"""How fast a host may be asked: a hook that every request of this process passes.

A library call asks as fast as it can and waits where a server says so. A crawl has many processes that ask the same
hosts: it sets a :class:`Pace` that all of them share, so that one ``Retry-After`` halts them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Pace(Protocol):
    """Who may ask when. Safe to use from several threads."""

    def turn(self, host: str) -> float:
        """Take the next turn at a host; seconds to wait before it is there."""
        ...

    def hold(self, host: str, seconds: float) -> None:
        """Nobody asks this host for so many seconds from now: it said so."""
        ...


class Unpaced:
    """Everybody asks at once."""

    def turn(self, host: str) -> float:
        """See :meth:`Pace.turn`."""
        return 0.0

    def hold(self, host: str, seconds: float) -> None:
        """See :meth:`Pace.hold`; whoever was told waits, nobody else."""


_pace: Pace = Unpaced()


def pace() -> Pace:
    """The pace of this process."""
    return _pace


def set_pace(chosen: Pace) -> None:
    """Set the pace of this process, for all its clients."""
    global _pace
    _pace = chosen


@contextmanager
def paced(chosen: Pace) -> Iterator[None]:
    """Set the pace of this process for as long as the block lasts."""
    before = pace()
    set_pace(chosen)
    try:
        yield
    finally:
        set_pace(before)
