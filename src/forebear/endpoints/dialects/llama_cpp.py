"""The native API of llama.cpp's server (https://github.com/ggml-org/llama.cpp/tree/master/tools/server)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
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
from forebear.endpoints.dialects.openai import prompt


@dataclass(frozen=True)
class LlamaCpp:
    """``/completion``: a prompt without a template."""

    name: str = "llama-cpp"
    path: str = "/completion"

    def ask(self, transport: Transport, question: Question) -> Answer:
        """See :meth:`Dialect.ask`."""
        body: Json = {
            "model": question.model,
            "prompt": prompt(question),
            "n_predict": question.max_tokens,
            "temperature": question.temperature,
            "stream": question.stream,
            "cache_prompt": False,
        }
        if question.logprobs:
            body["n_probs"] = question.logprobs
        if question.logit_bias:
            body["logit_bias"] = [[k, float(v)] for k, v in question.logit_bias.items()]
        return converse(transport, question, self.path, body, _take, _take)


def _take(draft: Draft, content: Json) -> None:
    draft.identify(content)
    draft.say(content.get("content"))
    draft.answered = draft.answered or "content" in content
    for piece in map(mapping, sequence(content.get("completion_probabilities"))):
        draft.tokens.append(_token(piece))
    if content.get("stop") is True or content.get("stop_type"):
        draft.end(content.get("stop_type") or "stop")
    prompt_tokens, completion = count(content.get("tokens_evaluated")), count(content.get("tokens_predicted"))
    draft.prompt_tokens = prompt_tokens if prompt_tokens is not None else draft.prompt_tokens
    draft.completion_tokens = completion if completion is not None else draft.completion_tokens
    cached = count(mapping(content.get("timings")).get("cache_n"))
    draft.cached_tokens = cached if cached is not None else draft.cached_tokens
    if prompt_tokens is not None:
        keys = ("tokens_evaluated", "tokens_predicted", "tokens_cached")
        draft.details["usage"] = {k: content.get(k) for k in keys}


def _token(piece: Mapping[str, Any]) -> Token:
    """A position in the present form (logarithms), or in the older one (probabilities)."""
    if "probs" not in piece:
        return Token(token_text(piece), logarithm(piece.get("logprob")), alternatives(piece.get("top_logprobs")))
    ways = [(str(mapping(w).get("tok_str", "")), mapping(w).get("prob")) for w in sequence(piece["probs"])]
    found = [(t, math.log(p)) for t, p in ways if isinstance(p, float) and 0 < p <= 1]
    text = token_text(piece)
    return Token(text, dict(found).get(text), tuple(sorted(found, key=lambda pair: -pair[1])))
