"""A batch of outcomes into the index: one reference per content, and never another model's name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from forebear.crawl.base import Outcome, State
from forebear.crawl.jobs import Job, Jobs
from forebear.errors import UsageError
from forebear.index import Addition, Index
from forebear.inspect.enrol import provenance_of

Content = tuple[str, str]
"""Name and digest of a fingerprint."""


@dataclass(frozen=True)
class Written:
    """What a batch has come to.

    Attributes:
        jobs: the jobs as they are now, each with the outcome that made them so.
        added: names that are new in the index.
        here: names of the batch that are in the index now, new or not.
    """

    jobs: tuple[tuple[Job, Outcome], ...]
    added: tuple[str, ...]
    here: tuple[str, ...]


def write(batch: Sequence[tuple[Job, Outcome]], index: Index, jobs: Jobs) -> Written:
    """Add what was measured.

    Content that is in the index under another name stays there alone, and its other names are kept as ``same``: a copy
    under a new name is no second reference. What a plugin read is never said to be another's, nor another's to be it.
    A guarded (private) reference is nobody's first name, since that would hide
    the copy. A name that this job table has put into the index gets its new revision; one that somebody else has put
    there, or that is of another target, is not touched, and a guarded one never: replacing it would open it.

    Raises:
        IndexError_: the index cannot be written.
    """
    out: list[tuple[Job, Outcome]] = []
    additions: list[tuple[str, Addition]] = []
    first: dict[str, str] = {}
    for job, outcome in batch:
        now = _told(job, outcome)
        mark = outcome.mark
        if mark is not None:
            holders = index.holding(mark.digest)
            known = first.get(mark.digest, "") or _first_name(index, mark.name, holders)
            other = known if not outcome.third_party else ""
            if mark.name in holders or not other or other == mark.name or index.get(mark.name) is not None:
                if not _guarded(index, mark.name):
                    first.setdefault(mark.digest, mark.name)
                provenance = replace(provenance_of(mark, outcome.location), revision=outcome.revision)
                additions.append((job.target, Addition(mark, outcome.location, provenance)))
            else:
                now = replace(now, state=State.SAME, same_as=other, reason=f"the same content as {other}")
        out.append((now, outcome))
    added, refused = _add(additions, index, jobs)
    marks = [a.fingerprint for _, a in additions]
    here = tuple(mark.name for mark in marks if (mark.name, mark.digest) not in refused)
    settled: list[tuple[Job, Outcome]] = []
    stray: list[tuple[Job, Outcome]] = []
    for given, (job, outcome) in zip(batch, out, strict=True):
        if job.state is State.SAME and (job.same_as, job.digest) in refused:
            stray.append(given)  # the name that it was to be found under is not in the index with this content
        else:
            settled.append((_refused(job, refused.get((job.name, job.digest), "")), outcome))
    if not stray:
        return Written(tuple(settled), added, here)
    more = write(stray, index, jobs)
    return Written((*settled, *more.jobs), (*added, *more.added), (*here, *more.here))


def _add(
    targets: Sequence[tuple[str, Addition]], index: Index, jobs: Jobs
) -> tuple[tuple[str, ...], dict[Content, str]]:
    """Names that are new, and why others were refused."""
    additions = [addition for _, addition in targets]
    names = [a.fingerprint.name for a in additions]
    if len(set(names)) == len(names):
        try:
            done = index.add_many(additions) if additions else ()
            return tuple(name for name, new in zip(names, done, strict=True) if new), {}
        except UsageError:
            pass  # one of the names is taken: each by itself
    added: list[str] = []
    refused: dict[Content, str] = {}
    for target, addition in targets:
        name = addition.fingerprint.name
        try:
            digest = addition.fingerprint.digest
            renewed = jobs.ours(name, target) and name not in index.holding(digest) and not _guarded(index, name)
            if index.add_many((addition,), replace=renewed)[0]:
                added.append(name)
        except UsageError as error:
            refused[name, addition.fingerprint.digest] = str(error)
    return tuple(added), refused


def _first_name(index: Index, name: str, holders: Sequence[str]) -> str:
    """The reference that has this content already; "" where there is none, or a guarded one alone."""
    if name in holders:
        return name
    return next((holder for holder in holders if index.get(holder) is not None and not _guarded(index, holder)), "")


def _guarded(index: Index, name: str) -> bool:
    entry = index.get(name)
    return entry is not None and entry.provenance is not None and entry.provenance.private


def _told(job: Job, outcome: Outcome) -> Job:
    """A job with what its outcome says; costs are those of this attempt."""
    mark = outcome.mark
    if mark is None and outcome.state is State.DONE:  # as it was at this revision
        state = State.SAME if job.same_as else State.DONE
        return replace(job, state=state, read=outcome.revision, bytes=0, requests=0, seconds=outcome.seconds)
    return replace(
        job,
        state=outcome.state,
        reason=outcome.reason,
        name=mark.name if mark is not None else job.name,
        read=outcome.revision or job.read,
        digest=mark.digest if mark is not None else job.digest,
        same_as="",
        bytes=outcome.bytes,
        requests=outcome.requests,
        seconds=outcome.seconds,
        due=0.0,
    )


def _refused(job: Job, why: str) -> Job:
    """A job whose name is taken: it was measured, and it is not in the index."""
    if not why or job.state is not State.DONE:
        return job
    return replace(job, state=State.FAILED, reason=why, digest="")
