"""OpenAI's three APIs, and what vLLM adds to them (``prompt_logprobs``).

https://platform.openai.com/docs/api-reference; https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from forebear.endpoints.base import Answer, Json, Question, Token, Transport
from forebear.endpoints.dialects.conversation import (
    Draft,
    alternatives,
    converse,
    count,
    logarithm,
    mapping,
    sequence,
    token_text,
)

ROOT = "/v1"
_REASONING = ("reasoning_content", "reasoning", "reasoning_text")


@dataclass(frozen=True)
class OpenAIChat:
    """``/v1/chat/completions``.

    Attributes:
        root: what stands before the route.
        limit: the field for the length of an answer.
        greedy: whether a temperature is sent; some models refuse any.
    """

    root: str = ROOT
    limit: str = "max_tokens"
    greedy: bool = True
    name: str = "openai-chat"

    @property
    def path(self) -> str:
        """Of requests."""
        return f"{self.root}/chat/completions"

    def ask(self, transport: Transport, question: Question) -> Answer:
        """See :meth:`Dialect.ask`; ``echo`` is asked for by vLLM's ``prompt_logprobs``."""
        body: Json = {"model": question.model, "messages": messages(question), self.limit: question.max_tokens}
        body |= _common(question, self.greedy)
        if question.logprobs:
            body |= {"logprobs": True, "top_logprobs": question.logprobs}
        if question.echo:
            body["prompt_logprobs"] = max(1, question.logprobs)
        return converse(transport, question, self.path, body, self._whole, self._piece)

    def adapted(self, answer: Answer) -> OpenAIChat | None:
        """The same API without the field that the server has just refused; None where that is not the reason."""
        if answer.status not in (400, 422):
            return None
        if "max_completion_tokens" in answer.problem and self.limit == "max_tokens":
            return replace(self, limit="max_completion_tokens")
        if "temperature" in answer.problem and self.greedy:
            return replace(self, greedy=False)
        return None

    def _whole(self, draft: Draft, content: Json) -> None:
        self._take(draft, content, "message")

    def _piece(self, draft: Draft, piece: Json) -> None:
        self._take(draft, piece, "delta")

    def _take(self, draft: Draft, content: Json, part: str) -> None:
        draft.identify(content)
        usage(draft, content.get("usage"))
        echoed(draft, content.get("prompt_logprobs"))
        for choice in sequence(content.get("choices"))[:1]:
            draft.answered = True
            words = mapping(mapping(choice).get(part))
            draft.say(words.get("content"))
            for key in _REASONING:
                if words.get(key):
                    draft.think(words[key])
                    break
            if words.get("tool_calls"):
                draft.details["tool_calls"] = True
            draft.end(mapping(choice).get("finish_reason"))
            logprobs(draft, mapping(choice).get("logprobs"))


@dataclass(frozen=True)
class OpenAICompletions:
    """``/v1/completions``: a prompt without a template."""

    root: str = ROOT
    name: str = "openai-completions"

    @property
    def path(self) -> str:
        """Of requests."""
        return f"{self.root}/completions"

    def ask(self, transport: Transport, question: Question) -> Answer:
        """See :meth:`Dialect.ask`."""
        body: Json = {"model": question.model, "prompt": prompt(question), "max_tokens": question.max_tokens}
        body |= _common(question, True)
        if question.logprobs or question.echo:
            body["logprobs"] = max(1, question.logprobs)
        if question.echo:
            body["echo"] = True

        def take(draft: Draft, content: Json) -> None:
            draft.identify(content)
            usage(draft, content.get("usage"))
            for choice in sequence(content.get("choices"))[:1]:
                draft.answered = True
                draft.say(mapping(choice).get("text"))
                draft.end(mapping(choice).get("finish_reason"))
                logprobs(draft, mapping(choice).get("logprobs"), len(prompt(question)) if question.echo else 0)
                echoed(draft, mapping(choice).get("prompt_logprobs"))

        return converse(transport, question, self.path, body, take, take)


