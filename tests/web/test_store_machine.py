"""The jobs of the service beside a list that says what became of them, whatever is asked in whatever order."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from forebear.web.store import Job, SqliteStore, State

OWNERS = ("a", "b", "c")
PICK = st.integers(0, 30)
OPEN = (State.QUEUED, State.RUNNING)


@dataclass
class Expected:
    """A job as it has to be."""

    id: str
    owner: str
    state: State = State.QUEUED
    attempts: int = 0
    claimed: Job | None = None
    ended: str = ""
    result: bytes | None = None
    trace: list[str] = field(default_factory=lambda: ["queued"])

    def become(self, state: State) -> None:
        self.state = state
        self.trace.append(str(state))


class Jobs(RuleBasedStateMachine):
    """Time passes by one second whenever the store looks at the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.jobs: list[Expected] = []
        self.made = self.now = 0
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr("forebear.web.store.sqlite.created", self.clock)

    @initialize()
    def begin(self) -> None:
        self.open()

    def teardown(self) -> None:
        self.patch.undo()
        self.store.close()
        shutil.rmtree(self.folder)

    def clock(self) -> str:
        self.now += 1
        return f"2026-01-01T{self.now // 3600:02}:{self.now // 60 % 60:02}:{self.now % 60:02}Z"

    def open(self) -> None:
        self.store = SqliteStore(self.folder / "service.sqlite")
        self.store._db.execute("PRAGMA synchronous = OFF")  # what the disk does is not asked here

    def pick(self, number: int) -> Expected | None:
        return self.jobs[number % len(self.jobs)] if self.jobs else None

    @rule(owner=st.sampled_from(OWNERS))
    def submit(self, owner: str) -> None:
        id = f"job{self.made}"
        self.made += 1
        self.store.add_job(Job(id, owner, "scan", {"target": id}))
        self.jobs.append(Expected(id, owner))

    @rule()
    def claim(self) -> None:
        """Who has the fewest running comes first, then who came first."""
        waiting = [j for j in self.jobs if j.state is State.QUEUED]
        running = [j.owner for j in self.jobs if j.state is State.RUNNING]
        due = min(waiting, key=lambda j: running.count(j.owner), default=None)
        found = self.store.claim("us")
        assert (found and found.id) == (due and due.id)
        if due is not None:
            due.attempts += 1
            due.claimed = found
            due.become(State.RUNNING)

    @precondition(lambda self: self.jobs)
    @rule(number=PICK, ended=st.sampled_from((State.DONE, State.FAILED)))
    def finish(self, number: int, ended: State) -> None:
        job = self.pick(number)
        assert job is not None
        result = b"{}" if ended is State.DONE else None
        could = self.store.finish(self.right(job), ended, result, None if result else {"message": "no"})
        assert could is (job.state is State.RUNNING)
        if could:
            job.result = result
            self.end(job, ended)

    @precondition(lambda self: self.jobs)
    @rule(number=PICK)
    def cancel(self, number: int) -> None:
        job = self.pick(number)
        assert job is not None
        could = self.store.cancel(job.id)
        assert could is (job.state in OPEN)
        if could:
            self.end(job, State.CANCELLED)

    def right(self, job: Expected) -> Job:
        """The last claim of a job, which may be over; or none that ever was."""
        return job.claimed or Job(job.id, job.owner, "scan", {})

    @precondition(lambda self: any(j.claimed and j.attempts > 1 for j in self.jobs))
    @rule()
    def end_by_an_older_claim(self) -> None:
        """Who was taken for dead can do nothing to the job that another has taken up."""
        job = next(j for j in self.jobs if j.claimed and j.attempts > 1)
        assert job.claimed is not None
        old = replace(job.claimed, attempts=job.attempts - 1)
        assert not self.store.finish(old, State.DONE, b"{}", None) and not self.store.again(old)

    @rule(held=st.booleans())
    def beat(self, held: bool) -> None:
        """What the server says that it runs goes on; what it no longer holds waits again."""
        running = [j for j in self.jobs if j.state is State.RUNNING]
        assert self.store.beat("us", 60, [j.id for j in running] if held else (), "home") == len(running) * (not held)
        for job in [] if held else running:
            job.become(State.QUEUED)

    def end(self, job: Expected, state: State) -> None:
        found = self.store.job(job.id)
        assert found is not None and found.ended
        job.ended = found.ended
        job.become(state)

    @precondition(lambda self: self.jobs)
    @rule(number=PICK)
    def again(self, number: int) -> None:
        job = self.pick(number)
        assert job is not None
        could = self.store.again(self.right(job))
        assert could is (job.state is State.RUNNING)
        if could:
            job.become(State.QUEUED)

    @precondition(lambda self: self.jobs)
    @rule(number=PICK)
    def remove(self, number: int) -> None:
        job = self.pick(number)
        assert job is not None
        could = self.store.remove(job.id)
        assert could is (job.state not in OPEN)
        if could:
            self.jobs.remove(job)
            self.gone(job)

    @rule(kept=st.integers(0, 40))
    def expire(self, kept: int) -> None:
        """All that ended before a moment, and nothing that has not."""
        seconds = max(0, self.now - kept)
        before = f"2026-01-01T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}Z"
        late = [j for j in self.jobs if j.state not in OPEN and j.ended < before]
        assert self.store.expire(before) == len(late)
        self.jobs = [j for j in self.jobs if j not in late]
        for job in late:
            self.gone(job)

    def gone(self, job: Expected) -> None:
        assert self.store.job(job.id) is None and self.store.events(job.id) == []

    @rule(closed=st.booleans())
    def start_again(self, closed: bool) -> None:
        """As after an end, or a kill: whatever ran is queued, and nothing else is touched."""
        if closed:
            self.store.close()
        self.open()
        running = [j for j in self.jobs if j.state is State.RUNNING]
        assert self.store.beat("us", 60, (), "home") == len(running)
        for job in running:
            job.become(State.QUEUED)

    @precondition(lambda self: self.jobs)
    @rule(number=PICK)
    def tell(self, number: int) -> None:
        """Steps are of what runs."""
        job = self.pick(number)
        assert job is not None
        before = len(self.store.events(job.id))
        self.store.tell(self.right(job), "a step")
        assert len(self.store.events(job.id)) - before == (job.state is State.RUNNING)

    @invariant()
    def every_job_is_what_it_should_be(self) -> None:
        found = self.store.jobs(None, 1_000)
        assert [j.id for j in found] == [j.id for j in reversed(self.jobs)]
        for job, expected in zip(reversed(found), self.jobs, strict=True):
            assert (job.owner, job.state, job.attempts) == (expected.owner, expected.state, expected.attempts)
            assert (job.ended, self.store.result(job.id)) == (expected.ended, expected.result)
            assert bool(job.error) is (expected.state is State.FAILED)
            events = self.store.events(job.id)
            assert [e.seq for e in events] == list(range(1, len(events) + 1))
            assert [e.text for e in events if e.kind == "state"] == expected.trace

    @invariant()
    def owners_are_counted(self) -> None:
        for owner in OWNERS:
            count = sum(j.state in OPEN for j in self.jobs if j.owner == owner)
            assert self.store.unfinished(owner) == count
            assert len(self.store.jobs(owner, 1_000)) == sum(j.owner == owner for j in self.jobs)


TestJobs = Jobs.TestCase
TestJobs.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
