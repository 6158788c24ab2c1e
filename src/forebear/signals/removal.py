"""Is a low-rank difference something of the weights' own that was removed or scaled, rather than something added?

Removing a direction r from what a matrix writes, W − r rᵀW ("abliteration": Arditi et al. 2024, arXiv 2406.11717), or
from what it reads, W − W r rᵀ, changes it by a matrix of low rank, as a merged adapter does. But such a difference
U S Vᵀ is the weights' own action on its direction: UᵀW lies along V (or W V along U), which a trained update has no
reason to do. And a model that lost a direction has no energy left in it, which one that was added to has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forebear.signals.rank import Blocks

F64 = NDArray[np.float64]

MOST = 8
"""The largest rank that is looked at: what is removed are a few directions."""
EXCESS = 4
OWN = 0.5
"""Share of a matrix's action on U that lies along V from which on the difference is its own; a trained update of rank r
has r over the number of columns, at most a quarter."""
EMPTY = 1e-3
"""Energy in a direction, in that of an average one, up to which it is gone; rounding to bfloat16 leaves 1e-5."""


@dataclass(frozen=True)
class Side:
    """What A and B do along one of the two spaces of their difference.

    Attributes:
        own: by model, the share of its action on the space that the difference is made of.
        energy: by model, energy in the space, in that of an average direction.
    """

    own: tuple[float, float]
    energy: tuple[float, float]

    @property
    def scaled(self) -> bool:
        """Whether both act as the difference does: the directions were made smaller or larger."""
        return min(self.own) >= OWN

    @property
    def lacking(self) -> int | None:
        """The model (0 is A) that has nothing left of what the other has there; None where neither."""
        for model in (0, 1):
            if self.energy[model] <= EMPTY and self.own[1 - model] >= OWN:
                return model
        return None


@dataclass(frozen=True)
class Removal:
    """A low-rank difference of two matrices as an edit of their own directions.

    Attributes:
        rank: of the difference.
        written: seen from its left space; None where not all rows were read.
        read: seen from its right space.
    """

    rank: int
    written: Side | None
    read: Side

    @property
    def own(self) -> bool:
        """Whether something of the weights' own was removed or scaled."""
        sides = [side for side in (self.written, self.read) if side is not None]
        return any(side.scaled or side.lacking is not None for side in sides)

    @property
    def lacking(self) -> int | None:
        """The model that lost the directions, 0 for A; None where that is not told."""
        found = {side.lacking for side in (self.written, self.read) if side is not None} - {None}
        return found.pop() if len(found) == 1 else None


@np.errstate(all="ignore")
def removal(blocks: Blocks, rows: int, columns: int, rank: int, whole: bool, seed: int = 0) -> Removal | None:
    """Hold a difference of low rank against the matrices themselves. Three readings, memory of ``rank`` rows.

    Args:
        blocks: the rows of both matrices, block by block.
        rows, columns: how many those are together.
        rank: of the difference.
        whole: whether these are all rows of the matrices.
        seed: of the random vectors that find the spaces.

    Returns:
        None where the rank is 0 or above :data:`MOST`, or values are no numbers.
    """
    if not 0 < rank <= min(MOST, rows, columns):
        return None
    count = min(rank + EXCESS, rows, columns)
    vectors = np.random.default_rng(seed).standard_normal((columns, count))
    image = np.concatenate([(b.astype(np.float64) - a) @ vectors for a, b in blocks()])
    if not np.isfinite(image).all():
        return None
    basis = np.linalg.qr(image)[0]
    acts, sums, at = np.zeros((2, count, columns)), np.zeros(2), 0
    for pair in blocks():
        part = basis[at : at + len(pair[0])].T
        for k, values in enumerate(pair):
            acts[k] += part @ values.astype(np.float64)
            sums[k] += float((values.astype(np.float64) ** 2).sum())
        at += len(pair[0])
    turn, _, right = np.linalg.svd(acts[1] - acts[0], full_matrices=False)
    left, right = basis @ turn[:, :rank], right[:rank].T
    written = np.einsum("kr,mkc->mrc", turn[:, :rank], acts)
    read = [np.concatenate([pair[k].astype(np.float64) @ right for pair in blocks()]) for k in (0, 1)]
    if not (np.isfinite(written).all() and all(np.isfinite(r).all() for r in read)):
        return None
    along_right = [float(((w @ right) ** 2).sum()) for w in written]
    along_left = [float(((left.T @ r) ** 2).sum()) for r in read]
    return Removal(
        rank,
        _side(list(written), along_right, sums * rank / rows) if whole else None,
        _side(read, along_left, sums * rank / columns),
    )


def _side(acts: list[F64], along: list[float], average: F64) -> Side:
    """Shares and energies of A's and B's action on a space."""
    energy = [float((act**2).sum()) for act in acts]
    own = [part / total if total > 0 else 0.0 for part, total in zip(along, energy, strict=True)]
    relative = [total / float(mean) if mean > 0 else 0.0 for total, mean in zip(energy, average, strict=True)]
    return Side((own[0], own[1]), (relative[0], relative[1]))
