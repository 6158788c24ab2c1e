"""Routes on which a server counts or cuts a text for us, without a model's answer.

One request to ``/tokenize`` carries the fields of all servers that have such a route (vLLM, SGLang, llama.cpp, Text
Generation Inference), and the shape of the reply says which it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from forebear.endpoints.base import Exchange, Json, Offer, Transport
from forebear.endpoints.dialects import gemini
from forebear.endpoints.dialects.anthropic import HEADERS
from forebear.endpoints.dialects.conversation import count, mapping, sequence

Pieces = tuple[tuple[int, str], ...]
"""Token ids and their strings; a string is empty where the server gives only the number."""
_MAX_PIECES = 1_000_000
_MODEL = "{model}"


@dataclass(frozen=True)
class Counter:
    """A route that counts or cuts.

    Attributes:
        name: for people and for :attr:`Offer.counters`.
        path: of requests; ``{model}`` in it stands for the model's name.
        body: of a request, from the model's name and the text.
        read: what a reply says: pieces, a count, or None.
        template: whether the count is of a whole conversation, template included.
        headers: beside the usual ones.
    """

    name: str
    path: str
    body: Callable[[str, str], Json]
    read: Callable[[Any], Pieces | int | None]
    template: bool = False
    headers: tuple[tuple[str, str], ...] = ()

    def ask(self, transport: Transport, model: str, text: str) -> tuple[Pieces | int | None, Exchange]:
        """What the server makes of a text, and the exchange.

        Raises:
            Exhausted: the budget does not allow it.
        """
        path = self.path.replace(_MODEL, gemini.model_path(model))
        exchange = transport.send("POST", path, self.body(model, text), dict(self.headers))
        good = exchange.status == 200 and not exchange.problem
        return (self.read(exchange.json()) if good else None), exchange


def tokenize(transport: Transport, offer: Offer, text: str) -> Pieces | int | None:
    """What the server itself makes of a text: token ids and strings, or their number; None where it does neither.

    A number from a counter with :attr:`Counter.template` includes the template of a conversation.

    Raises:
        Exhausted: the budget does not allow it.
    """
    for counter in COUNTERS:
        if counter.name in offer.counters:
            return counter.ask(transport, offer.model, text)[0]
    return None


def _every_body(model: str, text: str) -> Json:
    return {
        "model": model,
        "prompt": text,  # vLLM, SGLang
        "content": text,  # llama.cpp
        "inputs": text,  # TGI
        "add_special_tokens": False,
        "add_special": False,
        "with_pieces": True,
        "return_token_strs": True,
    }


def _input(model: str, text: str) -> Json:
    return {"model": model, "input": text}


def _pieces(content: Any) -> Pieces | int | None:
    """Every reply of ``/tokenize``: a list of objects, lists of numbers and strings side by side, or a count."""
    tokens = content if isinstance(content, list) else sequence(mapping(content).get("tokens"))
    strings = sequence(mapping(content).get("token_strs"))
    found: list[tuple[int, str]] = []
    for i, token in enumerate(tokens[:_MAX_PIECES]):
        if isinstance(token, dict):
            number, text = count(token.get("id")), token.get("piece", token.get("text"))
        else:
            number, text = count(token), strings[i] if i < len(strings) else ""
        if number is None:
            return None
        found.append((number, _text(text)))
    return tuple(found) if found else _count(content)


def _text(piece: Any) -> str:
    """A piece, which llama.cpp sends as bytes where it is half a character."""
    if isinstance(piece, list) and all(isinstance(b, int) and 0 <= b < 256 for b in piece):
        return bytes(piece).decode("utf-8", "replace")
    return piece if isinstance(piece, str) else ""


def _count(content: Any) -> int | None:
    """A number of tokens; not one that a gateway calls an estimate of its own."""
    said = mapping(content)
    if any(isinstance(value, str) and "estimate" in value for value in said.values()):
        return None
    return count(said.get("count", said.get("input_tokens", said.get("totalTokens"))))


COUNTERS = (
    Counter("tokenize", "/tokenize", _every_body, _pieces),
    Counter("llama-cpp-python", "/extras/tokenize", _input, _pieces),
    Counter("llama-cpp-python-count", "/extras/tokenize/count", _input, _count),
    Counter(
        "anthropic-count",
        "/v1/messages/count_tokens",
        lambda model, text: {"model": model, "messages": [{"role": "user", "content": text}]},
        _count,
        template=True,
        headers=tuple(HEADERS.items()),
    ),
    Counter(
        "gemini-count",
        f"{gemini.ROOT}/models/{_MODEL}:countTokens",
        lambda model, text: gemini.counting(text),
        _count,
        template=True,
        headers=tuple(gemini.HEADERS.items()),
    ),
    Counter("openai-count", "/v1/responses/input_tokens", _input, _count, template=True),
)
"""In the order in which they are preferred."""
