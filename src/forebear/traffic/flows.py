"""mitmproxy's flow files: typed netstrings, one for every flow, read with a small bounded reader of our own.

A typed netstring is ``LENGTH:PAYLOAD TYPE``, its type one of ``,`` bytes, ``;`` text, ``#`` integer, ``^`` float, ``!``
boolean, ``~`` nothing, ``}`` mapping, ``]`` list (tnetstrings.org; mitmproxy adds the text).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from forebear.traffic.base import Broken, Exchange, Message, Report, Side, Wanted, mapping, sequence, text
from forebear.traffic.stream import Stream
from forebear.traffic.structure import pieces, unended

MOST = 1 << 28
"""Bytes of one flow (256 MB)."""
DEEPEST = 32
_HEAD = re.compile(rb"[1-9][0-9]{0,11}:[0-9]{1,11}:")
_LENGTH = re.compile(rb"([0-9]{1,12}):")


class _Damaged(ValueError):
    """A netstring that is none; carries nothing of it."""


def handles(head: bytes) -> bool:
    """Whether a file begins with a netstring whose payload begins with one, as every flow does."""
    return _HEAD.match(head) is not None


def exchanges(stream: Stream, report: Report, wanted: Wanted) -> Iterator[Exchange]:
    """Every flow with its request, response and web socket messages."""
    damaged = Broken()
    yield from _flows(stream, report, damaged)
    if damaged.count:
        report(f"flow {damaged} {'is' if damaged.count == 1 else 'are'} damaged; searched as text")


def _flows(stream: Stream, report: Report, damaged: Broken) -> Iterator[Exchange]:
    """See :func:`exchanges`; the numbers of those that are damaged go to ``damaged``."""
    number = at = 0
    while (digits := _digits(stream)) != b"":
        number += 1
        if digits is None or int(digits) > MOST:
            report(f"flow {number:,} at byte {at:,} has no length, or a length beyond reason; reading stops there")
            return
        raw = stream.read(int(digits) + 1)
        if len(raw) <= int(digits):
            report(f"flow {number:,} is cut off after {len(raw):,} of {int(digits):,} bytes; it was searched as text")
            for piece in pieces(unended(raw)):
                yield Exchange(number, (Message(Side.LOG, body=piece.decode("utf-8", "replace")),))
            return
        at += len(digits) + 1 + len(raw)
        try:
            flow = mapping(value(raw[:-1], raw[-1:]))
        except _Damaged:
            damaged.add(number)
            for piece in pieces(raw):
                yield Exchange(number, (Message(Side.LOG, body=piece.decode("utf-8", "replace")),))
            continue
        yield Exchange(number, tuple(_messages(flow)))


def _digits(stream: Stream) -> bytes | None:
    """The length before the next netstring; empty at the end, None where there is none."""
    out = b""
    while byte := stream.read(1):
        if byte == b":" and out:
            return out
        if not byte.isdigit() or len(out) == 12:
            return b"" if not out and byte in b"\r\n" else None
        out += byte
    return None if out else b""


def value(payload: bytes, kind: bytes, depth: int = 0) -> Any:
    """The value of one netstring.

    Raises:
        ValueError: it is damaged, or deeper than :data:`DEEPEST`.
    """
    if kind in (b",", b";"):
        return payload if kind == b"," else payload.decode("utf-8", "replace")
    if kind == b"~":
        return None
    if kind == b"!":
        return payload == b"true"
    if kind in (b"#", b"^"):
        return _number(payload, kind)
    if kind not in (b"}", b"]") or depth > DEEPEST:
        raise _Damaged
    items = []
    at = 0
    while at < len(payload):
        found = _LENGTH.match(payload, at, at + 13)
        if found is None:
            raise _Damaged
        end = found.end() + int(found[1])
        if end >= len(payload):
            raise _Damaged
        items.append(value(payload[found.end() : end], payload[end : end + 1], depth + 1))
        at = end + 1
    if kind == b"]":
        return items
    if len(items) % 2:
        raise _Damaged
    return {text(key): item for key, item in zip(items[::2], items[1::2], strict=True)}


def _number(payload: bytes, kind: bytes) -> float | int:
    try:
        return int(payload[:20]) if kind == b"#" else float(payload[:40])
    except ValueError:
        raise _Damaged from None


def _messages(flow: dict[Any, Any]) -> Iterator[Message]:
    request, response = mapping(flow.get("request")), mapping(flow.get("response"))
    if request:
        yield Message(Side.REQUEST, text(request.get("path")), _headers(request), _content(request))
    if response:
        status = response.get("status_code")
        code = status if isinstance(status, int) else 0
        yield Message(Side.RESPONSE, "", _headers(response), _content(response), code)
    for sent in sequence(mapping(flow.get("websocket")).get("messages")):
        if isinstance(sent, list) and len(sent) >= 3:
            yield Message(Side.REQUEST if sent[1] is True else Side.RESPONSE, body=_bytes(sent[2]))
    failure = text(mapping(flow.get("error")).get("msg"))
    if failure:
        yield Message(Side.RESPONSE, body=failure, status=599)


def _headers(side: dict[Any, Any]) -> tuple[tuple[str, str], ...]:
    pairs = [item for item in sequence(side.get("headers")) if isinstance(item, list) and len(item) == 2]
    return tuple((text(name), text(content)) for name, content in pairs)


def _content(side: dict[Any, Any]) -> bytes | None:
    return _bytes(side.get("content"))


def _bytes(content: Any) -> bytes | None:
    if isinstance(content, str):
        return content.encode("utf-8", "replace")
    return content if isinstance(content, bytes) else None
