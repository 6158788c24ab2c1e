"""What the routes answer with; the descriptions are part of ``/openapi.json``."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from starlette.convertors import Convertor, register_url_convertor

from forebear.web.store import Job, State, Upload


class Problem(BaseModel):
    """What is wrong, and what to do about it."""

    message: str
    hint: str = ""
    exit_code: int | None = None


class Refusal(BaseModel):
    """The body of every answer from 400 on."""

    error: Problem


class JobShape(BaseModel):
    """A job, without its result."""

    id: str
    kind: str
    state: State
    request: dict[str, Any]
    attempts: int
    created: str
    started: str | None
    ended: str | None
    error: Problem | None

    @classmethod
    def of(cls, job: Job) -> JobShape:
        """What is shown of a job."""
        return cls(
            id=job.id,
            kind=job.kind,
            state=job.state,
            request=dict(job.request),
            attempts=job.attempts,
            created=job.created,
            started=job.started or None,
            ended=job.ended or None,
            error=Problem(**job.error) if job.error else None,
        )


class JobList(BaseModel):
    """Jobs, the newest first; ``next`` is what to give as ``before`` for more."""

    jobs: list[JobShape]
    next: str | None


class UploadShape(BaseModel):
    """A folder of files that were sent; ``expires`` in seconds since the epoch."""

    id: str
    name: str
    bytes: int
    files: list[str]
    expires: float

    @classmethod
    def of(cls, upload: Upload, files: list[str], hours: float) -> UploadShape:
        """What is shown of an upload."""
        return cls(id=upload.id, name=upload.name, bytes=upload.bytes, files=files, expires=upload.made + hours * 3_600)


class FragmentShape(BaseModel):
    """A section of a report: one ``<section>`` of escaped markup."""

    name: str
    title: str
    markup: str


class AnswerShape(BaseModel):
    """A result in words, and its sections."""

    title: str
    word: str
    tone: str
    sentence: str
    fragments: list[FragmentShape]


class _Id(Convertor[str]):
    """So that ``/jobs/scan`` is no job: ``GET`` is then not allowed there, and asks for none."""

    regex = "[0-9a-f]{32}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("id", _Id())


def written_as(kind: str) -> dict[int | str, dict[str, Any]]:
    """The description of an answer that is no JSON, where refusals are."""
    return {200: {"content": {kind: {"schema": {"type": "string"}}}, "description": "What was asked for."}}


REFUSALS: dict[int | str, dict[str, Any]] = {
    code: {"model": Refusal} for code in (400, 401, 403, 404, 405, 408, 409, 413, 415, 421, 422, 429, 503, 507)
}
"""What every route may answer with besides."""
