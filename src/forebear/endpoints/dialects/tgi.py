"""Text Generation Inference (https://huggingface.github.io/text-generation-inference)."""

from __future__ import annotations

from dataclasses import dataclass

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
class Tgi:
    """``/generate`` and ``/generate_stream``: a prompt without a template, whose tokens come back where asked for."""

    name: str = "tgi"
    path: str = "/generate"

    def ask(self, transport: Transport, question: Question) -> Answer:
        """See :meth:`Dialect.ask`; greedy unless a temperature is given."""
        parameters: Json = {"max_new_tokens": question.max_tokens, "details": True}
        parameters |= {"do_sample": True, "temperature": question.temperature} if question.temperature else {}
        if question.logprobs:
            parameters["top_n_tokens"] = question.logprobs
        if not question.stream:
            parameters["decoder_input_details"] = True  # the only count of a prompt
        body: Json = {"inputs": prompt(question), "parameters": parameters}
        path = "/generate_stream" if question.stream else self.path

        def whole(draft: Draft, content: Json) -> None:
            draft.answered = isinstance(content.get("generated_text"), str)
            draft.say(content.get("generated_text"))
            details = mapping(content.get("details"))
            prefill = [_token(mapping(p)) for p in sequence(details.get("prefill"))]
            if prefill:
                draft.prompt_tokens = len(prefill)
            if question.echo:
                draft.tokens, draft.details["echoed"] = prefill, len(prefill)
            tops = sequence(details.get("top_tokens"))
            for i, piece in enumerate(map(mapping, sequence(details.get("tokens")))):
                draft.tokens.append(_token(piece, tops[i] if i < len(tops) else None))
            _end(draft, details)

        return converse(transport, question, path, body, whole, _piece)


def _piece(draft: Draft, piece: Json) -> None:
    token = mapping(piece.get("token"))
    if token:
        draft.answered = True
        if not token.get("special"):
            draft.say(token.get("text"))
        draft.tokens.append(_token(token, piece.get("top_tokens")))
    if details := mapping(piece.get("details")):
        _end(draft, details)


def _end(draft: Draft, details: Json | object) -> None:
    said = mapping(details)
    draft.end(said.get("finish_reason"))
    draft.completion_tokens = count(said.get("generated_tokens"))
    prompt_tokens = count(said.get("input_length"))
    draft.prompt_tokens = prompt_tokens if prompt_tokens is not None else draft.prompt_tokens
    draft.details["usage"] = {k: said[k] for k in ("generated_tokens", "input_length") if k in said}


def _token(piece: Json | object, top: object = None) -> Token:
    said = mapping(piece)
    return Token(token_text(said), logarithm(said.get("logprob")), alternatives(top))
