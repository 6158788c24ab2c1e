"""How a probe is run, and what it would cost at most."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from forebear.endpoints import DISCOVERY_REQUESTS, Budget
from forebear.index import BlackBoxIndex
from forebear.inspect.probe_behaviour import TOKENS, prompts
from forebear.inspect.probe_counts import MOST_COUNTS, STREAMED
from forebear.inspect.probe_equality import SAMPLES
from forebear.inspect.probe_equality import TOKENS as SAMPLE_TOKENS
from forebear.inspect.probe_tokenizers import count_table
from forebear.signals.token_counts import ALPHA
from forebear.types import Json

FEW = 3
"""Requests for finding out what an endpoint offers, unless the effort is deep."""
LENGTH = 48
"""Tokens at which an answer is cut off for the control of counts."""


@dataclass(frozen=True)
class Trusted:
    """An endpoint that is known to serve the claimed model: its address, the model's name there, its key."""

    url: str
    model: str
    key: str = field(default="", repr=False)


@dataclass(frozen=True)
class Settings:
    """How a probe is run.

    Attributes:
        model: the name to ask for.
        expect: what the endpoint should be, where that is not the name.
        effort: ``quick`` stops after identifiers, ``deep`` finds out all that the endpoint offers.
        seed: of everything that is drawn.
        behaviour: whether enrolled models are compared with, where there are any.
        alpha: error rate of the test of token counts.
        trusted: an endpoint of the claimed model whose answers are compared with.
    """

    model: str
    expect: str | None = None
    effort: str = "standard"
    seed: int = 0
    behaviour: bool = True
    alpha: float = ALPHA
    trusted: Trusted | None = None


def plan(settings: Settings, budget: Budget, index: BlackBoxIndex | None = None, enrolling: bool = False) -> Json:
    """What a probe would ask at most, without asking it: requests, tokens and their price.

    What a hidden system prompt adds to every request is not known before the first answer.
    """
    store = index or BlackBoxIndex()
    table, _ = count_table(store)
    largest = np.sort(table.counts.max(axis=0))
    counting = settings.effort != "quick"
    texts = len(prompts().texts) if enrolling or (counting and settings.behaviour and store.behaviours()) else 0
    parts = {
        "what it offers": FEW if settings.effort != "deep" else DISCOVERY_REQUESTS,
        "a name that no server has": 1,
        "token counts": MOST_COUNTS if counting else 0,
        "controls of the counts": 2 + STREAMED + 1 + 2 if counting else 0,
        "behaviour": texts,
        "sameness, both endpoints": 2 * SAMPLES + FEW if settings.trusted is not None else 0,
    }
    tokens = int(largest[-MOST_COUNTS:].sum() + 7 * largest[-1]) if counting else 0
    samples = 2 * SAMPLES if settings.trusted is not None else 0
    prompt = tokens + texts * 40 + samples * 40 + 100
    answers = 2 * LENGTH + texts * TOKENS + samples * SAMPLE_TOKENS + 30
    prices = budget.price_in, budget.price_out
    price = None if None in prices else (prompt * (prices[0] or 0) + answers * (prices[1] or 0)) / 1e6
    return {
        "parts": parts,
        "requests_at_most": min(sum(parts.values()), budget.max_requests),
        "prompt_tokens_at_most": min(prompt, budget.max_tokens),
        "answer_tokens_at_most": min(answers, budget.max_tokens),
        "price_at_most": price,
    }
