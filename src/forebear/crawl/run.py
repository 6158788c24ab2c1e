"""The loop: list, hand out, add in batches, write down. Whatever ends it, the same command goes on from there.

The order is what makes a crash harmless: a batch is added to the index, which does nothing for what it has; then it is
watched; then the job table says so. A crash in between measures these models again.
"""

from __future__ import annotations

import random
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from forebear.crawl.base import AGAIN, UNREAD, Outcome, State, Task, Wanted
from forebear.crawl.engines import Crew, Engine
from forebear.crawl.jobs import BROKE_OFF, Job, Jobs, due_after
from forebear.crawl.limits import LONGEST_HOLD, SharedPace
from forebear.crawl.result import MOST_TOLD, Crawled, Tally, Watched
from forebear.crawl.writing import Written, write
from forebear.errors import ForebearError
from forebear.index import Index, Listing
from forebear.sources.pace import paced
from forebear.types import counted, created

BATCH, BATCH_SECONDS = 64, 2.0
"""Outcomes that are written together, and how long the first of them waits."""
FETCH = 256
"""Jobs that are looked up at once."""
PAGE = 1_000
"""Models of a listing that are written together."""
FIXED = 40
"""Characters of a revision that cannot change: a commit, or a digest. Others are branches, tags, or none."""
PAUSE = 5.0
"""Seconds for which nothing is begun after a host had too many requests and does not say for how long; doubles."""

OnTally = Callable[[Tally], None]
Watch = Callable[[Sequence[str]], Watched]
"""Looks at references that are new, by name."""


@dataclass(frozen=True)
class Rules:
    """How patient a crawl is.

    Attributes:
        attempts: per model.
        backoff: seconds before the second; doubles.
        longest: seconds for one model, after which its worker is killed.
        in_a_row: models that can be had neither now nor later, one after the other, until the run stops.
        free: bytes that stay free on the index's disk and the cache's.
    """

    attempts: int = 4
    backoff: float = 2.0
    longest: float = 3_600.0
    in_a_row: int = 50
    free: int = 1_000_000_000


@dataclass(frozen=True)
class Asked:
    """What a crawl is asked for.

    Attributes:
        source: as the user wrote it.
        engine: name of the engine.
        workers: how many.
        rates: requests per second by host.
        effort: see :func:`forebear.compare`.
        retry_failed: try once more what was given up.
        places: folders whose disk must not fill up.
        rules: see :class:`Rules`.
    """

    source: str
    engine: str = "processes"
    workers: int = 2
    rates: Mapping[str, float] = field(default_factory=dict)
    effort: str = "standard"
    retry_failed: bool = False
    places: tuple[Path, ...] = ()
    rules: Rules = Rules()


