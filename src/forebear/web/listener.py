"""What listens: uvicorn, with a bound on how long a connection may take.

A server that waits for ever is full after a few hundred clients that say nothing. uvicorn bounds the time between two
requests of a connection, but not that of a request's head, nor that of an answer that nobody takes, and it reads on
for ever what was refused. A body that is wanted has its own bound in ``guard``.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from forebear.errors import UsageError, one_line
from forebear.web.settings import Settings

MOST_HEAD = 16_384
"""Bytes of a request's head."""
LINGER = (1.0, 1 << 20)
"""Seconds and bytes that are still taken of a body that was refused, so that its sender gets to read why."""
STALLED_SECONDS = 60.0
"""That an answer may wait for its reader to take anything."""


def bound(host: str, port: int) -> socket.socket:
    """A socket to listen on; port 0 for any that is free.

    Raises:
        UsageError: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small pieces at once only where a socket says its protocol; else an answer waits 40 ms for an ACK
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
    except OSError as error:
        found.close()
        reason = one_line(error.strerror or str(error), 120)
        raise UsageError(f"cannot listen on {one_line(host, 80)} port {port}: {reason}", "choose another") from None
    return found


def server(app: ASGIApp, settings: Settings) -> uvicorn.Server:
    """A server of an application; ``run(sockets=[bound(…)])`` blocks until a signal ends it.

    Args:
        app: see :func:`~forebear.web.app.create_app`.
        settings: whose limits hold.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=5,  # an event stream would else go on for an hour
        h11_max_incomplete_event_size=MOST_HEAD,
        limit_concurrency=settings.connections,
        http=patient(settings.head_seconds),
        ws="none",
    )
    return uvicorn.Server(config)


def patient(head_seconds: float, stalled_seconds: float = STALLED_SECONDS) -> type[H11Protocol]:
    """The protocol of uvicorn; who does not end the headers or take the answer in time, or sends on then, is cut."""

    class Patient(H11Protocol):
        _head: asyncio.TimerHandle | None = None
        _stalled: asyncio.TimerHandle | None = None
        _refused: asyncio.TimerHandle | None = None
        _spilt = 0

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._wait_for_head()

        def handle_events(self) -> None:
            super().handle_events()
            self._wait_for_head()

        def data_received(self, data: bytes) -> None:
            if self._refused is not None:
                self._spilt += len(data)
                if self._spilt > LINGER[1]:
                    self.transport.abort()
                    return
            super().data_received(data)
            if self.conn.their_state is not h11.SEND_BODY:
                self._refused = _stop(self._refused)

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self.conn.their_state is h11.SEND_BODY and not self.transport.is_closing():
                self._refused = self._refused or self.loop.call_later(LINGER[0], self.transport.abort)

        def _wait_for_head(self) -> None:
            """The clock runs from the connection, or the end of the last answer, to the end of the headers."""
            waiting = self.conn.their_state is h11.IDLE and not self.transport.is_closing()
            if waiting and self._head is None:
                self._head = self.loop.call_later(head_seconds, self.transport.abort)
            elif not waiting:
                self._head = _stop(self._head)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._stalled = self._stalled or self.loop.call_later(stalled_seconds, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._stalled = _stop(self._stalled)

        def connection_lost(self, exc: Exception | None) -> None:
            for timer in (self._head, self._stalled, self._refused):
                _stop(timer)
            super().connection_lost(exc)

    return Patient


def _stop(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    if timer is not None:
        timer.cancel()
    return None
