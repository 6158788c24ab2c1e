"""What a worker does with one model: measure it, or say in words why not. Runs in another process, never raises."""

from __future__ import annotations

import os
import time
from dataclasses import replace

from forebear.artifacts.read import NoWeights
from forebear.crawl.base import Outcome, State, Task
from forebear.errors import ForebearError, FormatError, MissingExtra, UsageError, one_line
from forebear.inspect.enrol import Unfit, reference
from forebear.sources import open_source
from forebear.sources.answers import Refused

HUB = "hf:"
TOO_MANY = 429
DENIED, GONE = (401, 403), (404, 410)


def measure(task: Task) -> Outcome:
    """The fingerprint of a model, or why there is none."""
    start = time.perf_counter()
    try:
        found = _measure(task)
    except ForebearError as error:
        found = refusal(task, error)
    except MemoryError:
        found = Outcome(task, State.PENDING, "not enough memory for this model")
    except Exception as error:  # a bug of ours that one model brings to light must not cost the others
        said = one_line(f"{type(error).__name__} in Forebear itself ({error}); please report it")
        found = Outcome(task, State.PENDING, said)
    return replace(found, seconds=time.perf_counter() - start)


def _measure(task: Task) -> Outcome:
    target = address(task.target, task.revision)
    if task.known:  # the listing does not say whether it has changed: one question does
        revision = revision_of(open_source(target).location)
        if revision == task.known:
            return Outcome(task, State.DONE, revision=revision)
    found = reference(target, task.name or None, task.effort)
    return Outcome(
        task,
        State.DONE,
        mark=found.fingerprint,
        location=found.location,
        revision=revision_of(found.location) or task.revision,
        problems=found.problems,
        bytes=found.cost.bytes_read,
        requests=found.cost.requests,
        third_party=found.third_party,
    )


def address(target: str, revision: str) -> str:
    """What is opened: a hub repository at its commit, anything else as it is."""
    return f"{target}@{revision}" if target.startswith(HUB) and revision else target


def revision_of(location: str) -> str:
    """The commit in a location; "" where it holds none."""
    return location.rpartition("@")[2] if location.startswith(HUB) and "@" in location else ""


def refusal(task: Task, error: ForebearError) -> Outcome:
    """What an error means for a job: an end, or another attempt.

    What cannot get better at the same revision is an end. A server's damaged file is read twice, because a server can
    send nonsense that looks like a file. Too many requests are no fault of the model's and cost no attempt.
    """
    target = address(task.target, task.revision)
    why = str(error).removeprefix(f"{target}: ")
    if isinstance(error, Refused):
        if error.code == "GatedRepo" or error.status in DENIED:
            return Outcome(task, State.GATED, why.removeprefix("gated; "))
        if error.status in GONE:
            return Outcome(task, State.ABSENT, why)
        return Outcome(task, State.PENDING, why, wait=error.wait, busy=error.status == TOO_MANY)
    if isinstance(error, Unfit | NoWeights):
        return Outcome(task, State.UNFIT, why)
    if isinstance(error, FormatError):
        final = task.attempts or os.path.lexists(task.target)
        return Outcome(task, State.DAMAGED if final else State.PENDING, why)
    if isinstance(error, UsageError):
        here = isinstance(error, MissingExtra) or os.path.lexists(task.target)
        return Outcome(task, State.FAILED if here else State.ABSENT, why)
    return Outcome(task, State.PENDING, why)
