"""Signing in with a token, and out."""

from __future__ import annotations

import hmac
import secrets
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from forebear.web.api.caller import Service, Serving, proven
from forebear.web.pages.render import page
from forebear.web.pages.visitor import FIELD_BYTES, SIGN_IN, Posted, Visiting, check_origin, way_back
from forebear.web.sessions import COOKIE, FORM_COOKIE, SESSION_SECONDS, form_mark

router = APIRouter()
_LOCAL = ("127.0.0.1", "localhost", "[::1]")


def _secure(request: Request) -> bool:
    """Whether a cookie goes over TLS alone: everywhere but on the machine itself."""
    host = request.headers.get("host", "").lower()
    return (host if host.endswith("]") else host.rpartition(":")[0] or host) not in _LOCAL


def _set(request: Request, answer: Response, name: str, value: str, seconds: float) -> None:
    answer.set_cookie(
        name, value, max_age=round(seconds), path="/", secure=_secure(request), httponly=True, samesite="strict"
    )


def _form(request: Request, back: str, problem: str = "", status: int = 200) -> Response:
    nonce = secrets.token_urlsafe(16)
    values = {"mark": form_mark(nonce), "next": back, "problem": problem}
    answer = page(request, "sign-in.html", None, values, status)
    _set(request, answer, FORM_COOKIE, nonce, 3_600)
    return answer


@router.get(SIGN_IN)
def sign_in_form(request: Request, next: Annotated[str, Query(max_length=300)] = "/") -> Response:
    """A field for a token."""
    return _form(request, way_back(next))


@router.post(SIGN_IN)
async def sign_in(request: Request, service: Serving) -> Response:
    """A session for a token that is good; the token itself goes nowhere."""
    check_origin(request, service)
    async with request.form(max_files=0, max_fields=10, max_part_size=FIELD_BYTES) as fields:
        token, mark, back = (str(fields.get(name) or "").strip() for name in ("token", "mark", "next"))
    back = way_back(back)
    nonce = request.cookies.get(FORM_COOKIE, "")
    if not nonce or not hmac.compare_digest(mark.encode(), form_mark(nonce).encode()):
        said = "Your browser did not send back the cookie of this form. Allow cookies for this site, and try again."
        if _secure(request) and urlsplit(request.headers.get("origin", "")).scheme == "http":
            said = "Signing in needs https://: over plain http, a browser keeps no cookie of this site."
        return _form(request, back, said, 403)
    async with service.proving:  # else the threads of all others wait with it
        found = await run_in_threadpool(proven, request, service, token)
    if found is None:
        said = "This is no valid token. It may have been revoked, or its time is over."
        return _form(request, back, said, 401)
    request.state.token = found.id
    secret = await run_in_threadpool(_opened, service, request.cookies.get(COOKIE, ""), found.id)
    answer = RedirectResponse(back, 303)
    _set(request, answer, COOKIE, secret, SESSION_SECONDS)
    answer.delete_cookie(FORM_COOKIE, path="/", secure=_secure(request), httponly=True, samesite="strict")
    return answer


def _opened(service: Service, old: str, token: str) -> str:
    """A new session in the place of the one that the browser had."""
    service.sessions.close(old)
    return service.sessions.open(token)


@router.post("/sign-out")
def sign_out(request: Request, service: Serving, _: Visiting, __: Posted) -> Response:
    """End the session, here and in the browser."""
    service.sessions.close(request.cookies.get(COOKIE, ""))
    answer = RedirectResponse(SIGN_IN, 303)
    answer.delete_cookie(COOKIE, path="/", secure=_secure(request), httponly=True, samesite="strict")
    return answer
