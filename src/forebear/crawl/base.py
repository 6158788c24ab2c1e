"""The values that pass between listing, job table, engine and workers: all plain, so that they can be sent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from forebear.index import Listing
from forebear.signals import Fingerprint


class State(StrEnum):
    """What has become of a model at one revision. All but ``pending`` are final until ``--retry-failed``."""

    PENDING = "pending"
    """Not read yet, or to be tried again."""
    DONE = "done"
    """In the index under its own name."""
    SAME = "same"
    """Measured, and the same content as a reference that is in the index under another name."""
    SKIPPED = "skipped"
    """Not read on purpose: the listing tells that it holds nothing to compare."""
    UNFIT = "unfit"
    """Read, and not a reference: too few coins, or a format or architecture that this version does not know."""
    GATED = "gated"
    """Its owner wants terms to be accepted first, or access is denied."""
    ABSENT = "absent"
    """Not there, or not for us."""
    DAMAGED = "damaged"
    """Its files contradict themselves, twice in a row."""
    FAILED = "failed"
    """Every attempt failed."""


UNREAD = (State.PENDING, State.GATED, State.ABSENT, State.DAMAGED, State.FAILED)
"""What makes a crawl exit with 4."""
AGAIN = (State.GATED, State.ABSENT, State.DAMAGED, State.FAILED)
"""What ``--retry-failed`` tries again."""


@dataclass(frozen=True)
class Wanted:
    """A model as a listing names it.

    Attributes:
        target: what is opened, without a revision.
        name: in the index.
        revision: the commit, or a digest of the state of local files or of a bucket's; "" where the listing does not
            say.
        skip: why it is not to be read; "" where it is.
        listing: what the hub says about it, None elsewhere.
    """

    target: str
    name: str
    revision: str = ""
    skip: str = ""
    listing: Listing | None = None


@dataclass(frozen=True)
class Task:
    """What a worker is told.

    Attributes:
        target: what is opened, without a revision.
        name: in the index; "" for the model's own.
        revision: see :class:`Wanted`.
        known: the revision at which it is in the index already; "" for none.
        effort: see :func:`forebear.compare`.
        attempts: that have failed so far.
    """

    target: str
    name: str
    revision: str
    known: str = ""
    effort: str = "standard"
    attempts: int = 0


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a worker answers.

    Attributes:
        task: which.
        state: ``done`` with a fingerprint; ``pending`` where another attempt may help, with a reason.
        reason: why it is not done, one line.
        mark: the fingerprint; None also where the model is at the known revision still.
        location: where the bytes that were read are found again.
        revision: that was read.
        problems: what could not be read of a model that is done.
        bytes: read, or received from the network.
        requests: reads, or requests to the network.
        seconds: wall time.
        wait: seconds for which the server does not want to be asked; None where it does not say.
        busy: whether it is the server's fault and not this model's: it costs no attempt.
        third_party: the plugin that said where the values lie, "" for a reader of Forebear's own.
    """

    task: Task
    state: State
    reason: str = ""
    mark: Fingerprint | None = None
    location: str = ""
    revision: str = ""
    problems: tuple[str, ...] = ()
    bytes: int = 0
    requests: int = 0
    seconds: float = 0.0
    wait: float | None = None
    busy: bool = False
    third_party: str = ""
