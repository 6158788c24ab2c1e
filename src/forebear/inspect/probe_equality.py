"""Whether an endpoint answers like a trusted endpoint of the model that it claims: samples of both, and their test."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from forebear.endpoints import Answer
from forebear.inspect.probe_behaviour import prompts
from forebear.signals.equality import Equality, equality

PROMPTS = 16
ANSWERS = 5
TOKENS = 40
SAMPLES = PROMPTS * ANSWERS
"""Answers of each endpoint."""
INSTRUCTION = "Continue this text with one or two sentences:"
_FAILURES = 5

Say = Callable[[str, int], Answer]
Affords = Callable[[int, int], bool]


def questions() -> tuple[str, ...]:
    """What both endpoints are asked."""
    return tuple(f"{INSTRUCTION} {text}" for text in islice(prompts().texts.values(), PROMPTS))


def sampled(say: Say, affords: Affords) -> list[list[str]]:
    """Answers to every question, as many as budget and endpoint allow.

    Args:
        say: asks with a text and a number of tokens, at temperature 1.
        affords: whether so many requests with so many tokens are within the budget.
    """
    found: list[list[str]] = []
    failures = 0
    for text in questions():
        answers: list[str] = []
        for _ in range(ANSWERS):
            if failures >= _FAILURES or not affords(1, len(text) + TOKENS):
                break
            answer = say(text, TOKENS)
            failures = failures + 1 if answer.problem else 0
            if not answer.problem:
                answers.append(answer.text)
        found.append(answers)
    return found


def compared(ours: list[list[str]], theirs: list[list[str]], seed: int) -> Equality | None:
    """The test on the questions that both answered twice or more; None where there is none."""
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if len(a) >= 2 and len(b) >= 2]
    if not pairs:
        return None
    return equality([a for a, _ in pairs], [b for _, b in pairs], seed)
