"""HTTP archives (HAR 1.2), entry by entry: never parsed as a whole.

Streams stand whole in ``content.text``; browsers add web socket messages as ``_webSocketMessages``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from forebear.traffic.base import Exchange, Message, Report, Side, Wanted, mapping, sequence, text
from forebear.traffic.bodies import MEDIA, from_base64
from forebear.traffic.documents import objects
from forebear.traffic.stream import Stream

DEPTH = 4
"""``{"log": {"entries": [{``."""
_HEAD = re.compile(rb'\s*\{\s*"log"\s*:\s*\{')


def handles(head: bytes) -> bool:
    """Whether a file begins as an archive does."""
    return _HEAD.match(head.removeprefix(b"\xef\xbb\xbf")) is not None


def exchanges(stream: Stream, report: Report, wanted: Wanted) -> Iterator[Exchange]:
    """Every entry that may have something to see, numbered as in the file."""
    for number, entry in objects(stream, DEPTH, report, _is_entry):
        if isinstance(entry, str):
            yield Exchange(number, (Message(Side.LOG, body=entry),))
        elif "request" in entry or "response" in entry:
            yield Exchange(number, tuple(_messages(entry)))


def _is_entry(raw: bytes) -> bool:
    """Pages of an archive stand as deep as its entries."""
    return b'"request"' in raw or b'"response"' in raw


def _messages(entry: dict[str, Any]) -> Iterator[Message]:
    request, response = mapping(entry.get("request")), mapping(entry.get("response"))
    posted = mapping(request.get("postData"))
    body: Any = text(posted.get("text"))
    if not body:
        body = {text(p.get("name")): text(p.get("value")) for p in map(mapping, sequence(posted.get("params")))}
    elif posted.get("encoding") == "base64":
        body = from_base64(body)
    kind = text(posted.get("mimeType"))
    yield Message(Side.REQUEST, text(request.get("url")), _headers(request, kind), body)
    content = mapping(response.get("content"))
    kind, said = text(content.get("mimeType")), text(content.get("text"))
    answer: Any = None if MEDIA.match(kind) else said
    if answer and content.get("encoding") == "base64":
        answer = from_base64(said)
    status = response.get("status")
    yield Message(Side.RESPONSE, "", _headers(response, kind), answer, status if isinstance(status, int) else 0)
    for sent in map(mapping, sequence(entry.get("_webSocketMessages"))):
        side = Side.REQUEST if sent.get("type") == "send" else Side.RESPONSE
        yield Message(side, body=text(sent.get("data")))


def _headers(side: dict[str, Any], kind: str) -> tuple[tuple[str, str], ...]:
    """The headers, the body's own type first; bodies of an archive are inflated, so their encoding is left out."""
    told = [(text(h.get("name")), text(h.get("value"))) for h in map(mapping, sequence(side.get("headers")))]
    kept = [(name, value) for name, value in told if name.lower() not in ("content-encoding", "content-type")]
    return (("content-type", kind), *kept)
