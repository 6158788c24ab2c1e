"""Which text to count next: the one that is expected to tell most, and when enough is known.

Three phases, told apart by the state of the test alone. While several tokenizers are likely, the next probe is the one
of the largest expected information gain about which it is (Lindley 1956). Once one class is left, the next is one on
which strangers and relatives differ: where a tokenizer that is not known is noticed. Where most speaks for such a one,
texts of every other kind follow.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from forebear.signals.counting_noise import EXACT, F64, I64, Jitter
from forebear.signals.token_counts import CountTest

SURE = 1e-3
"""Probability of everything else at which a class counts as the only one left."""
CHECKS, NOISY_CHECKS = 1, 3
"""Probes that are asked to find an unknown tokenizer out, after one class is left: where counts are exact, else."""
_SUSPICIOUS = 0.5
"""Probability of an unknown tokenizer from which on that is what is looked into."""
_FAINT = 1e-6
_DOUBT = Jitter("±1", {1: 0.5}).kernel()
_ODD = 2
"""Tokens; more than noise that has been seen so far explains."""
_DIFFERENT = 16
"""Tokens; a larger difference makes a probe no better."""


def settled(test: CountTest, checks: int) -> bool:
    """Whether more counts are not needed: nothing fits, or one class does and was put to as many checks."""
    if not test.matches:
        return True
    enough = CHECKS if test.noise is EXACT else NOISY_CHECKS
    return alone(test) and checks >= enough and test.stranger <= SURE and not _suspicious(test)


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
    if test.matches and not alone(test) and test.unknown <= _SUSPICIOUS:
        worth = _information(test, left)
    elif suspects := sorted(_suspects(test) & set(left)):
        worth, left = _surprise(test), suspects
    else:
        worth = _novelty(test) if test.unknown > _SUSPICIOUS else _surprise(test)
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
    """On how many of the known tokenizers each probe differs from the likeliest, and from their own nearest relative.

    What is not known may be a stranger, which most probes show, or a relative of one that is, which only the texts show
    on which relatives differ.
    """
    expected = test.table.expected
    best = int(np.argmax(test.posterior))
    strangers = np.minimum(np.abs(expected - expected[best][None, :]), _DIFFERENT) / _DIFFERENT
    relatives = np.minimum(np.abs(expected - expected[_nearest(expected)]), _DIFFERENT) / _DIFFERENT
    found: F64 = (strangers + relatives).mean(axis=0)
    return found


def _suspicious(test: CountTest) -> bool:
    """Whether an unknown tokenizer is likelier than all known ones, or an odd count has causes that were not asked."""
    return test.unknown > _SUSPICIOUS or bool(_suspects(test) - {probe for probe, _ in test.asked})


def _suspects(test: CountTest) -> set[int]:
    """Texts that share a part with one that is counted otherwise than the likeliest tokenizer does, and those parts.

    A part that also stands in a text that is counted alike is not the cause.
    """
    parts = test.table.parts
    if not parts:
        return set()
    best, limit = int(np.argmax(test.posterior)), max(_ODD, test.noise.kernel().size // 2)
    odd = {probe for probe, difference in test.asked if abs(difference - int(test.table.expected[best, probe])) > limit}
    cleared: set[int] = set()
    for probe, _ in test.asked:
        if probe not in odd:
            cleared |= {probe, *parts[probe]}
    doubtful = odd.union(*(parts[probe] for probe in odd)) - cleared
    return doubtful | {probe for probe, own in enumerate(parts) if own & doubtful}


def _novelty(test: CountTest) -> F64:
    """What of each probe's differences among known tokenizers those that were asked do not foretell, as a variance.

    What is not known differs in some kind of text, and nobody knows which: so every kind is asked in turn.
    """
    centred = np.clip(test.table.expected - np.median(test.table.expected, axis=0), -_DIFFERENT, _DIFFERENT)
    columns = centred - centred.mean(axis=0)
    for probe, _ in test.asked:
        one = columns[:, probe].copy()
        if length := float(one @ one):
            columns = columns - np.outer(one, one @ columns) / length
    found: F64 = (columns**2).mean(axis=0)
    return found


def _nearest(expected: I64) -> I64:
    """The class whose counts differ least from each class's, ``(classes,)``."""
    distance = np.abs(expected[:, None, :] - expected[None, :, :]).sum(axis=2)
    np.fill_diagonal(distance, np.iinfo(distance.dtype).max)
    found: I64 = np.argmin(distance, axis=1)
    return found


def _entropy(shares: F64) -> float:
    positive = shares[shares > 0]
    return -float((positive * np.log(positive)).sum()) if positive.size else 0.0
