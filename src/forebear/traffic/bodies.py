"""A message's body as documents: JSON's trees, the events of a stream, forms, or plain text.

Bodies are inflated within bounds, whatever their headers say of them. Nothing here raises for what a body contains.
"""

from __future__ import annotations

import base64
import binascii
import importlib
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from forebear.traffic.base import Message
from forebear.traffic.structure import unended

MOST = 1 << 26
"""Bytes of one body after inflating (64 MB); what comes behind is not read."""
MOST_JOINED = 1 << 22
"""Characters of a stream's joined text that are looked at together."""
JOINED = frozenset(
    {
        *("content", "text", "delta", "reasoning_content", "reasoning", "thinking", "response"),
        *("partial_json", "arguments"),  # of calls of tools
    }
)
"""Keys whose strings are pieces of a text in the events of a stream."""
READABLE = "capture it readable: browsers' HAR has bodies inflated, mitmproxy asks for them so with --set anticomp"
"""What to do about a compression that is not read."""
_LARGER, _CUT_OFF = "larger than 64 MB when inflated, what follows", "cut off in its compression"
_ZSTANDARD = b"\x28\xb5\x2f\xfd"
MEDIA = re.compile(r"(?:image|audio|video|font)/|application/(?:pdf|zip|wasm|font|x-font)", re.IGNORECASE)
_EVENT = re.compile(r"\s{0,99}(?::|event:|data:|id:|retry:)")
_FORM = re.compile(r"[\w.\[\]%-]{1,99}=[^\s=\"]*(?:&|\Z)")
_FIELD = re.compile(r'name="([^"\r\n]{1,99})"\r?\n\r?\n([^\r\n]{0,300})\r?\n')
_STRING = r'"([^"\\\r\n]*+(?:\\.[^"\\\r\n]*+)*+)"'
_PIECE = re.compile(rf'"(?:{"|".join(sorted(JOINED))})"\s{{0,4}}:\s{{0,4}}{_STRING}')
STAMPS = ("obfuscation", "created_at", "timestamp")
"""Keys whose strings differ from event to event and say nothing."""
_STAMP = re.compile(rf'"(?:{"|".join(STAMPS)})"\s{{0,4}}:\s{{0,4}}{_STRING}')
_NUMBER = re.compile(r":\s{0,4}-?[0-9][0-9.eE+-]*+")


@dataclass(frozen=True)
class Document:
    """A part of a body.

    Attributes:
        content: a tree of JSON's types, or a text.
        source: the text that it was made of.
        at: number of the event in a stream; None elsewhere.
        times: how many events of the stream are the same in all that is looked at.
    """

    content: Any = field(repr=False)
    source: str = field(repr=False)
    at: int | None = None
    times: int = 1


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
    if body.startswith(_ZSTANDARD):
        return _unpacked(body)
    if encoding in ("br", "zstd", "compress") and body.lstrip()[:1] not in (b"{", b"["):
        return None, f"compressed with {encoding}; {READABLE}"
    return body, ""


def _unpacked(body: bytes) -> tuple[bytes | None, str]:
    """A frame of Zstandard (RFC 8878), where Python 3.14 or a package of its interface can read it."""
    module = zstandard()
    if module is None:
        return None, f"compressed with zstd; {READABLE}, or install backports.zstd"
    machine = module.ZstdDecompressor()
    try:
        out: bytes = machine.decompress(body, MOST)
    except module.ZstdError:
        return None, "damaged in its compression"
    if machine.eof:
        return out, ""
    return (out, _LARGER) if len(out) >= MOST else (unended(out), _CUT_OFF)


@cache
def zstandard() -> Any:
    """What reads Zstandard, of Python's own or of a package; None where nothing does."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


def _unzipped(body: bytes, windows: tuple[int, ...]) -> tuple[bytes | None, str]:
    for window in windows:
        machine = zlib.decompressobj(window)
        try:
            out = machine.decompress(body, MOST)
        except zlib.error:
            continue
        if machine.unconsumed_tail:
            return out, _LARGER
        return (out, "") if machine.eof else (unended(out), _CUT_OFF)
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
        yield Document(tree, text)
    elif "event-stream" in media or _EVENT.match(start):
        yield from _streamed(text.replace("\r\n", "\n").replace("\r", "\n"), "\n\n")
    elif start.startswith("{") and "\n" in text:
        yield from _streamed(text, "\n")
    elif "urlencoded" in media or _FORM.match(start):
        fields = _form(text)
        yield Document(fields or text, unquote_plus(text, errors="replace"))
    else:
        if 'name="' in text:
            yield Document(dict(_FIELD.findall(text)), text)
        yield Document(text, text)


def _form(text: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(text, max_num_fields=10_000))
    except ValueError:
        return {}


def _streamed(text: str, between: str) -> Iterator[Document]:
    """The events of a stream, then the text whose pieces they carry: a token may be cut in two by them.

    Events of one stream are alike but for numbers and pieces of text, so what is left of them without these tells which
    are the same; those are counted and not parsed again.
    """
    parts = _PIECE.split(text)  # what is between pieces, and the pieces, by turns
    alike = "".join(parts[::2])
    if any(f'"{stamp}"' in alike for stamp in STAMPS):
        alike = _STAMP.sub("", alike)
    alike = _NUMBER.sub("", alike)
    kinds: dict[str, list[int]] = {}
    for number, event in enumerate(alike.split(between)):
        if event:
            kinds.setdefault(event, []).append(number)
    events = text.split(between)
    for numbers in kinds.values():
        data = _data(events[numbers[0]])
        if data in ("", "[DONE]"):
            continue
        tree = loaded(data) if data[:1] in ("{", "[") else None
        if tree is None:  # every one by itself: what it says is not known
            for number in numbers:
                yield Document(_data(events[number]), events[number], number)
        else:
            yield Document(tree, data, numbers[0], len(numbers))
    joined = "".join(_unescaped(piece) for piece in parts[1::2])
    for start in range(0, len(joined), MOST_JOINED):
        piece = joined[start : start + MOST_JOINED]
        yield Document(piece, piece)


def _data(event: str) -> str:
    """The data of a server-sent event, or the line itself. (WHATWG HTML, section 9.2.)"""
    lines = [line[5:].removeprefix(" ") for line in event.splitlines() if line.startswith("data:")]
    return "\n".join(lines) if lines or event[:6] in ("event:", "retry:") or event[:1] == ":" else event.strip()


def _unescaped(piece: str) -> str:
    if "\\" not in piece:
        return piece
    whole = loaded(f'"{piece}"')
    return whole if isinstance(whole, str) else ""
