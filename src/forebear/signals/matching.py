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
    return np.asarray(unit(one) @ unit(two).T)


def even(size: int, most: int) -> Indices:
    """Up to ``most`` of ``size`` indices, evenly spaced, the first and the last among them; ascending."""
    return np.linspace(0, size - 1, min(size, most)).round().astype(np.int64)


def unit(rows: F32) -> F32:
    """Rows of length one, however large or small their values are; zero where a row is zero or not finite."""
    with np.errstate(all="ignore"):
        largest = np.abs(rows).max(axis=1, keepdims=True, initial=0.0)
        good = np.isfinite(largest) & (largest > 0)
        scaled = np.where(good, rows / np.where(good, largest, 1.0), 0.0).astype(np.float32)
        norms = np.linalg.norm(scaled, axis=1, keepdims=True)
    return np.asarray(scaled / np.where(norms > 0, norms, 1.0), dtype=np.float32)
