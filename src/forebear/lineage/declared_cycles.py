"""Circles among claims of descent: repositories that come from themselves by way of others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ROUNDS = 64
"""Rounds in which whatever cannot stand in a circle is taken away all at once; long chains are left to the search."""


def circles(start: NDArray[np.int64], base: NDArray[np.int32]) -> tuple[tuple[int, ...], ...]:
    """The strongly connected components of more than one node (Tarjan 1972), each ascending.

    Args:
        start: ``(n + 1,)``, where the edges of each node begin.
        base: ``(m,)``, where each leads; negative ones lead nowhere.

    Returns:
        By their smallest number.
    """
    count = len(start) - 1
    inside = base >= 0
    child = np.repeat(np.arange(count, dtype=np.int64), np.diff(start))[inside]
    parent = base[inside].astype(np.int64)
    for _ in range(ROUNDS):  # who has nobody above, or nobody below, stands in no circle
        above, below = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
        above[child] = below[parent] = True
        kept = below[child] & above[parent]
        if kept.all():
            break
        child, parent = child[kept], parent[kept]
    ways: dict[int, list[int]] = {}
    for one, two in zip(child.tolist(), parent.tolist(), strict=True):
        ways.setdefault(one, []).append(two)
    return tuple(sorted(tuple(sorted(found)) for found in _components(ways) if len(found) > 1))


def _components(ways: dict[int, list[int]]) -> list[list[int]]:
    """Strongly connected components, without recursion: a chain may be a million long."""
    number: dict[int, int] = {}
    low: dict[int, int] = {}
    path: list[int] = []
    on_path: set[int] = set()
    found: list[list[int]] = []
    for first in ways:
        if first in number:
            continue
        number[first] = low[first] = len(number)
        path.append(first)
        on_path.add(first)
        stack = [(first, iter(ways[first]))]
        while stack:
            node, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                stack.pop()
                if stack:
                    low[stack[-1][0]] = min(low[stack[-1][0]], low[node])
                if low[node] == number[node]:
                    component: list[int] = []
                    while not component or component[-1] != node:
                        component.append(path.pop())
                        on_path.discard(component[-1])
                    found.append(component)
            elif following not in number:
                number[following] = low[following] = len(number)
                path.append(following)
                on_path.add(following)
                stack.append((following, iter(ways.get(following, ()))))
            elif following in on_path:
                low[node] = min(low[node], number[following])
    return found
