"""Anthropic's messages (https://docs.anthropic.com/en/api/messages)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forebear.endpoints.base import Answer, Json, Question, Transport
from forebear.endpoints.dialects.conversation import Draft, converse, count, mapping, sequence

HEADERS = {"x-api-key": "{key}", "anthropic-version": "2023-06-01"}
_CACHES = ("cache_creation_input_tokens", "cache_read_input_tokens")


@dataclass(frozen=True)
class AnthropicMessages:
    """``/v1/messages``; what was read from or written to a cache is added to ``input_tokens``, which leaves it out."""

    root: str = "/v1"
    name: str = "anthropic-messages"

    @property
    def path(self) -> str:
        """Of requests."""
        return f"{self.root}/messages"

    def ask(self, transport: Transport, question: Question) -> Answer:
        """See :meth:`Dialect.ask`; there are neither log probabilities nor biases."""
        body: Json = {
            "model": question.model,
            "max_tokens": question.max_tokens,
            "messages": [{"role": "user", "content": question.text}],
            "temperature": question.temperature,
            "stream": question.stream,
        }
        if question.system:
            body["system"] = question.system
        return converse(transport, question, self.path, body, self._whole, self._piece, HEADERS)

    def _whole(self, draft: Draft, content: Json) -> None:
        draft.identify(content)
        draft.answered = isinstance(content.get("content"), list)
        for block in map(mapping, sequence(content.get("content"))):
            if block.get("type") == "text":
                draft.say(block.get("text"))
            elif block.get("type") == "thinking":
                draft.think(block.get("thinking"))
        draft.end(content.get("stop_reason"))
        _usage(draft, content.get("usage"))

    def _piece(self, draft: Draft, piece: Json) -> None:
        match piece.get("type"):
            case "message_start":
                message = mapping(piece.get("message"))
                draft.answered = True
                draft.identify(message)
                _usage(draft, message.get("usage"))
            case "content_block_delta":
                delta = mapping(piece.get("delta"))
                draft.say(delta.get("text"))
                draft.think(delta.get("thinking"))
            case "message_delta":
                draft.end(mapping(piece.get("delta")).get("stop_reason"))
                _usage(draft, piece.get("usage"))


def _usage(draft: Draft, value: Any) -> None:
    """Counts; a stream gives them in two parts, and what comes later is newer."""
    said: Mapping[str, Any] = mapping(value)
    known = {**mapping(draft.details.get("usage")), **said}
    draft.details["usage"] = known
    fresh, output = count(known.get("input_tokens")), count(known.get("output_tokens"))
    caches = [count(known.get(key)) or 0 for key in _CACHES]
    if fresh is not None:
        draft.prompt_tokens = fresh + sum(caches)
        draft.cached_tokens = caches[1] if _CACHES[1] in known else None
    draft.completion_tokens = output if output is not None else draft.completion_tokens
