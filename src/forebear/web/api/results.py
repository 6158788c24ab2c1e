"""Results: the document as the command prints it, and as HTML for people."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, JSONResponse, Response

from forebear.report import html
from forebear.web.api.caller import Reader, Service, Serving, own_job, refused
from forebear.web.api.jobs import JobId
from forebear.web.api.shapes import REFUSALS, AnswerShape, FragmentShape, written_as
from forebear.web.store import Token

router = APIRouter(tags=["results"], responses=REFUSALS)
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox allow-popups"
)
"""A report has its style in it and no script; in a sandbox it has no origin whose rights it could use."""


def _result(service: Service, token: Token, id: str) -> bytes:
    job = own_job(service, token, id)
    found = service.store.result(id)
    if found is None:
        raise refused(409, f"the job has no result: {job.state}", "follow its events until it is done")
    return found


def _shown(raw: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(raw)
    if document.get("schema") not in html.KINDS:
        raise refused(404, "no report is written of this kind of result", "take the result itself")
    return document


@router.get("/jobs/{id:id}/result", response_class=JSONResponse)
def job_result(id: JobId, service: Serving, token: Reader) -> Response:
    """The document, with its schema's name in ``schema``."""
    return Response(_result(service, token, id), media_type="application/json")


@router.get("/jobs/{id:id}/report", response_model=None, responses=written_as("text/html"))
def job_report(id: JobId, service: Serving, token: Reader) -> HTMLResponse:
    """The result as one HTML file."""
    page = html.report(_shown(_result(service, token, id)))
    return HTMLResponse(page, headers={"Content-Security-Policy": REPORT_POLICY})


@router.get("/jobs/{id:id}/answer")
def job_answer(id: JobId, service: Serving, token: Reader) -> AnswerShape:
    """The answer in a sentence, and the sections of the report as fragments of HTML."""
    saved = html.Saved(_shown(_result(service, token, id)))
    told = html.answer(saved)
    parts = [FragmentShape(name=f.name, title=f.title, markup=f.markup) for f in html.fragments(saved)]
    return AnswerShape(title=told.title, word=told.word, tone=told.tone, sentence=told.sentence, fragments=parts)
