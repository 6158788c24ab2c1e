"""What a crawl has come to: while it runs, and at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from forebear.crawl.base import UNREAD, State
from forebear.crawl.jobs import Job
from forebear.types import Json, head

MOST_TOLD = 1_000
"""Models that a document names one by one; the job table has all."""


@dataclass(frozen=True)
class Watched:
    """What ``--watch`` came to.

    Attributes:
        reports: folders of evidence that were written.
        explained: ties that something older in the index could explain, a sentence each: nobody is to be asked yet.
    """

    reports: tuple[str, ...] = ()
    explained: tuple[str, ...] = ()

    def __add__(self, more: Watched) -> Watched:
        """Both, each once: a batch that could not be written down is looked at again."""
        return Watched(
            tuple(dict.fromkeys((*self.reports, *more.reports))),
            tuple(dict.fromkeys((*self.explained, *more.explained))),
        )


@dataclass(frozen=True)
class Tally:
    """A run so far.

    Attributes:
        listed: models that the listing names; still growing where ``listing``.
        before: of these, read before this run began.
        settled: of these, final now.
        states: how many are in which state.
        added: references that are new in the index.
        bytes: read in this run.
        requests: made in this run.
        seconds: wall time of this run.
        work: wall time since the first model was begun.
        listing: whether models are still being listed.
        waiting: why nothing is begun at present; "" where something is.
        matches: reports that ``--watch`` has written.
    """

    listed: int = 0
    before: int = 0
    settled: int = 0
    states: Mapping[State, int] = field(default_factory=dict)
    added: int = 0
    bytes: int = 0
    requests: int = 0
    seconds: float = 0.0
    work: float = 0.0
    listing: bool = False
    waiting: str = ""
    matches: int = 0

    @property
    def rate(self) -> float:
        """Models read per second of work."""
        read = self.settled - self.before - self.states.get(State.SKIPPED, 0)
        return read / self.work if self.work > 0 else 0.0

    @property
    def left(self) -> float | None:
        """Seconds that the rest takes at this rate; None where nothing tells."""
        return (self.listed - self.settled) / self.rate if self.rate > 0 and not self.listing else None


@dataclass(frozen=True)
class Crawled:
    """The result of a run.

    Attributes:
        source: as it was asked for.
        engine: who did the work.
        workers: how many.
        index: where the references are.
        job: the job file.
        run: number of the run in it.
        tally: at its end.
        problems: of the listing, and what could not be read of models that were added; one line each.
        stopped: why it ended before its end; "" where it came to it.
        unread: models that could not be read or were not come to, at most :data:`MOST_TOLD`.
        same: models that are the same content as another name's, at most :data:`MOST_TOLD`.
        matches: folders that ``--watch`` has written.
        explained: see :class:`Watched`.
    """

    source: str
    engine: str
    workers: int
    index: str
    job: str
    run: int
    tally: Tally
    problems: tuple[str, ...] = ()
    stopped: str = ""
    unread: tuple[Job, ...] = ()
    same: tuple[Job, ...] = ()
    matches: tuple[str, ...] = ()
    explained: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether everything that was listed has been read or is final."""
        return not self.stopped and not self.tally.states.get(State.PENDING, 0)

    @property
    def unreadable(self) -> int:
        """How many models could not be read, or were not come to."""
        return sum(self.tally.states.get(state, 0) for state in UNREAD)

    def to_json(self) -> Json:
        """The ``forebear.crawl/1`` document."""
        t = self.tally
        return {
            **head("forebear.crawl/1"),
            "source": self.source,
            "engine": self.engine,
            "workers": self.workers,
            "index": self.index,
            "job": self.job,
            "run": self.run,
            "complete": self.complete,
            "stopped": self.stopped or None,
            "listed": t.listed,
            "known_before": t.before,
            "added": t.added,
            "states": {state.value: t.states.get(state, 0) for state in State},
            "cost": {
                "bytes_read": t.bytes,
                "requests": t.requests,
                "seconds": round(t.seconds, 3),
                "models_per_second": round(t.rate, 3),
            },
            "problems": list(self.problems),
            "unread": [job_json(job) for job in self.unread],
            "same": [{"name": job.name or job.target, "same_as": job.same_as} for job in self.same],
            "matches": list(self.matches),
            "explained": list(self.explained),
        }


def job_json(job: Job) -> Json:
    """A job as documents show it."""
    return {
        "target": job.target,
        "revision": job.revision or None,
        "name": job.name,
        "state": job.state.value,
        "attempts": job.attempts,
        "reason": job.reason or None,
    }
