"""The linear assignment problem and the tails of two distributions: what the methods need of a statistics library."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Indices = NDArray[np.int64]

LEAST_LOG_P = -708.0
"""Natural logarithm of the smallest p-value that is told, about 2e-308: where float64 ends."""


def assign(similarity: NDArray[np.floating]) -> Indices:
    """For every row its column, in the one-to-one assignment of the largest sum.

    Shortest augmenting paths (Jonker and Volgenant 1987, Computing 38), from duals that take the largest of every row
    first; the inner loop is one pass over a row.

    Args:
        similarity: ``(n, m)``, finite, with ``n <= m``.

    Returns:
        ``(n,)`` columns, no two of them equal.

    Raises:
        ValueError: it has more rows than columns.
    """
    cost = -np.asarray(similarity, dtype=np.float64)
    n, m = cost.shape
    if n > m:
        raise ValueError(f"{n} rows cannot have a column each of {m}")
    rows_dual, columns_dual = cost.min(axis=1), np.zeros(m)
    row_of = np.full(m, -1, dtype=np.int64)
    for row, best in enumerate(cost.argmin(axis=1)):  # whoever is alone in wanting a column has it
        if row_of[best] < 0:
            row_of[best] = row
    placed = set(row_of[row_of >= 0].tolist())
    for row in (r for r in range(n) if r not in placed):
        _augment(cost, rows_dual, columns_dual, row_of, row)
    out = np.full(n, -1, dtype=np.int64)
    taken = row_of >= 0
    out[row_of[taken]] = np.flatnonzero(taken)
    return out


def _augment(cost: F64, rows_dual: F64, columns_dual: F64, row_of: Indices, start: int) -> None:
    """One shortest augmenting path from a row without a column; changes the duals and the assignment."""
    m = len(columns_dual)
    distance, before = np.full(m, np.inf), np.full(m, -1, dtype=np.int64)
    open_ = distance.copy()  # the same, infinite where a column is done
    done: list[int] = []
    row, reached = start, 0.0
    while True:
        new = reached + cost[row] - rows_dual[row] - columns_dual
        new[done] = np.inf
        better = new < open_
        before[better] = row
        open_[better] = new[better]
        column = int(open_.argmin())
        reached = float(open_[column])
        if row_of[column] < 0:
            break
        distance[column], open_[column] = reached, np.inf
        done.append(column)
        row = int(row_of[column])
    rows_dual[start] += reached
    rows_dual[row_of[done]] += reached - distance[done]
    columns_dual[done] -= reached - distance[done]
    while True:
        row = int(before[column])
        previous = np.flatnonzero(row_of == row)
        row_of[column] = row
        if row == start:
            return
        column = int(previous[previous != column][0])


def log_t_tail(t: float, freedom: float) -> float:
    """Ln P(T >= t) of Student's t, at least :data:`LEAST_LOG_P`.

    By the incomplete beta function's continued fraction (Lentz; Abramowitz and Stegun 26.5.8 and 26.7.1).
    """
    if t < 0:
        return math.log1p(-math.exp(log_t_tail(-t, freedom)))
    x = freedom / (freedom + t * t)
    a, b = freedom / 2, 0.5
    if x <= 0:
        return LEAST_LOG_P
    if x >= 1:
        return -math.log(2)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x < (a + 1) / (a + b + 2):
        log_value = front + math.log(_beta_fraction(a, b, x) / a)
    else:
        log_value = math.log1p(-math.exp(front) * _beta_fraction(b, a, 1 - x) / b)
    return max(LEAST_LOG_P, log_value - math.log(2))


def _beta_fraction(a: float, b: float, x: float) -> float:
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    value = d
    for k in range(1, 500):
        for step in (
            k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k)),
            -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1)),
        ):
            d, c = 1 + step * d, 1 + step / c
            d, c = 1 / (d if abs(d) > tiny else tiny), c if abs(c) > tiny else tiny
            value *= d * c
        if abs(d * c - 1) < 1e-14:
            break
    return value


def log_fisher(log_p: Sequence[float]) -> float:
    """Ln of Fisher's combination of independent p-values, from their natural logarithms.

    The chi-square tail with ``2 k`` degrees of freedom is a Poisson sum, taken in logarithms.
    """
    half = -sum(log_p)
    if half <= 0:
        return 0.0
    terms = [j * math.log(half) - math.lgamma(j + 1) for j in range(len(log_p))]
    top = max(terms)
    return min(0.0, -half + top + math.log(sum(math.exp(t - top) for t in terms)))
