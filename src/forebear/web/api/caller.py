"""Who asks, and what every route needs."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from forebear.report.html import Answer, Fragment
from forebear.web.crew import Crew
from forebear.web.rates import COSTLY, Rates
from forebear.web.renderings import Renderings
from forebear.web.sessions import Sessions
from forebear.web.settings import Settings
from forebear.web.store import Job, Store, Token
from forebear.web.tokens import Keeper

BEARER = HTTPBearer(auto_error=False, description="`forebear serve token add NAME --scope read --scope submit`")
MOST_BODIES = 4
"""Files, or forms with files, that a token sends at once."""
FAILURES = (0.2, 10)
"""Rate and burst of requests with a token that is none, per address."""


Shown = tuple[Answer, tuple[Fragment, ...]]


def _size_of(shown: Shown) -> int:
    """About as many bytes as it takes."""
    return sum(4 * len(part.markup) for part in shown[1])


@dataclass
class Service:
    """What the routes share."""

    settings: Settings
    store: Store
    crew: Crew
    keeper: Keeper
    rates: Rates
    sessions: Sessions
    failures: Rates = field(default_factory=lambda: Rates(*FAILURES))
    streams: Counter[str] = field(default_factory=Counter)
    bodies: Counter[str] = field(default_factory=Counter)
    proving: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    lock: threading.Lock = field(default_factory=threading.Lock)
    reports: Renderings[bytes] = field(default_factory=lambda: Renderings(len))
    shown: Renderings[Shown] = field(default_factory=lambda: Renderings(_size_of))

    @contextmanager
    def body(self, token: Token) -> Iterator[None]:
        """While a token sends files: 429 where it sends many at once, each of which may be within its bounds."""
        with self.lock:
            if self.bodies[token.id] >= MOST_BODIES:
                raise refused(429, "too many files at once of this token", "send one after the other", retry=5)
            self.bodies[token.id] += 1
        try:
            yield
        finally:
            with self.lock:
                self.bodies[token.id] -= 1
                if not self.bodies[token.id]:
                    del self.bodies[token.id]


def service(request: Request) -> Service:
    """The service that a request is for."""
    found: Service = request.app.state.service
    return found


def caller(scope: str) -> Callable[..., Token]:
    """A dependency: the token of a request, which allows ``scope``; 401, 403 or 429 otherwise."""

    def check(
        request: Request,
        service: Annotated[Service, Depends(service)],
        given: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
    ) -> Token:
        token = proven(request, service, given.credentials) if given else None
        if token is None:
            raise refused(401, "no valid token", "send Authorization: Bearer fb_…")
        request.state.token = token.id
        if wait := service.rates.wait(token.id):
            raise refused(429, "too many requests", retry=wait)
        if scope not in token.scopes:
            raise refused(403, f"the token does not allow this: {scope}")
        return token

    return check


def proven(request: Request, service: Service, text: str) -> Token | None:
    """The token that a text proves; 429 where too many that are none came from its address.

    One that was proven a while ago is good in any case: behind a proxy all have one address.
    """
    client = request.client.host if request.client else ""
    known = service.keeper.remembered(text)
    if known is not None:
        return known
    found = None
    if not (wait := service.failures.wait(client, 0)):
        found = service.keeper.check(text, lambda: not service.failures.wait(client, 0))
        wait = 0 if found else service.failures.wait(client)
    if wait:
        raise refused(429, "too many tokens that are none came from your address", "wait a little", retry=wait)
    return found


Serving = Annotated[Service, Depends(service)]
Reader = Annotated[Token, Depends(caller("read"))]
Submitter = Annotated[Token, Depends(caller("submit"))]


def refused(status: int, message: str, hint: str = "", retry: int = 0) -> HTTPException:
    """An answer that says no."""
    headers = {"Retry-After": str(retry)} if retry else {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return HTTPException(status, {"message": message, "hint": hint}, headers)


def costly(service: Service, token: Token) -> None:
    """429 where a token asks for too much that has to be computed for it."""
    if wait := service.rates.wait(token.id, COSTLY):
        raise refused(429, "too many requests", "wait a little", retry=wait)


def remove(service: Service, id: str) -> None:
    """Forget a job that has ended, its result and what was made of it; 409 where it has not ended."""
    if not service.store.remove(id):
        raise refused(409, "the job has not ended", "cancel it first")
    service.reports.drop(id)
    service.shown.drop(id)


def own_job(service: Service, token: Token, id: str) -> Job:
    """A job that a token may see: its own, or any with ``admin``; else 404, as for one that is not there."""
    job = service.store.job(id)
    if job is None or (job.owner != token.id and "admin" not in token.scopes):
        raise refused(404, "there is no such job")
    return job
