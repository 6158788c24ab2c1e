"""``agreement/1``: whether an endpoint continues short texts more like a candidate than like unrelated models.

Per prompt, the endpoint's continuation is nearer to the candidate's, nearer to a control's, or as near to both. If
candidate and control were exchangeable on every prompt, "nearer to the candidate" would be a fair coin where they
differ (a sign test). The candidate has to win against every control, so the p-value is that against the best of them
(an intersection-union test; Berger 1982), corrected for the number of candidates (Holm 1979).

After "Model Provenance Testing for Large Language Models" (Nikolic et al., arXiv 2502.00706), which compares shares of
agreement. What no control can take away: a better model agrees more with any good one, and a student with its teacher.
So this is heuristic, and never descent.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from forebear.signals.binomial import log10_tail

NAME = "agreement/1"
HABIT = 10
"""Prompts that may be answered with one word, or a third of all, before they are no longer counted."""
ENOUGH = 8
"""Prompts on which candidate and control differ; with fewer nothing is told."""


@dataclass(frozen=True)
class Continuation:
    """What a model says next after one prompt.

    Attributes:
        word: the first word of its answer, without case and spaces; "" where it said nothing.
        shares: of the first token, text to probability, where the endpoint tells; else empty.
    """

    word: str
    shares: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Agreement:
    """How near an endpoint is to one candidate.

    Attributes:
        candidate: its name.
        prompts: that both answered; ``agreed``: with the same word on so many of them.
        controls: for each unrelated model its name, the prompts on which the candidate was nearer, and those on which
            the control was.
        log10_p: of the sign test against the best control, None where no control differs often enough.
        adjusted: the same, corrected for the number of candidates.
    """

    candidate: str
    prompts: int
    agreed: int
    controls: tuple[tuple[str, int, int], ...]
    log10_p: float | None
    adjusted: float | None = None


def first_word(text: str) -> str:
    """What of an answer is compared: its first word, without case and without what surrounds it."""
    word = text.split(maxsplit=1)[0] if text.split() else ""
    return word.strip("\"'.,:;!?*_`()[]{}<>«»“”‘’…").casefold()[:40]


def distance(a: Continuation, b: Continuation) -> float:
    """Between two continuations: total variation of the first token's shares where both tell, else 0 or 1."""
    if a.shares and b.shares:
        return 0.5 * sum(abs(a.shares.get(key, 0.0) - b.shares.get(key, 0.0)) for key in {*a.shares, *b.shares})
    return float(a.word != b.word)


def agreement(
    endpoint: Mapping[str, Continuation],
    candidates: Mapping[str, Mapping[str, Continuation]],
    unrelated: Mapping[str, Sequence[str]],
) -> tuple[Agreement, ...]:
    """Every candidate's agreement, the nearest first.

    Args:
        endpoint: prompt to continuation.
        candidates: model to the same, enrolled before.
        unrelated: candidate to the names of enrolled models that it may be held against.
    """
    found = [_one(endpoint, name, candidates, unrelated.get(name, ())) for name in candidates]
    told = sorted((a.log10_p, k) for k, a in enumerate(found) if a.log10_p is not None)
    adjusted: dict[int, float] = {}
    worst = float("-inf")
    for rank, (log10_p, k) in enumerate(told):
        worst = max(worst, log10_p + math.log10(len(told) - rank))
        adjusted[k] = min(0.0, worst)
    done = [
        Agreement(a.candidate, a.prompts, a.agreed, a.controls, a.log10_p, adjusted.get(k)) for k, a in enumerate(found)
    ]
    return tuple(sorted(done, key=lambda a: (a.adjusted if a.adjusted is not None else 1.0, -a.agreed, a.candidate)))


def _habits(endpoint: Mapping[str, Continuation]) -> frozenset[str]:
    """Words with which an endpoint answers whatever it is asked: a habit makes many prompts one."""
    words = Counter(c.word for c in endpoint.values())
    return frozenset(word for word, times in words.items() if times > max(HABIT, len(endpoint) // 3))


def _one(
    endpoint: Mapping[str, Continuation],
    name: str,
    enrolled: Mapping[str, Mapping[str, Continuation]],
    controls: Sequence[str],
) -> Agreement:
    own = enrolled[name]
    habits = _habits(endpoint)
    both = [prompt for prompt in endpoint if prompt in own and endpoint[prompt].word not in habits]
    agreed = sum(bool(endpoint[p].word) and endpoint[p].word == own[p].word for p in both)
    races = []
    for control in controls:
        shared = [p for p in both if p in enrolled[control]]
        gaps = [distance(endpoint[p], enrolled[control][p]) - distance(endpoint[p], own[p]) for p in shared]
        races.append((control, sum(g > 0 for g in gaps), sum(g < 0 for g in gaps)))
    tails = [log10_tail(won, won + lost) for _, won, lost in races if won + lost >= ENOUGH]
    usable = len(tails) == len(races) and bool(tails)
    return Agreement(name, len(both), agreed, tuple(races), max(tails) if usable else None)
