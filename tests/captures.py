"""Captures for tests, in every format that is read, of exchanges that the tests describe."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

KIMI = "accounts/anysphere/models/kimi-k2p5-rl-0317-s515-fast"


@dataclass(frozen=True)
class Talk:
    """A request and its answer."""

    url: str = "https://api.example/v1/chat/completions"
    asked: Any = None
    said: Any = None
    status: int = 200
    sent: tuple[tuple[str, str], ...] = ()
    received: tuple[tuple[str, str], ...] = ()
    kind: str = "application/json"
    extra: dict[str, Any] = field(default_factory=dict)
    """Metadata that formats with room for it keep beside the exchange."""

    def body(self, value: Any) -> str:
        return value if isinstance(value, str) else json.dumps(value)


def chat(asked: str, said: str, **more: Any) -> Talk:
    """A chat completion in which an answer names a model."""
    return Talk(
        asked={"model": asked, "messages": [{"role": "user", "content": "hello"}]}, said={"model": said}, **more
    )


def events(values: Sequence[Any], end: str = "\n\n") -> str:
    """Server-sent events."""
    return "".join(f"data: {v if isinstance(v, str) else json.dumps(v)}{end}" for v in values)


def turned(value: Any) -> Any:
    """The same with the fields of every mapping in reversed order."""
    if isinstance(value, dict):
        return {key: turned(value[key]) for key in reversed(value)}
    return [turned(item) for item in value] if isinstance(value, list) else value


def har(talks: Sequence[Talk], order: Callable[[Any], Any] = lambda v: v, coded: bool = False) -> bytes:
    """An HTTP archive; ``coded``: answers in base 64."""
    entries = []
    for talk in talks:
        text = talk.body(talk.said) if talk.said is not None else ""
        content: dict[str, Any] = {"size": len(text), "mimeType": talk.kind, "text": text}
        if coded:
            content |= {"text": base64.b64encode(text.encode()).decode(), "encoding": "base64"}
        request: dict[str, Any] = {
            "method": "POST",
            "url": talk.url,
            "headers": _pairs(talk.sent),
            "cookies": [],
            "queryString": [],
        }
        if talk.asked is not None:
            request["postData"] = {"mimeType": talk.kind, "text": talk.body(talk.asked)}
        response = {"status": talk.status, "headers": _pairs(talk.received), "content": content, "redirectURL": ""}
        entries.append(
            {"startedDateTime": "2026-03-19T10:00:00Z", "request": request, "response": response, **talk.extra}
        )
    pages = [{"id": "page_1", "title": "a page", **(talks[0].extra if talks else {})}]
    log = {"version": "1.2", "creator": {"name": "test", "version": "1"}, "pages": pages, "entries": entries}
    return json.dumps({"log": order(log)}).encode()


def _pairs(headers: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]


def netstring(value: Any) -> bytes:
    """A typed netstring."""
    if isinstance(value, bool):
        payload, kind = (b"true" if value else b"false"), b"!"
    elif value is None:
        payload, kind = b"", b"~"
    elif isinstance(value, int):
        payload, kind = str(value).encode(), b"#"
    elif isinstance(value, float):
        payload, kind = repr(value).encode(), b"^"
    elif isinstance(value, bytes):
        payload, kind = value, b","
    elif isinstance(value, str):
        payload, kind = value.encode(), b";"
    elif isinstance(value, dict):
        payload, kind = b"".join(netstring(k) + netstring(v) for k, v in value.items()), b"}"
    else:
        payload, kind = b"".join(map(netstring, value)), b"]"
    return str(len(payload)).encode() + b":" + payload + kind


def flows(talks: Sequence[Talk], order: Callable[[Any], Any] = lambda v: v, packed: bool = False) -> bytes:
    """mitmproxy's flows; ``packed``: answers in gzip."""
    out = b""
    for talk in talks:
        scheme, _, rest = talk.url.partition("://")
        host, _, path = rest.partition("/")
        sent, received = _raw(talk.sent), _raw((*talk.received, ("content-type", talk.kind)))
        asked = talk.body(talk.asked).encode() if talk.asked is not None else None
        said = talk.body(talk.said).encode() if talk.said is not None else None
        if packed and said is not None:
            said, received = gzip.compress(said), [*received, [b"content-encoding", b"gzip"]]
        flow = {
            "websocket": None,
            "response": {"status_code": talk.status, "reason": b"OK", "headers": received, "content": said},
            "request": {
                "host": host, "port": 443, "method": b"POST", "scheme": scheme.encode(), "authority": b"",
                "path": b"/" + path.encode(), "headers": sent, "content": asked, "timestamp_start": 1.5,
            },
            "comment": "", "type": "http", "version": 21, **talk.extra,
        }  # fmt: skip
        out += netstring(order(flow))
    return out


