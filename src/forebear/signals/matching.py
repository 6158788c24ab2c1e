"""Which neuron, head, expert and layer of one model is which of another: by what the tested flips cannot change."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
Indices = NDArray[np.int64]


def matched(similarity: F32, least: float = 0.0) -> Indices:
    """Pairs ``(n, 2)`` of rows and columns that are each other's best, above ``least``; nothing is in two pairs."""
    if 0 in similarity.shape:
        return np.zeros((0, 2), dtype=np.int64)
    best_a, best_b = similarity.argmax(axis=1), similarity.argmax(axis=0)
    rows = np.flatnonzero((best_b[best_a] == np.arange(len(best_a))) & (similarity.max(axis=1) > least))
    return np.stack([rows, best_a[rows]], axis=1)


def cosines(one: F32, two: F32) -> F32:
    """``(n, m)`` cosines of the rows of two matrices; 0 where a row is zero or not finite."""
    x, y = unit_rows(one), unit_rows(two)
    return np.asarray(x @ y.T)


def unit_rows(rows: F32) -> F32:
    """Rows of length one; those that are zero or not finite become zero."""
    with np.errstate(all="ignore"):
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        good = np.isfinite(norms) & (norms > 0)
        return np.asarray(np.where(good, rows / np.where(good, norms, 1.0), 0.0), dtype=np.float32)
