"""Results: the document as the command prints it, and as HTML for people."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, JSONResponse, Response

from forebear.report import html
from forebear.web.api.caller import Reader, Service, Serving, Shown, costly, own_job, refused
from forebear.web.api.jobs import JobId
from forebear.web.api.shapes import REFUSALS, AnswerShape, FragmentShape, written_as
from forebear.web.calls import how_of
from forebear.web.store import Job, Token

router = APIRouter(tags=["results"], responses=REFUSALS)
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox allow-popups"
)
"""A report has its style in it and no script; in a sandbox it has no origin whose rights it could use."""
REPORTED = frozenset({"scan", "compare", "bom", "policy", "family", "demo"})
"""Kinds of jobs of whose results a report is written."""


def result_of(service: Service, job: Job) -> bytes:
    """The document of a job; 409 where it has none."""
    found = service.store.result(job.id)
    if found is None:
        raise refused(409, f"the job has no result: {job.state}", "follow its events until it is done")
    return found


def report_of(service: Service, token: Token, job: Job) -> bytes:
    """The report of a job; whoever asks first pays for it. 404 where none is written of such a result, 409, 429."""
    if (found := service.reports.get(job.id)) is not None:
        return found
    document = _reported(result_of(service, job))
    costly(service, token)
    return service.reports.make(job.id, lambda: html.report(document, how_of(job)).encode("utf-8", "replace"))


def _reported(raw: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(raw)
    if str(document.get("schema")) not in html.KINDS:
        raise refused(404, "no report is written of this kind of result", "take the result itself")
    return document


def _parts(service: Service, token: Token, job: Job) -> Shown:
    if (found := service.shown.get(job.id)) is not None and job.kind in REPORTED:
        return found
    saved = html.Saved(_reported(result_of(service, job)), how_of(job))
    costly(service, token)
    return service.shown.make(job.id, lambda: (html.answer(saved), html.fragments(saved)))


@router.get("/jobs/{id:id}/result", response_class=JSONResponse)
def job_result(id: JobId, service: Serving, token: Reader) -> Response:
    """The document, with its schema's name in ``schema``."""
    return Response(result_of(service, own_job(service, token, id)), media_type="application/json")


@router.get("/jobs/{id:id}/report", response_model=None, responses=written_as("text/html"))
def job_report(id: JobId, service: Serving, token: Reader) -> HTMLResponse:
    """The result as one HTML file."""
    page = report_of(service, token, own_job(service, token, id))
    return HTMLResponse(page, headers={"Content-Security-Policy": REPORT_POLICY})


@router.get("/jobs/{id:id}/answer")
def job_answer(id: JobId, service: Serving, token: Reader) -> AnswerShape:
    """The answer in a sentence, and the sections of the report as fragments of HTML."""
    told, found = _parts(service, token, own_job(service, token, id))
    parts = [FragmentShape(name=f.name, title=f.title, markup=f.markup) for f in found]
    return AnswerShape(title=told.title, word=told.word, tone=told.tone, sentence=told.sentence, fragments=parts)
