"""``parts/1``: which neurons, heads or dimensions of a narrower model a wider one has, and what it has more.

What a wider model has more tells which of the two came first. A network that is made wider *and computes what it did*
can have, of what is new to it, only parts that do nothing and parts that are copies with their output split between
them (Chen et al. 2016, arXiv 1511.05641; Samragh et al. 2024, arXiv 2409.12903): neurons whose input weights are not
parallel to each other's, heads with other patterns, and dimensions that are no combination of others are linearly
independent functions, so what one of them adds, no others take away. A network that is made narrower leaves parts
behind that are independent in this sense. What merely resembles a copy, or is too weak to matter, tells neither.

It describes, and proves nothing: who adds parts of their own and leaves all others as they were makes the same picture
as one who takes parts away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.artifacts.roles import role_tensor
from forebear.signals.floats import precision, rounded
from forebear.signals.frames import Frame
from forebear.signals.seen import AXIS, seen

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.int64]

ALIKE = 0.5
"""Mean cosine from which on rows, layers or experts are spoken of as the same."""
SAME = 0.002
"""Drift up to which parts in common are equal but for rounding: bfloat16 moves values by 0.0017 on average."""
NOISE = 1e-6
"""Drift that arithmetic leaves where nothing has moved. Parts in common are held to it: a few steps of training at a
tiny rate move weights by less than :data:`SAME`, and make a sibling."""
EXACT = 1 - SAME**2 / 2
"""The cosine of two rows that differ by that much."""
MOST_KEPT = 4_096
"""Pairs up to which a map is shown."""


@dataclass(frozen=True)
class Extras:
    """What the wider of two models has more, part by part.

    Attributes:
        own: work, and are independent of all other parts of that model.
        copies: are another part of it but for a factor, or (dimensions) a combination of others.
        idle: do nothing, exactly.
        near: are like another part, or weaker than the rounding of a usual one, or constant: tell neither.
        untold: have values that are no numbers, or could not be held against others.
    """

    own: int = 0
    copies: int = 0
    idle: int = 0
    near: int = 0
    untold: int = 0

    def __add__(self, other: Extras) -> Extras:
        """Those of two layers."""
        return Extras(
            self.own + other.own,
            self.copies + other.copies,
            self.idle + other.idle,
            self.near + other.near,
            self.untold + other.untold,
        )

    @property
    def total(self) -> int:
        """How many there are."""
        return self.own + self.copies + self.idle + self.near + self.untold


@dataclass(frozen=True)
class Kept:
    """Parts of one model that were found in another of other sizes.

    Attributes:
        what: ``neurons``, ``heads``, ``dimensions``, ``key/value heads``.
        found: how many of the smaller model's were found in the larger one.
        of: how many were looked for.
        map: by layer of B pairs of A's and B's numbers; empty where they are too many to name.
        extras: what the larger one has more; None where that was not asked.
        drift: |B − A| / |A| of those that were found, where they have moved most, factors left out and rounding to the
            coarser of two formats; None where that was not measured.
    """

    what: str
    found: int
    of: int
    map: Mapping[str, list[list[int]]] = field(default_factory=dict)
    extras: Extras | None = None
    drift: float | None = None

    @property
    def equal(self) -> bool:
        """Whether all of the smaller model's parts were found, and as they were."""
        return self.found == self.of > 0 and self.drift is not None and self.drift <= NOISE


@dataclass(frozen=True, eq=False)
class Met:
    """Parts of a layer of A held against those of a layer of B.

    Attributes:
        where: of B.
        pairs: ``(n, 2)`` numbers of A and B.
        of: how many parts the smaller one has that can be known again.
        cosine: mean over the pairs, of the matrix or circuit that has moved most.
        extras: see :class:`Extras`.
    """

    where: str
    pairs: Indices
    of: int
    cosine: float
    extras: Extras


def pooled(what: str, met: Sequence[Met], asked: bool) -> Kept | None:
    """All layers as one; ``asked``: whether one model has more of these parts."""
    if not met:
        return None
    count = sum(len(m.pairs) for m in met)
    extras = sum((m.extras for m in met), Extras()) if asked else None
    kept = {m.where: m.pairs.tolist() for m in met}
    return Kept(what, count, sum(m.of for m in met), shown(kept), extras, drift_of(min(m.cosine for m in met)))


