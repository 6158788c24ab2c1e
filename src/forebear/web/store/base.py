"""The interface of what outlives the process: jobs with their events and results, tokens, sessions, uploads.

Several servers may work on one store. Each says that it lives (``beat``) and which jobs it runs; what nobody alive runs
waits again. A job as ``claim`` gave it is the right to end it: ``attempts`` counts the claims, so that a server that
was taken for dead can do nothing to the job that another one has taken up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class State(StrEnum):
    """What has become of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing more happens to it."""
        return self not in (State.QUEUED, State.RUNNING)


@dataclass(frozen=True)
class Job:
    """One job, without its result.

    Attributes:
        id: not to be guessed.
        owner: the token that asked for it.
        kind: a name in :data:`~forebear.web.work.WORK`.
        request: what was asked, as checked; no secret is in it.
        state: what has become of it.
        attempts: how often it was started.
        created, started, ended: RFC 3339; "" for not yet.
        error: message, hint and exit code of one that failed.
    """

    id: str
    owner: str
    kind: str
    request: Mapping[str, Any]
    state: State = State.QUEUED
    attempts: int = 0
    created: str = ""
    started: str = ""
    ended: str = ""
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Event:
    """Something that happened to a job: ``kind`` is ``state`` or ``step``; ``seq`` counts from 1 in a job."""

    seq: int
    at: str
    kind: str
    text: str


@dataclass(frozen=True)
class Token:
    """Who may ask what; the secret is not kept.

    Attributes:
        id: public, the middle part of the token.
        name: whose it is, in words.
        scopes: see :data:`~forebear.web.tokens.SCOPES`.
        salt, digest: of the secret (scrypt).
        created: RFC 3339.
        expires: seconds since the epoch, 0 for never.
        revoked: RFC 3339, "" for not.
    """

    id: str
    name: str
    scopes: frozenset[str]
    salt: bytes
    digest: bytes
    created: str = ""
    expires: float = 0.0
    revoked: str = ""


@dataclass(frozen=True)
class Session:
    """A browser that is signed in; what its cookie holds is not kept.

    Attributes:
        id: hash of what the cookie holds.
        token: public part of the token that it is signed in with.
        ends: seconds since the epoch.
    """

    id: str
    token: str
    ends: float


@dataclass(frozen=True)
class Upload:
    """A folder of files that a token has sent: ``made`` in seconds since the epoch, ``bytes`` in total."""

    id: str
    owner: str
    name: str
    made: float
    bytes: int = 0
    files: int = 0


MOST_EVENTS = 2_000
"""Of one job; steps after that are not kept."""


class Store(Protocol):
    """Durable, safe to use from several threads. What a method returned holds after a ``kill -9``.

    Attributes:
        shared: whether several servers may use it at once.
        where: for people; no password is in it.
    """

    shared: bool

    @property
    def where(self) -> str:
        """See above."""

    def add_job(self, job: Job, server: str = "") -> None:
        """Keep a new job; where a server is named, it alone starts it for as long as it lives."""

    def job(self, id: str) -> Job | None:
        """One job."""

    def jobs(self, owner: str | None, limit: int, before: str = "") -> list[Job]:
        """The newest first, of one owner or of all (None), from the one behind ``before`` on."""

    def unfinished(self, owner: str) -> int:
        """Jobs of an owner that wait or run."""

    def kept(self, owner: str) -> int:
        """Bytes of the results of an owner's jobs."""

    def claim(self, server: str) -> Job | None:
        """Start a waiting job: of the owner with the fewest running, the oldest. None where none waits."""

    def tell(self, job: Job, text: str) -> None:
        """Note a step of a claimed job."""

    def finish(self, job: Job, state: State, result: bytes | None, error: Mapping[str, Any] | None) -> bool:
        """End a claimed job, with its result in the same transaction; False where the claim is over."""

    def again(self, job: Job, server: str = "") -> bool:
        """Put a claimed job back to those that wait, as with ``add_job``; False where the claim is over."""

    def cancel(self, id: str) -> bool:
        """End a job that waits or runs; False where it had ended."""

    def remove(self, id: str) -> bool:
        """Forget a job that has ended, and its result."""

    def result(self, id: str) -> bytes | None:
        """The document of a job that is done."""

    def events(self, id: str, after: int = 0) -> list[Event]:
        """What happened to a job since the event ``after``."""

    def beat(self, server: str, seconds: float, held: Iterable[str], home: str) -> int:
        """A server lives, for so many seconds more, and runs jobs of these identifiers and no others.

        Jobs that nobody alive runs wait again.

        Args:
            server: its name.
            seconds: after which it is taken for dead.
            held: identifiers.
            home: which folder of uploads it uses; the name says the same of the same folder.

        Returns:
            How many jobs wait again.
        """

    def leave(self, server: str) -> int:
        """A server lives no longer: its jobs wait again; how many."""

    def servers(self) -> dict[str, str]:
        """Those that live, and which folder of uploads each uses."""

    def expire(self, before: str) -> int:
        """Forget the jobs that ended before an instant (RFC 3339); how many."""

    def add_token(self, token: Token) -> None:
        """Keep a new token."""

    def token(self, id: str) -> Token | None:
        """One token, revoked or not."""

    def tokens(self) -> list[Token]:
        """All tokens, the oldest first."""

    def revoke(self, id: str) -> bool:
        """From now on the token is refused; False where there is none that was not."""

    def add_session(self, session: Session, most_of_token: int, most: int) -> None:
        """Keep a new session. Ended ones go, and the oldest where there are more of its token, or in all."""

    def session(self, id: str) -> Session | None:
        """One session, ended or not."""

    def end_session(self, id: str) -> None:
        """Forget a session and its forms, where there is one."""

    def take_form(self, session: str, once: str, most: int) -> str | None:
        """None where a form of a session is sent for the first time, and is taken: by one caller, whoever else asks.

        Else where it led, "" while that is not known, or where the session has ended. The oldest forms of a session
        are forgotten where there are more than ``most``.
        """

    def lead_form(self, session: str, once: str, address: str) -> None:
        """Remember where a form that was taken led; with "" it is forgotten, and may be taken again."""

    def add_upload(self, upload: Upload) -> None:
        """Keep a new, empty upload."""

    def upload(self, id: str) -> Upload | None:
        """One upload."""

    def uploads(self, owner: str | None = None) -> list[Upload]:
        """All uploads of an owner, or all (None), the oldest first."""

    def grow(self, id: str, size: int) -> None:
        """A file of so many bytes was added to an upload."""

    def drop_upload(self, id: str) -> None:
        """Forget an upload; its files are the caller's affair."""

    def close(self) -> None:
        """Give it up."""
