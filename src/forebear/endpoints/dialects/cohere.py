"""Cohere's chat, version 2 (https://docs.cohere.com/reference/chat)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forebear.endpoints.base import Answer, Json, Question, Transport
from forebear.endpoints.dialects.conversation import Draft, converse, count, mapping, sequence
from forebear.endpoints.dialects.openai import messages


@dataclass(frozen=True)
class CohereChat:
    """``/v2/chat``, without log probabilities.

    ``usage.tokens`` are the model's counts. ``usage.billed_units`` leave the template out and may leave out more; they
    are taken where the others are missing.
    """

    root: str = "/v2"
    name: str = "cohere-chat"

    @property
    def path(self) -> str:
        """Of requests."""
        return f"{self.root}/chat"

    def ask(self, transport: Transport, question: Question) -> Answer:
        """See :meth:`Dialect.ask`; there are neither log probabilities nor biases."""
        body: Json = {
            "model": question.model,
            "messages": messages(question),
            "max_tokens": question.max_tokens,
            "temperature": question.temperature,
            "stream": question.stream,
        }
        return converse(transport, question, self.path, body, _whole, _piece)


def _whole(draft: Draft, content: Json) -> None:
    message = mapping(content.get("message"))
    draft.answered = bool(message)
    _say(draft, *sequence(message.get("content")))
    draft.end(_reason(content))
    _usage(draft, content.get("usage"))


def _piece(draft: Draft, piece: Json) -> None:
    delta = mapping(piece.get("delta"))
    match piece.get("type"):
        case "message-start":
            draft.answered = True
        case "content-start" | "content-delta":
            _say(draft, mapping(delta.get("message")).get("content"))
        case "message-end":
            draft.end(_reason(delta))
            _usage(draft, delta.get("usage"))


def _say(draft: Draft, *blocks: Any) -> None:
    for block in map(mapping, blocks):
        draft.think(block.get("thinking"))
        draft.say(block.get("text"))


def _reason(said: Mapping[str, Any]) -> str | None:
    """Why it stopped, where that was at the length in the word of the other dialects."""
    reason = said.get("finish_reason")
    return "length" if reason == "MAX_TOKENS" else reason if isinstance(reason, str) else None


def _usage(draft: Draft, value: Any) -> None:
    usage = mapping(value)
    if not usage:
        return
    draft.details["usage"] = usage
    counts = mapping(usage.get("tokens")) or mapping(usage.get("billed_units"))
    prompt, answer = count(counts.get("input_tokens")), count(counts.get("output_tokens"))
    draft.prompt_tokens = prompt if prompt is not None else draft.prompt_tokens
    draft.completion_tokens = answer if answer is not None else draft.completion_tokens