def _raw(headers: Sequence[tuple[str, str]]) -> list[list[bytes]]:
    return [[name.encode(), value.encode()] for name, value in headers]


def cassette(talks: Sequence[Talk], order: Callable[[Any], Any] = lambda v: v, packed: bool = False) -> bytes:
    """A cassette of VCR.py."""
    made = []
    for talk in talks:
        said: Any = talk.body(talk.said) if talk.said is not None else ""
        request = {"body": talk.body(talk.asked), "headers": _lists(talk.sent), "method": "POST", "uri": talk.url}
        received = _lists((*talk.received, ("content-type", talk.kind)))
        body = {"string": gzip.compress(said.encode()) if packed else said}
        response = {"body": body, "headers": received, "status": {"code": talk.status, "message": "OK"}}
        made.append({"request": request, "response": response, **talk.extra})
    return yaml.safe_dump({"interactions": order(made), "version": 1}, sort_keys=False).encode()


def _lists(headers: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for name, value in headers:
        out.setdefault(name, []).append(value)
    return out


def transcript(talks: Sequence[Talk]) -> bytes:
    """What ``curl -v`` prints."""
    out = []
    for talk in talks:
        host, _, path = talk.url.partition("://")[2].partition("/")
        asked = talk.body(talk.asked).replace("'", "'\\''")
        out += [f"$ curl -v {talk.url} -d '{asked}'", f"* Connected to {host} (192.0.2.1) port 443"]
        out += [f"> POST /{path} HTTP/1.1", f"> Host: {host}", *(f"> {n}: {v}" for n, v in talk.sent), "> "]
        out += [f"< HTTP/1.1 {talk.status} OK", f"< content-type: {talk.kind}"]
        out += [*(f"< {n}: {v}" for n, v in talk.received), "< "]
        out += [f"{talk.body(talk.said)}* Connection #0 to host {host} left intact"]
    return "\n".join(out).encode()


def json_lines(talks: Sequence[Talk], order: Callable[[Any], Any] = lambda v: v) -> bytes:
    """A log of a gateway: a line for every exchange."""
    lines = [
        {
            "time": "2026-03-19T10:00:00Z",
            "request": {"url": t.url, "headers": dict(t.sent), "body": t.asked},
            "response": {"status": t.status, "headers": dict(t.received), "body": t.said},
            **t.extra,
        }
        for t in talks
    ]
    return "".join(json.dumps(order(line)) + "\n" for line in lines).encode()


def plain_log(talks: Sequence[Talk]) -> bytes:
    """A log for people."""
    lines = [
        f"2026-03-19 10:00:00 INFO POST {t.url} {t.sent} {t.body(t.asked)} -> {t.status} {t.received} {t.body(t.said)}"
        for t in talks
    ]
    return "\n".join(lines).encode()


FORMATS: dict[str, Callable[[Sequence[Talk]], bytes]] = {
    "har": har,
    "har, turned": lambda talks: har(talks, turned),
    "har, base 64": lambda talks: har(talks, coded=True),
    "flows": flows,
    "flows, turned": lambda talks: flows(talks, turned),
    "flows, packed": lambda talks: flows(talks, packed=True),
    "cassette": cassette,
    "cassette, turned": lambda talks: cassette(talks, turned),
    "cassette, packed": lambda talks: cassette(talks, packed=True),
    "transcript": transcript,
    "json lines": json_lines,
    "json lines, turned": lambda talks: json_lines(talks, turned),
    "plain log": plain_log,
    "har in gzip": lambda talks: gzip.compress(har(talks)),
    "transcript in gzip": lambda talks: gzip.compress(transcript(talks)),
}
"""A maker of captures for every format, and for the ways in which a body hides."""


def saved(folder: Path, content: bytes, name: str = "capture") -> str:
    """Write a capture; its name says nothing of its format."""
    path = folder / name
    path.write_bytes(content)
    return str(path)
