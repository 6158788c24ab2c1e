"""Which text to count next: the one that is expected to tell most, and when enough is known.

Two phases, told apart by the state of the test alone. While several tokenizers are likely, the next probe is the one of
the largest expected information gain about which it is (Lindley 1956). Once one class is left, or most speaks for none,
the next is the one on which the known tokenizers differ most from the likeliest: where one that is not known is
noticed.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from forebear.signals.counting_noise import F64, I64, Jitter
from forebear.signals.token_counts import CountTest

SURE = 1e-3
"""Probability of everything else at which a class counts as the only one left."""
CHECKS = 1
"""Probes that are asked to find an unknown tokenizer out, after one class is left."""
_FAINT = 1e-6
_DOUBT = Jitter("±1", {1: 0.5}).kernel()
_DIFFERENT = 60
"""Tokens; a larger difference makes a probe no better."""


def settled(test: CountTest, checks: int) -> bool:
    """Whether more counts are not needed: nothing fits, or one class does and was put to as many checks."""
    if not test.matches:
        return True
    return alone(test) and checks >= CHECKS and test.unknown <= SURE


def alone(test: CountTest) -> bool:
    """Whether one class is left and all others together are improbable."""
    if len(test.matches) != 1:
        return False
    best = float(test.posterior[test.matches[0]])
    return float(test.posterior.sum()) - best <= SURE * best


def next_probe(test: CountTest, costs: I64, usable: Collection[int]) -> int | None:
    """The probe to ask next, None where none is left.

    Args:
        test: so far.
        costs: tokens of each probe, ``(probes,)``, roughly; of equally telling probes the cheapest is taken.
        usable: probes that may be asked; those already asked are left out.
    """
    left = sorted(set(usable) - {probe for probe, _ in test.asked} - {0})
    if not left:
        return None
    strange = alone(test) or not test.matches or test.unknown > 0.5
    worth = _surprise(test) if strange else _information(test, left)
    return max(left, key=lambda probe: (round(float(worth[probe]), 3), -int(costs[probe])))


def _information(test: CountTest, probes: list[int]) -> F64:
    """Expected information of each probe about the class, in nats.

    Counts are taken to be noisy even where they have been exact so far: a difference of one token tells classes apart
    only for who believes in exactness, and the test does not.
    """
    kernel = max(test.noise.kernel(), _DOUBT, key=len)
    weights = np.where(test.rejected, 0.0, test.posterior)
    weights = np.maximum(weights / max(weights.sum(), 1e-300), 0.0)
    likely = weights > _FAINT
    weights, expected = weights[likely] / weights[likely].sum(), test.table.expected[likely]
    noise = _entropy(kernel)
    found = np.zeros(test.table.counts.shape[1])
    for probe in probes:
        values = expected[:, probe] - expected[:, probe].min()
        if int(values.max()) > 100_000:
            continue
        spread = np.convolve(np.bincount(values, weights=weights), kernel)
        found[probe] = _entropy(spread) - noise
    return found


def _surprise(test: CountTest) -> F64:
    """How far the known tokenizers are from the likeliest on each probe, every one's distance bounded."""
    best = int(np.argmax(test.posterior))
    distance = np.abs(test.table.expected - test.table.expected[best][None, :])
    found: F64 = np.minimum(distance, _DIFFERENT).mean(axis=0)
    return found


def _entropy(shares: F64) -> float:
    positive = shares[shares > 0]
    return -float((positive * np.log(positive)).sum()) if positive.size else 0.0
