"""Byte pair encoding (arXiv 1508.07909): the best pair of neighbours becomes one, until none is left that may."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence

Rank = Callable[[int, int], tuple[float, int] | None]
"""How early two neighbours are merged (the least first) and the id of the two together; None where they never are."""


def merged(ids: Sequence[int], rank: Rank) -> list[int]:
    """The ids of a word's tokens; of equally good pairs the leftmost is merged first.

    Pairs wait in a heap and symbols are linked to their neighbours, so the time grows with n log n: a stranger's text
    may be one long word.

    Args:
        ids: what the word begins as.
        rank: of two ids.
    """
    tokens: list[int | None] = list(ids)
    if len(tokens) < 2:
        return list(ids)
    before = list(range(-1, len(tokens) - 1))
    after = list(range(1, len(tokens) + 1))
    waiting: list[tuple[float, int, int, int, int]] = []

    def offer(left: int) -> None:
        right = after[left]
        if left < 0 or right >= len(tokens):
            return
        a, b = tokens[left], tokens[right]
        if a is not None and b is not None and (found := rank(a, b)) is not None:
            heapq.heappush(waiting, (found[0], left, a, b, found[1]))

    for at in range(len(tokens) - 1):
        offer(at)
    while waiting:
        _, left, a, b, together = heapq.heappop(waiting)
        right = after[left]
        if tokens[left] != a or right >= len(tokens) or tokens[right] != b:
            continue  # one of the two has been merged with another since
        tokens[left], tokens[right] = together, None
        after[left] = after[right]
        if after[left] < len(tokens):
            before[after[left]] = left
        if before[left] >= 0:
            offer(before[left])
        offer(left)
    return [token for token in tokens if token is not None]
