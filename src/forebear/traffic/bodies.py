"""A message's body as documents: JSON's trees, the events of a stream, forms, or plain text.

Bodies are inflated within bounds, whatever their headers say of them. Nothing here raises for what a body contains.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from forebear.traffic.base import Message

MOST = 1 << 26
"""Bytes of one body after inflating (64 MB); what comes behind is not read."""
MOST_JOINED = 1 << 22
"""Characters of a stream's joined text."""
JOINED = frozenset(
    {"content", "text", "delta", "reasoning_content", "reasoning", "thinking", "response", "partial_json"}
)
"""Keys whose strings are pieces of a text in the events of a stream."""
MEDIA = re.compile(r"(?:image|audio|video|font)/|application/(?:pdf|zip|wasm|font|x-font)", re.IGNORECASE)
_EVENT = re.compile(r"\s{0,99}(?::|event:|data:|id:|retry:)")
_FORM = re.compile(r"[\w.\[\]%-]{1,99}=[^\s=]*(?:&|$)")
_FIELD = re.compile(r'name="([^"\r\n]{1,99})"\r?\n\r?\n([^\r\n]{0,300})\r?\n')
_BREAK = re.compile(r"\r?\n\r?\n|\r\r")


@dataclass(frozen=True)
class Document:
    """A part of a body.

    Attributes:
        content: a tree of JSON's types, or a text.
        at: number of the event in a stream; None elsewhere.
    """

    content: Any = field(repr=False)
    at: int | None = None


def inflated(message: Message) -> tuple[Any, str]:
    """The body without compression, and why it (or its end) is not read; "" where it is."""
    body = message.body
    if not isinstance(body, bytes):
        return body, ""
    if MEDIA.match(message.header("content-type")):
        return None, ""
    encoding = message.header("content-encoding").lower().strip()
    if body.startswith(b"\x1f\x8b") or encoding in ("gzip", "x-gzip"):
        return _unzipped(body, (31,))
    if encoding == "deflate":
        return _unzipped(body, (15, -15))
    if encoding in ("br", "zstd", "compress") and body.lstrip()[:1] not in (b"{", b"["):
        return None, f"compressed with {encoding}"
    return body, ""


def _unzipped(body: bytes, windows: tuple[int, ...]) -> tuple[bytes | None, str]:
    for window in windows:
        machine = zlib.decompressobj(window)
        try:
            out = machine.decompress(body, MOST)
        except zlib.error:
            continue
        if machine.unconsumed_tail:
            return out, "larger than 64 MB when inflated, what follows"
        return out, "" if machine.eof else "cut off in its compression"
    return (None, "damaged in its compression") if body.startswith(b"\x1f\x8b") else (body, "")


def as_text(body: bytes) -> str:
    """Bytes as text, whatever encoding they are in."""
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return body.decode("utf-16", "replace")
    return body.decode("utf-8-sig", "replace")


def from_base64(text: str) -> bytes:
    """The bytes behind base 64 of either alphabet; empty where it is none."""
    try:
        return base64.b64decode(text.translate({45: 43, 95: 47}).rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
    except (binascii.Error, ValueError):
        return b""


def loaded(text: str) -> Any:
    """JSON as a tree; None where it is none, or nested beyond reason."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def documents(text: str, media: str) -> Iterator[Document]:
    """A text body taken apart.

    Args:
        text: the body.
        media: its content type, as far as it is told.
    """
    start = text[:200].lstrip()
    if start.startswith(("{", "[")) and (tree := loaded(text)) is not None:
        yield Document(tree)
    elif "event-stream" in media or _EVENT.match(start):
        yield from _stream(_events(text))
    elif start.startswith("{") and "\n" in text:
        yield from _stream(enumerate(text.splitlines()))
    elif "urlencoded" in media or _FORM.match(start):
        yield Document(_form(text))
    else:
        if 'name="' in text:
            yield Document(dict(_FIELD.findall(text)))
        yield Document(text)


def _form(text: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(text, max_num_fields=10_000))
    except ValueError:
        return {}


def _events(text: str) -> Iterator[tuple[int, str]]:
    """The data of every server-sent event, numbered. (WHATWG HTML, section 9.2.)"""
    at = number = 0
    while at < len(text):
        found = _BREAK.search(text, at)
        end, after = (found.start(), found.end()) if found else (len(text), len(text))
        lines = [line[5:].removeprefix(" ") for line in text[at:end].splitlines() if line.startswith("data:")]
        if lines:
            yield number, "\n".join(lines)
            number += 1
        at = after


def _stream(events: Iterator[tuple[int, str]]) -> Iterator[Document]:
    """Every event, then the text whose pieces they carry: a token may be cut in two by them."""
    joined: list[str] = []
    room = MOST_JOINED
    for number, data in events:
        tree = loaded(data) if data[:1] in ("{", "[") else None
        if tree is None:
            if data.strip() not in ("", "[DONE]"):
                yield Document(data, number)
            continue
        yield Document(tree, number)
        for piece in _deltas(tree) if room > 0 else ():
            joined.append(piece)
            room -= len(piece)
    if joined:
        yield Document("".join(joined))


def _deltas(tree: Any) -> Iterator[str]:
    """The pieces of text in an event, in order."""
    stack: list[Any] = [tree]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            for key, item in value.items():
                if isinstance(item, str) and key in JOINED:
                    yield item
            stack += [item for item in reversed(value.values()) if isinstance(item, dict | list)]
        else:
            stack += [item for item in reversed(value) if isinstance(item, dict | list)]
