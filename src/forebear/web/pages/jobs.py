"""Jobs: the list, a job with its progress or its result, and what can be done with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from forebear.errors import one_line
from forebear.web.api.caller import Service, Serving, Shown, costly, own_job
from forebear.web.api.caller import remove as forget
from forebear.web.api.jobs import JobId
from forebear.web.api.results import REPORT_POLICY, REPORTED, report_of, result_of
from forebear.web.pages.render import page, sections
from forebear.web.pages.shown import shown
from forebear.web.pages.visitor import Posted, Visiting, Visitor, need
from forebear.web.store import Job, State
from forebear.web.work import WORK

router = APIRouter()
PAGE = 50
STEPS = 40
"""Of a job that are shown: the last ones."""
WORDS = {
    State.QUEUED: "waits",
    State.RUNNING: "runs",
    State.DONE: "done",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
}
RESULTS = frozenset({"scan", "compare", "probe", "traffic"})
"""Kinds whose result a bill of materials or a decision can go on from."""

OF_OURS = {"demo": "the example", "family": "the index"}
"""Kinds that are about something of ours."""


@dataclass(frozen=True)
class Row:
    """A job in a list."""

    id: str
    kind: str
    about: str
    state: str
    created: str
    final: bool


def rows_of(service: Service, visitor: Visitor, found: list[Job]) -> list[Row]:
    """Jobs as rows."""
    return [
        Row(j.id, WORK[j.kind].title, about(service, j), WORDS[j.state], when(j.created), j.state.final)
        for j in found
        if j.kind in WORK and (j.owner == visitor.token.id or visitor.may("admin"))
    ]


def about(service: Service, job: Job) -> str:
    """What a job is about, in a few words: uploads by their names."""
    if job.kind in OF_OURS:
        return OF_OURS[job.kind]
    asked = job.request
    keys = ("target", "b", "a", "bom", "files", "url")
    values = [v for key in keys if (v := asked.get(key)) and not (key == "target" and job.kind == "bom")]
    flat = [str(x) for v in values for x in (v if isinstance(v, list | tuple) else [v])]
    names = [one_line(_named(service, value), 120) for value in flat[:4]]
    return (" against " if job.kind == "compare" else ", ").join(names) + (" …" if len(flat) > 4 else "")


def _named(service: Service, value: str) -> str:
    kind, _, rest = value.partition(":")
    if kind == "upload":
        id, _, file = rest.partition("/")
        found = service.store.upload(id)
        return (found.name if found else file) or "an upload that is gone"
    if kind == "job":
        found_job = service.store.job(rest)
        plain = found_job is not None and found_job.kind in ("scan", "compare", "probe")  # name no other job
        return about(service, found_job) if found_job and plain else "a saved result"
    return value


def when(instant: str) -> str:
    """An instant as it is read: ``2026-11-29 14:02 UTC``."""
    return f"{instant[:10]} {instant[11:16]} UTC" if len(instant) >= 16 else instant


@router.get("/jobs")
def list_jobs(
    request: Request,
    service: Serving,
    visitor: Visiting,
    before: Annotated[str, Query(pattern="^([0-9a-f]{32})?$")] = "",
) -> Response:
    """Jobs, the newest first."""
    owner = None if visitor.may("admin") else visitor.token.id
    found = service.store.jobs(owner, PAGE + 1, before)
    values = {
        "jobs": rows_of(service, visitor, found[:PAGE]),
        "next": found[PAGE - 1].id if len(found) > PAGE else "",
        "before": before,
    }
    return page(request, "jobs.html", visitor, values)


def _values(service: Service, job: Job) -> dict[str, Any]:
    steps = [e.text for e in service.store.events(job.id) if e.kind == "step"]
    return {
        "job": job,
        "title": WORK[job.kind].title,
        "about": about(service, job),
        "state": WORDS[job.state],
        "created": when(job.created),
        "steps": steps[-STEPS:],
        "left_out": max(0, len(steps) - STEPS),
        "error": job.error or {},
    }


@router.get("/jobs/{id}")
def show_job(id: JobId, request: Request, service: Serving, visitor: Visiting) -> Response:
    """A job: how it goes, or what came of it."""
    job = own_job(service, visitor.token, id)
    values: dict[str, Any] = {**_values(service, job), "answer": None, "sections": [], "has_report": False}
    if job.state is State.DONE:
        answer, parts = _shown(service, visitor, job)
        values |= {"answer": answer, "sections": sections(parts)}
        values |= {"has_report": job.kind in REPORTED, "goes_on": job.kind in RESULTS}
    return page(request, "job.html", visitor, {"goes_on": False, **values})


@router.get("/jobs/{id}/progress")
def progress(id: JobId, request: Request, service: Serving, visitor: Visiting) -> Response:
    """The piece of a job's page that changes; once the job has ended, the browser is told to load the page anew."""
    job = own_job(service, visitor.token, id)
    answer = page(request, "_progress.html", visitor, _values(service, job))
    if job.state.final:
        answer.headers["HX-Refresh"] = "true"
    return answer


@router.get("/jobs/{id}/report")
def report(id: JobId, service: Serving, visitor: Visiting) -> Response:
    """The result as one HTML file, to print and to pass on."""
    page = report_of(service, visitor.token, own_job(service, visitor.token, id))
    return HTMLResponse(page, headers={"Content-Security-Policy": REPORT_POLICY})


@router.get("/jobs/{id}/download")
def download(id: JobId, service: Serving, visitor: Visiting) -> Response:
    """The document as a file."""
    job = own_job(service, visitor.token, id)
    content, kind = result_of(service, job), job.kind
    document = _read(content)
    ending = "cdx.json" if "bomFormat" in document else "spdx.json" if "@graph" in document else "json"
    name = f"forebear-{kind}-{id[:8]}.{ending}"
    return Response(
        content, media_type="application/json", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


@router.post("/jobs/{id}/cancel")
def cancel(id: JobId, service: Serving, visitor: Visiting, _: Posted) -> Response:
    """End a job that waits or runs; of one that has ended nothing changes."""
    need(visitor, "submit")
    own_job(service, visitor.token, id)
    service.crew.cancel(id)
    return RedirectResponse(f"/jobs/{id}", 303)


@router.post("/jobs/{id}/remove")
def remove(id: JobId, service: Serving, visitor: Visiting, _: Posted) -> Response:
    """Forget a job that has ended."""
    need(visitor, "submit")
    own_job(service, visitor.token, id)
    forget(service, id)
    return RedirectResponse("/jobs", 303)


def _shown(service: Service, visitor: Visitor, job: Job) -> Shown:
    """A result is shown again and again while somebody reads it; whoever asks first pays for it."""
    if (found := service.shown.get(job.id)) is not None:
        return found
    document = _read(result_of(service, job))
    costly(service, visitor.token)
    return service.shown.make(job.id, lambda: shown(document, job))


def _read(result: bytes) -> Mapping[str, Any]:
    document: Mapping[str, Any] = json.loads(result)
    return document
