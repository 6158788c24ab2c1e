"""Tensors whose values follow from other tensors: what all of them share, and views of one or several."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.base import Tensor

F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Composed(Tensor):
    """A tensor that is kept in others, and says in ``rows`` how its values follow from theirs.

    Attributes:
        dtype: its format in a word or two.
        path, start: of the first of them.
    """

    @property
    def pieces(self) -> tuple[Tensor, ...]:
        """The tensors that it is kept in."""
        raise NotImplementedError

    @property
    def nbytes(self) -> int:
        """Bytes on disk of all of them."""
        return sum(p.nbytes for p in self.pieces)

    @property
    def floating(self) -> bool:
        """The values stand for fractions."""
        return True

    @property
    def readable(self) -> bool:
        """Whoever composes a tensor has made sure that it can be read."""
        return True

    @property
    def signed(self) -> bool:
        """Whatever is composed keeps signs."""
        return True

    def chunks(self, most: int) -> Iterator[F32]:
        """All values in order, flat, by whole rows."""
        step = max(1, most // max(1, prod(self.shape[1:])))
        for start in range(0, self.shape[0], step):
            yield self.rows(start, min(self.shape[0], start + step)).ravel()

    def stored(self, start: int, stop: int) -> bytes:
        """Bytes of the first of its tensors."""
        return self.pieces[0].stored(start, stop)


@dataclass(frozen=True)
class View(Composed):
    """Other tensors seen in another order or cut: a subclass says how.

    Attributes:
        parts: what is seen, in the order in which the subclass takes them.
    """

    parts: tuple[Tensor, ...]

    @property
    def pieces(self) -> tuple[Tensor, ...]:
        """See :attr:`Composed.pieces`."""
        return self.parts

    def item(self, index: int) -> Tensor:
        """One entry of a stack: that of every part."""
        parts = tuple(p.item(index) for p in self.parts)
        return replace(self, name=f"{self.name}[{index}]", shape=self.shape[1:], parts=parts)
