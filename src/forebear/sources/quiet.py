"""No address and no header of a request reaches a log record of the HTTP client: both may hold a key.

The client's loggers tell every address at INFO and every answer's headers at DEBUG, to whatever handlers the program
has that uses this library. What is worth telling of a request, our own loggers tell, without secrets.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

LOGGERS = ("httpx2", *(f"httpcore2.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")))
_asking: ContextVar[bool] = ContextVar("forebear_asking", default=False)


def _foreign(record: logging.LogRecord) -> bool:
    """Whether a record is of somebody else's request."""
    return not _asking.get()


@contextmanager
def quiet() -> Iterator[None]:
    """Drop what the client's loggers say of requests within, in this thread; those of others are told as before."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_foreign)  # the same one again changes nothing
    token = _asking.set(True)
    try:
        yield
    finally:
        _asking.reset(token)
