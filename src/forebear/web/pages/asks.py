"""Forms that start jobs: one page and one reading of its form for every kind of job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

from forebear.errors import one_line
from forebear.web import requests
from forebear.web.api.caller import Service, Serving, refused
from forebear.web.api.jobs import submitted
from forebear.web.pages.files import Files, name_of
from forebear.web.pages.render import page
from forebear.web.pages.visitor import Posted, Sent, Visiting, Visitor, need
from forebear.web.work import WORK

router = APIRouter()
NAMED = ("a model on the hub (org/name), the https:// address of a weight file, or files", "give one of them")


def start(
    service: Service, visitor: Visitor, sent: Sent, kind: str, read: Callable[[Files], requests.Request]
) -> Response:
    """Start a job once for one showing of a form, and lead to it; a form that is sent again leads to the same job.

    Args:
        service: takes the job.
        visitor: who asks.
        sent: the form.
        kind: of :data:`~forebear.web.work.WORK`.
        read: the request, from the form; what it keeps of files is removed again where no job comes of it.

    Raises:
        HTTPException: it cannot be started; the form may then be mended and sent again.
    """
    need(visitor, WORK[kind].scope)
    before = service.sessions.take(visitor.session, sent.once)
    if before is not None:
        if not before:
            raise refused(409, "this form is being looked at", "wait a moment, then look at your jobs")
        return RedirectResponse(before, 303)
    led = ""
    try:
        with Files(service, visitor.token) as files:
            led = f"/jobs/{submitted(service, visitor.token, kind, read(files)).id}"
    finally:
        service.sessions.lead(visitor.session, sent.once, led)
    return RedirectResponse(led, 303)


@dataclass(frozen=True)
class Form:
    """A page with a form for one kind of job.

    Attributes:
        path: of the page.
        kind: of the job.
        title: heading.
        read: the form to a request; files are kept on the way.
        remembered: fields that a form keeps when it comes back with a problem; a key is never one.
    """

    path: str
    kind: str
    title: str
    read: Callable[[Files, Sent], requests.Request]
    remembered: tuple[str, ...] = ()


def model(kept: Files, sent: Sent, name: str, needed: bool = True) -> str | None:
    """A model of a form: files that were sent, else what is written; 422 where it is neither and has to be."""
    files = sent.files(f"{name}_files")
    if files:
        return upload(kept, files)
    written = sent.text(name, 2_000)
    if not written and needed:
        raise refused(422, f"no model: {NAMED[0]}", NAMED[1])
    return written or None


def upload(kept: Files, files: list[Any]) -> str:
    """Files as a target: the one file, or the folder of several."""
    id, names = kept.keep(name_of([str(f.filename) for f in files]), files)
    return f"upload:{id}/{names[0]}" if len(names) == 1 else f"upload:{id}"


def document(kept: Files, sent: Sent, name: str) -> str:
    """A document of a form: one file, or the result of a job; 422 where there is none."""
    files = sent.files(f"{name}_files")
    if len(files) > 1:
        raise refused(422, "one document at a time", "choose one file")
    if files:
        return upload(kept, files)
    written = sent.text(name, 400)
    if not written:
        raise refused(422, "no document", "choose a file")
    return written


def _compare(kept: Files, sent: Sent) -> requests.Request:
    a, b = model(kept, sent, "a"), model(kept, sent, "b")
    return asked(requests.CompareRequest, a=a, b=b, **_effort(sent))


def _verify(kept: Files, sent: Sent) -> requests.Request:
    bom = document(kept, sent, "bom")
    return asked(requests.BomRequest, bom=bom, target=model(kept, sent, "target", False), **_effort(sent))


def _policy(kept: Files, sent: Sent) -> requests.Request:
    chosen = tuple(str(v) for v in sent.fields.getlist("policies"))
    target = model(kept, sent, "target")
    return asked(requests.PolicyRequest, target=target, policies=chosen, **_effort(sent))


def _probe(_: Files, sent: Sent) -> requests.Request:
    return asked(
        requests.ProbeRequest,
        url=sent.text("url", 2_000),
        model=sent.text("model", 400),
        key=sent.text("key", 4_000),
        expect=sent.text("expect", 400) or None,
        max_requests=sent.text("max_requests", 12) or 250,
        **_effort(sent),
    )


def _write(_: Files, sent: Sent) -> requests.Request:
    return asked(requests.WriteRequest, target=sent.text("target", 400))


def _effort(sent: Sent) -> dict[str, str]:
    return {"effort": said} if (said := sent.text("effort", 20)) else {}


def asked(kind: type[requests.Request], **values: Any) -> requests.Request:
    """A request of values as a form has them: text; 422 for what is none, without what was sent, which may be a key."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = one_line(".".join(map(str, first["loc"])), 60)
        raise refused(422, f"{place}: {one_line(first['msg'], 160)}") from None


