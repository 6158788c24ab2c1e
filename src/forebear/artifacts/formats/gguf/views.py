"""Tensors seen as the network that was converted had them: the converter's changes undone, slice by slice.

Each view is one change, and views stand on views: a fused ``kv_b`` of DeepSeek is :class:`Flat` over :class:`Joined`
over a :class:`Turned` half and a plain one. Nothing is read before rows are asked for, and then what they need.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.base import Tensor
from forebear.artifacts.composed import View
from forebear.artifacts.roles import runs

F32 = NDArray[np.float32]
Order = Callable[[int], NDArray[np.int64]]
"""From a number of rows to the stored row of each."""
NEAR = 256
"""Stored rows that are read along rather than skipped: one head's rows, which a reordering spreads."""


class Slicewise(View):
    """What every view shares: a stack is read matrix by matrix."""

    def rows(self, start: int, stop: int) -> F32:
        """See :meth:`Tensor.rows`."""
        if not self.shape or not 0 <= start <= stop <= self.shape[0]:
            raise ValueError(f"rows [{start}, {stop}) of a tensor of shape {self.shape}")
        if len(self.shape) < 3:
            return self._rows(start, stop)
        found = np.empty((stop - start, *self.shape[1:]), dtype=np.float32)
        for k in range(start, stop):
            found[k - start] = self.item(k).rows(0, self.shape[1])
        return found

    def _rows(self, start: int, stop: int) -> F32:
        """Rows of a matrix or vector."""
        raise NotImplementedError


@dataclass(frozen=True)
class Reordered(Slicewise):
    """The rows of one part in another order."""

    order: Order = field(compare=False)

    def _rows(self, start: int, stop: int) -> F32:
        (part,) = self.parts
        stored = self.order(self.shape[0])[start:stop]
        found = np.empty((stop - start, *self.shape[1:]), dtype=np.float32)
        ascending = np.argsort(stored)
        for some in np.split(ascending, np.flatnonzero(np.diff(stored[ascending]) > NEAR) + 1):
            if some.size:
                first, last = int(stored[some[0]]), int(stored[some[-1]])
                found[some] = part.rows(first, last + 1)[stored[some] - first]
        return found


@dataclass(frozen=True)
class Turned(Slicewise):
    """A matrix, or every matrix of a stack, whose part keeps rows and columns the other way round."""

    def _rows(self, start: int, stop: int) -> F32:
        (part,) = self.parts
        return np.ascontiguousarray(part.rows(0, part.shape[0])[:, start:stop].T)

    def columns(self, indices: NDArray[np.int64], depth: int) -> F32:
        """See :meth:`Tensor.columns`; they are rows of the part, so nothing else is read."""
        (part,) = self.parts
        return np.concatenate([part.rows(a, b)[:, :depth] for a, b in runs(indices)])


@dataclass(frozen=True)
class Shifted(Slicewise):
    """Values to which the converter has added ``by``."""

    by: float

    def _rows(self, start: int, stop: int) -> F32:
        with np.errstate(invalid="ignore"):  # what is nan, the signals leave out
            return self.parts[0].rows(start, stop) - np.float32(self.by)


@dataclass(frozen=True)
class Some(Slicewise):
    """Rows of a part from ``first`` on."""

    first: int

    def _rows(self, start: int, stop: int) -> F32:
        return self.parts[0].rows(self.first + start, self.first + stop)

    @property
    def nbytes(self) -> int:
        """Its share of the part's bytes."""
        return self.parts[0].nbytes * self.size // max(1, self.parts[0].size)


@dataclass(frozen=True)
class Joined(Slicewise):
    """The rows of several parts, one part after the other."""

    def _rows(self, start: int, stop: int) -> F32:
        found, before = [], 0
        for part in self.parts:
            a, b = max(start - before, 0), min(stop - before, part.shape[0])
            if a < b:
                found.append(part.rows(a, b))
            before += part.shape[0]
        return np.concatenate(found) if found else np.empty((0, *self.shape[1:]), dtype=np.float32)


@dataclass(frozen=True)
class Alternating(Slicewise):
    """The rows of several parts of one shape in turn; of vectors, their values."""

    def _rows(self, start: int, stop: int) -> F32:
        n = len(self.parts)
        first = start // n
        rows = np.stack([p.rows(first, min(p.shape[0], -(-stop // n))) for p in self.parts], axis=1)
        return rows.reshape(-1, *self.shape[1:])[start - first * n : stop - first * n]

    def rows(self, start: int, stop: int) -> F32:
        """See :meth:`Tensor.rows`; a stack of vectors is a matrix whose columns alternate."""
        if len(self.shape) == 2 and self.parts[0].shape[0] == self.shape[0]:
            return np.stack([p.rows(start, stop) for p in self.parts], axis=2).reshape(stop - start, self.shape[1])
        return super().rows(start, stop)


@dataclass(frozen=True)
class Flat(Slicewise):
    """The matrices of a stack, one below the other, as one matrix."""

    def _rows(self, start: int, stop: int) -> F32:
        (stack,) = self.parts
        high = stack.shape[1]
        found = [
            stack.item(k).rows(max(start - k * high, 0), min(stop - k * high, high))
            for k in range(start // high, -(-stop // high))
        ]
        return np.concatenate(found) if found else np.empty((0, *self.shape[1:]), dtype=np.float32)


def reordered(part: Tensor, order: Order) -> Tensor:
    """A tensor with its rows put back in order."""
    return Reordered(part.name, part.dtype, part.shape, part.path, part.start, part.source, (part,), order)


def turned(part: Tensor) -> Tensor:
    """A matrix, or a stack of some, with the last two axes exchanged."""
    shape = (*part.shape[:-2], part.shape[-1], part.shape[-2])
    return Turned(part.name, part.dtype, shape, part.path, part.start, part.source, (part,))


def shifted(part: Tensor, by: float) -> Tensor:
    """A tensor from which what was added is taken again."""
    return Shifted(part.name, part.dtype, part.shape, part.path, part.start, part.source, (part,), by)


def joined(*parts: Tensor) -> Tensor:
    """Matrices, or stacks of some, one below the other."""
    first = parts[0]
    at = len(first.shape) - 2
    shape = (*first.shape[:at], sum(p.shape[at] for p in parts), *first.shape[at + 1 :])
    return Joined(first.name, first.dtype, shape, first.path, first.start, first.source, parts)


def alternating(*parts: Tensor) -> Tensor:
    """Stacks of matrices of one shape with their rows in turn, or stacks of vectors with their values in turn."""
    first = parts[0]
    shape = (first.shape[0], first.shape[1] * len(parts), *first.shape[2:])
    return Alternating(first.name, first.dtype, shape, first.path, first.start, first.source, parts)


def flat(part: Tensor) -> Tensor:
    """A stack of matrices as one matrix."""
    shape = (part.shape[0] * part.shape[1], *part.shape[2:])
    return Flat(part.name, part.dtype, shape, part.path, part.start, part.source, (part,))


def some(part: Tensor, first: int, stop: int) -> Tensor:
    """Some rows of a matrix or vector, or of every matrix of a stack."""
    at = max(0, len(part.shape) - 2)
    shape = (*part.shape[:at], stop - first, *part.shape[at + 1 :])
    return Some(part.name, part.dtype, shape, part.path, part.start, part.source, (part,), first)
