"""``token-counts/1``: which tokenizers agree with the token counts that an endpoint reports.

A sequential test. Every tokenizer is a null hypothesis, "the differences are its own, up to one kind of counting
noise", and is rejected once an e-process passes 1/α: the likelihood of everything under a mixture of all tokenizers,
known and unknown, over the largest likelihood that any kind of noise gives this one (universal inference: Wasserman,
Ramdas and Balakrishnan 2020; Ville's inequality makes it valid at every moment and for probes that are chosen by what
was seen). So the true tokenizer is rejected with a probability of at most α, whatever the order and the end of the
questions. What remains is the answer: a set, of which several tokenizers may be members, and which is empty where none
fits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from forebear.signals.counting_noise import EXACT, F64, I64, NOISES, Jitter, Noise, far

NAME = "token-counts/1"
ALPHA = 0.01
"""Probability that the true tokenizer is rejected, at most."""
UNKNOWN = 0.2
"""Weight of tokenizers that are not in the table, before anything is seen."""
_EXACT_WEIGHT = 0.5
_ALIKE = np.array([0.5, 0.9, 0.98])
"""Shares of texts that related tokenizers, of trimmed or extended vocabularies, are supposed to cut alike."""
_LEAST = 4.0
"""Tokens by which counts of unknown tokenizers differ at least, in scale."""
_SPREAD = 0.12
"""How far the counts of an unknown tokenizer are from those of a known one, as a share."""
_KERNEL = Jitter("±1", {1: 0.5}).kernel()


@dataclass(frozen=True)
class CountTable:
    """Token counts of known tokenizers on a battery of texts.

    Attributes:
        classes: names of the tokenizers that no text of the battery tells apart, a tuple for each class.
        counts: tokens, int64 ``(classes, texts)``; the first text is the baseline.
        parts: of each text, the others that stand in it whole; empty where that is not known.
    """

    classes: tuple[tuple[str, ...], ...]
    counts: I64
    parts: tuple[frozenset[int], ...] = ()

    @classmethod
    def of(cls, vectors: Iterable[tuple[str, Sequence[int]]], texts: Sequence[str] = ()) -> CountTable:
        """The table of named count vectors of equal length; equal vectors become one class.

        Args:
            vectors: names and counts.
            texts: what was counted, where parts are of interest.
        """
        grouped: dict[tuple[int, ...], list[str]] = {}
        for name, vector in vectors:
            grouped.setdefault(tuple(vector), []).append(name)
        counts = np.array(list(grouped), dtype=np.int64)
        return cls(tuple(tuple(names) for names in grouped.values()), counts, _parts(texts))

    @property
    def expected(self) -> I64:
        """Differences to the baseline."""
        return self.counts - self.counts[:, :1]

    def without(self, name: str) -> CountTable:
        """The same table as if one tokenizer, and all that count alike, were not known."""
        kept = [k for k, names in enumerate(self.classes) if name not in names]
        return CountTable(tuple(self.classes[k] for k in kept), self.counts[kept], self.parts)


@dataclass(frozen=True)
class CountTest:
    """What a series of counts says so far; :meth:`observe` gives the next state.

    Attributes:
        table: the tokenizers that are tested.
        alpha: see :data:`ALPHA`.
        asked: probes whose differences were seen, in order, and those differences.
        rejected: for each class, whether its e-process has passed ``1 / alpha`` at any moment.
        log_e: natural logarithm of the largest value of each class's e-process, ``(classes,)``.
    """

    table: CountTable
    alpha: float = ALPHA
    noises: tuple[Noise, ...] = NOISES
    asked: tuple[tuple[int, int], ...] = ()
    rejected: tuple[bool, ...] = ()
    log_e: F64 = field(default_factory=lambda: np.zeros(0))
    _states: tuple[F64, ...] = ()
    _strange: F64 = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def start(cls, table: CountTable, alpha: float = ALPHA, noises: tuple[Noise, ...] = NOISES) -> CountTest:
        """Before the first difference."""
        size = len(table.classes)
        states = tuple(np.zeros((size, 1)) + noise.prior[None, :] for noise in noises)
        return cls(table, alpha, noises, (), (False,) * size, np.zeros(size), states, np.zeros((1 + _ALIKE.size, size)))

    def observe(self, probe: int, difference: int) -> CountTest:
        """The state after one more difference: tokens of that probe less those of the baseline, as reported."""
        expected = self.table.expected[:, probe]
        states = tuple(
            state + noise.log_likelihood(difference, expected)
            for state, noise in zip(self._states, self.noises, strict=True)
        )
        wide = far(difference - expected, np.maximum(_LEAST, _SPREAD * self.table.counts[:, probe]))
        alike = np.log(_ALIKE)[:, None]
        related = np.logaddexp(alike + _near(difference - expected), np.log1p(-_ALIKE)[:, None] + wide)
        strange = self._strange + np.concatenate([wide[None, :], related])
        after = replace(self, asked=(*self.asked, (probe, difference)), _states=states, _strange=strange)
        log_e = np.maximum(self.log_e, after._evidence - after._best)
        rejected = tuple(bool(value >= -math.log(self.alpha)) for value in log_e)
        return replace(after, log_e=log_e, rejected=rejected)

    @property
    def matches(self) -> tuple[int, ...]:
        """Classes that are not rejected, the likeliest first."""
        order = np.argsort(-self.posterior, kind="stable")
        return tuple(int(k) for k in order if not self.rejected[k])

    @cached_property
    def posterior(self) -> F64:
        """Probability of each class, ``(classes,)``: equal weights before, and :data:`UNKNOWN` for all others."""
        found: F64 = np.exp(self._joint - self._evidence)
        return found

    @property
    def unknown(self) -> float:
        """Probability of a tokenizer that is not in the table, with the same weights."""
        return max(0.0, 1.0 - float(self.posterior.sum()))

    @property
    def stranger(self) -> float:
        """Probability of an unknown tokenizer that is no near relative of a known one: those cannot be excluded."""
        mass = float(np.logaddexp.reduce(self._strange[0])) + math.log(UNKNOWN / self._strange.size)
        return math.exp(mass - self._evidence)

    @property
    def fit(self) -> float:
        """Log likelihood of all differences under the class and the noise that explain them best."""
        return float(self._best.max())

    @property
    def related(self) -> int | None:
        """The class to which an unknown tokenizer is related, where most of its counts are that one's; else None."""
        if len(self.asked) < 4:
            return None
        equal = [sum(int(self.table.expected[k, p]) == d for p, d in self.asked) for k in range(len(self.rejected))]
        best = int(np.argmax(equal))
        return best if 2 * equal[best] > len(self.asked) else None

    @cached_property
    def noise(self) -> Noise:
        """The kind of noise that explains the counts best, under the likeliest class."""
        best = int(np.argmax(self._joint))
        return self.noises[int(np.argmax(self._by_class[:, best] + self._weights()))]

    def _weights(self) -> F64:
        others = len(self.noises) - 1
        return np.log(
            [_EXACT_WEIGHT if noise is EXACT else (1 - _EXACT_WEIGHT) / max(1, others) for noise in self.noises]
        )

    @cached_property
    def _by_class(self) -> F64:
        """Log likelihood of all differences, the hidden value averaged out, ``(noises, classes)``."""
        return np.stack([_log_sum(state) for state in self._states])

    @cached_property
    def _best(self) -> F64:
        """The largest log likelihood that any kind of noise gives each class, ``(classes,)``."""
        found = [
            averaged if noise.random else (state - noise.prior[None, :]).max(axis=1)
            for averaged, state, noise in zip(self._by_class, self._states, self.noises, strict=True)
        ]
        best: F64 = np.stack(found).max(axis=0)
        return best

    @cached_property
    def _joint(self) -> F64:
        """Log of weight times likelihood, ``(classes,)``."""
        mixed = np.logaddexp.reduce(self._by_class + self._weights()[:, None], axis=0)
        joint: F64 = mixed + math.log((1 - UNKNOWN) / len(self.rejected))
        return joint

    @cached_property
    def _evidence(self) -> float:
        """Log likelihood of all differences under the whole mixture: what the e-processes stand over."""
        strange = float(np.logaddexp.reduce(self._strange, axis=None)) + math.log(UNKNOWN / self._strange.size)
        return float(np.logaddexp(np.logaddexp.reduce(self._joint), strange))


def _log_sum(logs: F64) -> F64:
    """The logarithm of the sum of each row's exponentials, ``(rows, columns)`` to ``(rows,)``."""
    top = logs.max(axis=1)
    found: F64 = top + np.log(np.exp(logs - top[:, None]).sum(axis=1))
    return found


def _parts(texts: Sequence[str]) -> tuple[frozenset[int], ...]:
    return tuple(
        frozenset(k for k, part in enumerate(texts) if k and k != j and part in text) for j, text in enumerate(texts)
    )


def _near(errors: I64) -> F64:
    """Log probability of the error of a related tokenizer's count where it cuts a text alike: none, or some jitter."""
    width = _KERNEL.size // 2
    shares = np.where(np.abs(errors) <= width, _KERNEL[np.clip(errors + width, 0, 2 * width)], 0.0)
    with np.errstate(divide="ignore"):
        found: F64 = np.log(0.5 * (errors == 0) + 0.5 * shares)
    return found
