"""Which references are independent of one another, as far as their codes tell: the same choice for every back end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forebear.index.kernels import Words
from forebear.index.search import agreements
from forebear.signals.binomial import log10_tail

POOL = 256
"""Sketched references among which independent ones are looked for; the first by digest, which is as good as by lot."""
SAME_LINEAGE = -4.0
"""log10 tail of two codes from which on only one of them counts for the consensus; generous, it costs one reference."""


def independent(rows: Words, most: int) -> tuple[list[int], bool]:
    """Rows no two of which are of one lineage as far as codes tell, the first ones first.

    Args:
        rows: ``(N, 128)`` packed rows, at most :data:`POOL`, in the order of their models' digests.
        most: how many to give at most.

    Returns:
        Their places; and whether all others are relatives of these.
    """
    found: list[int] = []
    for place, row in enumerate(rows):
        if kin(rows[np.array(found, dtype=np.int64)], row):
            continue
        if len(found) == most:
            return found, False
        found.append(place)
    return found, True


def kin(rows: Words, row: Words) -> Sequence[int]:
    """Which of the rows ``(N, 128)`` are of one lineage with another ``(128,)``, as far as codes tell: their places."""
    agree, shared = agreements(rows, row)
    tails = (log10_tail(int(k), int(n)) if n else 0.0 for k, n in zip(agree, shared, strict=True))
    return [place for place, tail in enumerate(tails) if tail <= SAME_LINEAGE]
