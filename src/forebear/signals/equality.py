"""``equality/1``: whether two endpoints give answers from one distribution. A test of sameness, not of lineage.

Both are sampled on the same prompts. The statistic is the squared maximum mean discrepancy with the Hamming kernel,
the share of equal characters at equal places (Gao, Liang and Guestrin, "Model Equality Testing", arXiv 2410.20247);
the null distribution comes from permuting the two endpoints' answers within each prompt, so the p-value is exact under
"on every prompt, all answers are exchangeable draws". A quantised copy, a fine-tune or another system prompt is
rejected like another model; not rejecting shows nothing but that these many answers do not tell them apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NAME = "equality/1"
CHARACTERS = 200
"""Of an answer, from its beginning, that are compared."""
PERMUTATIONS = 4_999


@dataclass(frozen=True)
class Equality:
    """The outcome.

    Attributes:
        statistic: the squared discrepancy, summed over prompts.
        log10_p: exact under the null, at least ``1 / (PERMUTATIONS + 1)``.
        prompts, answers: how many of both endpoints together.
    """

    statistic: float
    log10_p: float
    prompts: int
    answers: int


def equality(
    ours: Sequence[Sequence[str]], theirs: Sequence[Sequence[str]], seed: int = 0, permutations: int = PERMUTATIONS
) -> Equality:
    """Test two endpoints' answers, prompt by prompt.

    Args:
        ours: answers of one endpoint, a sequence for each prompt.
        theirs: of the other, for the same prompts.
        seed: of the permutations.
        permutations: how many.

    Raises:
        ValueError: not the same prompts, or one without two answers of each.
    """
    if len(ours) != len(theirs) or any(len(a) < 2 or len(b) < 2 for a, b in zip(ours, theirs, strict=True)):
        raise ValueError("both endpoints need two answers or more to every prompt")
    random = np.random.default_rng(seed)
    observed, null = 0.0, np.zeros(permutations)
    for a, b in zip(ours, theirs, strict=True):
        kernel = _hamming([*a, *b])
        labels = np.array([1.0] * len(a) + [-1.0] * len(b))
        observed += _discrepancy(kernel, labels[None, :])[0]
        orders = random.permuted(np.tile(labels, (permutations, 1)), axis=1)
        null += _discrepancy(kernel, orders)
    reached = int((null >= observed - 1e-9).sum())
    p = (1 + reached) / (1 + permutations)
    return Equality(observed, math.log10(p), len(ours), sum(len(a) + len(b) for a, b in zip(ours, theirs, strict=True)))


def _hamming(answers: Sequence[str]) -> NDArray[np.float64]:
    """Share of equal characters at equal places, ``(answers, answers)``; behind its end an answer is like no other."""
    codes = np.zeros((len(answers), CHARACTERS), dtype=np.int64)
    for row, text in enumerate(answers):
        points = [ord(c) + 1 for c in text[:CHARACTERS]]
        codes[row, : len(points)] = points
    found: NDArray[np.float64] = (codes[:, None, :] == codes[None, :, :]).mean(axis=2)
    return found


def _discrepancy(kernel: NDArray[np.float64], labels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The unbiased squared discrepancy for each row of labels +1 and -1, ``(rows,)``."""
    first, second = labels > 0, labels < 0
    m, n = first.sum(axis=1), second.sum(axis=1)
    off = kernel - np.diag(np.diag(kernel))
    one, two = first.astype(np.float64), second.astype(np.float64)
    within = np.einsum("ri,ij,rj->r", one, off, one) / (m * (m - 1)) + np.einsum("ri,ij,rj->r", two, off, two) / (
        n * (n - 1)
    )
    between = np.einsum("ri,ij,rj->r", one, kernel, two) / (m * n)
    found: NDArray[np.float64] = within - 2 * between
    return found
