"""Bodies that come in pieces: server-sent events (WHATWG HTML, 9.2) and lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

MAX_EVENTS = 100_000


def is_stream(content_type: str, body: bytes) -> bool:
    """Whether a body is a stream of events, by its type or, where a server gives a wrong one, by how it begins."""
    return "event-stream" in content_type.lower() or body.lstrip(b"\xef\xbb\xbf\r\n").startswith(
        (b"data:", b"event:", b": ", b":\n", b":\r")
    )


def events(body: bytes) -> Iterator[tuple[str, str]]:
    """Events of a stream: their name (``message`` where none is given) and data, lines of data joined.

    An event at the end that no empty line closes is given too: its data may be half.
    """
    text = body.decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    name = ""
    data: list[str] = []
    for line in [*text.split("\n"), ""]:
        if not line:
            if data:
                yield name or "message", "\n".join(data)
            name, data = "", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "event":
            name = value


def json_pieces(body: bytes, sse: bool) -> tuple[list[dict[str, Any]], bool]:
    """Objects of a stream in order, and whether all of it could be read.

    Args:
        body: of the answer.
        sse: whether it has server-sent events; lines of JSON otherwise.
    """
    texts = (data for _, data in events(body)) if sse else iter(body.decode("utf-8", "replace").split("\n"))
    found: list[dict[str, Any]] = []
    whole = True
    for text in texts:
        if not text.strip() or text.strip() == "[DONE]":
            continue
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            whole = False
            continue
        if isinstance(value, dict):
            found.append(value)
        if len(found) >= MAX_EVENTS:
            return found, False
    return found, whole
