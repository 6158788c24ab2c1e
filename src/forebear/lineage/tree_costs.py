"""What an edge of a family tree costs: how much has to have happened between two models.

Three kinds of change are counted, and the cheapest tree is the one with the least of them (maximum parsimony, where the
ancestors are among the models: Camin and Sokal 1965):

- rows of the input embedding, and values bit for bit, that two models do not share. What a training never touched is
  inherited, and who has it cannot come from somebody who has lost it;
- parts of the structure that one of them lacks;
- the squared distance, in directions that are made equally variable (training noise). Updates are nearly orthogonal, so
  a child of S is nearer to S than to S's parent. But fine-tunes on the same texts share directions, and are near each
  other without descent. Seen from the middle of the group, a child of S has the chance part of S's way whole, and the
  same share of it in every matrix. For all others, what their ways share may be the data's: it is added again, as much
  as is allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from forebear.signals.kinship import Kinship
from forebear.signals.training_noise import Patch

F64 = NDArray[np.float64]
Flags = NDArray[np.bool_]

HALVED = 8.0
"""Rows that a distance twice as large counts for: as many as have to contradict a model elsewhere (ghosts)."""
STRUCTURE = 16.0
"""Rows that another structure counts for."""
INHERITED = 0.25
"""Share of equal values from which on they are inherited: chance and common data make a few per cent equal."""
WHOLE = (0.05, 0.3)
"""How far from one the share of the chance part may lie for a way to be called a part of another; a draw between these
for support, the middle of them elsewhere."""
EVEN = 0.15
"""How far the shares of single matrices may stray (standard deviation): what the data put there strays more."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """How often every unit counts.

    Attributes:
        spans: matrices whose values are compared.
        patches: blocks of matrices that distances are of.
        rows: blocks of rows.
    """

    spans: F64
    patches: F64
    rows: F64


@dataclass(frozen=True, eq=False)
class Costs:
    """What a group of models laid beside each other says about every edge.

    Attributes:
        kinship: the measurements.
        noise: of the same models, from :attr:`middle`. Without it distances are those of the stored values, and what
            ways share is put down to descent alone.
    """

    kinship: Kinship
    noise: tuple[Patch, ...] = ()

    @cached_property
    def has(self) -> Flags:
        """``(U, N)`` which matrices a model has."""
        return there(self._squares, len(self.kinship.names))

    @cached_property
    def _squares(self) -> F64:
        return stack([s.squares for s in self.kinship.spans], len(self.kinship.names))

    @cached_property
    def _quiet(self) -> F64:
        return stack([p.squares for p in self.noise], len(self.kinship.names)) if self.noise else self._squares

    @cached_property
    def _kept(self) -> F64:
        return stack([p.kept for p in self.noise], len(self.kinship.names))

    @cached_property
    def _structure(self) -> F64:
        return np.where((self.has[:, :, None] != self.has[:, None, :]).any(axis=0), STRUCTURE, 0.0)

    @cached_property
    def _unequal(self) -> F64:
        return np.array([np.where(s.equal >= INHERITED, 1.0 - s.equal, 1.0) for s in self.kinship.spans])

    @cached_property
    def _rows(self) -> F64:
        return self.kinship.blocks()

    @cached_property
    def once(self) -> Drawn:
        """Every unit as it is."""
        return Drawn(*(np.ones(len(part)) for part in (self._squares, self._quiet, self._rows)))

    def drawn(self, rng: np.random.Generator) -> Drawn:
        """As many units, with replacement."""
        sizes = (len(part) for part in (self._squares, self._quiet, self._rows))
        return Drawn(*(rng.multinomial(n, np.full(n, 1 / n)).astype(np.float64) if n else np.zeros(0) for n in sizes))

    def distances(self) -> F64:
        """``(N, N)`` squared distances of the values; infinite where two models have no matrix in common."""
        return summed(self._squares, self.once.spans)

    def changes(self, units: Drawn | None = None) -> F64:
        """``(N, N)`` rows, shares of matrices and parts of the structure that two models do not have in common."""
        units = units or self.once
        values = np.tensordot(units.spans, self._unequal, 1) if len(units.spans) else 0.0
        return np.asarray(np.tensordot(units.rows, self._rows, 1) + values + self._structure)

    @cached_property
    def middle(self) -> int:
        """The model that is nearest to all others together, as values are stored."""
        return middle_of(self.changes() + _doublings(self.distances()))

    def table(self, shared: float = 1.0, whole: float = sum(WHOLE) / 2, units: Drawn | None = None) -> F64:
        """``(N, N)`` costs of all edges.

        Args:
            shared: cosine of two ways from the middle that is put down to their data.
            whole: see :data:`WHOLE`.
            units: what to count; everything once if not given.
        """
        units = units or self.once
        squares = summed(self._quiet, units.patches)
        if not self.noise:
            return self.changes(units) + _doublings(squares)
        finite = np.where(np.isfinite(squares), squares, 0.0)
        allowed = _allowed(finite, shared, self.middle, self._parts(whole, units.patches))
        return self.changes(units) + _doublings(squares, 2 * allowed)

    def _parts(self, whole: float, weights: F64) -> Flags:
        """``(N, N)`` whether one of two has the other's way whole."""
        known = np.isfinite(self._kept)
        weight = weights[:, None, None] * known
        total = np.maximum(weight.sum(axis=0), 1e-300)
        mean = (weight * np.where(known, self._kept, 0.0)).sum(axis=0) / total
        spread = np.sqrt((weight * np.where(known, self._kept - mean, 0.0) ** 2).sum(axis=0) / total)
        found = (np.abs(mean - 1.0) <= whole) & (spread <= EVEN)
        return np.asarray(found | found.T)


