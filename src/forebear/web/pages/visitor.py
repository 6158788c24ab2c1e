"""Who looks at a page, and what they sent: the session of a cookie, and forms that only our own pages can send."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request
from starlette.datastructures import FormData, UploadFile

from forebear.web.api.caller import Service, Serving, refused
from forebear.web.sessions import COOKIE, form_mark
from forebear.web.store import Session, Token

SIGN_IN = "/sign-in"
MOST_FIELDS = 200
FIELD_BYTES = 1 << 17
_WAY_BACK = re.compile(r"/(?!/)[A-Za-z0-9/_-]{0,200}\Z")
_ONCE = re.compile(r"[A-Za-z0-9_-]{22}\Z")


@dataclass(frozen=True)
class Visitor:
    """A browser that is signed in.

    Attributes:
        session: its row.
        mark: what its forms have in them.
        token: that it is signed in with.
    """

    session: Session
    mark: str
    token: Token

    def may(self, scope: str) -> bool:
        """Whether the token allows something."""
        return scope in self.token.scopes


@dataclass(frozen=True)
class Sent:
    """A form of ours that a visitor sent."""

    fields: FormData

    def text(self, name: str, most: int = FIELD_BYTES) -> str:
        """A field without the space around it, "" where it is missing; 422 where it is too long."""
        value = self.fields.get(name)
        said = value.strip() if isinstance(value, str) else ""
        if len(said) > most:
            raise refused(422, f"{name}: longer than {most:,} characters")
        return said

    def files(self, name: str = "files") -> list[UploadFile]:
        """Files of a field; an empty choice is none."""
        return [f for f in self.fields.getlist(name) if isinstance(f, UploadFile) and f.filename]

    @property
    def once(self) -> str:
        """What tells one showing of a form from the next; 422 where it has none."""
        value = self.text("once")
        if not _ONCE.match(value):
            raise refused(422, "a form that is not one of these pages", "open the page anew")
        return value


def visitor(request: Request, service: Serving) -> Visitor:
    """The visitor of a page; who has none is sent to sign in."""
    secret = request.cookies.get(COOKIE, "")
    session = service.sessions.find(secret)
    token = service.keeper.standing(session.token) if session else None
    if session is None or token is None:
        raise _away(request)
    request.state.token = token.id
    if wait := service.rates.wait(token.id):
        raise refused(429, "too many requests", retry=wait)
    if "read" not in token.scopes:
        raise refused(403, "the token does not allow this: read")
    return Visitor(session, form_mark(secret), token)


def _away(request: Request) -> HTTPException:
    if "hx-request" in request.headers:  # htmx follows a redirect by itself, and would put the form into the page
        return HTTPException(401, {"message": "signed out", "hint": "sign in again"}, {"HX-Redirect": SIGN_IN})
    back = request.url.path if request.method == "GET" else "/"
    query = f"?next={back}" if back != "/" and way_back(back) == back else ""
    return HTTPException(303, {"message": "sign in"}, {"Location": f"{SIGN_IN}{query}"})


def way_back(path: str) -> str:
    """A path of these pages; "/" for anything else, as an address elsewhere."""
    return path if _WAY_BACK.match(path) else "/"


def check_origin(request: Request, service: Service) -> None:
    """403 where a browser says that another site made it ask; a proxy may have changed ``Host``."""
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    try:
        parts = urlsplit(origin or "")
        ours = parts.netloc.lower() == request.headers.get("host", "").lower() or (
            (parts.hostname or "") in service.settings.hosts
        )
    except ValueError:
        ours = False
    if site not in ("same-origin", "none") or (origin is not None and not ours):
        raise refused(403, "another site made your browser ask this", "open the page itself")


async def sent(
    request: Request, visitor: Annotated[Visitor, Depends(visitor)], service: Serving
) -> AsyncIterator[Sent]:
    """A form: of this session by its hidden field, which no other site knows; 403 otherwise."""
    check_origin(request, service)
    most = service.settings.upload_files if visitor.may("submit") else 0
    with service.body(visitor.token):
        async with request.form(max_files=most, max_fields=MOST_FIELDS, max_part_size=FIELD_BYTES) as fields:
            given = fields.get("csrf")
            if not isinstance(given, str) or not hmac.compare_digest(given.encode(), visitor.mark.encode()):
                raise refused(403, "this form is not of your session", "open the page anew")
            yield Sent(fields)


def fresh() -> str:
    """A new value for the field ``once``."""
    return secrets.token_urlsafe(16)


def need(visitor: Visitor, scope: str) -> None:
    """403 where the token does not allow something."""
    if not visitor.may(scope):
        raise refused(403, f"your token does not allow this: {scope}", "ask the operator for one that does")


Visiting = Annotated[Visitor, Depends(visitor)]
Posted = Annotated[Sent, Depends(sent)]
