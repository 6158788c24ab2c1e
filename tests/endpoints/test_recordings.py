"""What vendors really answered, as others recorded it: every recording of a dialect that is known has to be read."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from forebear.endpoints import Budget, Dialect, Exchange, Question
from forebear.endpoints.dialects import DIALECTS
from forebear.endpoints.ledger import Ledger
from shared import shared

pytestmark = pytest.mark.shared
ENDS = {
    "/chat/completions": "openai-chat",
    "/responses": "openai-responses",
    "/messages": "anthropic-messages",
    "/api/chat": "ollama-chat",
}


class Recorded(Ledger):
    """A transport that gives one recorded answer."""

    def __init__(self, headers: dict[str, str], body: bytes) -> None:
        super().__init__("https://recorded", Budget())
        self.headers, self.body = headers, body

    def send(self, method: str, path: str, body: Any = None, headers: Any = None, tokens: Any = (0, 0)) -> Exchange:
        return Exchange(1, method, path, body, {}, 200, self.headers, self.body)


def recordings() -> Iterator[tuple[str, Dialect, Any, dict[str, str], bytes]]:
    """Name, dialect, request, headers and body of every good answer."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for file in sorted((shared("artefacts") / "api_recordings").rglob("*.yaml")):
        for n, interaction in enumerate((yaml.load(file.read_text(), loader) or {}).get("interactions") or []):
            if "request" not in interaction:
                continue  # of an SDK, not of HTTP
            request, response = interaction["request"], interaction["response"]
            path = request["uri"].partition("?")[0]
            name = next((name for end, name in ENDS.items() if path.endswith(end)), None)
            if name is None or "/bin/" in path or response["status"]["code"] != 200:
                continue
            asked = request.get("parsed_body")
            if asked is None:
                asked = json.loads(request.get("body") or "{}")
            if "parsed_body" in response:
                body = json.dumps(response["parsed_body"]).encode()
            else:
                text = response["body"].get("string", "")
                body = text.encode() if isinstance(text, str) else text
            body = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
            headers = {k.lower(): ", ".join(map(str, v)) for k, v in response["headers"].items()}
            yield f"{file.name} {n}", next(d for d in DIALECTS if d.name == name), asked, headers, body


def test_every_recorded_answer_is_read() -> None:
    read: Counter[str] = Counter()
    wrong: list[str] = []
    for name, dialect, asked, headers, body in recordings():
        stream = bool(asked.get("stream"))
        answer = dialect.ask(Recorded(headers, body), Question("x", "m", stream=stream))
        counted = answer.prompt_tokens is not None or b"usage" not in body
        whole = answer.model and answer.finish and counted and bool(answer.chunks) <= stream
        if b'"status": "queued"' in body:
            assert answer.problem == "answers without an answer"
        elif answer.problem or not whole:
            wrong.append(f"{name}: {dialect.name} stream={stream} {answer.problem!r} {answer.finish} {answer.model}")
        usage = answer.details.get("usage", {})
        parts = [usage.get(k) or 0 for k in ("cache_creation_input_tokens", "cache_read_input_tokens")]
        if dialect.name == "anthropic-messages" and usage:
            assert answer.prompt_tokens == usage["input_tokens"] + sum(parts)
        read[f"{dialect.name}{' stream' if stream else ''}"] += 1
    assert wrong == []
    assert len(read) >= 6, read
    assert sum(read.values()) >= 500
