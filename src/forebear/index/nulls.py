"""Scores of pairs of models by sketch, taken as a search takes them: with a consensus of other references.

The consensus is part of the score. With few references less of what all models share is taken out, and independent
models score higher; so nulls are made with as many as they are then held against, or fewer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from forebear.index.nominate import Query, Sketched

F64 = NDArray[np.float64]


def pair_scores(
    queries: Sequence[Sketched],
    references: Sequence[Sketched],
    pairs: Iterable[tuple[int, int]],
    own: Sequence[int | None],
    consensus: int,
    seed: int,
) -> Iterator[tuple[float, float]]:
    """Raw scores by ``spectra/1`` and ``token-geometry/1`` of pairs, nan where there is none.

    Args:
        queries: models in question.
        references: independent ones, one per lineage.
        pairs: indices of a query and a reference.
        own: of every query, which reference it is itself, if it is one: that one has no part in the consensus. The
            reference of the pair has, as in a search.
        consensus: references that it is taken from, the pair's own among them.
        seed: of the lot that draws them.
    """
    for turn, (one, two) in enumerate(pairs):
        rng = np.random.default_rng([seed, turn])
        others = [k for k in rng.permutation(len(references)).tolist() if k not in (two, own[one])]
        chosen = [references[two], *(references[k] for k in others[: consensus - 1])]
        first, second = Query(queries[one], chosen).scores([references[two]])[0]
        yield float(first), float(second)