FORMS: Mapping[str, Form] = MappingProxyType(
    {
        form.kind: form
        for form in (
            Form("/compare", "compare", "Are two models related?", _compare, ("a", "b", "effort")),
            Form("/verify", "bom", "Does a bill of materials say the truth?", _verify, ("target", "effort")),
            Form("/policy", "policy", "May a model be used?", _policy, ("target", "effort")),
            Form("/probe", "probe", "Which model is behind an endpoint?", _probe, ("url", "model", "expect")),
            Form("", "write", "Write a bill of materials", _write),
            Form("", "family", "The index as a family tree", lambda *_: requests.FamilyRequest()),
            Form("", "demo", "Four small models that come with Forebear", lambda *_: requests.DemoRequest()),
        )
    }
)
"""Every form that starts one kind of job; what is written into the one box of the first page is sorted in ``home``."""


@cache
def policies() -> tuple[tuple[str, str], ...]:
    """Names and titles of the policies that ship."""
    from forebear.policy.load import load_policy, packs

    return tuple((name, load_policy(name).ref.title) for name in packs())


def show(
    request: Request, visitor: Visitor, form: Form, given: Mapping[str, str], problem: HTTPException | None = None
) -> Response:
    """The page of a form, with what was written into it before and what is wrong with that."""
    said: Any = problem.detail if problem is not None else {}
    return page(
        request,
        f"{form.kind}.html",
        visitor,
        {
            "form": form,
            "given": {name: given.get(name, "") for name in (*form.remembered, "of")},
            "problem": said.get("message", "") if isinstance(said, dict) else str(said),
            "hint": said.get("hint", "") if isinstance(said, dict) else "",
            "policies": policies() if form.kind == "policy" else (),
        },
        problem.status_code if problem is not None else 200,
    )


def _page_of(form: Form) -> Callable[..., Response]:
    def shown(
        request: Request,
        visitor: Visiting,
        of: Annotated[str, Query(pattern="^([0-9a-f]{32})?$")] = "",
        url: Annotated[str, Query(max_length=2_000)] = "",
        a: Annotated[str, Query(max_length=2_000)] = "",
    ) -> Response:
        return show(request, visitor, form, {"of": of, "url": url, "a": a})

    return shown


for _form in FORMS.values():
    if _form.path:
        router.get(_form.path, name=f"form_{_form.kind}")(_page_of(_form))


@router.post("/start/{kind}")
def send(kind: str, request: Request, service: Serving, visitor: Visiting, sent: Posted) -> Response:
    """A form that was filled in: to its job, or back with what is wrong."""
    form = FORMS.get(kind)
    if form is None:
        raise refused(404, "there is no such page")
    try:
        return start(service, visitor, sent, kind, lambda kept: form.read(kept, sent))
    except HTTPException as error:
        if not form.path or error.status_code not in (413, 422):
            raise
        given = {name: sent.text(name) for name in form.remembered}
        return show(request, visitor, form, given, error)
