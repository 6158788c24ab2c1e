"""Made-up families of matrices, laid beside each other as models are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from forebear.lineage.tree_costs import Costs
from forebear.signals.kinship import Kinship, Span, one_row, packed
from forebear.signals.training_noise import Patch, kept, whitened

F64 = NDArray[np.float64]
Family = Mapping[str, Sequence[F64]]
MATRICES, SIDE, TOKENS, RANK = 12, 40, 160, 4


def start(seed: int = 0) -> list[F64]:
    """A model: matrices of the layers, and an embedding last."""
    rng = np.random.default_rng(seed)
    return [*(rng.standard_normal((SIDE, SIDE)) for _ in range(MATRICES)), rng.standard_normal((TOKENS, SIDE))]


def way(seed: int = 99) -> list[F64]:
    """What texts ask of every matrix: of few directions, and as long as a random update."""
    rng = np.random.default_rng(seed)
    found = [rng.standard_normal((len(m), RANK)) @ rng.standard_normal((RANK, SIDE)) for m in start()]
    return [m / np.sqrt((m * m).mean()) for m in found]


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
        common: a direction (a :func:`way`) that the update has a cosine of ``share`` with, as common texts give.
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


def lacks(family: Family, lacking: Mapping[str, int] | None, matrix: int) -> NDArray[np.bool_]:
    """Who of a family does not have a matrix."""
    return np.array([matrix >= MATRICES - (lacking or {}).get(name, 0) for name in family])


def laid(family: Family, lacking: Mapping[str, int] | None = None) -> Kinship:
    """A family laid beside each other; ``lacking``: how many of its last matrices a model does not have."""
    names = tuple(family)
    models = [family[n] for n in names]
    spans = []
    for m in range(MATRICES):
        block = np.stack([values[m].ravel() for values in models])
        squares = ((block[:, None] - block[None]) ** 2).sum(axis=2)
        equal = (block[:, None] == block[None]).mean(axis=2)
        gone = lacks(family, lacking, m)
        squares[gone] = squares[:, gone] = np.nan
        equal[gone] = equal[:, gone] = 0.0
        spans.append(Span(f"layers.{m}.mlp.up", block.shape[1], squares, equal, float((block**2).sum(axis=1).max())))
    same, other = one_row(np.stack([values[-1] for values in models], axis=1))
    same_bits, other_bits = (packed([found], len(names)) for found in (same, other))
    return Kinship(names, tuple(spans), same_bits, other_bits, TOKENS, ("",) * len(names), True, {}, ({},) * len(names))


def costs(family: Family, lacking: Mapping[str, int] | None = None) -> Costs:
    """What the edges of a family cost."""
    kinship = laid(family, lacking)
    middle = Costs(kinship).middle
    patches = []
    for m in range(MATRICES):
        there = ~lacks(family, lacking, m)
        block = np.stack([values[m] for values in family.values()]) * there[:, None, None]
        patches.append(Patch(f"layers.{m}.mlp.up", whitened(block, there), kept(block, there, middle)))
    return Costs(kinship, tuple(patches))
