"""What all dialects do alike: send, tell a proper answer from anything else, and keep the books."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from forebear.endpoints.base import Answer, Exchange, Json, Question, Token, Transport
from forebear.endpoints.streams import is_stream, json_pieces
from forebear.errors import one_line
from forebear.sources.answers import Refused, host
from forebear.types import finite

_TEMPLATE = 32
"""Tokens that a template is presumed to add at most; what a server really adds is learnt from its first answer."""
_MAX_COUNT = 10**9
_MAX_TOKENS = 200_000


@dataclass
class Draft:
    """An answer as it is put together from one object, or from the objects of a stream."""

    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    model: str | None = None
    fingerprint: str | None = None
    finish: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    error: str = ""
    answered: bool = False
    details: dict[str, Any] = field(default_factory=dict)

    def say(self, value: Any) -> None:
        """Add words of the answer."""
        if isinstance(value, str) and value:
            self.text.append(value)

    def think(self, value: Any) -> None:
        """Add words of thought."""
        if isinstance(value, str) and value:
            self.reasoning.append(value)

    def identify(self, piece: Mapping[str, Any]) -> None:
        """Keep what the server calls its model, and its fingerprint."""
        if isinstance(model := piece.get("model"), str):
            self.model = model
        if isinstance(fingerprint := piece.get("system_fingerprint"), str) and fingerprint:
            self.fingerprint = fingerprint

    def end(self, reason: Any) -> None:
        """Keep why it stopped."""
        if isinstance(reason, str) and reason:
            self.finish = reason


Read = Callable[[Draft, Json], None]
"""Takes into a draft what one object says."""


def converse(
    transport: Transport,
    question: Question,
    path: str,
    body: Json,
    read: Read,
    read_piece: Read,
    headers: Mapping[str, str] | None = None,
    lines: bool = False,
) -> Answer:
    """Send a question and read the answer, whether or not it comes as a stream.

    Args:
        transport: carries it.
        question: for the bounds of what it may cost.
        path: of the request.
        body: of the request.
        read: of a whole answer.
        read_piece: of an object of a stream.
        headers: beside the usual ones.
        lines: whether streams are lines of JSON instead of events.

    Raises:
        Exhausted: the budget does not allow it.
        Refused: the server denies access.
    """
    exchange = transport.send("POST", path, body, headers, bounds(question))
    draft, problem = Draft(), ""
    chunks: tuple[str, ...] = ()
    if exchange.status in (401, 403):
        transport.settle(exchange, 0, 0)
        raise denied(transport, exchange)
    if exchange.status != 200:
        problem = complaint(exchange)
        if exchange.status:
            transport.settle(exchange, 0, 0)
    else:
        content_type = exchange.headers.get("content-type", "")
        sse = is_stream(content_type, exchange.body)
        if sse or (lines and question.stream):
            pieces, whole = json_pieces(exchange.body, sse)
            for piece in pieces:
                _error(draft, piece)
                read_piece(draft, piece)
            chunks = tuple(draft.text)
            problem = exchange.problem or ("" if whole else "a part of its stream is not JSON")
            if not problem and not draft.finish and b"[DONE]" not in exchange.body[-64:]:
                problem = "its stream breaks off"
        else:
            problem = exchange.problem or _not_json(exchange)
            if isinstance(content := exchange.json(), dict):
                _error(draft, content)
                read(draft, content)
        if draft.error and (not problem or not draft.answered):
            problem = f"reports an error: {draft.error}"
        elif not problem and not draft.answered:
            problem = "answers without an answer"
        transport.settle(exchange, draft.prompt_tokens, draft.completion_tokens)
    return Answer(
        status=exchange.status,
        text="".join(draft.text),
        prompt_tokens=draft.prompt_tokens,
        completion_tokens=draft.completion_tokens,
        cached_tokens=draft.cached_tokens,
        tokens=tuple(draft.tokens[:_MAX_TOKENS]),
        chunks=chunks,
        model=draft.model,
        fingerprint=draft.fingerprint,
        reasoning="".join(draft.reasoning),
        finish=draft.finish,
        problem=problem,
        exchange=exchange.number,
        details=draft.details,
    )


def bounds(question: Question) -> tuple[int, int]:
    """Tokens of prompt and answer from above: no usual tokenizer makes more of a text than it has bytes."""
    size = sum(len(t.encode("utf-8", "replace")) for t in (question.text, question.system))
    return size + _TEMPLATE, question.max_tokens


def denied(transport: Transport, exchange: Exchange) -> Refused:
    """The error of a server that wants a key, or another one."""
    words = {401: "wants a valid key (401)", 403: "denies access (403)"}[exchange.status]
    said = said_error(exchange)
    return Refused(
        f"{host(transport.url)}: {words}" + (f": {said}" if said else ""),
        "name the variable that holds the key with --key-env",
        exchange.status,
    )


def complaint(exchange: Exchange) -> str:
    """A clause about an answer that is none."""
    if exchange.problem:
        return exchange.problem
    said = said_error(exchange)
    return f"answers {exchange.status}" + (f": {said}" if said else "")


def said_error(exchange: Exchange) -> str:
    """What an error says in its own words, short."""
    content = exchange.json()
    if not isinstance(content, dict):
        return ""
    return _words(content)


def _words(content: Mapping[str, Any]) -> str:
    for key in ("error", "detail", "message"):
        value = content.get(key)
        if isinstance(value, dict):
            value = value.get("message") or value.get("type") or value
        if value:
            return one_line(value if isinstance(value, str) else repr(value)[:500], 200)
    return ""


def _error(draft: Draft, piece: Json) -> None:
    if piece.get("error") or piece.get("type") == "error":
        draft.error = draft.error or _words(piece) or "an error"


def _not_json(exchange: Exchange) -> str:
    """Why a body is no object of JSON; empty if it is one."""
    if isinstance(exchange.json(), dict):
        return ""
    start = exchange.body.lstrip()[:200].lower()
    if not start:
        return "answers with nothing"
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        return "sends a web page instead of JSON"
    return "sends half a JSON" if start[:1] == b"{" else "sends something else than JSON"


def count(value: Any) -> int | None:
    """A number of tokens, or None for anything that is none."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_COUNT:
        return None
    return value


