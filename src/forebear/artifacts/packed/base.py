"""The interface of a quantisation scheme, and a matrix that is kept in several tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.base import Tensor, Weights

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Packed(Tensor):
    """A matrix whose values follow from several stored tensors. A scheme's subclass says how in ``rows``.

    Attributes:
        dtype: the scheme in a word or two, e.g. ``GPTQ 4-bit``.
        path, start: of the first part.
        parts: the stored tensors, in the order in which the scheme lists them.
    """

    parts: tuple[Tensor, ...]

    @property
    def nbytes(self) -> int:
        """Bytes on disk of all parts."""
        return sum(p.nbytes for p in self.parts)

    @property
    def floating(self) -> bool:
        """The values stand for fractions."""
        return True

    @property
    def readable(self) -> bool:
        """A scheme makes no tensor that it cannot read."""
        return True

    @property
    def signed(self) -> bool:
        """Every scheme here keeps signs."""
        return True

    def chunks(self, most: int) -> Iterator[F32]:
        """All values in order, flat, by whole rows."""
        step = max(1, most // max(1, prod(self.shape[1:])))
        for start in range(0, self.shape[0], step):
            yield self.rows(start, min(self.shape[0], start + step)).ravel()

    def raw(self, start: int, stop: int) -> bytes:
        """Bytes of the first part."""
        return self.parts[0].raw(start, stop)

    def item(self, index: int) -> Tensor:
        """One entry of a stack: that of every part."""
        parts = tuple(p.item(index) for p in self.parts)
        return replace(self, name=f"{self.name}[{index}]", shape=self.shape[1:], parts=parts)


@dataclass(frozen=True)
class Unpacked:
    """What a scheme found: new tensors by name, the stored ones that they stand for, and a note for the reader."""

    tensors: Mapping[str, Tensor]
    replaces: frozenset[str]
    note: str

    def applied_to(self, weights: Weights) -> Weights:
        """The weights with the new tensors in the place of the stored ones."""
        kept = {n: t for n, t in weights.tensors.items() if n not in self.replaces}
        return replace(weights, tensors={**kept, **self.tensors}, notes=(*weights.notes, self.note))


class Scheme(Protocol):
    """One quantisation scheme."""

    name: str

    def unpack(self, tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> Unpacked | None:
        """The matrices of this scheme, or None where there are none of it.

        Raises ``FormatError`` where parts contradict each other.
        """
        ...
