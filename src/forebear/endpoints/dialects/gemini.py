"""Gemini's API (https://ai.google.dev/api/generate-content); the model's name is part of the path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from forebear.endpoints.base import Answer, Json, Question, Token, Transport
from forebear.endpoints.dialects.conversation import Draft, converse, count, logarithm, mapping, sequence

HEADERS = {"x-goog-api-key": "{key}"}
ROOT = "/v1beta"


@dataclass(frozen=True)
class Gemini:
    """``models/NAME:generateContent``, and ``streamGenerateContent`` with server-sent events."""

    root: str = ROOT
    name: str = "gemini"

    @property
    def path(self) -> str:
        """Of what its requests begin with."""
        return f"{self.root}/models"

    def ask(self, transport: Transport, question: Question) -> Answer:
        """See :meth:`Dialect.ask`; there are no biases."""
        settings: Json = {"maxOutputTokens": question.max_tokens, "temperature": question.temperature}
        if question.logprobs:
            settings |= {"responseLogprobs": True, "logprobs": question.logprobs}
        body: Json = {"contents": [_turn(question.text)], "generationConfig": settings}
        if question.system:
            body["systemInstruction"] = {"parts": [{"text": question.system}]}
        method = "streamGenerateContent?alt=sse" if question.stream else "generateContent"
        path = f"{self.path}/{model_path(question.model)}:{method}"
        return converse(transport, question, path, body, _take, _take, HEADERS)


def model_path(model: str) -> str:
    """A model's name as a part of a path."""
    return quote(model.removeprefix("models/"), safe="")


def counting(text: str) -> Json:
    """The body of a request to ``countTokens``."""
    return {"contents": [_turn(text)]}


def _turn(text: str) -> Json:
    return {"role": "user", "parts": [{"text": text}]}


def _take(draft: Draft, content: Json) -> None:
    """What an answer says, or a piece of it: a stream's pieces are small answers."""
    draft.identify({"model": content.get("modelVersion")})
    for candidate in map(mapping, sequence(content.get("candidates"))[:1]):
        draft.answered = True
        for part in map(mapping, sequence(mapping(candidate.get("content")).get("parts"))):
            (draft.think if part.get("thought") is True else draft.say)(part.get("text"))
        draft.end(candidate.get("finishReason"))
        _logprobs(draft, candidate.get("logprobsResult"))
    usage = mapping(content.get("usageMetadata"))
    if not usage:
        return
    draft.details["usage"] = usage
    prompt, cached = count(usage.get("promptTokenCount")), count(usage.get("cachedContentTokenCount"))
    # candidatesTokenCount leaves thoughts out, and is left out itself where nothing was said
    said = [count(usage.get(key)) for key in ("candidatesTokenCount", "thoughtsTokenCount")]
    draft.prompt_tokens = prompt if prompt is not None else draft.prompt_tokens
    draft.cached_tokens = cached if cached is not None else draft.cached_tokens
    if any(n is not None for n in said):
        draft.completion_tokens = sum(n or 0 for n in said)
    if said[1]:
        draft.details["thought_tokens"] = said[1]


def _logprobs(draft: Draft, value: Any) -> None:
    chosen, tops = (sequence(mapping(value).get(key)) for key in ("chosenCandidates", "topCandidates"))
    for i, token in enumerate(map(mapping, chosen)):
        others = sequence(mapping(tops[i]).get("candidates")) if i < len(tops) else ()
        draft.tokens.append(Token(_text(token), logarithm(token.get("logProbability")), _pairs(others)))


def _pairs(candidates: Sequence[Any]) -> tuple[tuple[str, float], ...]:
    found = [(_text(c), logarithm(mapping(c).get("logProbability"))) for c in candidates]
    return tuple(sorted(((text, value) for text, value in found if value is not None), key=lambda pair: -pair[1]))


def _text(candidate: Any) -> str:
    text = mapping(candidate).get("token")
    return text if isinstance(text, str) else ""
