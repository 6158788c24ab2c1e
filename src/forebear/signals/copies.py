"""Rows of one model that hold one coin between them, in whatever order they lie: no generator is counted twice.

Copies (a layer twice, experts from one MLP, heads from one head, a width that was grown) flip together. Rows are paired
by the size of their cosines, which no flip changes; the signs of the pairs are then fair coins where generators are
separate, and alike where they are copies, long after training moved them apart.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forebear.signals.binomial import log10_tail
from forebear.signals.matching import cosines, even, matched
from forebear.signals.sign_code import COPY_ALPHA

F32 = NDArray[np.float32]
Flags = NDArray[np.bool_]

COLUMNS = 256
"""Columns of a row that are looked at, evenly spaced; all of a narrow one."""
PROBES = 128
"""Rows of a block that look for their like among those of a block that was counted before."""
TWIN = 0.7
"""Size of the cosine from which on two rows are taken for one, and mean cosine from which on two blocks are."""


def kind_of(group: str) -> str:
    """What a coin group's blocks can hold copies of: neurons of MLPs and of experts are made from one another."""
    return "neurons" if group in ("glu", "experts", "upcycled") else group


class Distinct:
    """What was counted of the trusted model. Only that model is asked, so leaving out costs coins and no honesty."""

    def __init__(self) -> None:
        self._counted: dict[str, list[F32]] = {}

    def of(self, kind: str, rows: F32) -> Flags:
        """``(n,)`` rows whose coins were not counted yet, and do not toss together; none of a block of copies.

        Args:
            kind: blocks of one kind can hold copies of one another.
            rows: ``(n, k)``, zero where a row carries no coin.
        """
        some = _some_columns(rows)
        apart = _without_twins(some)
        kept = some[apart]
        if _alike(kept, kept, itself=True) or any(_alike(kept, other) for other in self._counted.get(kind, ())):
            return np.zeros(len(rows), dtype=bool)
        self._counted.setdefault(kind, []).append(kept)
        return apart


def _some_columns(rows: F32) -> F32:
    size = rows.shape[1]
    return rows if size <= COLUMNS else rows[:, even(size, COLUMNS)]


def _without_twins(rows: F32) -> Flags:
    """All rows but those that are nearly an earlier one, or its negative."""
    like = np.abs(cosines(rows, rows)) >= TWIN
    return np.asarray(~np.tril(like, -1).any(axis=1))


def _alike(one: F32, two: F32, itself: bool = False) -> bool:
    """Whether the rows of a block are, or were, those of another block, or others of the same one."""
    count = len(one) if itself else min(len(one), PROBES)
    probes = even(len(one), count)
    cosine = cosines(one[probes], two)
    if itself:
        np.fill_diagonal(cosine, 0.0)
    pairs = matched(np.abs(cosine))
    pairs = pairs[pairs[:, 0] < pairs[:, 1]] if itself else pairs
    found = cosine[pairs[:, 0], pairs[:, 1]]
    if not len(found):
        return False
    agree, n = int((found > 0).sum()), len(found)
    return log10_tail(max(agree, n - agree), n) < COPY_ALPHA or abs(float(found.mean())) >= TWIN
