"""What is known about a pair of dependent models, and what a relation's function says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from forebear.lineage.counts import Counts
from forebear.lineage.direction import Reason
from forebear.signals.change import Changes
from forebear.signals.lattice import Lattice
from forebear.signals.parts import Kept
from forebear.signals.rounding import Rounding
from forebear.signals.still_rows import StillRows


@dataclass(frozen=True)
class Sizes:
    """Sizes of a model, as far as they are known.

    Attributes:
        layers, width, intermediate, heads, kv_heads, head_dim, experts: of the network; 0 where there are none.
        parameters: number of values in all tensors.
        other: components without a role in the language core, with their sizes: another tower.
    """

    layers: int = 0
    width: int = 0
    intermediate: int = 0
    heads: int = 0
    kv_heads: int = 0
    head_dim: int = 0
    experts: int = 0
    parameters: int = 0
    other: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Grids:
    """What was found of quantisation in one model.

    Attributes:
        sampled: matrices that were looked at, without those that are equal in both models and on no grid.
        found: lattice by role, of those that are on one or are stored so.
        stored: whether the files keep them quantised.
    """

    sampled: int = 0
    found: Mapping[str, Lattice] = field(default_factory=dict)
    stored: bool = False

    @property
    def main(self) -> Lattice | None:
        """The commonest lattice, if at least half of the matrices are on one."""
        if not self.found or 2 * len(self.found) < self.sampled:
            return None
        names = [lattice.words for lattice in self.found.values()]
        best = max(dict.fromkeys(names), key=names.count)
        return next(lattice for lattice in self.found.values() if lattice.words == best)


@dataclass(frozen=True)
class Observed:
    """Everything measured about a pair of dependent models, A the reference and B the model in question.

    Attributes:
        sizes: of A and B.
        counts: the coins that agree.
        changes: what lies between them tensor by tensor; None where coordinates were moved or nothing was read.
        partners: by layer of the deeper model, the layer of the other that it is most like, None where it is like none.
        grids: what was found of quantisation in A and B.
        rounding: by direction (``a_to_b``: B's values are A's rounded), over the matrices that were sampled.
        undone: what had to be undone before the coins agreed, in words; None where they are in their places.
        kept: parts that were found although sizes differ.
        excludes: the stated test that excludes a merely shared start, or "".
        still: embedding rows that lie still between them, None where they were not compared.
        gains: root mean square of the log gains of A and B, centred norm by norm; None where that is not known.
        rounded: the way in which all of one model is the other, rounded, or "".
        still_elsewhere: whether all that lies outside of attention and MLPs is as it was, or on a grid as well.
        lost: how one side fits the other by a rounding to another float format, or "".
        why_not: why values were not compared, or "".
        idle: layers of the deeper model that are like none of the other and write nothing.
    """

    sizes: tuple[Sizes, Sizes]
    counts: Counts
    changes: Changes | None = None
    partners: Mapping[int, int | None] = field(default_factory=dict)
    grids: tuple[Grids, Grids] = (Grids(), Grids())
    rounding: Mapping[str, Rounding] = field(default_factory=dict)
    undone: tuple[str, ...] | None = None
    kept: tuple[Kept, ...] = ()
    excludes: str = ""
    still: StillRows | None = None
    gains: tuple[float, float] | None = None
    rounded: str = ""
    still_elsewhere: bool = True
    lost: str = ""
    why_not: str = ""
    idle: frozenset[int] = frozenset()

    @property
    def drift(self) -> float | None:
        """How far the body has moved: measured, or after alignment estimated from the cosine of aligned rows."""
        if self.changes is not None and self.changes.body:
            return self.changes.drift_kept
        cosine = self.counts.cosine
        return None if cosine is None or cosine <= 0 else max(0.0, 1 / min(1.0, cosine) ** 2 - 1) ** 0.5


@dataclass(frozen=True)
class Found:
    """A relation that holds.

    Attributes:
        kind: of the contract.
        test: what was measured and compared, with its numbers, in a sentence.
        words: the relation as a reader says it.
        details: for machines.
        reasons: what its facts tell about direction.
        excludes_shared_start: why two separate trainings from one random start cannot look like this, or "".
        made_from: why B was made from A's very values, or A from B's, and not both from a third model's; or "".
    """

    kind: str
    test: str
    words: str
    details: Mapping[str, Any] = field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()
    excludes_shared_start: str = ""
    made_from: str = ""


def toward(name: str, b_is_later: bool, odds: float, text: str, no_siblings: bool = False) -> Reason:
    """A reason for B from A, or for the reverse."""
    return Reason(name, text, odds if b_is_later else -odds, no_siblings)