def shown(pairs: Mapping[str, list[list[int]]]) -> Mapping[str, list[list[int]]]:
    """The map where it is short enough to be shown."""
    return pairs if sum(len(p) for p in pairs.values()) <= MOST_KEPT else {}


def drift_of(cosine: float) -> float | None:
    """The drift that leaves this cosine, were the change orthogonal; None where nothing is in common."""
    return None if not cosine > 0 else max(0.0, 1 / min(1.0, cosine) ** 2 - 1) ** 0.5


def judged(bad: Flags, idle: Flags, weak: Flags, twin: F64, like: F64) -> Extras:
    """Parts that the wider model has more, ``(n,)`` each, as the first of these that holds.

    Args:
        bad: has values that are no numbers.
        idle: does nothing.
        weak: does next to nothing.
        twin: cosine of what makes it independent with the nearest of all other parts.
        like: mean cosine of all its weights with the nearest.
    """
    copies = twin >= EXACT
    near = weak | (like >= ALIKE)
    counts = [bad, ~bad & idle, ~bad & ~idle & copies, ~bad & ~idle & ~copies & near]
    untold, nothing, twins, nearly = (int(flags.sum()) for flags in counts)
    return Extras(len(bad) - untold - nothing - twins - nearly, twins, nothing, nearly, untold)


def weak_beside(effects: F64, usual: F64, values: F32) -> Flags:
    """Effects that are within the rounding of a usual one, in the format that the values are stored in."""
    usual = usual[usual > 0]
    median = float(np.median(usual)) if len(usual) else 0.0
    return np.asarray(effects <= 2.0 ** -precision(values) * median)


def in_place(width: int) -> Frame:
    """The frame of two models whose dimensions are in their places."""
    eye = np.eye(width, dtype=np.float32)
    same = np.stack([np.arange(width)] * 2, axis=1)
    return Frame(eye, eye, 0, "places", same, np.ones(width, dtype=np.float32))


def stored(artifact: Artifact, layer: int, part: str) -> F32 | None:
    """Rows of a part against the residual stream, ``(n, width)``, as they are stored; see :func:`seen`."""
    tensor = role_tensor(artifact, f"layers.{layer}.{part}")
    if tensor is None or artifact.geometry is None or "residual" not in tensor.role.axes:
        return None
    axis = AXIS.get(part, "neuron")
    return tensor.rows(axis, np.arange(tensor.length(axis)), artifact.geometry.width)


def bias_of(artifact: Artifact, layer: int, part: str, size: int) -> F32:
    """A part's bias ``(size,)``: zero where there is none, no number where it cannot be told."""
    role = f"layers.{layer}.{part}.bias"
    if role not in artifact.names:
        return np.zeros(size, dtype=np.float32)
    tensor = role_tensor(artifact, role)
    unknown = np.full(size, np.nan, dtype=np.float32)
    if tensor is None or len(tensor.tensor.shape) != 1 or tensor.role.part is not None:
        return unknown
    values = tensor.tensor.values()
    return values if values.shape == (size,) else unknown


def common(model: Artifact, layer: int, part: str, frame: Frame, is_b: bool) -> F64 | None:
    """Rows of a part in common coordinates; those that are no numbers are none.

    As stored where dimensions are known one by one, so that a slice is the same on both sides; else with gains folded.
    """
    rows = stored(model, layer, part) if frame.dims is not None else seen(model, layer, part)
    if rows is None:
        return None
    return np.asarray((frame.of_b if is_b else frame.of_a)(rows), dtype=np.float64)


def alike_rounded(one: F64, two: F64) -> tuple[F64, F64]:
    """Two sets of values in the coarser of the formats that they are stored in, rounded to nearest."""
    values = [np.asarray(v, dtype=np.float32) for v in (one, two)]
    bits = [precision(v) for v in values]
    made = [v if b == min(bits) else rounded(v, min(bits)) for v, b in zip(values, bits, strict=True)]
    return made[0].astype(np.float64), made[1].astype(np.float64)


def units(rows: F64) -> F64:
    """Rows of length one; zero where a row is zero."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(norms > 0, norms, 1.0))


def others(size: int, taken: Iterable[int]) -> Indices:
    """Numbers below ``size`` that are not taken, ascending."""
    return np.setdiff1d(np.arange(size), np.fromiter(taken, dtype=np.int64))
