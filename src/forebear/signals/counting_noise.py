"""What may stand between a tokenizer and the count that an endpoint reports: nothing, jitter, rounding.

A reported count is ``y = c + n(x) + e``: a constant ``c`` for template and hidden system prompt, the tokens of the
text, and an error. Only differences to a baseline request are used, in which ``c`` cancels; each model here says how
likely such a difference is where the tokenizer is known. All of them allow any count but the baseline to be far off,
seldom: one odd answer alone must not decide anything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

OUTLIERS = 0.001
"""Share of counts that are allowed to be off by anything."""
_CAUCHY = math.pi / math.tanh(math.pi)
"""Sum of 1 / (1 + e²) over all integers."""


class Noise(Protocol):
    """One way in which counts may be off.

    A difference depends on something hidden that all differences of a run share: the baseline's own error, or where
    the unknown constant stands between two multiples.
    """

    @property
    def name(self) -> str:
        """Short, for machines."""
        ...

    @property
    def random(self) -> bool:
        """Whether the hidden value is drawn by chance; else it is unknown, and nothing may be assumed about it."""
        ...

    @property
    def prior(self) -> F64:
        """Log probability of each hidden value, ``(hidden,)``; of one that is not random a weight."""
        ...

    def log_likelihood(self, observed: int, expected: I64) -> F64:
        """Log probability of an observed difference where so many tokens were expected, ``(expected, hidden)``."""
        ...

    def kernel(self) -> F64:
        """Probabilities of the errors of a difference, ``(2 width + 1,)`` around zero; sums to one."""
        ...


def far(errors: I64, scale: float | NDArray[np.floating[Any]] = 1.0) -> F64:
    """Log probability of errors of any size: a discrete Cauchy distribution of that scale."""
    width = np.maximum(np.asarray(scale, dtype=np.float64), 1.0)
    found: F64 = -np.log1p((errors / width) ** 2) - np.log(_CAUCHY * width)
    return found


@dataclass(frozen=True)
class Jitter:
    """Every count is off by a few, independently.

    Attributes:
        name: see :class:`Noise`.
        near: size of an error to its probability, both signs together; what is missing to one is zero's.
    """

    name: str
    near: Mapping[int, float] = field(default_factory=dict)
    random = True

    @property
    def prior(self) -> F64:
        """See :attr:`Noise.prior`; the baseline alone is never far off, for it is asked again at the end."""
        return self._core(self._own())

    def log_likelihood(self, observed: int, expected: I64) -> F64:
        """See :meth:`Noise.log_likelihood`."""
        return self._log_p((observed - expected)[:, None] + self._own()[None, :])

    def kernel(self) -> F64:
        """See :meth:`Noise.kernel`."""
        core = np.exp(self._core(self._own()))
        both = np.convolve(core, core)
        normal: F64 = both / both.sum()
        return normal

    def _own(self) -> I64:
        """The errors that a baseline may have."""
        width = max(self.near, default=0)
        return np.arange(-width, width + 1)

    def _log_p(self, errors: I64) -> F64:
        found: F64 = np.logaddexp(math.log1p(-OUTLIERS) + self._core(errors), math.log(OUTLIERS) + far(errors))
        return found

    def _core(self, errors: I64) -> F64:
        found = np.full(errors.shape, -np.inf)
        found[errors == 0] = math.log(1 - sum(self.near.values()))
        for size, share in self.near.items():
            found[np.abs(errors) == size] = math.log(share / 2)
        return found


@dataclass(frozen=True)
class Rounded:
    """Every count is a multiple of something; up, down or to the nearest is a matter of the unknown constant."""

    multiple: int
    random = False

    @property
    def name(self) -> str:
        """See :attr:`Noise.name`."""
        return f"multiples of {self.multiple}"

    @property
    def prior(self) -> F64:
        """See :attr:`Noise.prior`; where the constant stands between two multiples."""
        return np.full(self.multiple, -math.log(self.multiple))

    def log_likelihood(self, observed: int, expected: I64) -> F64:
        """See :meth:`Noise.log_likelihood`."""
        steps = (expected[:, None] + np.arange(self.multiple)[None, :]) // self.multiple
        errors = observed - steps * self.multiple
        right = np.where(errors == 0, math.log1p(-OUTLIERS), -np.inf)
        found: F64 = np.logaddexp(right, math.log(OUTLIERS) + far(errors))
        return found

    def kernel(self) -> F64:
        """See :meth:`Noise.kernel`."""
        triangle = self.multiple - np.abs(np.arange(1 - self.multiple, self.multiple))
        normal: F64 = triangle / triangle.sum()
        return normal


EXACT = Jitter("exact")
NOISES: tuple[Noise, ...] = (
    EXACT,
    Jitter("±1, seldom", {1: 0.2}),
    Jitter("±1", {1: 0.5}),
    Jitter("±1, as often as not", {1: 2 / 3}),
    Jitter("±2", {1: 0.4, 2: 0.4}),
    Jitter("±5", {1: 2 / 11, 2: 2 / 11, 3: 2 / 11, 4: 2 / 11, 5: 2 / 11}),
    *(Rounded(multiple) for multiple in (2, 4, 5, 8, 10, 16, 20, 32, 50, 64, 100, 128)),
)
"""Every kind of error that a tokenizer may have and still be called the one behind the counts."""
