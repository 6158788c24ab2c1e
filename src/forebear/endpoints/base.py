"""What is asked of a model behind an API, what comes back, and the interface of everything between.

A :class:`Dialect` turns a :class:`Question` into a request and the server's reply into an :class:`Answer`; a
:class:`Transport` carries requests, live or from a log; an :class:`Offer` says what a server can be asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from forebear.errors import InputError

Json = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """One thing to ask a model.

    Attributes:
        text: the user's message, or the prompt where a dialect knows no roles.
        model: the name that is sent.
        system: an instruction before it; empty for none.
        max_tokens: of the answer.
        stream: whether to ask for the answer in pieces.
        usage_in_stream: whether to ask for counts at the end of a stream, where a dialect has a field for that.
        logprobs: alternatives wanted at every position of the answer; 0 for none.
        echo: whether the prompt's own tokens are wanted (completions only).
        logit_bias: what is added to the logits of token ids.
        temperature: of sampling; 0 is greedy.
    """

    text: str
    model: str
    system: str = ""
    max_tokens: int = 1
    stream: bool = False
    usage_in_stream: bool = True
    logprobs: int = 0
    echo: bool = False
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    temperature: float = 0.0


@dataclass(frozen=True)
class Token:
    """A token of an answer (or of an echoed prompt) as the server cuts it.

    Attributes:
        text: as sent; bytes that are not UTF-8 may have been replaced by the server.
        logprob: natural logarithm of its probability, or None where the server gives none.
        alternatives: the likeliest tokens at this position and their logarithms, likeliest first.
    """

    text: str
    logprob: float | None
    alternatives: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Answer:
    """What a server said to a question, in one form for all dialects.

    Attributes:
        status: of HTTP; 0 where there was no answer.
        text: the model's words.
        prompt_tokens: of the whole prompt, cached parts included; None where the server does not count.
        completion_tokens: of the answer.
        cached_tokens: how many of the prompt's came from a cache.
        tokens: with log probabilities, where asked for and given.
        chunks: the pieces of a stream's text, as sent.
        model: what the server says its model is.
        fingerprint: its ``system_fingerprint``.
        reasoning: words that are marked as thought and not as answer.
        finish: why it stopped, in the server's word.
        problem: a clause that says why this is no proper answer; empty if it is one.
        exchange: number of the exchange in the log.
        details: the server's own counts, and what else has no place above.
    """

    status: int
    text: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    tokens: tuple[Token, ...] = ()
    chunks: tuple[str, ...] = ()
    model: str | None = None
    fingerprint: str | None = None
    reasoning: str = ""
    finish: str | None = None
    problem: str = ""
    exchange: int = 0
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Exchange:
    """A request and what came back, both without secrets: just what the log has.

    Attributes:
        number: in the log, from 1.
        method: of HTTP.
        path: behind the endpoint's address.
        request: the JSON body, or None.
        request_headers: without those that carry secrets.
        status: 0 where no answer arrived.
        headers: of the answer, names in lower case, the values of repeated ones joined by commas.
        body: of the answer, decompressed; what arrived, where it broke off.
        pieces: a stream's arrival: (bytes so far, milliseconds since the request) for every piece of the network.
        milliseconds: from the request to the last byte.
        problem: a clause, where the answer did not arrive whole; empty otherwise.
        final: False for an attempt after which another was made.
        replaces: number of an earlier exchange that failed and was made again by a later run; 0 for none.
        replayed: whether it was answered from a log and not by the server.
    """

    number: int
    method: str
    path: str
    request: Json | None
    request_headers: Mapping[str, str]
    status: int
    headers: Mapping[str, str]
    body: bytes
    pieces: tuple[tuple[int, int], ...] = ()
    milliseconds: int = 0
    problem: str = ""
    final: bool = True
    replaces: int = 0
    replayed: bool = False

    def json(self) -> Any:
        """The body as JSON, or None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True)
class Budget:
    """What may be spent; prices in any currency per million tokens, None where unknown."""

    max_requests: int = 100
    max_tokens: int = 100_000
    price_in: float | None = None
    price_out: float | None = None


