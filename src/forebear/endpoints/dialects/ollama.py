"""Ollama's own API (https://github.com/ollama/ollama/blob/main/docs/api.md)."""

from __future__ import annotations

from dataclasses import dataclass

from forebear.endpoints.base import Answer, Json, Question, Transport
from forebear.endpoints.dialects.conversation import Draft, converse, count, mapping
from forebear.endpoints.dialects.openai import logprobs, messages


@dataclass(frozen=True)
class OllamaChat:
    """``/api/chat``; streams are lines of JSON."""

    name: str = "ollama-chat"
    path: str = "/api/chat"

    def ask(self, transport: Transport, question: Question) -> Answer:
        """See :meth:`Dialect.ask`."""
        return _ask(transport, question, self.path, {"messages": messages(question)})


@dataclass(frozen=True)
class OllamaGenerate:
    """``/api/generate``: the model's template is applied to one prompt."""

    name: str = "ollama-generate"
    path: str = "/api/generate"

    def ask(self, transport: Transport, question: Question) -> Answer:
        """See :meth:`Dialect.ask`."""
        body: Json = {"prompt": question.text} | ({"system": question.system} if question.system else {})
        return _ask(transport, question, self.path, body)


def _ask(transport: Transport, question: Question, path: str, body: Json) -> Answer:
    body = {"model": question.model, "stream": question.stream, **body}
    body["options"] = {"num_predict": question.max_tokens, "temperature": question.temperature}
    if question.logprobs:
        body |= {"logprobs": True, "top_logprobs": question.logprobs}
    return converse(transport, question, path, body, _take, _take, lines=True)


def _take(draft: Draft, content: Json) -> None:
    draft.identify(content)
    message = mapping(content.get("message"))
    draft.say(message.get("content", content.get("response")))
    draft.think(message.get("thinking", content.get("thinking")))
    logprobs(draft, {"content": content.get("logprobs")})
    draft.answered = draft.answered or "message" in content or "response" in content
    if content.get("done") is True:
        draft.end(content.get("done_reason"))
        # Older servers leave a prompt's cached part out, or the whole count: then there is none.
        draft.prompt_tokens = count(content.get("prompt_eval_count"))
        draft.completion_tokens = count(content.get("eval_count"))
        draft.details["usage"] = {k: content.get(k) for k in ("prompt_eval_count", "eval_count")}
