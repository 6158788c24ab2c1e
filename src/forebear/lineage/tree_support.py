"""The tree of a group, and how well every edge of it is supported: the bootstrap of systematics (Felsenstein 1985).

Every replicate draws matrices and blocks of rows with replacement, how much of what two ways share is put down to
their data (a cosine from none to all, larger ones more often, the root of an even draw, because most relatives in a
large collection are siblings), and how far from whole a way may be that is called a part of another. The tree that is
shown has the edges that most replicates have. Support is no probability; docs/tree.md has the share of edges that were
right, by support.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forebear.lineage.tree_costs import WHOLE, Costs
from forebear.lineage.tree_graph import Arc, sides, spanning_tree

F64 = NDArray[np.float64]

REPLICATES = 200
SEED = 20260


@dataclass(frozen=True)
class Supported:
    """The edges of a group's tree.

    Attributes:
        edges: numbers of two models each, ascending.
        support: share of replicates that have the edge.
        rivals: by edge the numbers (two each) of the edge that would take its place at first, and its support.
    """

    edges: tuple[Arc, ...]
    support: dict[Arc, float]
    rivals: dict[Arc, tuple[Arc, float]]


def supported(costs: Costs, replicates: int = REPLICATES, seed: int = SEED) -> Supported:
    """The tree of a group with the support of its edges; the same for the same measurements."""
    count = len(costs.kinship.names)
    share = np.zeros((count, count))
    rng = np.random.default_rng(seed)
    for _ in range(replicates if count > 2 else 0):
        units = costs.drawn(rng)
        for i, j in spanning_tree(costs.table(float(np.sqrt(rng.uniform())), rng.uniform(*WHOLE), units)):
            share[i, j] += 1
            share[j, i] += 1
    share /= max(1, replicates)
    whole = costs.table()
    if count == 2:
        share = 1.0 - np.eye(2)
    order = np.argsort(np.argsort(whole, axis=None, kind="stable")).reshape(whole.shape)
    chosen = spanning_tree(np.minimum(order, order.T) / order.size / (2 * max(1, replicates)) - share)
    support = {edge: float(share[edge]) for edge in chosen}
    return Supported(tuple(chosen), support, _rivals(count, chosen, share))


def _rivals(count: int, edges: list[Arc], share: F64) -> dict[Arc, tuple[Arc, float]]:
    """By edge, the best supported other one that would join the same two parts of the tree."""
    out: dict[Arc, tuple[Arc, float]] = {}
    for edge, near in sides(count, edges).items():
        one = np.array(sorted(near))
        two = np.array([k for k in range(count) if k not in near])
        table = share[np.ix_(one, two)].copy()
        table[int(np.searchsorted(one, edge[0])), int(np.searchsorted(two, edge[1]))] = -1.0
        best = int(table.argmax())
        i, j = int(one[best // len(two)]), int(two[best % len(two)])
        if table.flat[best] > 0:
            out[edge] = (min(i, j), max(i, j)), float(table.flat[best])
    return out
