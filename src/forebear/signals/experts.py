"""``experts/1``: which expert of one layer is which of another, whatever their order and however many were left out.

An expert is known by its router row and by what its gate rows have in common: both lie in the residual stream, and the
sum over an expert's gate rows does not depend on the order of its neurons. The two are different weights, so that each
can confirm the other, and either alone will do where the other was replaced. No flip that is tested later changes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.artifacts.roles import role_tensor
from forebear.signals.frames import Frame
from forebear.signals.matching import cosines, matched
from forebear.signals.seen import seen

F32 = NDArray[np.float32]
Indices = NDArray[np.int64]

NAME = "experts/1"
MOST_VALUES = 100_000_000
"""Gate values of a layer's experts that are read; of larger layers the router rows have to do."""
CLEAR = 0.75
"""Share of the best likeness from which on a second one counts as well: a copy, or the other half of a merge."""
BEYOND_CHANCE = 5.0
"""Standard deviations of the cosine of independent directions that a likeness must reach to be spoken of."""


@dataclass(frozen=True, eq=False)
class ExpertMap:
    """Experts of a layer of A and of a layer of B that are each other's like.

    Attributes:
        sizes: number of experts of A and of B.
        by: what they were compared by: ``router``, ``gate``.
        pairs: ``(n, 2)`` experts of A and B, each at most once, ascending in B.
        confirmed: ``(n,)`` whether router row and gate rows choose the pair's expert of A each on its own.
        likeness: ``(n,)`` the largest cosine over ``by``.
        least: from which likeness on an expert is spoken of.
        copies: ``(c, 2)`` further experts of B that are like an expert of A that has its pair already.
        blends: ``(m, 3)`` an expert of B and two of A that it is about equally like, as after a merge.
    """

    sizes: tuple[int, int]
    by: tuple[str, ...]
    pairs: Indices
    confirmed: NDArray[np.bool_]
    likeness: F32
    least: float
    copies: Indices
    blends: Indices

    @property
    def expected(self) -> float:
        """Confirmations that two views with nothing in common would give by chance."""
        return len(self.pairs) / self.sizes[0]

    @property
    def order(self) -> list[int | None]:
        """By expert of B, the expert of A that it is clearly like; each of A's at most once."""
        clear = self.pairs[self.likeness >= self.least]
        found = dict(zip(clear[:, 1].tolist(), clear[:, 0].tolist(), strict=True))
        return [found.get(y) for y in range(self.sizes[1])]


@np.errstate(all="ignore")
def expert_map(a: Artifact, i: int, b: Artifact, j: int, frame: Frame) -> ExpertMap | None:
    """Match the experts of layer ``i`` of A with those of layer ``j`` of B; None where one has none.

    Raises:
        InputError: rows could not be read.
    """
    sizes = experts_of(a, i), experts_of(b, j)
    if not all(sizes):
        return None
    found: dict[str, F32] = {}
    routers = seen(a, i, "router"), seen(b, j, "router")
    if routers[0] is not None and routers[1] is not None and (len(routers[0]), len(routers[1])) == sizes:
        found["router"] = cosines(_apart(routers[0] @ frame.a), _apart(routers[1] @ frame.b))
    gates = _gates(a, i, sizes[0], frame.a), _gates(b, j, sizes[1], frame.b)
    if gates[0] is not None and gates[1] is not None:
        common = gates[0].mean(axis=0) if sizes[0] > 1 else np.float32(0)
        found["gate"] = cosines(gates[0] - common, gates[1] - common)
    return map_of(found, 1 / np.sqrt(max(1, frame.a.shape[1]))) if found else None


def experts_of(artifact: Artifact, layer: int) -> int:
    """Routed experts of a layer, by the roles that are there; 0 for a dense one."""
    count = 0
    while f"layers.{layer}.experts.{count}.gate" in artifact.names:
        count += 1
    return count


def map_of(found: dict[str, F32], deviation: float) -> ExpertMap:
    """The map that likenesses give.

    Args:
        found: cosines ``(experts of A, experts of B)`` by what they were taken from.
        deviation: of the cosine of two independent directions.
    """
    views = list(found.values())
    likeness = np.max(views, axis=0)  # where one of them was replaced, the other has to do
    pairs = matched(likeness)
    pairs = pairs[np.argsort(pairs[:, 1])]
    alone = [view.argmax(axis=0)[pairs[:, 1]] == pairs[:, 0] for view in views]
    confirmed = np.all(alone, axis=0) & (len(views) > 1)
    least = BEYOND_CHANCE * deviation
    partner = dict(zip(pairs[:, 0].tolist(), pairs[:, 1].tolist(), strict=True))
    taken = set(partner.values())
    copies, blends = [], []
    for y in range(likeness.shape[1]):
        best = int(likeness[:, y].argmax())
        top = float(likeness[best, y])
        if y not in taken and best in partner and top >= max(least, CLEAR * float(likeness[best, partner[best]])):
            copies.append((best, y))
        order = np.argsort(-likeness[:, y])[:2]
        if len(order) > 1 and float(likeness[order[1], y]) >= max(least, CLEAR * top):
            blends.append((y, int(order[0]), int(order[1])))
    return ExpertMap(
        (likeness.shape[0], likeness.shape[1]),
        tuple(found),
        pairs,
        confirmed,
        likeness[pairs[:, 0], pairs[:, 1]],
        least,
        _table(copies, 2),
        _table(blends, 3),
    )


def _gates(artifact: Artifact, layer: int, count: int, basis: F32) -> F32 | None:
    """What an expert's gate rows have in common, ``(experts, k)``: the sum of the rows, each of length one."""
    tensors = [role_tensor(artifact, f"layers.{layer}.experts.{e}.gate") for e in range(count)]
    geometry = artifact.geometry
    if geometry is None or any(t is None for t in tensors):
        return None
    if sum(t.length("neuron") for t in tensors if t is not None) * geometry.width > MOST_VALUES:
        return None
    codes = []
    for e in range(count):
        rows = seen(artifact, layer, f"experts.{e}.gate")
        if rows is None:
            return None
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        unit = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
        codes.append(unit.sum(axis=0) @ basis)
    return np.stack(codes)


def _apart(rows: F32) -> F32:
    """Router rows without what all have in common, which a softmax does not see."""
    return np.asarray(rows - rows.mean(axis=0)) if len(rows) > 1 else rows


def _table(rows: Sequence[tuple[int, ...]], columns: int) -> Indices:
    return np.array(rows, dtype=np.int64).reshape(-1, columns)
