"""Parts of stored matrices as tensors of their own: gates of recurrent layers, and matrices that are stored turned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.base import Tensor
from forebear.artifacts.composed import View

F32 = NDArray[np.float32]
AT_ONCE = 1_000_000
"""Values of a fused matrix in memory at a time, where its columns are wanted."""


@dataclass(frozen=True)
class Gate(View):
    """A gate's kernel, ``(units, inputs)`` or, of a head, ``(outputs, inputs)``.

    Attributes:
        layout: ``rows`` (PyTorch: the gate's rows one after the other), ``columns`` (Keras: its columns, turned here)
            or ``block`` (CuDNN as Keras keeps it: the gate's columns hold the matrix row after row).
        first: the gate's first row or column there.
    """

    layout: str
    first: int

    def rows(self, start: int, stop: int) -> F32:
        """Rows ``[start, stop)`` as float32."""
        units, width = self.shape
        if not 0 <= start <= stop <= units:
            raise ValueError(f"rows [{start}, {stop}) of a gate of {units} units")
        part = self.parts[0]
        if self.layout == "rows":
            return part.rows(self.first + start, self.first + stop)
        if self.layout == "columns":
            step = max(1, AT_ONCE // part.shape[1])
            pieces = [
                part.rows(a, min(width, a + step))[:, self.first + start : self.first + stop]
                for a in range(0, width, step)
            ]
            return np.ascontiguousarray(np.concatenate(pieces).T)
        top, bottom = start * width // units, -(-stop * width // units)
        block = part.rows(top, bottom)[:, self.first : self.first + units].ravel()
        skipped = start * width - top * units
        return block[skipped : skipped + (stop - start) * width].reshape(stop - start, width)

    def item(self, index: int) -> Tensor:
        """Gates are not stacked."""
        raise ValueError(f"{self.name} is no stack")


@dataclass(frozen=True)
class Bias(View):
    """A gate's bias ``(units,)``: the sum of what its layer keeps in one or two places.

    Attributes:
        places: for every part where the gate's values begin in it, read flat.
    """

    places: tuple[int, ...]

    def rows(self, start: int, stop: int) -> F32:
        """Values ``[start, stop)``."""
        found = [
            part.values().ravel()[at + start : at + stop] for part, at in zip(self.parts, self.places, strict=True)
        ]
        with np.errstate(all="ignore"):  # one place may hold an infinity and the other its negative
            return np.asarray(np.sum(found, axis=0, dtype=np.float32))

    def chunks(self, most: int) -> Iterator[F32]:
        """All values; a bias is small."""
        yield self.rows(0, self.shape[0])

    def item(self, index: int) -> Tensor:
        """Biases are not stacked."""
        raise ValueError(f"{self.name} is no stack")


def gate(name: str, stored: Tensor, layout: str, first: int, shape: tuple[int, int]) -> Gate:
    """A gate's kernel in a stored matrix."""
    return Gate(name, _label(stored), shape, stored.path, stored.start, stored.source, (stored,), layout, first)


def bias(name: str, places: Sequence[tuple[Tensor, int]], units: int) -> Bias:
    """A gate's bias: stored vectors with the place where the gate's values begin in each."""
    one = places[0][0]
    parts, at = tuple(t for t, _ in places), tuple(k for _, k in places)
    return Bias(name, _label(one), (units,), one.path, one.start, one.source, parts, at)


def _label(stored: Tensor) -> str:
    """The stored dtype; one that is hashed as it is stored gets a name of its own, for a view has no such bytes."""
    return f"{stored.dtype} gate" if stored.dtype == "F64" else stored.dtype