@dataclass
class Spent:
    """What has been spent so far.

    Attributes:
        requests: sent, every attempt and redirect counted; those answered from a log too, because they were paid for.
        prompt_tokens: as the server counts, or a bound from above where it does not.
        completion_tokens: likewise.
        estimated: requests for which tokens are a bound and not the server's count.
        bytes_read: of bodies as received.
    """

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: int = 0
    bytes_read: int = 0

    @property
    def tokens(self) -> int:
        """Of prompts and answers together."""
        return self.prompt_tokens + self.completion_tokens

    def price(self, budget: Budget) -> float | None:
        """What that costs at the budget's prices; None where these are unknown."""
        if budget.price_in is None or budget.price_out is None:
            return None
        return (self.prompt_tokens * budget.price_in + self.completion_tokens * budget.price_out) / 1e6


class Exhausted(InputError):
    """A request was not sent, because it could have gone over the budget."""


class Transport(Protocol):
    """Carries requests to one endpoint, one at a time.

    Attributes:
        url: the endpoint's address without secrets.
        budget: what may be spent.
        spent: what has been.
        exchanges: all so far, in the order in which they were needed; in a run that goes on from a log this is not
            always the order of their numbers.
    """

    url: str
    budget: Budget
    spent: Spent
    exchanges: list[Exchange]

    def send(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        headers: Mapping[str, str] | None = None,
        tokens: tuple[int, int] = (0, 0),
    ) -> Exchange:
        """Send one request and wait for the answer, whatever it is.

        Args:
            method: of HTTP.
            path: behind the endpoint's address, from ``/``.
            body: sent as JSON.
            headers: beside the usual ones; ``{key}`` in a value stands for the key.
            tokens: bounds from above for prompt and answer, held against the budget and counted as spent until
                :meth:`settle` knows better.

        Raises:
            Exhausted: the budget does not allow it; nothing was sent.
            InputError: a log that is replayed does not have it.
        """
        ...

    def settle(self, exchange: Exchange, prompt_tokens: int | None, completion_tokens: int | None) -> None:
        """Replace the bounds of a request by the server's counts, those that are known."""
        ...

    def affords(self, requests: int, tokens: int = 0) -> bool:
        """Whether so many more requests with so many tokens together are within the budget."""
        ...


class Dialect(Protocol):
    """A way of asking: one kind of API."""

    @property
    def name(self) -> str:
        """For people and for the log."""
        ...

    @property
    def path(self) -> str:
        """Of its requests."""
        ...

    def ask(self, transport: Transport, question: Question) -> Answer:
        """Ask, and read the answer; fields that a dialect does not have are left out.

        Raises:
            Exhausted: the budget does not allow it.
            Refused: the server denies access (401 and 403).
        """
        ...


@dataclass(frozen=True)
class Features:
    """What a server does in one dialect; None where it was not asked.

    Attributes:
        usage: it counts tokens.
        usage_in_stream: it counts in streams when ``include_usage`` is sent.
        usage_unasked: it counts in streams without being asked to.
        stream: it streams.
        logprobs: it gives log probabilities.
        alternatives: the most alternatives that it gave for a position.
        echo: it gives back the prompt's tokens with their logarithms.
        prompt_logprobs: the same by vLLM's field.
        logit_bias: it obeys a bias.
    """

    usage: bool | None = None
    usage_in_stream: bool | None = None
    usage_unasked: bool | None = None
    stream: bool | None = None
    logprobs: bool | None = None
    alternatives: int | None = None
    echo: bool | None = None
    prompt_logprobs: bool | None = None
    logit_bias: bool | None = None


@dataclass(frozen=True)
class Offer:
    """What an endpoint offers, as far as the budget allowed to find out.

    Attributes:
        model: the name that was asked for.
        dialects: that answered, best first; the first is the one to ask in.
        features: of each, by the dialect's name.
        counters: routes that count or cut a text, best first (names in :data:`~forebear.endpoints.counting.COUNTERS`).
        models: names that the server lists.
        documents: of what the server tells about itself: path, and the number of the exchange.
        server: the software as it calls itself in headers or documents; empty where it does not.
        skipped: what was not asked, and why.
    """

    model: str
    dialects: tuple[Dialect, ...] = ()
    features: Mapping[str, Features] = field(default_factory=dict)
    counters: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    documents: Mapping[str, int] = field(default_factory=dict)
    server: str = ""
    skipped: Sequence[str] = ()
