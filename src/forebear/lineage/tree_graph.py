"""Graphs that family trees need: connected components, spanning trees, and the cheapest arborescence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Arc = tuple[int, int]


class Components:
    """Disjoint sets of numbers (Tarjan 1975, path halving)."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def find(self, k: int) -> int:
        """The representative of a number's set."""
        while self._parent[k] != k:
            self._parent[k] = self._parent[self._parent[k]]
            k = self._parent[k]
        return k

    def join(self, i: int, j: int) -> None:
        """Make one set of two; the smaller representative stays."""
        i, j = sorted((self.find(i), self.find(j)))
        self._parent[j] = i

    def sets(self) -> list[list[int]]:
        """All sets, ascending, by their smallest number."""
        found: dict[int, list[int]] = {}
        for k in range(len(self._parent)):
            found.setdefault(self.find(k), []).append(k)
        return list(found.values())


def spanning_tree(costs: F64) -> list[Arc]:
    """The cheapest spanning tree of a symmetric ``(N, N)`` matrix (Prim 1957), each edge as (smaller, larger)."""
    count = len(costs)
    if count < 2:
        return []
    inside = np.zeros(count, dtype=bool)
    inside[0] = True
    best, nearest = costs[0].astype(np.float64).copy(), np.zeros(count, dtype=np.int64)
    edges: list[Arc] = []
    for _ in range(count - 1):
        new = int(np.argmin(np.where(inside, np.inf, best)))
        if inside[new]:  # all that is left is infinitely far away
            new = int(np.flatnonzero(~inside)[0])
        i, j = sorted((int(nearest[new]), new))
        edges.append((i, j))
        inside[new] = True
        closer = (costs[new] < best) & ~inside
        best[closer], nearest[closer] = costs[new][closer], new
    return sorted(edges)


def arborescence(count: int, arcs: Mapping[Arc, float], root: int) -> dict[int, int] | None:
    """The cheapest set of arcs by which every node is reached from the root (Chu and Liu 1965, Edmonds 1967).

    Args:
        count: number of nodes.
        arcs: cost by (from, to).
        root: where it starts.

    Returns:
        Parent by node, without the root; None where a node cannot be reached.
    """
    chosen: dict[int, int] = {}
    for node in range(count):
        if node != root:
            entering = [(cost, tail) for (tail, head), cost in arcs.items() if head == node and tail != node]
            if not entering:
                return None
            chosen[node] = min(entering)[1]
    cycle = _cycle(chosen)
    if not cycle:
        return chosen
    members = set(cycle)
    kept = [n for n in range(count) if n not in members]
    number = {n: k for k, n in enumerate(kept)} | dict.fromkeys(cycle, len(kept))
    inner: dict[Arc, float] = {}
    origin: dict[Arc, Arc] = {}
    for (tail, head), cost in arcs.items():
        arc = number[tail], number[head]
        if arc[0] == arc[1]:
            continue
        if head in members:
            cost -= arcs[chosen[head], head]
        if arc not in inner or cost < inner[arc]:
            inner[arc], origin[arc] = cost, (tail, head)
    solved = arborescence(len(kept) + 1, inner, number[root])
    if solved is None:
        return None
    out = {n: chosen[n] for n in cycle}
    for head, tail in solved.items():
        start, end = origin[tail, head]
        out[end] = start
    return out


def _cycle(parents: Mapping[int, int]) -> list[int]:
    """One cycle of the arcs to parents, or nothing."""
    done: set[int] = set()
    for first in parents:
        way: list[int] = []
        node = first
        while node in parents and node not in done and node not in way:
            way.append(node)
            node = parents[node]
        if node in way:
            return way[way.index(node) :]
        done.update(way)
    return []


def sides(count: int, edges: Sequence[Arc]) -> dict[Arc, frozenset[int]]:
    """For every edge (u, v) of a forest the nodes on u's side of it."""
    near: dict[int, list[int]] = {k: [] for k in range(count)}
    for u, v in edges:
        near[u].append(v)
        near[v].append(u)
    out: dict[Arc, frozenset[int]] = {}
    for u, v in edges:
        seen, stack = {u}, [u]
        while stack:
            for other in near[stack.pop()]:
                if other not in seen and (other != v or v in seen):
                    seen.add(other)
                    stack.append(other)
        out[u, v] = frozenset(seen)
    return out


def neighbours(edges: Iterable[Arc]) -> dict[int, list[int]]:
    """By node, the nodes that it shares an edge with."""
    out: dict[int, list[int]] = {}
    for u, v in edges:
        out.setdefault(u, []).append(v)
        out.setdefault(v, []).append(u)
    return out