class Run:
    """One run over a listing.

    Args:
        asked: what for.
        jobs: the job table.
        index: where references are added.
        on_tally: told after every change.
        watch: looks at what is new.
        place: address of the hub, where what is crawled is the complete list of a hub or owner; else "".
    """

    def __init__(
        self,
        asked: Asked,
        jobs: Jobs,
        index: Index,
        on_tally: OnTally = lambda _: None,
        watch: Watch | None = None,
        place: str = "",
    ) -> None:
        self._place = place
        self.asked, self._jobs, self._index, self._on_tally, self._watch = asked, jobs, index, on_tally, watch
        self._run = jobs.begin(asked.source)
        self._tally = Tally(listing=True)
        self._states = dict.fromkeys(State, 0)
        self._start, self._work = time.monotonic(), 0.0
        self._queue: deque[Job] = deque()
        self._hand: dict[tuple[str, str], Job] = {}
        self._fresh: list[Outcome] = []
        self._oldest = 0.0
        self._problems: list[str] = []
        self._watched = Watched()
        self._stopped = ""
        self._row = self._refusals = 0
        self._resume = 0.0

    def crawl(self, wanted: Iterator[Wanted], engine: Engine) -> None:
        """List everything, then work until nothing is pending; :meth:`result` tells what came of it, also of an error.

        Raises:
            IndexError_: the index or the job table cannot be written.
        """
        pace = self._jobs.path.with_name(f"{self._jobs.path.name}.pace")
        crew = Crew(self.asked.workers, self.asked.rates, pace, self.asked.rules.longest)
        self._stopped = "interrupted"  # by whatever comes before this is called off
        try:
            with paced(SharedPace(pace, self.asked.rates)):
                self._list(wanted)
            if self._next() is not None:
                self._work_off(engine, crew)
            self._stopped = "" if self._stopped == "interrupted" else self._stopped
        except ForebearError as error:
            self._stopped = str(error)
            raise
        finally:
            self._jobs.end(self._run, self._tally.listed, self._stopped)

    def result(self) -> Crawled:
        """What the run has come to."""
        self._states = self._jobs.states(self._run)  # also those that others' new revisions have opened again
        self._tell()
        return Crawled(
            self.asked.source,
            self.asked.engine,
            self.asked.workers,
            self._index.where,
            str(self._jobs.path),
            self._run,
            self._tally,
            tuple(self._problems),
            self._stopped,
            tuple(self._jobs.all(self._run, UNREAD, MOST_TOLD)),
            tuple(self._jobs.all(self._run, (State.SAME,), MOST_TOLD)),
            self._watched.reports,
            self._watched.explained,
        )

    def _list(self, wanted: Iterator[Wanted]) -> None:
        page: list[Wanted] = []
        try:
            for one in wanted:
                page.append(one)
                if len(page) == PAGE:
                    self._put(page)
                    page = []
        except ForebearError as error:
            if not page and not self._tally.listed:
                raise
            so_far = counted(self._tally.listed + len(page), "model")
            self._problems.append(f"the listing broke off after {so_far}: {error}")
            self._stopped = BROKE_OFF
        self._put(page)
        if self._place and self._stopped != BROKE_OFF:
            self._part_with_the_gone()
        if self.asked.retry_failed:
            self._jobs.again(self._run, AGAIN)
        self._states = self._jobs.states(self._run)
        listed, fresh = sum(self._states.values()), self._states[State.PENDING] + self._states[State.SKIPPED]
        self._tally = replace(self._tally, listing=False, before=listed - fresh, listed=listed)

    def _part_with_the_gone(self) -> None:
        """Keep of repositories that the list named before that they are gone, unless it seems to be a part of one."""
        gone = self._jobs.vanished(self._run, self.asked.source, self._place)
        if len(gone) > self._tally.listed:
            said = f"the list names {counted(self._tally.listed, 'model')} and lacks {len(gone):,} that it named before"
            self._problems.append(f"{said}; none of these is said to be gone, for it may be a part")
            return
        now = created()
        self._index.keep_listings(Listing(name, seen=now, gone=True) for name in gone)

    def _put(self, page: list[Wanted]) -> None:
        """Write a page of the listing down; what was done and is no longer in the index is to be done again."""
        self._jobs.put(self._run, page)
        if said := [w.listing for w in page if w.listing is not None]:
            self._index.keep_listings(said)
        lost = [
            (w.target, w.revision)
            for w in page
            if (job := self._jobs.at(w.target, w.revision)) is not None
            and job.digest
            and (job.same_as or job.name) not in self._index.holding(job.digest)
        ]
        self._jobs.reopen(lost)
        self._tally = replace(self._tally, listed=self._tally.listed + len(page))
        self._tell()

    def _work_off(self, engine: Engine, crew: Crew) -> None:
        self._work = time.monotonic()
        steps = engine.run(crew, self._take)
        try:
            for outcomes in steps:
                self._fresh += outcomes
                self._oldest = self._oldest or time.monotonic()
                late = time.monotonic() - self._oldest > BATCH_SECONDS
                idle = not self._queue and len(self._hand) == len(self._fresh)
                if self._fresh and (len(self._fresh) >= BATCH or late or idle):
                    self._write()
                self._tell()
                if not self._hand and (self._halting or self._next() is None):
                    break
        finally:
            steps.close()
            self._write()  # what was measured when the user interrupted us

    @property
    def _halting(self) -> bool:
        return self._stopped not in ("", "interrupted", BROKE_OFF)

    def _next(self) -> float | None:
        return self._jobs.next_due(self._run)

    def _take(self, room: int) -> list[Task]:
        """At most so many tasks that can be begun now."""
        now = time.time()
        if self._halting or now < self._resume:
            return []
        if not self._queue:
            if self._full():
                return []
            due = self._jobs.due(self._run, now, FETCH + len(self._hand))
            self._queue.extend(job for job in due if (job.target, job.revision) not in self._hand)
        tasks: list[Task] = []
        while self._queue and len(tasks) < room:
            job = self._queue.popleft()
            self._hand[job.target, job.revision] = job
            known = job.read if job.digest and len(job.revision) != FIXED else ""
            tasks.append(Task(job.target, job.name, job.revision, known, self.asked.effort, job.attempts))
        return tasks

    def _full(self) -> bool:
        for place in self.asked.places:
            there = next((p for p in (place, *place.parents) if p.exists()), None)
            if there is not None and (free := shutil.disk_usage(there).free) < self.asked.rules.free:
                self._stopped = (
                    f"{there}: {free / 1e9:.1f} GB are free, and {self.asked.rules.free / 1e9:.1f} GB are to stay so;"
                    " free some space, or say --free-space"
                )
                return True
        return False

    def _write(self) -> None:
        """Add a batch to the index, let it be watched, then write down what has become of the jobs."""
        batch, self._fresh, self._oldest = self._fresh, [], 0.0
        if not batch:
            return
        try:
            written = write([(self._hand[o.task.target, o.task.revision], o) for o in batch], self._index, self._jobs)
            self._look(written)
            settled = [self._judged(job, outcome) for job, outcome in written.jobs]
            self._jobs.settle(settled)
        except BaseException:
            self._fresh = batch + self._fresh  # it was not written down: once more at the end, and no harm done
            raise
        for outcome in batch:
            self._hand.pop((outcome.task.target, outcome.task.revision))
            who = outcome.task.name or outcome.task.target
            room = max(0, MOST_TOLD - len(self._problems))
            self._problems += [f"{who}: {problem}" for problem in outcome.problems[:room]]
        for job in settled:
            self._states[State.PENDING] -= 1
            self._states[job.state] += 1
        t = self._tally
        self._tally = replace(
            t,
            added=t.added + len(written.added),
            bytes=t.bytes + sum(o.bytes for o in batch),
            requests=t.requests + sum(o.requests for o in batch),
            matches=len(self._watched.reports),
        )

    def _look(self, written: Written) -> None:
        if self._watch is not None and written.here:
            self._watched += self._watch(written.here)

    def _judged(self, job: Job, outcome: Outcome) -> Job:
        """A job after an attempt: the rules say whether there is another one, and the run whether it goes on."""
        if outcome.state is not State.PENDING:
            self._row = self._refusals = 0
            return job
        rules = self.asked.rules
        self._row += 1
        if outcome.busy:
            self._refusals += 1
            pause = outcome.wait if outcome.wait is not None else PAUSE * 2.0 ** min(self._refusals - 1, 6)
            self._resume = max(self._resume, time.time() + min(pause, LONGEST_HOLD))
            job = replace(job, due=self._resume)
        elif job.attempts + 1 >= rules.attempts:
            job = replace(job, state=State.FAILED, attempts=job.attempts + 1)
        else:
            due = due_after(job.attempts + 1, rules.backoff, outcome.wait, random.uniform(0.5, 1.0))
            job = replace(job, attempts=job.attempts + 1, due=due)
        if self._row >= rules.in_a_row and not self._halting:
            self._stopped = (
                f"{counted(self._row, 'attempt')} in a row failed, the last with: {outcome.reason}; try again later"
            )
        return job

    def _tell(self) -> None:
        now = time.monotonic()
        wait = self._resume - time.time()
        self._tally = replace(
            self._tally,
            states=dict(self._states),
            settled=sum(self._states.values()) - self._states[State.PENDING],
            seconds=now - self._start,
            work=now - self._work if self._work else 0.0,
            waiting=f"too many requests: waiting {wait:,.0f} s" if wait > 0 else "",
        )
        self._on_tally(self._tally)
