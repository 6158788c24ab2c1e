"""What an edge of a family tree costs: how much has to have happened between two models.

Three kinds of change are counted, and the cheapest tree is the one with the least of them (maximum parsimony, where the
ancestors are among the models: Camin and Sokal 1965):

- rows of the input embedding, and values bit for bit, that two models do not share. What a training never touched is
  inherited, and who has it cannot come from somebody who has lost it;
- parts of the structure that one of them lacks;
- the squared distance. Updates are nearly orthogonal, so a child of S is nearer to S than to S's parent. But fine-tunes
  on the same texts share directions (cosines to 0.97 were measured between trainings that are one recipe), and are near
  each other without descent. Seen from the middle of the group a child of S has all of S's way in its own: a
  coefficient of one. For all others, what their ways share may be the data's: it is added again, as much as is allowed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from forebear.signals.kinship import Kinship

F64 = NDArray[np.float64]
Flags = NDArray[np.bool_]

HALVED = 8.0
"""Rows that a distance twice as large counts for: as many as have to contradict a model elsewhere (ghosts)."""
STRUCTURE = 16.0
"""Rows that another structure counts for."""
INHERITED = 0.25
"""Share of equal values from which on they are inherited: chance and common data make a few per cent equal."""
WHOLE = 0.05
"""How far from one a coefficient may lie for a way to be called a part of another."""


@dataclass(frozen=True, eq=False)
class Costs:
    """What a group of models laid beside each other says about every edge.

    Attributes:
        kinship: the measurements.
    """

    kinship: Kinship

    @cached_property
    def has(self) -> Flags:
        """``(U, N)`` which matrices a model has."""
        if not self.kinship.spans:
            return np.zeros((0, len(self.kinship.names)), dtype=np.bool_)
        return np.array([np.isfinite(np.diag(s.squares)) for s in self.kinship.spans], dtype=np.bool_)

    @cached_property
    def units(self) -> tuple[int, int]:
        """Number of matrices and of blocks of rows: what is drawn from for support."""
        return len(self.kinship.spans), len(self._rows)

    @cached_property
    def _filled(self) -> F64:
        return np.array([np.nan_to_num(s.squares, nan=0.0) for s in self.kinship.spans])

    @cached_property
    def _structure(self) -> F64:
        return np.where((self.has[:, :, None] != self.has[:, None, :]).any(axis=0), STRUCTURE, 0.0)

    @cached_property
    def _unequal(self) -> F64:
        return np.array([np.where(s.equal >= INHERITED, 1.0 - s.equal, 1.0) for s in self.kinship.spans])

    @cached_property
    def _rows(self) -> F64:
        return self.kinship.blocks()

    def distances(self, weights: F64 | None = None) -> F64:
        """``(N, N)`` squared distances; infinite where two models have no matrix in common.

        Where one of two lacks matrices, the sum over the others is extended by what the whole one's ways to its nearest
        relatives have in the missing ones.

        Args:
            weights: of the matrices; all one if not given.
        """
        count = len(self.kinship.names)
        if not len(self.kinship.spans):
            return np.where(np.eye(count, dtype=bool), 0.0, np.inf)
        w = np.ones(len(self.kinship.spans)) if weights is None else weights
        total: F64 = np.tensordot(w, self._filled, 1)
        if self.has.all():
            return total
        whole: Flags = np.asarray(self.has.all(axis=0))
        near = np.where(whole[None, :] & ~np.eye(count, dtype=bool), 1.0 / np.maximum(total, 1e-12 * total.max()), 0.0)
        profile = np.einsum("uij,ij->ui", self._filled, near) * w[:, None]
        common = profile.T @ self.has  # over the matrices that the other has
        factor = np.divide(profile.sum(axis=0)[:, None], common, out=np.ones_like(common), where=common > 0)
        turned = np.where(whole[:, None], factor, np.where(whole[None, :], factor.T, 1.0))
        out = total * np.where(whole[:, None] & whole[None, :], 1.0, turned)
        return np.where(self.has.T.astype(np.float64) @ self.has > 0, out, np.inf)

    def changes(self, weights: F64 | None = None, rows: F64 | None = None) -> F64:
        """``(N, N)`` rows, shares of matrices and parts of the structure that two models do not have in common."""
        spans, blocks = self.units
        w = np.ones(spans) if weights is None else weights
        b = np.ones(blocks) if rows is None else rows
        values = np.tensordot(w, self._unequal, 1) if spans else 0.0
        return np.asarray(np.tensordot(b, self._rows, 1) + values + self._structure)

    def table(self, shared: float = 1.0, weights: F64 | None = None, rows: F64 | None = None) -> F64:
        """``(N, N)`` costs of all edges.

        Args:
            shared: cosine of two ways from the middle that is put down to their data.
            weights: of the matrices.
            rows: of the blocks of rows.
        """
        squares, changes = self.distances(weights), self.changes(weights, rows)
        finite = np.where(np.isfinite(squares), squares, 0.0)
        least = 1e-12 * max(float(finite.max(initial=0.0)), 1e-300)
        apart = changes + HALVED * np.log2(np.maximum(squares, least) / least)
        allowed = _allowed(finite, shared, middle_of(apart))
        return changes + HALVED * np.log2(np.maximum(squares + 2 * allowed, least) / least)


def _allowed(squares: F64, shared: float, middle: int) -> F64:
    """What two ways from the middle share and may owe to their data; nothing where one is a part of the other."""
    way = squares[middle]
    product = (way[:, None] + way[None, :] - squares) / 2
    shorter = np.maximum(np.minimum(way[:, None], way[None, :]), 1e-300)
    out = np.clip(product, 0.0, shared * np.sqrt(way[:, None] * way[None, :]))
    out[np.abs(product / shorter - 1.0) <= WHOLE] = 0.0
    out[middle] = out[:, middle] = 0.0
    return np.asarray(out)


def middle_of(costs: F64) -> int:
    """The model that is nearest to all others together."""
    return int(np.argmin(np.where(np.isfinite(costs), costs, 0.0).sum(axis=1)))
