"""Who does the work: the interface that every engine implements."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from forebear.crawl.base import Outcome, State, Task

AHEAD = 2
"""Tasks in hand per worker: enough that none waits, few enough that little is lost when one is killed."""
TICK = 0.5
"""Seconds after which an engine gives control back, with or without outcomes."""
DIED = "the process that read it was killed; was there enough memory?"
SLOW = "it took longer than {:,.0f} seconds"

Take = Callable[[int], Sequence[Task]]
"""Gives at most so many tasks that can be begun now."""


@dataclass(frozen=True)
class Crew:
    """What an engine is to set up.

    Attributes:
        workers: how many.
        rates: requests per second by host, for all of them together.
        pace: a file that workers on this machine share for it.
        longest: seconds for one model, after which its worker is killed.
    """

    workers: int
    rates: Mapping[str, float]
    pace: Path
    longest: float = 3_600.0


class Engine(Protocol):
    """Workers on this machine or others."""

    def run(self, crew: Crew, take: Take) -> Generator[list[Outcome], None, None]:
        """Outcomes as they come, in any order; an empty list after every :data:`TICK` without one.

        Every task that was taken comes back once, whatever happens to its worker. The workers end with the generator.
        """
        ...


def died(task: Task, seconds: float = 0.0) -> Outcome:
    """The outcome of a task whose worker was killed at it; after so many seconds where we did that."""
    return Outcome(task, State.PENDING, SLOW.format(seconds) if seconds else DIED, seconds=seconds)
