"""What a pair is, measured in its files by the study itself; nothing here asks Forebear how models are related."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from disguises.network import F32, Network, read
from relation.classes import Facts


def same_values(a: Path, b: Path) -> bool:
    """Whether the weight files of two models that were written in one way are the same."""
    one, two = ({f.name: f.read_bytes() for f in m.glob("*.safetensors")} for m in (a, b))
    return bool(one) and one == two


STILL, MOVED = 0.99999, 0.999
"""Cosine of a row from which on it only shrank, and below which it was trained."""


def facts_of(a: Path, b: Path, start: Path | None = None) -> Facts:
    """Facts of two models of one shape, A the reference; none where shapes differ.

    Args:
        a, b: the models.
        start: the random start of both, if witnesses are to be counted.

    Raises:
        Inapplicable: one of them cannot be taken apart.
    """
    one, two = body(read(a)), body(read(b))
    if {r: v.shape for r, v in one.items()} != {r: v.shape for r, v in two.items()}:
        return Facts()
    drifts, ts, equal, total = [], [], 0, 0
    for role, x in one.items():
        y = two[role]
        change = np.square(y - x, dtype=np.float64).sum()
        before, after = (np.square(v, dtype=np.float64).sum() for v in (x, y))
        equal += int((x.view(np.uint32) == y.view(np.uint32)).sum())
        total += x.size
        drifts.append(float(np.sqrt(change / before)))
        if change:
            ts.append(float((after - before) / (2 * change)))
    witnesses = None if start is None else _witnesses(*(read(m).weights["embed"] for m in (a, b, start)))
    return Facts(float(np.median(drifts)), equal / total, float(np.median(ts)) if ts else None, witnesses)


def _witnesses(a: F32, b: F32, start: F32) -> int:
    """Rows of the input embedding that are still between A and B, and that were trained before."""
    return int(((_cosines(a, b) >= STILL) & (_cosines(a, start) < MOVED)).sum())


def _cosines(a: F32, b: F32) -> F32:
    scale = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray((a * b).sum(axis=1) / np.maximum(scale, 1e-30))


def parted(parent: Path, a: Path, b: Path) -> tuple[float, float, float]:
    """How far two children drifted from their parent, and the cosine of their changes: medians over matrices."""
    root, one, two = (body(read(m)) for m in (parent, a, b))
    found = []
    for role, x in root.items():
        p, q = ((m[role] - x).astype(np.float64) for m in (one, two))
        size, near, far = (float(np.linalg.norm(v)) for v in (x, p, q))
        found.append((near / size, far / size, float((p * q).sum()) / (near * far) if near and far else 0.0))
    drift_a, drift_b, cosine = np.median(found, axis=0).tolist()
    return drift_a, drift_b, cosine


def body(network: Network) -> dict[str, F32]:
    """Matrices of attention, MLPs and experts."""
    return {
        role: values
        for role, values in network.weights.items()
        if role.startswith("layers.") and values.ndim == 2 and not role.endswith("router")
    }


def sides_of(a: Path, b: Path) -> list[int]:
    """The smaller sides of the matrices that differ."""
    one, two = body(read(a)), body(read(b))
    return [min(x.shape) for role, x in one.items() if not np.array_equal(x, two[role])]
