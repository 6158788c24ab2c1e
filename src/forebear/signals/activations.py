"""``activations/1``: how the texts of the probe set lie to one another inside a model, in 41 KB. It nominates, no more.

Angles between hidden states survive every change of coordinates, whatever was done to the weights, and texts are the
same for models of all tokenizers and sizes. But models that learned from the same world find the same texts alike, so
raw similarity of representations (CKA) says nothing about descent. What is kept of a depth is therefore the hat matrix
of ridge regression, G (G + λ)⁻¹ of the Gram matrix G of centred states, which flattens what is common and leaves what
is peculiar; λ is the 20th eigenvalue, so that half the weight of a direction is lost there in any model. Its diagonal
is left out and rows are centred as for debiased CKA (Song et al. 2012; Murphy et al. 2024, arXiv 2405.01012). What the
references of an index still have in common is taken out when models are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forebear.activations.pooled import COUNT, DEPTHS, SHALLOW, Pooled

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]

NAME = "activations/1"
PAIRS = COUNT * (COUNT - 1) // 2
SLOTS = len(DEPTHS)
KNEE = 20
"""Rank of the eigenvalue at which a direction has lost half of its weight."""
ACTIVATIONS_BYTES = COUNT // 8 + SLOTS * PAIRS
FEWEST_COMMON = 64
"""Probes that two models have to have read for a comparison."""
FEWEST_REFERENCES = 3
"""Independent references from which on there is a consensus."""
_STEPS, _RANGE = 127, 6.0
"""A value is kept in steps of its row's root mean square, up to six of it."""
_ROWS, _COLUMNS = np.triu_indices(COUNT, 1)


