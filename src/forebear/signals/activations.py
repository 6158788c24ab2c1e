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


def units(sketches: Sequence[Activations]) -> F32:
    """Geometries at unit length, ``(n, 5, 8128)``; nan where a model was not asked, or a depth not computed."""
    stack = np.stack([s.geometry for s in sketches]).astype(np.float32)
    read = np.stack([s.read for s in sketches])
    lengths = np.linalg.norm(stack, axis=2, keepdims=True)
    stack /= np.where(lengths == 0, np.float32(np.nan), lengths)
    stack[~np.broadcast_to((read[:, _ROWS] & read[:, _COLUMNS])[:, None], stack.shape)] = np.nan
    return stack


def comparable(one: Activations, other: Activations) -> bool:
    """Whether two models read enough of the same probes."""
    return int((one.read & other.read).sum()) >= FEWEST_COMMON
