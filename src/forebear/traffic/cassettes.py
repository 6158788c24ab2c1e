"""Cassettes of VCR (Ruby) and VCR.py: YAML or JSON, read interaction by interaction.

YAML is taken as events of its parser: no object is constructed, no alias followed, nothing is recursive, and a scalar
stays the text that it is. An interaction begins where a line has the indentation of the list's first, which no
scalar inside of it can have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from forebear.traffic.base import Broken, Exchange, Message, Report, Side, Wanted, mapping, sequence, text
from forebear.traffic.bodies import from_base64
from forebear.traffic.documents import objects
from forebear.traffic.stream import Stream
from forebear.traffic.structure import pieces

MOST = 1 << 26
"""Bytes of one interaction."""
LINE = 1 << 22
DEEPEST = 200
JSON_DEPTH = 3
"""``{"interactions": [{``."""
BINARY = "tag:yaml.org,2002:binary"
_HEAD = re.compile(rb"^(?:http_)?interactions:\s*$", re.MULTILINE)
_HEAD_JSON = re.compile(rb'\s*\{\s*(?:"version"\s*:\s*\d+\s*,\s*)?"(?:http_)?interactions"\s*:\s*\[')
_ITEM = re.compile(rb"( {0,8})- \S")
_NO_TEXT = re.compile(r"[-+]?[\d.][\d_.eE+-]*|true|false|null|~|", re.IGNORECASE)
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def handles(head: bytes) -> bool:
    """Whether a file begins as a cassette does."""
    return _HEAD.search(head[:65_536]) is not None or _HEAD_JSON.match(head) is not None


def exchanges(stream: Stream, report: Report, wanted: Wanted) -> Iterator[Exchange]:
    """Every interaction."""
    if _HEAD_JSON.match(stream.head):
        for number, value in objects(stream, JSON_DEPTH, report):
            yield _exchange(number, value)
        return
    broken = Broken()
    half = False
    for number, raw in enumerate(_parts(stream), 1):
        whole = len(raw) <= MOST
        items = sequence(tree(raw)) if whole else []
        first = items[0] if items else None
        if isinstance(first, dict):
            half = _is_half(first)
            yield _exchange(number, first)
            continue
        broken.add(number)
        for piece in pieces(raw):
            yield Exchange(number, (Message(Side.LOG, body=piece.decode("utf-8", "replace")),))
    if half:
        report("the last interaction lacks a part; the cassette may be cut off")
    if broken.count:
        report(f"interaction {broken}: damaged, cut off or too large; searched as text")


def _is_half(interaction: dict[str, Any]) -> bool:
    """Whether an interaction has only one of request and response, or a response without a status."""
    request, response = interaction.get("request"), interaction.get("response")
    return (request or response) is not None and not (request and mapping(response).get("status"))


def _parts(stream: Stream) -> Iterator[bytes]:
    """The text of every interaction, each a list of one item; of one beyond :data:`MOST` pieces."""
    start: bytes | None = None
    held: list[bytes] = []
    size = 0
    began = False
    while line := stream.readline(LINE):
        item = _ITEM.match(line) if began else None
        began = began or _HEAD.match(line) is not None
        if item and start is None:
            start = item[1] + b"- "
        if start is not None and (line.startswith(start) or not line[:1].isspace()) and not line.startswith(b"#"):
            if held:
                yield b"".join(held)
            held, size = [], 0
            if not line.startswith(start):  # a key behind the list
                start, began = None, False
                continue
        if start is not None:
            held.append(line)
            size += len(line)
            if size > 2 * MOST:
                yield b"".join(held)
                held, size = [], 0
    if held:
        yield b"".join(held)


def tree(raw: bytes) -> Any:
    """YAML as mappings, lists and texts; None where it is none. Numbers and the like become None, binaries bytes."""
    root: list[Any] = []
    stack: list[tuple[Any, list[Any]]] = [(root, [])]
    try:
        for event in yaml.parse(raw.decode("utf-8", "replace"), Loader=_Loader):
            if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                made: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
                _put(stack[-1], made)
                stack.append((made, []))
                if len(stack) > DEEPEST:
                    return None
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                stack.pop()
            elif isinstance(event, yaml.ScalarEvent):
                _put(stack[-1], _scalar(event))
            elif isinstance(event, yaml.AliasEvent):
                _put(stack[-1], None)
    except (yaml.YAMLError, ValueError, RecursionError):  # what they say may quote the file
        return None
    return root[0] if root else None


def _put(top: tuple[Any, list[Any]], value: Any) -> None:
    """Add a value to the innermost list or mapping; of a mapping, keys come before values."""
    container, key = top
    if isinstance(container, list):
        container.append(value)
    elif key:
        name = key.pop()
        if isinstance(name, str):
            container[name] = value
    else:
        key.append(value)


def _scalar(event: yaml.ScalarEvent) -> str | bytes | None:
    value: str = event.value
    if event.tag == BINARY:
        return from_base64("".join(value.split()))
    if event.implicit[0] and _NO_TEXT.fullmatch(value):
        return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None  # type: ignore[return-value]
    return value


def _exchange(number: int, value: dict[str, Any] | str) -> Exchange:
    if isinstance(value, str):
        return Exchange(number, (Message(Side.LOG, body=value),))
    if "request" not in value and "response" not in value:  # recorders of other protocols have keys of their own
        return Exchange(number, (Message(Side.LOG, body=value),))
    request, response = mapping(value.get("request")), mapping(value.get("response"))
    status = response.get("status")
    code = mapping(status).get("code", status)
    return Exchange(
        number,
        (
            Message(Side.REQUEST, text(request.get("uri") or request.get("url")), _headers(request), _body(request)),
            Message(Side.RESPONSE, "", _headers(response), _body(response), code if isinstance(code, int) else 0),
        ),
    )


def _headers(side: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    out = []
    for name, value in mapping(side.get("headers")).items():
        out += [(name, text(item)) for item in (value if isinstance(value, list) else [value])]
    return tuple(out)


def _body(side: dict[str, Any]) -> Any:
    """What was sent: parsed by the recorder, or a text, or bytes that may be compressed."""
    if side.get("parsed_body") is not None:
        return _plain(side["parsed_body"])
    body = side.get("body")
    if isinstance(body, dict):
        coded = text(body.get("base64_string"))
        body = from_base64(coded) if coded else body.get("string")
    return body.encode("utf-8", "replace") if isinstance(body, str) else body


def _plain(value: Any) -> Any:
    """A body that the recorder parsed; one that is no tree stands for itself."""
    return value if isinstance(value, dict | list | str | bytes) else None
