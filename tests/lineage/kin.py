"""Made-up families of matrices, laid beside each other as models are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from forebear.signals.kinship import Kinship, Span, one_row, packed

F64 = NDArray[np.float64]
Family = Mapping[str, Sequence[F64]]
MATRICES, SIDE, TOKENS = 12, 40, 160


def start(seed: int = 0) -> list[F64]:
    """A model: matrices of the layers, and an embedding last."""
    rng = np.random.default_rng(seed)
    return [*(rng.standard_normal((SIDE, SIDE)) for _ in range(MATRICES)), rng.standard_normal((TOKENS, SIDE))]


def trained(
    parent: Sequence[F64],
    seed: int,
    drift: float = 0.1,
    still: float = 0.5,
    common: Sequence[F64] | None = None,
    share: float = 0.6,
) -> list[F64]:
    """A child: every matrix with a random update, and of the embedding all rows but a share.

    Args:
        parent: what is trained.
        seed: of the update.
        drift: its relative size.
        still: share of the embedding's rows that it does not touch.
        common: a direction (a whole model) that the update has a cosine of ``share`` with, as common texts give.
        share: see there.
    """
    rng = np.random.default_rng(seed)
    out = []
    for k, values in enumerate(parent):
        update = rng.standard_normal(values.shape)
        if common is not None:
            update = np.sqrt(1 - share**2) * update + share * common[k]
        if k == MATRICES:
            update[rng.random(len(values)) < still] = 0.0
        out.append(values + drift * update)
    return out


def laid(family: Family, lacking: Mapping[str, int] | None = None) -> Kinship:
    """A family laid beside each other; ``lacking``: how many of its last matrices a model does not have."""
    names = tuple(family)
    models = [family[n] for n in names]
    spans = []
    for m in range(MATRICES):
        block = np.stack([values[m].ravel() for values in models])
        squares = ((block[:, None] - block[None]) ** 2).sum(axis=2)
        equal = (block[:, None] == block[None]).mean(axis=2)
        for k, n in enumerate(names):
            if lacking and m >= MATRICES - lacking.get(n, 0):
                squares[k] = squares[:, k] = np.nan
                equal[k] = equal[:, k] = 0.0
        spans.append(Span(f"layers.{m}.mlp.up", block.shape[1], squares, equal, float((block**2).sum(axis=1).max())))
    same, other = one_row(np.stack([values[-1] for values in models], axis=1))
    same_bits, other_bits = (packed([found], len(names)) for found in (same, other))
    return Kinship(names, tuple(spans), same_bits, other_bits, TOKENS, ("",) * len(names), True)