def stack(tables: Sequence[F64], models: int) -> F64:
    """``(U, N, N)`` of tables that may be none."""
    return np.array(tables) if tables else np.zeros((0, models, models))


def there(squares: F64, models: int) -> Flags:
    """``(U, N)`` which matrices a model has."""
    return np.isfinite(np.einsum("uii->ui", squares)) if len(squares) else np.zeros((0, models), dtype=np.bool_)


def summed(squares: F64, weights: F64) -> F64:
    """``(N, N)`` squared distances over all matrices; infinite where two models have none in common.

    Where one of two lacks matrices, the sum over the others is extended by what the whole one's ways to its nearest
    relatives have in the missing ones.

    Args:
        squares: ``(U, N, N)`` by matrix, NaN where one of two lacks it.
        weights: ``(U,)`` of the matrices.
    """
    count = squares.shape[1]
    if not len(squares):
        return np.where(np.eye(count, dtype=bool), 0.0, np.inf)
    has, filled = there(squares, count), np.nan_to_num(squares, nan=0.0)
    total: F64 = np.tensordot(weights, filled, 1)
    if has.all():
        return total
    whole: Flags = np.asarray(has.all(axis=0))
    least = max(1e-12 * float(total.max()), 1e-300)  # of models that are all one, too
    near = np.where(whole[None, :] & ~np.eye(count, dtype=bool), 1.0 / np.maximum(total, least), 0.0)
    profile = np.einsum("uij,ij->ui", filled, near) * weights[:, None]
    common = profile.T @ has  # over the matrices that the other has
    factor = np.divide(profile.sum(axis=0)[:, None], common, out=np.ones_like(common), where=common > 0)
    turned = np.where(whole[:, None], factor, np.where(whole[None, :], factor.T, 1.0))
    out = total * np.where(whole[:, None] & whole[None, :], 1.0, turned)
    return np.where(has.T.astype(np.float64) @ has > 0, out, np.inf)


def _doublings(squares: F64, more: F64 | float = 0.0) -> F64:
    """What squared distances cost: :data:`HALVED` for every doubling."""
    finite = np.where(np.isfinite(squares), squares, 0.0)
    least = 1e-12 * max(float(finite.max(initial=0.0)), 1e-300)
    return np.asarray(HALVED * np.log2(np.maximum(squares + more, least) / least))


def _allowed(squares: F64, shared: float, middle: int, parts: Flags) -> F64:
    """What two ways from the middle share and may owe to their data; nothing where one is a part of the other."""
    way = squares[middle]
    product = (way[:, None] + way[None, :] - squares) / 2
    out = np.clip(product, 0.0, shared * np.sqrt(way[:, None] * way[None, :]))
    out[parts] = 0.0
    out[middle] = out[:, middle] = 0.0
    return np.asarray(out)


def middle_of(costs: F64) -> int:
    """The model that is nearest to all others together."""
    return int(np.argmin(np.where(np.isfinite(costs), costs, 0.0).sum(axis=1)))
