"""A dataset that is stored in pieces, compressed or not, or with its bytes the other way round; read by rows.

Format: chunked storage, "HDF5 File Format Specification" III.A.1 (version 1 B-trees of chunks) and IV.A.2.i.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.base import Tensor
from forebear.artifacts.dtypes import DTYPES
from forebear.artifacts.formats.keras.messages import number
from forebear.artifacts.formats.keras.window import Window
from forebear.errors import FormatError

F32 = NDArray[np.float32]
DEFLATE, SHUFFLE, CHECKSUM = 1, 2, 3
MAX_CHUNK = 256_000_000
SHRINKS = 1_100
"""Deflate makes data at most about 1,030 times smaller (RFC 1951); more cannot be in the file."""


@dataclass(frozen=True)
class Piece:
    """One chunk: where it lies, how many bytes it has there, and which filters were left out for it (a bit each)."""

    address: int
    size: int
    skipped: int


@dataclass(frozen=True)
class Pieces(Tensor):
    """A dataset whose rows are put together from pieces.

    Attributes:
        dtype: the stored one and ``in pieces``.
        inner: a key of :data:`~forebear.artifacts.dtypes.DTYPES`: that of the values.
        window: the HDF5 file.
        tree: address of the B-tree of the pieces.
        piece: shape of one.
        filters: numbers of the filters, in the order in which they were applied.
        swapped: whether the first byte of a value is the highest.
    """

    inner: str
    window: Window = field(repr=False, compare=False)
    tree: int
    piece: tuple[int, ...]
    filters: tuple[int, ...]
    swapped: bool

    @property
    def nbytes(self) -> int:
        """Bytes of the values; what is stored is known only by walking the pieces."""
        return DTYPES[self.inner].nbytes(self.size)

    @property
    def floating(self) -> bool:
        """Whether the values are fractions."""
        return DTYPES[self.inner].floating

    @property
    def readable(self) -> bool:
        """Always."""
        return True

    @property
    def signed(self) -> bool:
        """Whether the values can be negative."""
        return DTYPES[self.inner].signed

    def rows(self, start: int, stop: int) -> F32:
        """Rows ``[start, stop)`` of the first axis as float32, by whole pieces."""
        if not self.shape or not 0 <= start <= stop <= self.shape[0]:
            raise ValueError(f"rows [{start}, {stop}) of a tensor of shape {self.shape}")
        out = np.zeros((stop - start, *self.shape[1:]), dtype=np.float32)
        found = self._found()
        for corner, piece in found.items():
            first, last = max(start, corner[0]), min(stop, corner[0] + self.piece[0])
            if first >= last:
                continue
            values = self._values(piece)[first - corner[0] : last - corner[0]]
            places = tuple(
                slice(c, min(c + p, s)) for c, p, s in zip(corner[1:], self.piece[1:], self.shape[1:], strict=True)
            )
            inside = tuple(slice(0, p.stop - p.start) for p in places)
            out[(slice(first - start, last - start), *places)] = values[(slice(None), *inside)]
        return out

    def chunks(self, most: int) -> Iterator[F32]:
        """All values in order, flat, by whole rows."""
        step = max(1, most // max(1, prod(self.shape[1:])))
        for start in range(0, self.shape[0], step):
            yield self.rows(start, min(self.shape[0], start + step)).ravel()

    def item(self, index: int) -> Tensor:
        """Datasets are not stacked."""
        raise ValueError(f"{self.name} is no stack")

    def _found(self) -> Mapping[tuple[int, ...], Piece]:
        """Every piece by the position of its first value. All that the shape needs have to be there."""
        rank = len(self.shape)
        wanted = prod(-(-s // p) for s, p in zip(self.shape, self.piece, strict=True))
        out: dict[tuple[int, ...], Piece] = {}
        pending, seen = [self.tree], set[int]()
        key = 8 + 8 * (rank + 1)
        while pending:
            at = pending.pop()
            head = self.window.cut(at, 24, "a tree of pieces")
            if at in seen or head[:4] != b"TREE" or head[4] != 1 or len(seen) > 2 * wanted:
                raise self._damaged(f"no usable tree of pieces at byte {at:,}")
            seen.add(at)
            used = number(head, 6, 2)
            raw = self.window.cut(at + 24, used * (key + 8) + key, "a tree of pieces")
            for k in range(used):
                entry = k * (key + 8)
                child = number(raw, entry + key, 8)
                if head[5]:
                    pending.append(child)
                    continue
                corner = tuple(number(raw, entry + 8 + 8 * d, 8) for d in range(rank))
                fits = all(c < s and c % p == 0 for c, s, p in zip(corner, self.shape, self.piece, strict=True))
                if corner in out or not fits:
                    raise self._damaged(f"a piece at {list(corner)} has no place in its shape")
                out[corner] = Piece(child, number(raw, entry, 4), number(raw, entry + 4, 4))
        if len(out) != wanted:
            raise self._damaged(f"holds {len(out):,} of its {wanted:,} pieces")
        return out

    def _values(self, piece: Piece) -> F32:
        dtype = DTYPES[self.inner]
        needed, width = dtype.nbytes(prod(self.piece)), dtype.bits // 8
        if piece.size > 2 * needed + 1_024:
            raise self._damaged(f"a piece of {piece.size:,} bytes for {needed:,} of values")
        raw = self.window.cut(piece.address, piece.size, "a piece")
        for place in reversed(range(len(self.filters))):
            if piece.skipped >> place & 1:
                continue
            if self.filters[place] == CHECKSUM:
                raw = raw[:-4]
            elif self.filters[place] == DEFLATE:
                raw = self._inflated(raw, needed + 4)
            elif len(raw) % width == 0:  # shuffled: all first bytes, then all second bytes
                raw = np.frombuffer(raw, np.uint8).reshape(width, -1).T.tobytes()
        if len(raw) != needed:
            raise self._damaged(f"a piece gives {len(raw):,} bytes of values instead of {needed:,}")
        values = np.frombuffer(raw, np.uint8)
        if self.swapped:
            values = values.reshape(-1, width)[:, ::-1].ravel()
        assert dtype.decode is not None
        return dtype.decode(values).reshape(self.piece)

    def _inflated(self, raw: bytes, most: int) -> bytes:
        try:
            return zlib.decompressobj().decompress(raw, most)
        except zlib.error as error:
            raise self._damaged(f"a piece cannot be unpacked, {error}") from None

    def _damaged(self, problem: str) -> FormatError:
        return FormatError(self.path, f"dataset {self.name}: {problem}", "fetch it again")
