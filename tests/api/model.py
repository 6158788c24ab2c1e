"""What is served: a tokenizer, a template, habits of counting, and a bigram model for words."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

Cut = Callable[[str], Sequence[tuple[int, str]]]
"""A tokenizer: a text to ids and strings."""
EVERYTHING = frozenset(
    {
        "openai-chat",
        "openai-completions",
        "openai-responses",
        "anthropic-messages",
        "gemini",
        "cohere-chat",
        "ollama-chat",
        "ollama-generate",
        "llama-cpp",
        "tgi",
    }
)
VOCABULARY = tuple(f" {stem}{ending}" for stem in ("tree", "über", "river", "树") for ending in range(300))
"""What the bigram model says; its ids are places in this list."""


@dataclass(frozen=True)
class Step:
    """One token of an answer: id, string, logarithm, and the likeliest ones."""

    id: int
    text: str
    logprob: float
    top: tuple[tuple[int, str, float], ...]


@dataclass(frozen=True)
class Model:
    """What a server serves, and how.

    Attributes:
        name: what it calls itself, where it does not echo.
        cut: its tokenizer.
        count: a counter of tokens, for use without ``cut``.
        template: of a conversation, with ``{system}`` and ``{text}``.
        system: an instruction that nobody but the server sees.
        strip: whether white space around the user's text is removed.
        rounding: prompts' counts are rounded up to multiples of it.
        noise: counts are off by up to so many, at random.
        recount: another counter for streams, as a gateway has.
        caches: whether a prompt that was seen before is said to come from a cache.
        lie: what is done to the count of a prompt at last.
        echo_name: whether answers name the model that was asked for, whatever it is.
        strict_name: whether other names than its own are refused, in an error that tells its own.
        usage: whether OpenAI's chats and completions have counts at all.
        stream_usage: when streams have counts: ``asked``, ``always`` or ``never``.
        merge: tokens in one piece of a stream.
        crlf: whether streams have CRLF, comments and data in several lines.
        done: whether streams end with ``[DONE]``.
        dialects: what is spoken; other routes are not there.
        extras: of ``logprobs``, ``echo``, ``prompt_logprobs``, ``logit_bias``.
        tokenize: whose routes for counting are there: ``vllm``, ``llama.cpp``, ``tgi``, ``llama-cpp-python``, or none.
        documents: further routes for GET, and what they answer.
        headers: of every answer.
        fingerprint: sent as ``system_fingerprint``.
        key: without which 401 is answered.
        least: the smallest ``max_output_tokens`` (OpenAI's own is 16).
        limit: the only name that is accepted for the length of an answer in chats.
        seed: of the bigram model.
        drift: how far it was trained away from its seed; with ``drift_seed`` for the direction.
        swap: after so many answers, another model takes over.
        route: which model answers a user's text, where a gateway decides by the text.
        forbidden: user's texts that a filter before it denies with 403.
    """

    name: str = "toy-1"
    cut: Cut | None = None
    count: Callable[[str], int] | None = None
    template: str = "<|system|>\n{system}<|user|>\n{text}<|end|>\n<|assistant|>\n"
    system: str = ""
    strip: bool = False
    rounding: int = 1
    noise: int = 0
    recount: Callable[[str], int] | None = None
    caches: bool = False
    lie: Callable[[int], int] | None = None
    echo_name: bool = False
    strict_name: bool = False
    stream_usage: str = "asked"
    usage: bool = True
    merge: int = 1
    crlf: bool = False
    done: bool = True
    dialects: frozenset[str] = EVERYTHING
    extras: frozenset[str] = frozenset({"logprobs", "echo", "prompt_logprobs", "logit_bias"})
    tokenize: str = "vllm"
    documents: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    key: str = ""
    least: int = 1
    limit: str = ""
    seed: int = 0
    drift: float = 0.0
    drift_seed: int = 1
    swap: tuple[int, Model] | None = None
    route: Callable[[str], Model] | None = None
    forbidden: Callable[[str], bool] | None = None

    def tokens(self, text: str) -> Sequence[tuple[int, str]]:
        """A text in tokens; in words where there is only a counter."""
        return (self.cut or words)(text)

    def length(self, text: str) -> int:
        """The number of tokens of a text."""
        return self.count(text) if self.count else len(self.tokens(text))

    def prompt(self, system: str, text: str, templated: bool) -> str:
        """What the model reads."""
        text = text.strip() if self.strip else text
        system = "\n".join(part for part in (self.system, system) if part)
        if not templated:
            return f"{system}\n{text}" if system else text
        return self.template.replace("{system}", system).replace("{text}", text)

    def prompt_tokens(self, prompt: str, streaming: bool, rng: np.random.Generator) -> int:
        """What the server says that a prompt has."""
        n = self.recount(prompt) if streaming and self.recount else self.length(prompt)
        if self.noise:
            n += int(rng.integers(-self.noise, self.noise + 1))
        n = -(-n // self.rounding) * self.rounding
        return self.lie(n) if self.lie else max(0, n)

    def say(
        self, text: str, n: int, bias: Mapping[int, float], temperature: float, rng: np.random.Generator
    ) -> list[Step]:
        """The next ``n`` tokens after a user's text."""
        context = _context(text)
        said: list[Step] = []
        for _ in range(n):
            logits = _logits(self.seed, context) + (
                self.drift * _logits(self.drift_seed + 1_000_003, context) if self.drift else 0.0
            )
            for number, value in bias.items():
                if 0 <= number < len(logits):
                    logits = logits.copy()
                    logits[number] += value
            logprobs = logits - _logsumexp(logits)
            order = np.argsort(-logprobs, kind="stable")[:20]
            choice = int(order[0])
            if temperature > 0:
                choice = int(np.argmax(logits / temperature + rng.gumbel(size=len(logits))))
            top = tuple((int(i), VOCABULARY[i], float(logprobs[i])) for i in order)
            said.append(Step(choice, VOCABULARY[choice], float(logprobs[choice]), top))
            context = VOCABULARY[choice]
        return said


def words(text: str) -> list[tuple[int, str]]:
    """A toy tokenizer: words of at most six characters with the space before them, and all else by itself."""
    return [(_id(piece), piece) for piece in re.findall(r" ?\w{1,6}|\s|[^\w\s]", text)]


def _id(piece: str) -> int:
    return int.from_bytes(hashlib.blake2b(piece.encode("utf-8", "surrogatepass"), digest_size=2).digest(), "big")


def _context(text: str) -> str:
    return " ".join(text.split()[-3:])


def _logsumexp(x: np.ndarray) -> float:
    top = float(x.max())
    return top + math.log(float(np.exp(x - top).sum()))


@lru_cache(maxsize=4_096)
def _logits(seed: int, context: str) -> np.ndarray:
    digest = hashlib.blake2b(f"{seed}\0{context}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return 3.0 * np.random.default_rng(int.from_bytes(digest, "big")).standard_normal(len(VOCABULARY))
