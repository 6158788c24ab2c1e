"""What stands before every route: host, size, headers, logs, and errors that tell nothing."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from forebear.web.settings import Settings

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
POLICY = b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""Of an answer that sets no stricter or other one: nothing is loaded, run, framed or sent."""
PROGRAMS = ("/api/", "/healthz", "/openapi.json")
"""Addresses whose answers are for programs; all others are pages."""
UPLOADS = "/api/v1/uploads/"
FORMS = ("/start/", "/identify")
"""Forms of the pages that may bring files; nothing of their bodies is read before a session is found."""
_log = logging.getLogger("forebear.web")


class TooLarge(HTTPException):
    """A body went on after its limit."""

    def __init__(self) -> None:
        super().__init__(413, {"message": "the request is larger than this service takes", "hint": ""})


class TooSlow(HTTPException):
    """A body did not come to its end in time."""

    def __init__(self) -> None:
        super().__init__(408, {"message": "the body took too long", "hint": ""})


class Guard:
    """An ASGI application around another one.

    Args:
        app: the application.
        settings: whose hosts and limits hold.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no WebSocket is served
            await send({"type": "websocket.close", "code": 1008})
            return
        began, status = time.monotonic(), 0
        state: dict[str, Any] = scope.setdefault("state", {})

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                headers = [(k.lower(), v) for k, v in message.get("headers", ()) if k.lower() != b"server"]
                have = {k for k, _ in headers}
                headers += [(k, v) for k, v in HEADERS if k not in have]
                if b"content-security-policy" not in have:
                    headers.append((b"content-security-policy", POLICY))
                if b"cache-control" not in have:
                    headers.append((b"cache-control", b"no-store"))
                message = {**message, "headers": headers}
            await send(message)

        try:
            if (refused := self._refused(scope)) is not None:
                await _say(answer, scope, *refused)
                return
            await self._app(scope, self._bounded(scope, receive), answer)
        except Exception:
            _log.exception("error", extra={"fields": {"path": scope["path"]}})
            if not status:
                await _say(answer, scope, 500, "an error of the service's own")
        finally:
            fields = {
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "ms": round(1_000 * (time.monotonic() - began)),
                "client": (scope.get("client") or ("",))[0],
                "token": state.get("token", ""),
            }
            _log.info("request", extra={"fields": fields})

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        """Status and reason of a request that is not looked at further."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1").lower()
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if name not in self._settings.hosts and "*" not in self._settings.hosts:
            return 421, "this service does not go by that name"
        if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
            return 415, "bodies are taken as they are, not compressed"
        kinds = [value.lower() for key, value in scope["headers"] if key.lower() == b"content-type"]
        if any(b"multipart" in kind and b"charset" in kind for kind in kinds):  # some take seconds to decode
            return 415, "forms are taken as UTF-8, and say no charset"
        length = headers.get(b"content-length", b"0")
        if not length.isdigit():
            return 400, "no usable Content-Length"
        if int(length[:19]) > self._limit(scope):
            return 413, "the request is larger than this service takes"
        return None

    def _limit(self, scope: Scope) -> int:
        limits = self._settings
        if _is_upload(scope):
            return limits.file_bytes
        return limits.upload_bytes + limits.body_bytes if _is_form(scope) else limits.body_bytes

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """The body, which ends with an error where it is longer than allowed, whatever its header said, or too slow."""
        left, more = self._limit(scope), True
        long = _is_upload(scope) or _is_form(scope)
        seconds = self._settings.upload_seconds if long else self._settings.body_seconds
        until = asyncio.get_running_loop().time() + seconds

        async def bounded() -> Message:
            nonlocal left, more
            try:
                async with asyncio.timeout_at(until if more else None):  # after the body only the end is waited for
                    message = await receive()
            except TimeoutError:
                raise TooSlow from None
            if message["type"] == "http.request":
                left -= len(message.get("body", b""))
                more = message.get("more_body", False)
                if left < 0:
                    raise TooLarge
            return message

        return bounded


def _is_upload(scope: Scope) -> bool:
    return bool(scope["method"] == "PUT" and scope["path"].startswith(UPLOADS))


def _is_form(scope: Scope) -> bool:
    """Whether it is one that may have files with it."""
    return bool(scope["method"] == "POST" and scope["path"].startswith(FORMS))


async def _say(send: Send, scope: Scope, status: int, message: str) -> None:
    """As JSON to programs, as a sentence to people."""
    if scope["path"].startswith(PROGRAMS):
        body, kind = json.dumps({"error": {"message": message, "hint": ""}}).encode(), b"application/json"
    else:
        body, kind = f"{message[:1].upper()}{message[1:]}.\n".encode(), b"text/plain; charset=utf-8"
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
