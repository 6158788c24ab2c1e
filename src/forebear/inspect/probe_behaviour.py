"""How a model continues short texts, for enrolment and for comparison with models that were enrolled."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from forebear.endpoints import Answer
from forebear.index import Behaviour
from forebear.signals.agreement import Agreement, Continuation, agreement, first_word

VERSION = "1"
TOKENS = 8
"""Of an answer; a word has fewer, and what follows it is not looked at."""
_FAILURES = 5
"""In a row, after which no more is asked."""


@dataclass(frozen=True)
class Prompts:
    """Beginnings of sentences that can go on in many ways, and what is asked of the model."""

    version: str
    instruction: str
    texts: Mapping[str, str]

    def question(self, prompt: str) -> str:
        """What is sent for a prompt."""
        return f"{self.instruction} {self.texts[prompt]}"


@cache
def prompts(version: str = VERSION) -> Prompts:
    """The prompts of a version."""
    file = resources.files("forebear") / "data" / "probes" / f"behaviour-{version}.json"
    data = json.loads(file.read_text("utf-8"))
    return Prompts(data["version"], data["instruction"], {p["id"]: p["text"] for p in data["prompts"]})


def behave(say: Callable[[str, int], Answer], affords: Callable[[int, int], bool]) -> dict[str, Continuation]:
    """How an endpoint continues every text, as far as budget and endpoint allow.

    Args:
        say: asks with a text and a number of tokens.
        affords: whether so many requests with so many tokens are within the budget.
    """
    found: dict[str, Continuation] = {}
    failures = 0
    for prompt in prompts().texts:
        text = prompts().question(prompt)
        if failures >= _FAILURES or not affords(1, len(text) + TOKENS):
            break
        answer = say(text, TOKENS)
        if answer.problem:
            failures += 1
            continue
        failures = 0
        found[prompt] = continuation(answer)
    return found


def continuation(answer: Answer) -> Continuation:
    """What of an answer is compared."""
    first = next((token for token in answer.tokens if token.text.strip()), None)
    shares: dict[str, float] = {}
    for text, logprob in first.alternatives if first else ():
        plain = text.strip(" Ġ▁\n").casefold()
        shares[plain] = shares.get(plain, 0.0) + math.exp(min(0.0, logprob))
    return Continuation(first_word(answer.text), shares or None)


def enrolled_controls(
    continuations: Mapping[str, Continuation], enrolled: Iterable[Behaviour]
) -> tuple[Agreement, ...]:
    """Agreement with every enrolled model, each held against all others that were enrolled with the same texts."""
    models = {b.name: b.continuations for b in enrolled if b.prompts == VERSION}
    others = {name: [other for other in models if other != name] for name in models}
    return agreement(continuations, models, others)