@dataclass(frozen=True)
class OpenAIResponses:
    """``/v1/responses``.

    Attributes:
        root: what stands before the route.
        least: the smallest length of an answer that the server accepts.
        greedy: whether a temperature is sent.
    """

    root: str = ROOT
    least: int = 1
    greedy: bool = True
    name: str = "openai-responses"

    @property
    def path(self) -> str:
        """Of requests."""
        return f"{self.root}/responses"

    def ask(self, transport: Transport, question: Question) -> Answer:
        """See :meth:`Dialect.ask`."""
        question = replace(question, max_tokens=max(self.least, question.max_tokens))
        body: Json = {"model": question.model, "input": question.text, "max_output_tokens": question.max_tokens}
        body |= {"stream": question.stream, "store": False}
        if self.greedy:
            body["temperature"] = question.temperature
        if question.system:
            body["instructions"] = question.system
        if question.logprobs:
            body |= {"top_logprobs": question.logprobs, "include": ["message.output_text.logprobs"]}
        return converse(transport, question, self.path, body, self._whole, self._piece)

    def adapted(self, answer: Answer) -> OpenAIResponses | None:
        """As :meth:`OpenAIChat.adapted`."""
        if answer.status not in (400, 422):
            return None
        if "max_output_tokens" in answer.problem and self.least < 16:
            return replace(self, least=16)
        if "temperature" in answer.problem and self.greedy:
            return replace(self, greedy=False)
        return None

    def _whole(self, draft: Draft, content: Json) -> None:
        pending = content.get("status") in ("queued", "in_progress")
        draft.answered = isinstance(content.get("output"), list) and not pending
        for item in sequence(content.get("output")):
            for part in sequence(mapping(item).get("content")):
                part = mapping(part)
                if part.get("type") == "output_text":
                    draft.say(part.get("text"))
                    logprobs(draft, {"content": part.get("logprobs")})
                elif part.get("type") == "reasoning_text":
                    draft.think(part.get("text"))
            for part in sequence(mapping(item).get("summary")):
                draft.think(mapping(part).get("text"))
        self._about(draft, content)

    def _piece(self, draft: Draft, piece: Json) -> None:
        kind = piece.get("type")
        if kind == "response.output_text.delta":
            draft.answered = True
            draft.say(piece.get("delta"))
            logprobs(draft, {"content": piece.get("logprobs")})
        elif kind in ("response.reasoning_text.delta", "response.reasoning_summary_text.delta"):
            draft.think(piece.get("delta"))
        elif isinstance(response := piece.get("response"), dict):
            draft.answered = draft.answered or kind in ("response.completed", "response.incomplete")
            self._about(draft, response)
            if kind == "response.failed":
                draft.error = str(mapping(response.get("error")).get("message", "an error"))[:200]

    def _about(self, draft: Draft, response: Mapping[str, Any]) -> None:
        draft.identify(response)
        usage(draft, response.get("usage"))
        if (status := response.get("status")) in ("completed", "incomplete", "failed"):
            draft.end(mapping(response.get("incomplete_details")).get("reason") or status)


def messages(question: Question) -> list[Json]:
    """The conversation that a question is."""
    system = [{"role": "system", "content": question.system}] if question.system else []
    return [*system, {"role": "user", "content": question.text}]


def prompt(question: Question) -> str:
    """The text that a question is where there are no roles."""
    return f"{question.system}\n\n{question.text}" if question.system else question.text


def usage(draft: Draft, value: Any) -> None:
    """Take the server's counts; ``prompt_tokens`` counts cached ones, as this API defines it."""
    if not isinstance(value, dict):
        return
    draft.details["usage"] = value
    prompt_tokens = count(value.get("prompt_tokens", value.get("input_tokens")))
    completion = count(value.get("completion_tokens", value.get("output_tokens")))
    draft.prompt_tokens = prompt_tokens if prompt_tokens is not None else draft.prompt_tokens
    draft.completion_tokens = completion if completion is not None else draft.completion_tokens
    parts = mapping(value.get("prompt_tokens_details", value.get("input_tokens_details")))
    cached = count(parts.get("cached_tokens", value.get("prompt_cache_hit_tokens")))
    draft.cached_tokens = cached if cached is not None else draft.cached_tokens


def logprobs(draft: Draft, value: Any, echoed_characters: int = 0) -> None:
    """Tokens in the form of chats (``content``) or of completions (``tokens`` and ``token_logprobs``)."""
    value = mapping(value)
    for piece in map(mapping, sequence(value.get("content"))):
        draft.tokens.append(
            Token(token_text(piece), logarithm(piece.get("logprob")), alternatives(piece.get("top_logprobs")))
        )
    texts, values = sequence(value.get("tokens")), sequence(value.get("token_logprobs"))
    tops, offsets = sequence(value.get("top_logprobs")), sequence(value.get("text_offset"))
    for i, text in enumerate(texts):
        top = alternatives(tops[i]) if i < len(tops) else ()
        draft.tokens.append(Token(str(text), logarithm(values[i]) if i < len(values) else None, top))
        offset = offsets[i] if i < len(offsets) else None
        if isinstance(offset, int) and offset < echoed_characters:
            draft.details["echoed"] = len(draft.tokens)


def echoed(draft: Draft, value: Any) -> None:
    """The prompt's tokens from vLLM's ``prompt_logprobs``: per position None or objects by token id, ours first."""
    found: list[Token] = []
    for position in sequence(value):
        ways = [mapping(w) for w in mapping(position).values()]
        if not ways:
            found.append(Token("", None))
            continue
        own = ways[0]  # vLLM puts the prompt's own token before the alternatives
        others = alternatives([{"token": w.get("decoded_token"), "logprob": w.get("logprob")} for w in ways])
        text = own.get("decoded_token")
        found.append(Token(text if isinstance(text, str) else "", logarithm(own.get("logprob")), others))
    if found:
        draft.tokens = found + draft.tokens
        draft.details["echoed"] = len(found)


def _common(question: Question, greedy: bool) -> Json:
    body: Json = {"stream": question.stream}
    if greedy:
        body["temperature"] = question.temperature
    if question.stream and question.usage_in_stream:
        body["stream_options"] = {"include_usage": True}
    if question.logit_bias:
        body["logit_bias"] = {str(k): float(v) for k, v in question.logit_bias.items()}
    return body
