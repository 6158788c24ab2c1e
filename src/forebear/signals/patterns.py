"""Is a model initialised by a formula, or to one side? Then its generators are not tossed one by one.

The sign test relies on one model whose initialisation is symmetric: whatever a flip negates is a fair coin. That can be
asked of the model itself, because a flip of one generator negates its row and nothing else of its block. So in a model
that can be relied on each of these signs is a fair coin, row by row, whatever the training did:

- of a row's inner product with the sum of the rows before it (rows that lean to one side, or hold a constant column);
- of its largest value (an identity, a permutation) and of its first one (Hadamard's matrices, cosines);
- of its inner product with the row before it, turned by one place (circulant and Toeplitz matrices).

Where they are not fair, independent models of one such recipe agree beyond chance, and have nothing of each other.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from forebear.signals.binomial import log10_tail
from forebear.signals.matching import unit

F32 = NDArray[np.float32]
Signs = NDArray[np.float64]
Own = tuple[str, int | None, Mapping[str, Signs]]
"""Group and layer of a block, and its own signs by what they are of."""

PATTERNS = (
    "lean to one side",
    "have their largest values on one side",
    "begin alike",
    "are the rows before them, turned",
    "are the rows before them, turned back",
)
TWIN = 0.7
"""Size of the cosine from which on two rows hold one coin, as copies of a head do."""
MOST_PAIRS = 256
"""Rows up to which a block is searched for such copies; wider ones are the residual stream, whose copies lie a fixed
distance apart and are found by that."""


def own_signs(rows: F32, valid: NDArray[np.bool_]) -> Mapping[str, Signs]:
    """By what they are of, the signs of a block's rows that are fair coins without a pattern; 0 where there is none.

    Args:
        rows: ``(n, width)``, a row per generator.
        valid: ``(n,)`` rows that carry a coin.
    """
    with np.errstate(all="ignore"):  # a signalling nan is reported where it is first converted
        one = unit(rows[valid & np.isfinite(rows).all(axis=1)]).astype(np.float64)
    one = one[one.any(axis=1)]
    if len(one) <= MOST_PAIRS:
        alone = ~np.tril(np.abs(one @ one.T) >= TWIN, -1).any(axis=1)
        # Copies of heads leave one of two rows; where fewer are left, what they have in common is a side, and no copy.
        one = one[alone] if 2 * alone.sum() >= len(one) else one
    if len(one) < 2:
        return {}
    before = one[:-1]
    signs = (
        _products(one[1:], np.cumsum(before, axis=0)),
        np.sign(one[np.arange(len(one)), np.abs(one).argmax(axis=1)]),
        np.sign(one[:, 0]),
        _products(one[1:], np.roll(before, 1, axis=1)),
        _products(one[1:], np.roll(before, -1, axis=1)),
    )
    return dict(zip(PATTERNS, signs, strict=True))


def _products(one: Signs, two: Signs) -> Signs:
    return np.asarray(np.sign(np.einsum("ij,ij->i", one, two)))


def patterns(own: Iterable[Own], copies: Container[tuple[int | None, str]], log10_alpha: float) -> tuple[str, ...]:
    """Groups whose signs are not fair, to either side, with the first pattern that shows it; all looks are paid for.

    Args:
        own: of every block that was read.
        copies: layers and groups that are copies of others, and toss no coins of their own.
        log10_alpha: level of all looks together.
    """
    pooled: dict[str, dict[str, list[Signs]]] = {}
    for group, layer, signs in own:
        if (layer, group) not in copies:
            for pattern, each in signs.items():
                pooled.setdefault(group, {}).setdefault(pattern, []).append(each)
    looks = 2 * sum(len(by) for by in pooled.values())
    found: dict[str, str] = {}
    for group, by in pooled.items():
        for pattern, parts in by.items():
            each = np.concatenate(parts)
            positive, n = int((each > 0).sum()), int((each != 0).sum())
            if n and log10_tail(max(positive, n - positive), n) <= log10_alpha - np.log10(looks):
                found.setdefault(group, pattern)
    return tuple(doubt(group, pattern) for group, pattern in found.items())


def doubt(group: str, pattern: str) -> str:
    """A pattern of a group's rows as a reason why a model is not relied on."""
    return f"{group} rows {pattern}"
