"""Which way the edges of a tree run: one root, from what is known of every edge, and none where that is too little.

In a tree the root decides all directions. Every model, every ghost, and every edge (a missing parent of the two at its
ends) may be the root, and for want of anything better all are equally likely. Facts about an edge weigh these stories:
those that cannot be reversed speak against both other stories (``hard``); those that only tell which of two was trained
for longer are as likely where both come from a missing third (``soft``). So geometry needs no rule of its own: of an
edge through which the ways of many others lead to one model, most stories say that this model is the later one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forebear.lineage.direction import ENOUGH
from forebear.lineage.tree_graph import Arc, arborescence, neighbours, sides


@dataclass(frozen=True)
class Pull:
    """What is known about the direction of an edge (u, v), in natural log-odds of v from u.

    Attributes:
        hard: from facts that siblings cannot share.
        soft: from facts that they can.
    """

    hard: float = 0.0
    soft: float = 0.0


@dataclass(frozen=True)
class Rooted:
    """A tree, from its root.

    Attributes:
        parents: by node, towards a root that fits all named directions: how the tree is drawn.
        log_odds: by edge (u, v), natural log-odds of "v comes from u" against all other stories where positive, of "u
            comes from v" where negative.
    """

    parents: dict[int, int]
    log_odds: dict[Arc, float]


def rooted(
    nodes: Sequence[int],
    edges: Sequence[Arc],
    pulls: Mapping[Arc, Pull],
    ghosts: frozenset[int] = frozenset(),
    open_: frozenset[Arc] = frozenset(),
) -> Rooted:
    """Find the root of one tree.

    Args:
        nodes: of the tree.
        edges: of the tree.
        pulls: what is known of edges.
        ghosts: nodes that are models which are not there.
        open_: edges that are not given a direction, whatever the odds.
    """
    place = {node: k for k, node in enumerate(nodes)}
    inner = [(place[u], place[v]) for u, v in edges]
    half = {arc: pulls.get(edge, Pull()) for arc, edge in zip(inner, edges, strict=True)}
    near = {arc: np.isin(np.arange(len(nodes)), list(side)) for arc, side in sides(len(nodes), inner).items()}
    stories = np.zeros(len(nodes) + len(edges))
    for k, arc in enumerate(inner):
        pull, here = half[arc], len(nodes) + k
        total = (pull.hard + pull.soft) / 2
        stories[: len(nodes)] += np.where(near[arc], total, -total)
        for m, (u, _) in enumerate(inner):
            if m != k:
                stories[len(nodes) + m] += total if near[arc][u] and near[arc][inner[m][1]] else -total
        stories[here] += np.logaddexp(pull.soft / 2, -pull.soft / 2) - np.log(2) - abs(pull.hard) / 2
        if any(nodes[n] in ghosts for n in arc):
            stories[here] = -np.inf  # a missing parent is there already
    weight = np.exp(stories - stories.max())
    weight /= weight.sum()
    ends = np.array(inner).reshape(-1, 2)
    log_odds: dict[Arc, float] = {}
    for k, (arc, edge) in enumerate(zip(inner, edges, strict=True)):
        on_u = np.concatenate([near[arc], near[arc][ends[:, 0]] & near[arc][ends[:, 1]]])
        on_u[len(nodes) + k] = False
        forward, own = float(weight[on_u].sum()), float(weight[len(nodes) + k])
        backward = max(0.0, 1.0 - forward - own)
        log_odds[edge] = _logit(forward) if forward >= backward else -_logit(backward)
    named = {arc: log_odds[edge] for arc, edge in zip(inner, edges, strict=True) if edge not in open_}
    named = {arc: odds for arc, odds in named.items() if abs(odds) >= ENOUGH}
    return Rooted(_drawn(nodes, inner, named, ghosts), log_odds)


def _logit(share: float) -> float:
    share = min(max(share, 1e-12), 1 - 1e-12)
    return float(np.log(share / (1 - share)))


def _drawn(
    nodes: Sequence[int], edges: Sequence[Arc], named: Mapping[Arc, float], ghosts: frozenset[int]
) -> dict[int, int]:
    """Parents in the tree that fits the named directions best; of equally good ones, from the node with most edges."""
    top = len(nodes)
    arcs: dict[Arc, float] = {}
    near = neighbours(edges)
    for u, v in edges:
        odds = named.get((u, v), 0.0)
        arcs[u, v], arcs[v, u] = -odds, odds
    steep = 1.0 + sum(abs(cost) for cost in arcs.values())
    for k, node in enumerate(nodes):  # a second root costs more than edges can save
        arcs[top, k] = steep - 1e-6 * (len(near.get(k, ())) + (node in ghosts)) + 1e-9 * k
    found = arborescence(top + 1, arcs, top) or {}
    return {nodes[k]: nodes[parent] for k, parent in found.items() if parent != top}
