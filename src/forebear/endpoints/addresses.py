"""Addresses of endpoints: what belongs to them, what is secret in them, and where a request or a redirect goes."""

from __future__ import annotations

import base64
import re
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from forebear.errors import UsageError, one_line
from forebear.sources.answers import Refused, origin, redirected

LOCAL = ("127.0.0.1", "::1", "localhost")
"""Hosts to which a request does not leave this machine."""
_ENDS = (
    "/chat/completions",
    "/completions",
    "/responses",
    "/messages",
    "/v2/chat",
    "/api/chat",
    "/api/generate",
    "/v1",
)
"""What an address is given with though it belongs to the path of a request."""
_METHOD = re.compile(r"(/v1beta)?/models/[^/:]+:\w+$")
"""The same of Gemini's addresses."""
_PLAIN_QUERY = ("api-version", "version", "alt", "beta", "stream")


def endpoint(url: str) -> str:
    """The address of an endpoint without the ends that belong to requests.

    Raises:
        UsageError: it is none.
    """
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageError("not the address of an endpoint", "give it as https://host/v1")
    path = _METHOD.sub("", parts.path.rstrip("/"))
    for end in _ENDS:
        path = path.removesuffix(end)
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def address_secrets(url: str) -> list[str]:
    """What must not be seen of an address: user, password, values of its query, and keys that are parts of its path."""
    parts = urlsplit(url)
    found = [unquote(parts.password or ""), unquote(parts.username or "")]
    found.append(basic(url).removeprefix("Basic "))
    query = parse_qsl(parts.query, keep_blank_values=True)
    found += [v or k for k, v in query if k.lower() not in _PLAIN_QUERY]
    found += [unquote(segment) for segment in parts.path.split("/") if _is_key(segment)]
    return [f for f in found if f]


def _is_key(segment: str) -> bool:
    """Whether a part of a path looks like a key: long, without a break, letters and digits in turn."""
    plain = segment.removeprefix("sk-")
    return (
        len(segment) >= 20 and plain.isalnum() and any(c.isdigit() for c in plain) and any(c.isalpha() for c in plain)
    )


def public_url(url: str) -> str:
    """An address without user, password, fragment and the secret values of its query."""
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = [(k, v) if k.lower() in _PLAIN_QUERY else (k if v else "redacted", "redacted") for k, v in pairs]
    path = "/".join("redacted" if _is_key(segment) else segment for segment in parts.path.split("/"))
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, urlencode(query), ""))


def basic(url: str) -> str:
    """The ``Authorization`` that user and password of an address stand for; empty without them (RFC 7617)."""
    parts = urlsplit(url)
    if not parts.username:
        return ""
    return "Basic " + base64.b64encode(f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()).decode()


def request_url(address: str, path: str) -> str:
    """Where a request goes: the endpoint's query comes along, its user does not."""
    parts = urlsplit(address)
    own, _, query = path.partition("?")
    queries = "&".join(q for q in (query, parts.query) if q)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path + own, queries, ""))


def redirected_path(address: str, path: str, location: str) -> str:
    """The path at which a redirected request goes on, which is at the same origin.

    Raises:
        Refused: it leads to another place, or nowhere.
    """
    here = request_url(address, path)
    there = redirected(here, location, "the request")
    scheme, name, _ = origin(there)
    if origin(there) != origin(here):
        raise Refused(
            f"redirects to another place ({scheme}://{one_line(name, 100)}), which gets neither key nor question"
        )
    parts, base = urlsplit(there), urlsplit(address)
    if not parts.path.startswith(base.path):
        raise Refused("redirects to another path of the same server")
    query = "&".join(q for q in parts.query.split("&") if q and q not in base.query.split("&"))
    return parts.path[len(base.path) :] + (f"?{query}" if query else "")
