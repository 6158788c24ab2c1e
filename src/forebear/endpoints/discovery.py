"""What an endpoint offers: which dialects it answers in, what it counts and tells, found out with few requests.

Questions are asked in the order of their worth, each once, and what a server says about its own routes
(``/openapi.json``) spares those to routes that it does not have. What the budget does not allow is left out and said
to have been.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

from forebear.endpoints.base import Answer, Dialect, Exchange, Exhausted, Features, Json, Offer, Question, Transport
from forebear.endpoints.counting import COUNTERS
from forebear.endpoints.dialects import DIALECTS
from forebear.endpoints.dialects.anthropic import AnthropicMessages
from forebear.endpoints.dialects.cohere import CohereChat
from forebear.endpoints.dialects.conversation import bounds, mapping, sequence
from forebear.endpoints.dialects.gemini import Gemini
from forebear.endpoints.dialects.llama_cpp import LlamaCpp
from forebear.endpoints.dialects.openai import ROOT, OpenAIChat, OpenAICompletions, OpenAIResponses
from forebear.errors import InputError, UsageError, one_line
from forebear.sources.answers import Refused, host

T = TypeVar("T")

GREETING = "Hello"
BIASED = 100
"""A token id that every vocabulary has; it is made the likeliest."""
DOCUMENTS = (
    "/openapi.json",
    "/v1/models",
    "/api/tags",
    "/props",
    "/info",
    "/v1/model/info",
    "/get_model_info",
    "/version",
)
"""What servers tell about themselves: FastAPI; OpenAI; Ollama; llama.cpp; TGI; LiteLLM; SGLang; vLLM."""
_ONLY_WITH = {"ollama-chat": "/api/tags", "ollama-generate": "/api/tags", "llama-cpp": "/props", "tgi": "/info"}
"""Dialects of one server each, and the document without which it is another server."""
_UNLISTED = ("/openapi.json", "/v1/models")
"""Documents that servers leave out of their list of routes."""
_ALTERNATIVES = 5
_LIMITED = 429
_SPOKEN = "spoken are the APIs of OpenAI, Anthropic, Gemini, Cohere, Ollama, llama.cpp and TGI"
_MAX_MODELS = 1_000
_FEATURES, _SECOND_TRIES = 7, 7
REQUESTS = len(DOCUMENTS) + 1 + len(DIALECTS) + len(COUNTERS) + _FEATURES + _SECOND_TRIES
"""The most that discovery takes: documents and ``/api/show``, dialects, counters, features, fields taken back."""
TOKENS = (len(DIALECTS) + _FEATURES + _SECOND_TRIES) * (sum(bounds(Question(GREETING, "", max_tokens=2))))
"""The most tokens, prompts and answers together, for a model without a hidden prompt."""


def discover(transport: Transport, model: str, requests: int = REQUESTS, only: Collection[str] = ()) -> Offer:
    """Find out what an endpoint offers.

    Asking a gateway in a dialect that the server behind it does not have can make it rest that server for some seconds
    (LiteLLM does); where others use it too, say with ``only`` which dialects to try.

    Args:
        transport: to the endpoint.
        model: the name to ask for.
        requests: how many requests this may take at most, within the budget; more only until a dialect is found.
        only: names of the dialects to try; all where it is empty.

    Raises:
        UsageError: a name in ``only`` is no dialect.
        Refused: it denies access.
        InputError: it cannot be reached, or answers in none of the dialects.
    """
    names = [dialect.name for dialect in DIALECTS]
    if unknown := [name for name in only if name not in names]:
        raise UsageError(f"{one_line(unknown[0], 60)}: no such dialect", f"one of {', '.join(names)}")
    wanted = tuple(dialect for dialect in DIALECTS if not only or dialect.name in only)
    return _Discovery(transport, model, requests, wanted).run()


@dataclass
class _Discovery:
    transport: Transport
    model: str
    requests: int
    dialects: tuple[Dialect, ...]
    documents: dict[str, Exchange] = field(default_factory=dict)
    found: dict[str, Dialect] = field(default_factory=dict)
    features: dict[str, Features] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    routes: tuple[str, ...] = ()
    refused: Refused | None = None
    greeting: str = ""

    def run(self) -> Offer:
        """All questions, the most useful first."""
        self._last = self.transport.spent.requests + self.requests
        self._get("/openapi.json")
        if (document := self.documents.get("/openapi.json")) is not None:
            self.routes = tuple(mapping(mapping(document.json()).get("paths")))
        for dialect in self.dialects:
            if not self.found and dialect.name not in _ONLY_WITH:
                self._greet(dialect)
        self._get(f"{self._root()}/models")
        self._study()
        for path in DOCUMENTS[2:]:
            self._get(path)
        for dialect in self.dialects:
            if dialect.name not in self.found and _ONLY_WITH.get(dialect.name, "") in ("", *self.documents):
                self._greet(dialect)
        if not self.found:
            raise self._silence()
        self._study()
        if "/api/tags" in self.documents:
            self._get("/api/show", {"model": self.model})
        counters = self._counters()
        self._echo()
        self._bias()
        return Offer(
            model=self.model,
            dialects=tuple(self.found.values()),
            features=self.features,
            counters=counters,
            models=self._models(),
            documents={path: exchange.number for path, exchange in self.documents.items()},
            server=self._server(),
            skipped=tuple(dict.fromkeys(self.skipped)),
        )

    def _guard(self, what: str, path: str, question: Callable[[], T]) -> T | None:
        """What a question gives, if the server may have its route and there is money for it."""
        if not self._routed(path):
            return None
        if self.found and self.transport.spent.requests >= self._last:
            self.skipped.append(f"{what}: more requests than discovery may take")
            return None
        try:
            result = question()
        except Exhausted:
            self.skipped.append(f"{what}: over the budget")
            return None
        except Refused as refusal:
            self.refused = self.refused or refusal
            return None
        if not any(exchange.status for exchange in self.transport.exchanges) and len(self.transport.exchanges) > 1:
            problem = self.transport.exchanges[-1].problem
            raise InputError(f"{host(self.transport.url)}: {problem}", "check the address")
        return result

    def _routed(self, path: str) -> bool:
        """Whether the server may have a route: not where it lists its routes, and this is not among them."""
        return not self.routes or path in _UNLISTED or any(known.endswith(path) for known in self.routes)

    def _get(self, path: str, body: Json | None = None) -> None:
        """Keep a document, if it is one."""
        method = "GET" if body is None else "POST"
        exchange = self._guard(path, path, lambda: self.transport.send(method, path, body))
        if exchange is not None and exchange.status == 200 and isinstance(exchange.json(), dict | list):
            self.documents[path] = exchange

    def _ask(self, dialect: Dialect, what: str = "", **changes: Any) -> Answer | None:
        question = replace(Question(GREETING, self.model), **changes)
        return self._guard(
            f"{dialect.name} {what}".strip(), dialect.path, lambda: dialect.ask(self.transport, question)
        )

    def _greet(self, dialect: Dialect) -> None:
        """Ask for one token; where the server refuses a field, or the path has no ``/v1``, ask once more."""
        ways = self._ways(dialect)
        while ways:
            way = ways.pop(0)
            answer = self._ask(way)
            if answer is None:
                continue
            if not answer.problem:
                self.greeting = self.greeting or answer.text
                self.found[way.name] = way
                self.features[way.name] = Features(usage=answer.prompt_tokens is not None)
                return
            if answer.status == _LIMITED:
                raise InputError(f"{host(self.transport.url)}: rate limited (429)", "try again later, or with --rate")
            self.complaints.append(f"{way.name} {answer.problem.partition(':')[0]}")
            adapted = way.adapted(answer) if isinstance(way, OpenAIChat | OpenAIResponses) else None
            ways = [adapted, *ways] if adapted is not None else ways

    def _ways(self, dialect: Dialect) -> list[Dialect]:
        """A dialect, also without ``/v1`` where the address has a path of its own and nothing is known yet."""
        own = urlsplit(self.transport.url).path
        if isinstance(dialect, Gemini | CohereChat):  # an address that ends with their version has it already
            return [replace(dialect, root="")] if own.endswith(dialect.root) else [dialect]
        if not isinstance(dialect, OpenAIChat | OpenAICompletions | OpenAIResponses):
            return [dialect]
        if "openai-chat" in self.found:
            return [replace(dialect, root=self._root())]
        return [replace(dialect, root=""), dialect] if own else [dialect]

    def _root(self) -> str:
        """What stands before the routes of OpenAI's dialects."""
        chat = self.found.get("openai-chat")
        return chat.root if isinstance(chat, OpenAIChat) else ROOT

    def _study(self) -> None:
        """Counts in streams, and log probabilities, of the dialect that will be asked."""
        dialect = next(iter(self.found.values()), None)
        if dialect is None or self.features[dialect.name].stream is not None:
            return
        known = self.features[dialect.name]
        if (answer := self._ask(dialect, "in a stream", stream=True)) is not None:
            good = not answer.problem
            known = replace(known, stream=good, usage_in_stream=good and answer.prompt_tokens is not None)
        if known.usage_in_stream and isinstance(dialect, OpenAIChat | OpenAICompletions):
            answer = self._ask(dialect, "in a stream without a wish for counts", stream=True, usage_in_stream=False)
            if answer is not None:
                known = replace(known, usage_unasked=not answer.problem and answer.prompt_tokens is not None)
        if not isinstance(dialect, AnthropicMessages):
            answer = self._ask(dialect, "with log probabilities", logprobs=_ALTERNATIVES, max_tokens=2)
            if answer is not None:
                most = max((len(t.alternatives) for t in answer.tokens), default=0)
                told = not answer.problem and any(t.logprob is not None for t in answer.tokens)
                known = replace(known, logprobs=told, alternatives=most)
        self.features[dialect.name] = known

    def _counters(self) -> tuple[str, ...]:
        """Routes that count or cut; of two that say the same, the one that says more."""
        names: list[str] = []
        paths: list[str] = []
        for counter in COUNTERS:
            if any(counter.path.startswith(path) for path in paths):
                continue
            said = self._guard(counter.path, counter.path, partial(counter.ask, self.transport, self.model, GREETING))
            if said is not None and said[0] is not None:
                names.append(counter.name)
                paths.append(counter.path)
        return tuple(names)

    def _echo(self) -> None:
        """Whether the prompt's own tokens come back."""
        for name, feature in (("openai-completions", "echo"), ("openai-chat", "prompt_logprobs"), ("tgi", "echo")):
            if (dialect := self.found.get(name)) is None:
                continue
            answer = self._ask(dialect, "with the tokens of the prompt", echo=True, logprobs=1)
            if answer is not None:
                own = answer.tokens[: answer.details.get("echoed", 0)]
                told = not answer.problem and any(token.text for token in own)
                self.features[name] = replace(self.features[name], **{feature: told})

    def _bias(self) -> None:
        """Whether a bias changes the answer."""
        dialect = next(iter(self.found.values()))
        if isinstance(dialect, OpenAIChat | OpenAICompletions | LlamaCpp):
            answer = self._ask(dialect, "with a bias", logit_bias={BIASED: 100.0})
            if answer is not None:
                obeyed = not answer.problem and answer.text != self.greeting
                self.features[dialect.name] = replace(self.features[dialect.name], logit_bias=obeyed)

    def _models(self) -> tuple[str, ...]:
        """Names from the lists of OpenAI's and Ollama's APIs."""
        names: list[str] = []
        for path, part, key in ((f"{self._root()}/models", "data", "id"), ("/api/tags", "models", "name")):
            if (document := self.documents.get(path)) is not None:
                entries = sequence(mapping(document.json()).get(part))[:_MAX_MODELS]
                names += [name for e in entries if isinstance(name := mapping(e).get(key), str)]
        return tuple(dict.fromkeys(names))

    def _server(self) -> str:
        """The software, in its own words: the title of its API, else its ``Server`` header."""
        document = self.documents.get("/openapi.json")
        info = mapping(mapping(document.json() if document else None).get("info"))
        title = " ".join(str(info[k]) for k in ("title", "version") if isinstance(info.get(k), str))
        header = next((e.headers["server"] for e in self.transport.exchanges if "server" in e.headers), "")
        return one_line(", ".join(part for part in (title, header) if part), 120)

    def _silence(self) -> InputError:
        name = host(self.transport.url)
        if self.refused is not None:
            return self.refused
        if not self.complaints:
            return Exhausted(f"{name}: nothing could be asked within the budget", "allow more requests and tokens")
        said = "; ".join(self.complaints[:3])
        failing = all(" answers 5" in complaint for complaint in self.complaints)
        hint = "it fails by itself: try again later" if failing else f"check the address and the model; {_SPOKEN}"
        return InputError(f"{name}: answers in no dialect that is known ({said})", hint)
