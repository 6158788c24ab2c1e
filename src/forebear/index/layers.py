"""Search by single layers: every layer of a query against every layer of every reference, whatever their order.

A model whose layers were reordered, dropped or interleaved with another one's keeps what is inside of each. A slot of
the code holds up to 128 coins of one layer; under H0 any two slots of independent models agree as fair coins do. So the
best of all pairs is looked for, with the exact binomial tail, and all pairs are paid for (Bonferroni), although many
codes have fewer. Copied layers, or coins that repeat each other, spoil the tail of a pair: this nominates, no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from forebear.index import kernels
from forebear.index.kernels import FIRST_SLOT, HALF_WORDS, SLOT_WORDS, Tails, Words
from forebear.index.search import STRETCH_ROWS, by_stretches
from forebear.signals.binomial import log10_tail
from forebear.signals.layout import LAYER_BITS, SLOTS

PAIRS = SLOTS * SLOTS
"""Pairs of slots, by which every tail is multiplied."""
MOST_PAIRS = 16
"""Pairs that are told of one reference."""
TOLD = -2.0
"""log10 of a pair's tail, all pairs paid for, from which on it is told."""


@dataclass(frozen=True)
class SlotPair:
    """Two slots that agree: the query's, the reference's, coins, and how many agree."""

    mine: int
    theirs: int
    n: int
    agree: int


@cache
def tail_table() -> Tails:
    """``(129, 129)`` log10 tails at ``[n, k]``; nothing where ``k`` is more than ``n``."""
    table = np.zeros((LAYER_BITS + 1, LAYER_BITS + 1))
    for n in range(LAYER_BITS + 1):
        table[n, : n + 1] = [log10_tail(k, n) for k in range(n + 1)]
    table.flags.writeable = False
    return table


def slots(row: Words) -> tuple[Words, Words]:
    """Bits and validity ``(16, 2)`` of a packed row ``(128,)``."""
    half = row[FIRST_SLOT:HALF_WORDS], row[HALF_WORDS + FIRST_SLOT :]
    return half[0].reshape(SLOTS, SLOT_WORDS), half[1].reshape(SLOTS, SLOT_WORDS)


def smallest_tails(rows: Words, query: Words, threads: int | None = None, kernel: str | None = None) -> Tails:
    """log10 tail of the best pair of slots of a query and of every row.

    Args:
        rows: ``(N, 128)`` packed rows, memory-mapped or not.
        query: ``(128,)`` one packed row.
        threads: default one per core that this process may use.
        kernel: default the one that pays; all give the same numbers.

    Returns:
        ``(N,)``, 0 where nothing can be compared.
    """
    rows = np.asarray(rows)
    bits, valid = slots(query)
    used = valid.any(axis=1)
    out = np.zeros(len(rows))
    if not used.any() or not len(rows):
        return out
    work = kernels.load_layers(kernel) if kernel else kernels.layer_kernel(len(rows))
    mine, here, table = bits[used], valid[used], tail_table()

    def stretch(start: int) -> None:
        stop = start + STRETCH_ROWS
        work(rows[start:stop], mine, here, table, out[start:stop])

    by_stretches(len(rows), stretch, threads)
    return out


def smallest(tails: Tails, limit: int) -> NDArray[np.int64]:
    """Rows with the smallest tails, smallest first, equal ones in the order of the rows; those of tail 0 never."""
    candidates = np.flatnonzero(tails < 0)
    if limit <= 0:
        return candidates[:0]
    if limit < len(candidates):
        edge = np.partition(tails[candidates], limit - 1)[limit - 1]
        candidates = candidates[tails[candidates] <= edge]
    return np.asarray(candidates[np.lexsort((candidates, tails[candidates]))][:limit])


def best_pairs(row: Words, query: Words) -> tuple[float, tuple[SlotPair, ...]]:
    """log10 tail of the best pair, all pairs paid for, and the pairs that would be too good for chance alone."""
    (theirs, there), (mine, here) = slots(row), slots(query)
    both = here[:, None] & there[None]
    n = np.bitwise_count(both).sum(axis=2, dtype=np.int64)
    agree = n - np.bitwise_count((mine[:, None] ^ theirs[None]) & both).sum(axis=2, dtype=np.int64)
    tails = np.minimum(0.0, tail_table()[n, agree] + np.log10(PAIRS))
    order = np.argsort(tails, axis=None, kind="stable")[:MOST_PAIRS]
    places = [(int(k) // SLOTS, int(k) % SLOTS) for k in order if tails.flat[k] <= TOLD]
    return float(tails.min()), tuple(SlotPair(i, j, int(n[i, j]), int(agree[i, j])) for i, j in places)
