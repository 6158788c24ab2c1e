"""Which layer is which in a common frame: by how well neurons find their like, whatever the order of either."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.artifacts.roles import role_tensor
from forebear.signals.frames import MATCHING, Frame
from forebear.signals.matching import even, unit
from forebear.signals.seen import AXIS, seen

F32 = NDArray[np.float32]

MOST_LAYERS = 16
MOST_VALUES = 130_000_000
"""Values of gate rows that are read of one model at most; deeper or wider ones are compared in fewer layers."""
PROBES = 64
"""Neurons of a layer that ask every layer of the other model for their like."""
CANDIDATES = 4_096
KINDS = {
    "mlp.gate": "gate",
    "shared.gate": "gate",
    "router": "router",
    "experts.0.gate": "gate",
    "mlp.up": "up",
    "attn.k": "key",
}
"""Parts by which a layer is known, best first, and which of them can be held against each other."""
UNFLIPPED = ("gate", "router")
"""Kinds of which no tested flip changes a sign; of the others signs are left out."""
CLEAR = 0.75
"""Share of the probes' best similarity that the layer as numbered must reach to be kept without a search."""


def layer_map(a: Artifact, b: Artifact, frame: Frame) -> list[tuple[int, int]]:
    """Pairs of layers of A and B, each layer at most once; of deep models a part, evenly spaced.

    A layer of B meets the layer of A in which its probes find the most similar neurons on average. Gate rows (of MLPs
    without gates the rows that read the stream, else router rows, else keys) decide; signs that a tested flip
    changes are left out.
    """
    if a.geometry is None or b.geometry is None:
        return []
    chosen = _chosen(b)
    ours, theirs = _Rows(a, frame.of_a, CANDIDATES), _Rows(b, frame.of_b, PROBES)
    similar = np.full((a.geometry.layers, len(chosen)), -1.0)
    for i in range(a.geometry.layers):
        for k, j in enumerate(chosen):
            similar[i, k] = _likeness(ours, i, theirs, j)
    pairs = []
    while similar.size and similar.max() > -1.0:
        i, k = (int(x) for x in np.unravel_index(similar.argmax(), similar.shape))
        straight = chosen[k]
        if a.geometry.layers == b.geometry.layers and similar[straight, k] >= CLEAR * similar[i, k]:
            i = straight  # among independent models nothing is clear, and order is as good a guess as any
        pairs.append((i, chosen[k]))
        similar[i], similar[:, k] = -1.0, -1.0
    return sorted(pairs, key=lambda pair: pair[1])


def _chosen(artifact: Artifact) -> list[int]:
    """The layers that are compared: all of a small model, of others as many as may be read, evenly spaced."""
    assert artifact.geometry is not None
    g = artifact.geometry
    size = (g.intermediate or 4 * g.width) * g.width
    count = min(g.layers, MOST_LAYERS, max(4, MOST_VALUES // max(1, size)))
    return [int(k) for k in even(g.layers, count)]


class _Rows:
    """Rows that layers are known by, of length one in the frame, kept while a map is made."""

    def __init__(self, artifact: Artifact, onto: Callable[[F32, int], F32], most: int) -> None:
        self._artifact, self._onto, self._most = artifact, onto, most
        self._kept: dict[tuple[int, str], F32 | None] = {}

    def kinds(self, layer: int) -> dict[str, str]:
        """Kinds of rows that a layer has, best first, and the part that holds them."""
        found: dict[str, str] = {}
        for part, kind in KINDS.items():
            if f"layers.{layer}.{part}" in self._artifact.names:
                found.setdefault(kind, part)
        return found

    def of(self, layer: int, part: str) -> F32 | None:
        """Rows of a part, ``(n, k)``."""
        if (layer, part) not in self._kept:
            self._kept[layer, part] = self._read(layer, part)
        return self._kept[layer, part]

    def _read(self, layer: int, part: str) -> F32 | None:
        tensor = role_tensor(self._artifact, f"layers.{layer}.{part}")
        if tensor is None:
            return None
        size = tensor.length(AXIS.get(part, "neuron"))
        rows = seen(self._artifact, layer, part, even(size, self._most))
        return None if rows is None else unit(self._onto(rows, MATCHING))


def _likeness(one: _Rows, i: int, two: _Rows, j: int) -> float:
    """Mean cosine of the neurons of a layer of B with their like in a layer of A; -1 where there is nothing to ask."""
    ours, theirs = one.kinds(i), two.kinds(j)
    kind = next((k for k in ours if k in theirs), None)
    if kind is None:
        return -1.0
    candidates, probes = one.of(i, ours[kind]), two.of(j, theirs[kind])
    if candidates is None or probes is None or not len(candidates) or not len(probes):
        return -1.0
    cosine = candidates @ probes.T
    return float((cosine if kind in UNFLIPPED else np.abs(cosine)).max(axis=0).mean())
