"""Jobs: start one of every kind, look, wait, cancel, remove."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from forebear.errors import UsageError
from forebear.types import created
from forebear.web.api.caller import Reader, Service, Serving, Submitter, caller, own_job, refused, remove
from forebear.web.api.shapes import REFUSALS, JobList, JobShape, written_as
from forebear.web.requests import Request
from forebear.web.store import Event, Job, Token
from forebear.web.targets import check_request
from forebear.web.work import WORK, Work

router = APIRouter(tags=["jobs"], responses=REFUSALS)
JobId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="Of a job.")]
POLL_SECONDS = 0.25
BEAT_SECONDS = 15.0
MOST_SECONDS = 3_600.0
"""Of one event stream; a client that wants more asks again, from the last event on."""


def submitted(service: Service, token: Token, kind: str, asked: Request) -> Job:
    """A new job that waits for its turn; 422 or 429 where it cannot be asked for."""
    work = WORK[kind]
    request = asked.model_dump(mode="json", exclude={work.secret} if work.secret else None)
    secret = getattr(asked, work.secret).get_secret_value() if work.secret else ""
    if work.secret:
        request["keyed"] = bool(secret)
    if service.store.unfinished(token.id) >= service.settings.queued:
        raise refused(429, "too many jobs of this token wait", "wait for some, or cancel them", retry=10)
    if service.store.kept(token.id) >= service.settings.result_bytes:
        raise refused(429, "too many results of this token are kept", "remove jobs that have ended", retry=60)
    try:
        check_request(work, request, token.id, service.store, service.settings)
    except UsageError as error:
        raise refused(422, error.message, error.hint) from None
    job = Job(secrets.token_hex(16), token.id, kind, request, created=created())
    service.crew.submit(job, secret)
    return job


def _start(kind: str, work: Work) -> Callable[..., JobShape]:
    """The route that starts a job of one kind."""

    def start(asked: Any, service: Serving, token: Any) -> JobShape:
        job = submitted(service, token, kind, asked)
        return JobShape.of(service.store.job(job.id) or job)

    start.__annotations__ |= {"asked": work.model, "token": Annotated[Token, Depends(caller(work.scope))]}
    start.__annotations__ |= {"service": Serving, "return": JobShape}
    start.__name__, start.__doc__ = f"start_{kind}", work.title
    return start


for _kind, _work in WORK.items():
    router.post(f"/jobs/{_kind}", status_code=202, operation_id=f"start_{_kind}")(_start(_kind, _work))


@router.get("/jobs")
def list_jobs(
    service: Serving,
    token: Reader,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[str, Query(pattern="^([0-9a-f]{32})?$")] = "",
) -> JobList:
    """Jobs of this token, the newest first; of all tokens with the scope ``admin``."""
    owner = None if "admin" in token.scopes else token.id
    found = service.store.jobs(owner, limit + 1, before)
    more = found[limit - 1].id if len(found) > limit else None
    return JobList(jobs=[JobShape.of(job) for job in found[:limit]], next=more)


@router.get("/jobs/{id:id}")
def show_job(id: JobId, service: Serving, token: Reader) -> JobShape:
    """One job."""
    return JobShape.of(own_job(service, token, id))


@router.post("/jobs/{id:id}/cancel")
def cancel_job(id: JobId, service: Serving, token: Submitter) -> JobShape:
    """End a job that waits or runs."""
    job = own_job(service, token, id)
    if not service.crew.cancel(id):
        raise refused(409, f"the job has ended: {job.state}")
    return JobShape.of(own_job(service, token, id))


@router.delete("/jobs/{id:id}", status_code=204)
def remove_job(id: JobId, service: Serving, token: Submitter) -> Response:
    """Forget a job that has ended, and its result."""
    own_job(service, token, id)
    remove(service, id)
    return Response(status_code=204)


@router.get("/jobs/{id:id}/events", response_model=None, responses=written_as("text/event-stream"))
async def follow_job(
    id: JobId,
    service: Serving,
    token: Reader,
    last_event_id: Annotated[str, Header(pattern="^[0-9]{0,18}$")] = "",
) -> StreamingResponse:
    """What happens to a job, as server-sent events: ``state`` and ``step``; the stream ends with the job."""
    await run_in_threadpool(own_job, service, token, id)
    with service.lock:
        if service.streams[token.id] >= service.settings.streams:
            raise refused(429, "too many streams of this token", retry=5)
    stream = _events(service, token.id, id, int(last_event_id or 0))
    return StreamingResponse(stream, media_type="text/event-stream")


async def _events(service: Service, owner: str, id: str, after: int) -> AsyncIterator[str]:
    """The text of a stream."""
    clock = asyncio.get_running_loop().time
    began = heard = clock()
    with service.lock:
        service.streams[owner] += 1
    try:
        while clock() - began < MOST_SECONDS:
            job = await run_in_threadpool(service.store.job, id)  # before the events: none of an ended job is missed
            for event in await run_in_threadpool(service.store.events, id, after):
                after, heard = event.seq, clock()
                yield _written(event)
            if job is None or job.state.final:
                return
            if clock() - heard > BEAT_SECONDS:
                heard = clock()
                yield ": still there\n\n"
            await asyncio.sleep(POLL_SECONDS)
    finally:
        with service.lock:
            service.streams[owner] -= 1


def _written(event: Event) -> str:
    data = json.dumps({"at": event.at, event.kind: event.text}, ensure_ascii=False)  # JSON has no line break in it
    return f"id: {event.seq}\nevent: {event.kind}\ndata: {data}\n\n"