@dataclass(frozen=True, eq=False)
class Activations:
    """The sketch of one model.

    Attributes:
        read: ``(128,)``, whether the model could be asked each probe.
        geometry: int8 ``(5, 8128)``: for every depth of :data:`~forebear.activations.pooled.DEPTHS` the entries above
            the diagonal of its matrix, row by row, in a unit of its own; all zero where the depth was not computed.
    """

    read: Bools
    geometry: NDArray[np.int8]

    @property
    def depths(self) -> int:
        """How many were computed, the shallowest first."""
        return int(self.geometry.any(axis=1).sum())

    def to_bytes(self) -> bytes:
        """As stored."""
        return np.packbits(self.read).tobytes() + self.geometry.tobytes()

    @staticmethod
    def from_bytes(raw: bytes) -> Activations:
        """What :meth:`to_bytes` gave; ``ValueError`` where it cannot be that."""
        if len(raw) != ACTIVATIONS_BYTES:
            raise ValueError("damaged activations")
        read = np.unpackbits(np.frombuffer(raw, dtype=np.uint8, count=COUNT // 8)).astype(bool)
        geometry = np.frombuffer(raw, dtype=np.int8, offset=COUNT // 8).reshape(SLOTS, PAIRS)
        return Activations(read, geometry)


def activations(found: Pooled) -> Activations:
    """The sketch of hidden states on the probe set.

    Raises:
        ValueError: the states are of other probes or depths.
    """
    if found.depths not in (DEPTHS[:SHALLOW], DEPTHS) or (found.spans.size and found.spans[-1] >= COUNT):
        raise ValueError("hidden states of other probes or depths")
    read = np.zeros(COUNT, dtype=bool)
    read[found.spans] = True
    geometry = np.zeros((SLOTS, PAIRS), dtype=np.int8)
    above = read[_ROWS] & read[_COLUMNS]
    for slot, states in enumerate(found.states):
        values = geometry_of(states)
        unit = float(np.sqrt((values**2).mean())) or 1.0
        geometry[slot, above] = np.clip(np.rint(values / unit * (_STEPS / _RANGE)), -_STEPS, _STEPS)
    return Activations(read, geometry)


def geometry_of(states: F32) -> F64:
    """How texts lie to one another at one depth: the ``S (S - 1) / 2`` entries above the diagonal, at unit length.

    Args:
        states: ``(S, width)``, S at least 3.
    """
    x = states.astype(np.float64)
    x -= x.mean(axis=0)
    count = len(x)
    values, vectors = np.linalg.eigh(x @ x.T)
    values = np.maximum(values, 0.0)
    knee = max(float(values[max(0, count - KNEE)]), 1e-9 * float(values[-1]), 1e-300)
    hat = (vectors * (values / (values + knee))) @ vectors.T
    np.fill_diagonal(hat, 0.0)
    sums = hat.sum(axis=1) / (count - 2)
    hat += hat.sum() / ((count - 1) * (count - 2)) - sums[:, None] - sums
    above = hat[np.triu_indices(count, 1)]
    return np.asarray(above / (np.linalg.norm(above) or 1.0))


@dataclass(frozen=True, eq=False)
class Consensus:
    """What independent references have in common, depth by depth.

    Attributes:
        mean: ``(5, 8128)``; zero where no reference knows a pair of probes.
        axes: for every depth ``(r, 8128)`` orthonormal directions in which the references differ.
        cut: for every depth ``(r,)``, the share that is taken off a model's part along each of them.
        references: how many there were.
    """

    mean: F32
    axes: tuple[F32, ...]
    cut: tuple[F32, ...]
    references: int


def consensus(references: Sequence[Activations]) -> Consensus:
    """What independent references have in common; nothing where there are fewer than :data:`FEWEST_REFERENCES`.

    Directions in which they differ more than in most are shrunk as for whitening, by ridge: the median direction by the
    root of a half.
    """
    if len(references) < FEWEST_REFERENCES:
        none = np.zeros((0, PAIRS), dtype=np.float32)
        nothing = np.zeros(0, dtype=np.float32)
        return Consensus(np.zeros((SLOTS, PAIRS), dtype=np.float32), (none,) * SLOTS, (nothing,) * SLOTS, 0)
    values = units(references)
    known = np.isfinite(values)
    count = known.sum(axis=0)
    mean = np.where(known, values, 0.0).sum(axis=0) / np.maximum(count, 1)
    rest = np.where(known, values - mean, 0.0)
    axes, cut = [], []
    for slot in range(SLOTS):
        own = rest[rest[:, slot].any(axis=1), slot].astype(np.float64)
        sizes, turned = np.linalg.eigh(own @ own.T) if len(own) else (np.zeros(0), np.zeros((0, 0)))
        kept = sizes > 1e-9 * sizes.max(initial=0.0)
        power = sizes[kept] / max(1, len(own))
        directions = (turned[:, kept] / np.sqrt(sizes[kept])).T @ own if kept.any() else np.zeros((0, PAIRS))
        floor = float(np.median(power)) if kept.any() else 1.0
        axes.append(directions.astype(np.float32))
        cut.append((1.0 - np.sqrt(floor / (power + floor))).astype(np.float32))
    return Consensus(mean.astype(np.float32), tuple(axes), tuple(cut), len(references))


def units(sketches: Sequence[Activations]) -> F32:
    """Geometries at unit length, ``(n, 5, 8128)``; nan where a model was not asked, or a depth not computed."""
    stack = np.stack([s.geometry for s in sketches]).astype(np.float32)
    read = np.stack([s.read for s in sketches])
    lengths = np.linalg.norm(stack, axis=2, keepdims=True)
    stack /= np.where(lengths == 0, np.float32(np.nan), lengths)
    stack[~np.broadcast_to((read[:, _ROWS] & read[:, _COLUMNS])[:, None], stack.shape)] = np.nan
    return stack


def peculiar(sketches: Sequence[Activations], common: Consensus) -> F32:
    """What is left of geometries without the consensus, ``(n, 5, 8128)`` at unit length.

    Zero for pairs of probes that were not read. A depth that was not computed is nan.
    """
    values = units(sketches)
    lost = ~np.isfinite(values)
    rest = np.where(lost, np.float32(0.0), values - common.mean)
    for slot, (axes, cut) in enumerate(zip(common.axes, common.cut, strict=True)):
        rest[:, slot] -= ((rest[:, slot] @ axes.T) * cut) @ axes
    rest[lost] = 0.0
    lengths = np.linalg.norm(rest, axis=2, keepdims=True)
    rest /= np.where(lengths == 0, np.float32(1.0), lengths)
    rest[lost.all(axis=2)] = np.nan
    return rest


def similarities(one: F32, others: F32) -> F64:
    """Cosines of what is peculiar to a model with what is to others, depth by depth ``(n, 5)``; nan where not computed.

    Args:
        one: ``(5, 8128)`` of :func:`peculiar`.
        others: ``(n, 5, 8128)`` of the same.
    """
    return np.asarray(np.einsum("sp,nsp->ns", one, others, optimize=True), dtype=np.float64)


def comparable(one: Activations, other: Activations) -> bool:
    """Whether two models read enough of the same probes."""
    return int((one.read & other.read).sum()) >= FEWEST_COMMON


def between_depths(one: F32, other: F32) -> F64:
    """Cosines of every depth of one model with every depth of another, ``(5, 5)``; nan where not computed."""
    return np.asarray(one.astype(np.float64) @ other.astype(np.float64).T)