def logarithm(value: Any) -> float | None:
    """A log probability, or None; minus infinity is one, written in various ways."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value <= 1e-3:
        return None
    number = finite(value)
    return -math.inf if number is None else number


def mapping(value: Any) -> Mapping[str, Any]:
    """An object of JSON, empty where something else stands."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> Sequence[Any]:
    """A list of JSON, empty where something else stands."""
    return value if isinstance(value, list) else ()


def token_text(piece: Mapping[str, Any]) -> str:
    """A token's string; from its bytes where these are text, because servers escape what is not."""
    raw = piece.get("bytes")
    if isinstance(raw, list) and raw and all(isinstance(b, int) and 0 <= b < 256 for b in raw):
        try:
            return bytes(raw).decode()
        except UnicodeDecodeError:
            pass
    text = piece.get("token", piece.get("content", piece.get("text", "")))
    return text if isinstance(text, str) else ""


def alternatives(pieces: Any) -> tuple[tuple[str, float], ...]:
    """Likeliest tokens of a position from a list of objects, or from an object of strings and logarithms."""
    found: list[tuple[str, float]] = []
    if isinstance(pieces, dict):
        pairs = [(k, logarithm(v)) for k, v in pieces.items()]
    else:
        pairs = [(token_text(mapping(p)), logarithm(mapping(p).get("logprob"))) for p in sequence(pieces)]
    found = [(text, value) for text, value in pairs if value is not None]
    return tuple(sorted(found, key=lambda pair: -pair[1]))
