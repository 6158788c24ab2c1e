"""Tensors over storages: contiguous ones as they are, transposed, sliced and expanded ones through their strides."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.base import Tensor
from forebear.artifacts.dtypes import DTYPES
from forebear.artifacts.formats.pytorch.values import Strided
from forebear.errors import FormatError
from forebear.sources import Source

MAX_ELEMENTS = 2**56
_GAP = 4_096
"""Bytes between two values up to which they are fetched in one read."""
_RUN = 4_000_000
"""Bytes of one read at most."""


@dataclass(frozen=True)
class Pickled(Tensor):
    """A tensor of a checkpoint. Storages are sorted as texts in the file (0, 1, 10, 2), which says nothing.

    Attributes:
        number: of its entry in the dictionary of tensors.
    """

    number: int

    @property
    def place(self) -> tuple[str, int]:
        """See :attr:`Tensor.place`."""
        return self.path, self.number


@dataclass(frozen=True)
class View(Pickled):
    """A tensor whose values do not stand one after the other.

    Attributes:
        strides: values to skip from one entry of an axis to the next.
    """

    strides: tuple[int, ...]

    def stored(self, start: int, stop: int) -> bytes:
        """Bytes ``[start, stop)`` of the values in the tensor's order; both stand on a value."""
        width = DTYPES[self.dtype].bits // 8
        positions = self._positions(start // width, stop // width)
        order = np.argsort(positions, kind="stable")
        ascending = positions[order]
        out = np.empty((positions.size, width), dtype=np.uint8)
        for a, b in self._runs(ascending, width):
            first, last = int(ascending[a]), int(ascending[b - 1]) + 1
            raw = self.source.read(self.path, self.start + first * width, self.start + last * width)
            values = np.frombuffer(raw, dtype=np.uint8).reshape(-1, width)
            out[order[a:b]] = values[ascending[a:b] - first]
        return out.tobytes()

    def item(self, index: int) -> Tensor:
        """One entry of the first axis of a stack."""
        start = self.start + index * self.strides[0] * DTYPES[self.dtype].bits // 8
        name = f"{self.name}[{index}]"
        return replace(self, name=name, shape=self.shape[1:], strides=self.strides[1:], start=start)

    def _positions(self, start: int, stop: int) -> NDArray[np.int64]:
        """Where in the storage the values ``[start, stop)`` stand, counted in values."""
        rest = np.arange(start, stop, dtype=np.int64)
        at = np.zeros_like(rest)
        for size, stride in zip(self.shape[::-1], self.strides[::-1], strict=True):
            rest, index = np.divmod(rest, size)
            at += index * stride
        return at

    @staticmethod
    def _runs(ascending: NDArray[np.int64], width: int) -> list[tuple[int, int]]:
        """Half-open ranges of ascending positions that one read covers each."""
        if ascending.size == 0:
            return []
        breaks = set((np.flatnonzero(np.diff(ascending) * width > _GAP) + 1).tolist())
        blocks = (ascending - ascending[0]) * width // _RUN
        breaks |= set((np.flatnonzero(np.diff(blocks)) + 1).tolist())
        edges = [0, *sorted(breaks), int(ascending.size)]
        return list(pairwise(edges))


def placed(name: str, number: int, value: Strided, span: tuple[int, int], source: Source, path: str) -> Tensor:
    """A tensor of a file.

    Args:
        name: its key in the dictionary of tensors.
        number: which entry of the dictionary it is.
        value: as pickled.
        span: byte range of its storage.
        source: where the file lives.
        path: the file.

    Raises:
        FormatError: the storage is shorter than the pickle says, or the tensor reaches beyond it.
    """

    def wrong(problem: str) -> FormatError:
        return FormatError(path, f"tensor {name[:120]}: {problem}", "it is damaged")

    storage, shape, strides = value.storage, value.shape, value.strides
    if prod(max(1, s) for s in shape) > MAX_ELEMENTS:
        raise wrong(f"its shape {shape} is too large for any file")
    root = DTYPES[storage.dtype].nbytes(storage.offset)
    end = root + DTYPES[storage.dtype].nbytes(storage.size)
    if end > span[1] - span[0]:
        raise wrong(f"its storage has {span[1] - span[0]:,} bytes, the pickle says {end:,}")
    width = DTYPES[value.dtype].nbytes(1)
    empty = 0 in shape
    last = value.offset + (0 if empty else 1 + sum((s - 1) * k for s, k in zip(shape, strides, strict=True)))
    if root + last * width > end:
        raise wrong(f"ends at byte {root + last * width:,} of a storage of {end:,}")
    start = span[0] + root + value.offset * width
    if empty or _contiguous(shape, strides):
        return Pickled(name, value.dtype, shape, path, start, source, number)
    return View(name, value.dtype, shape, path, start, source, number, strides)


def _contiguous(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    expected = 1
    for size, stride in zip(shape[::-1], strides[::-1], strict=True):
        if size != 1 and stride != expected:
            return False
        expected *= size
    return True
