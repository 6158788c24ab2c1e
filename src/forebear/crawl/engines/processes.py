"""Processes on this machine, each with a pipe: one that is killed costs the model it was at, and nobody waits."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from forebear.crawl.base import Outcome, Task
from forebear.crawl.engines.base import AHEAD, TICK, Crew, Take, died
from forebear.crawl.limits import SharedPace
from forebear.crawl.work import measure
from forebear.inspect.crew import context_of, enlist
from forebear.sources.pace import set_pace

START = "spawn"
"""How processes are made: a fork would copy locks that other threads hold."""
BROKEN = (EOFError, OSError)
"""What a pipe raises whose other end was killed; also in the middle of a message."""


class ProcessEngine:
    """The default engine."""

    def run(self, crew: Crew, take: Take) -> Generator[list[Outcome], None, None]:
        """See :meth:`Engine.run <forebear.crawl.engines.base.Engine.run>`."""
        crew_ = [_Worker(crew) for _ in range(crew.workers)]
        spare: deque[Task] = deque()
        try:
            while True:
                for round_ in range(AHEAD):  # one for each, then one more for each
                    for worker in crew_:
                        if len(worker.hand) <= round_ and (task := _next(spare, take)) is not None:
                            worker.give(task)
                ready = wait([w.pipe for w in crew_], TICK)
                outcomes: list[Outcome] = []
                for k, worker in enumerate(crew_):
                    late = worker.pipe not in ready and worker.busy > crew.longest
                    if worker.pipe not in ready and not late:
                        continue
                    try:
                        if late:
                            raise EOFError
                        outcomes.append(worker.answer())
                    except BROKEN:
                        worker.end()
                        if worker.hand:
                            outcomes.append(died(worker.hand.popleft(), crew.longest if late else 0.0))
                        spare.extend(worker.hand)  # these it had not begun
                        crew_[k] = _Worker(crew)
                yield outcomes
        finally:
            for worker in crew_:
                worker.end()


def _next(spare: deque[Task], take: Take) -> Task | None:
    if spare:
        return spare.popleft()
    found = take(1)
    return found[0] if found else None


class _Worker:
    """One process, and what it has in hand: the first of it is what it is at."""

    def __init__(self, crew: Crew) -> None:
        context: Any = context_of(START, crew.workers)
        self.pipe, theirs = context.Pipe()
        self.hand: deque[Task] = deque()
        self._since = 0.0
        self._process = context.Process(
            target=_work, args=(theirs, crew.pace, dict(crew.rates)), daemon=True, name="forebear-crawl"
        )
        self._process.start()
        theirs.close()

    @property
    def busy(self) -> float:
        """Seconds for which it has been at one task."""
        return time.monotonic() - self._since if self.hand else 0.0

    def give(self, task: Task) -> None:
        if not self.hand:
            self._since = time.monotonic()
        self.hand.append(task)
        with suppress(*BROKEN):  # it shows when its answer is waited for
            self.pipe.send(task)

    def answer(self) -> Outcome:
        outcome: Outcome = self.pipe.recv()
        self.hand.popleft()
        self._since = time.monotonic()
        return outcome

    def end(self) -> None:
        self.pipe.close()
        self._process.kill()
        self._process.join()
        self._process.close()


def _work(pipe: Connection[Outcome, Task], pace: Path, rates: dict[str, float]) -> None:
    """A worker's life."""
    enlist()
    set_pace(SharedPace(pace, rates))
    with suppress(*BROKEN):  # the other end has gone
        while True:
            pipe.send(measure(pipe.recv()))
