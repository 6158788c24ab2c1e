"""What servers say, in our words; and what may be said to whom."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

from forebear.errors import InputError, one_line

FORBIDDEN = "the network is off limits (--offline, FOREBEAR_OFFLINE or HF_HUB_OFFLINE)"
_RESET = re.compile(r";\s*r=0\b[^,]{0,100}?;\s*t=(\d{1,9})\b")
_NO = ("", "0", "false", "no", "off")


class Refused(InputError):
    """A server's last word.

    Attributes:
        status: of its answer; 0 where there was none.
        code: the hub's ``X-Error-Code``.
        wait: seconds for which it does not want to be asked again; None where it does not say.
    """

    def __init__(
        self, message: str, hint: str = "", status: int = 0, code: str = "", wait: float | None = None
    ) -> None:
        super().__init__(message, hint)
        self.status, self.code, self.wait = status, code, wait


def offline() -> bool:
    """Whether the environment forbids the network; in doubt it does. ``--offline`` sets ``FOREBEAR_OFFLINE``."""
    names = ("FOREBEAR_OFFLINE", "HF_HUB_OFFLINE")
    return any(os.environ.get(name, "").strip().lower() not in _NO for name in names)


def changed(name: str) -> InputError:
    """The refusal of a file that is no longer what it was: rows of two files would make a model that never was."""
    return InputError(f"{name}: changed while it was being read", "wait until it is complete, then start again")


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an address."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)


def host(url: str) -> str:
    """The host of an address for a message: never its query, path or password."""
    return one_line(urlsplit(url).hostname or "?", 100)


def validator(headers: Mapping[str, str]) -> str:
    """What tells versions of a file apart."""
    return headers.get("ETag", "") or headers.get("Last-Modified", "")


def redirected(here: str, location: str, name: str) -> str:
    """Where a redirect leads."""
    try:
        there = urljoin(here, location)
        scheme = origin(there)[0]
    except ValueError:
        scheme = ""
    if not location or scheme not in ("http", "https"):
        raise Refused(f"{name}: {host(here)} redirects to nowhere")
    if scheme == "http" and origin(here)[0] == "https":
        raise Refused(f"{name}: {host(here)} redirects from https to http", "that is not safe and was not followed")
    return there


def retry_after(value: str) -> float | None:
    """Seconds, also from a date."""
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):  # the last for a zone or a day of twenty digits
        return None


def patience(headers: Mapping[str, str]) -> float | None:
    """Seconds for which a server that refuses does not want to be asked again; None where it does not say.

    ``Retry-After`` (RFC 9110), else the window of ``RateLimit`` in which nothing remains (an IETF draft that the hub
    follows).
    """
    said = retry_after(headers.get("Retry-After", ""))
    spent = _RESET.search(headers.get("RateLimit", "")[:1_000])
    return float(spent[1]) if said is None and spent else said
