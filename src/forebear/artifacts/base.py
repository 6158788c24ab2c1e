"""One model as read: lazy tensors, config, tokenizer, documents; and the interface of a weight format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.adapter import Adapter
from forebear.artifacts.architecture import Architecture, Geometry
from forebear.artifacts.documents import Documents
from forebear.artifacts.dtypes import DTYPES
from forebear.artifacts.kinds import tally
from forebear.artifacts.tokenizers import Tokenizer
from forebear.errors import FormatError
from forebear.sources import Metered, Source

F32 = NDArray[np.float32]
CHUNK_UNIT = 4_096
"""Values; every block of every format divides it."""


@dataclass(frozen=True, slots=True)  # of which a model with many experts has a hundred thousand
class Tensor:
    """One tensor that stays on disk until its rows are asked for.

    This class reads values that stand in the file one after the other. Where a format keeps them otherwise (in
    several tensors, or in another order of rows), a subclass overrides what is said here about bytes.

    Attributes:
        name: as written in the file.
        dtype: a key of :data:`~forebear.artifacts.dtypes.DTYPES`; of a subclass, its format in a word or two.
        shape: as a network of this kind has it.
        path: the file of the source that holds it.
        start: offset of its first byte in that file.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    path: str
    start: int
    source: Source = field(repr=False, compare=False)

    @property
    def size(self) -> int:
        """Number of values."""
        return prod(self.shape)

    @property
    def place(self) -> tuple[str, int]:
        """What a model's tensors are sorted by to stand as the program that wrote them had them."""
        return self.path, self.start

    @property
    def nbytes(self) -> int:
        """Bytes on disk."""
        return DTYPES[self.dtype].nbytes(self.size)

    @property
    def plain(self) -> bool:
        """Whether the bytes on disk are the values of the dtype, one after the other."""
        return type(self) is Tensor

    @property
    def floating(self) -> bool:
        """Whether the values are, or stand for, fractions; False for integers and for what cannot be decoded."""
        return DTYPES[self.dtype].floating and DTYPES[self.dtype].decode is not None

    @property
    def readable(self) -> bool:
        """Whether rows can be read as float32: they begin on a byte, and on a block where values come in blocks."""
        dtype = DTYPES[self.dtype]
        width = self.shape[-1] if len(self.shape) > 1 else 1
        return dtype.decode is not None and (dtype.divides(width) or (len(self.shape) == 1 and dtype.block > 1))

    @property
    def signed(self) -> bool:
        """Whether rows can be read and can be negative: without a sign there is no coin."""
        return self.readable and DTYPES[self.dtype].signed

    def rows(self, start: int, stop: int) -> F32:
        """Rows ``[start, stop)`` of the first axis as float32, shape ``(stop - start, *shape[1:])``.

        Reads just those bytes. Raises ``FormatError`` for a dtype whose values are not weights or whose rows
        do not begin on a byte.
        """
        if not self.shape or not 0 <= start <= stop <= self.shape[0]:
            raise ValueError(f"rows [{start}, {stop}) of a tensor of shape {self.shape}")
        dtype = DTYPES[self.dtype]
        width = prod(self.shape[1:])
        if dtype.decode is None or not dtype.divides(width):
            if dtype.decode is not None and len(self.shape) == 1 and dtype.divides(self.size):  # blocks of one vector
                return self._decoded(0, self.size)[start:stop]
            raise FormatError(self.path, f"tensor {self.name} has dtype {self.dtype}, which holds no readable rows")
        return self._decoded(start * width, stop * width).reshape(stop - start, *self.shape[1:])

    def columns(self, indices: NDArray[np.int64], depth: int) -> F32:
        """Columns of a matrix at ascending ``indices``, their first ``depth`` values: ``(n, depth)``.

        Reads ``depth`` whole rows; a format that keeps columns together reads less.
        """
        return np.ascontiguousarray(self.rows(0, depth)[:, indices].T)

    def values(self) -> F32:
        """The whole tensor as float32; for gains, biases and other small ones."""
        return self.rows(0, self.shape[0]) if self.shape else replace(self, shape=(1,)).rows(0, 1)

    def chunks(self, most: int) -> Iterator[F32]:
        """All values in order as flat float32 arrays of about ``most`` at a time: memory stays bounded."""
        step = max(1, most // CHUNK_UNIT) * CHUNK_UNIT
        for start in range(0, self.size, step):
            yield self._decoded(start, min(self.size, start + step))

    def stored(self, start: int, stop: int) -> bytes:
        """Bytes ``[start, stop)`` of the values as they are encoded, in the tensor's order."""
        return self.source.read(self.path, self.start + start, self.start + stop)

    def item(self, index: int) -> Tensor:
        """One entry of the first axis of a stack, as a tensor of its own."""
        shape = self.shape[1:]
        start = self.start + index * DTYPES[self.dtype].nbytes(prod(shape))
        return replace(self, name=f"{self.name}[{index}]", shape=shape, start=start)

    def _decoded(self, start: int, stop: int) -> F32:
        """Values ``[start, stop)`` of the flat tensor; both stand on a block."""
        dtype = DTYPES[self.dtype]
        assert dtype.decode is not None
        return dtype.decode(np.frombuffer(self.stored(dtype.nbytes(start), dtype.nbytes(stop)), dtype=np.uint8))


@dataclass(frozen=True)
class Weights:
    """What a weight format yields: the tensors of a model, and what else its files say.

    Attributes:
        format: for people, e.g. ``safetensors`` or ``GGUF (Q4_K)``.
        tensors: by the names that the usual implementation of the family gives them.
        files: that were read.
        config: what the files say of the architecture, in the terms of a ``config.json``; empty where they say nothing.
        tokenizer: one inside the files.
        notes: what was chosen or assumed, e.g. which of several files was read.
        card: what the files say of themselves in the terms of a model card's front matter; a card's own words win.
        own_names: the tensors have names of the format, because those of the family are not known; that hides nothing.
        dangers: what the files would do to whoever loads them with the usual library; nothing of it was run.
        adapter: where the tensors are those of an adapter, what it says and changes.
        unread: names of weights that are stored in a form that is not read. Those that are among the tensors take no
            role and are hashed as they are stored; of others nothing is known.
        third_party: the plugin that says where the values lie, "" for a reader of Forebear's own.
    """

    format: str
    tensors: Mapping[str, Tensor]
    files: tuple[str, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    tokenizer: Tokenizer | None = None
    notes: tuple[str, ...] = ()
    dangers: tuple[str, ...] = ()
    card: Mapping[str, Any] = field(default_factory=dict)
    own_names: bool = False
    adapter: Adapter | None = None
    unread: frozenset[str] = frozenset()
    third_party: str = ""

    @property
    def whole(self) -> bool:
        """Whether all values of the model are in the tensors, so that hashes of these can say that models are equal.

        What a plugin left out nobody knows, so of what it read this is never said.
        """
        return not self.third_party and all(name in self.tensors for name in self.unread)


class Reader(Protocol):
    """One weight format."""

    @property
    def name(self) -> str:
        """Of the format, for people."""
        ...

    def handles(self, source: Source) -> bool:
        """Whether this source holds files of the format."""
        ...

    def read(self, source: Source) -> Weights:
        """Read the headers. Raises ``InputError`` for anything missing, damaged or contradictory."""
        ...


@dataclass(frozen=True)
class Tower:
    """An encoder of images or sound in a model; see :mod:`forebear.artifacts.towers`.

    Attributes:
        component: ``vision tower``, ``audio tower``, ``text tower``; ``encoder`` where its name does not say.
        artifact: its tensors alone as a model, with roles of its own.
    """

    component: str
    artifact: Artifact


@dataclass(frozen=True)
class Artifact:
    """One model as read from a source.

    Attributes:
        name: short name for people.
        target: what the user typed.
        source: metered, so that the cost of every answer is known.
        weights: lazy tensors by the names in the files.
        config: ``config.json`` as found; empty where there is none.
        architecture: the family whose names and symmetries apply, or None with ``unknown`` saying why.
        geometry: sizes in canonical terms, None where the architecture is unknown.
        names: role (``layers.3.mlp.up``) to the tensor's name in the files.
        tokenizer: vocabulary, or None with a problem saying why.
        documents: card, licence and notice files.
        problems: inputs that could not be read; the rest is still answered, and the exit code is 4.
        notes: what was inferred rather than stated.
        by_names: the family was inferred from tensor names alone, so its symmetries are not vouched for.
        inferred: the names are of no family; roles come from shapes and order.
        disguise: what names or ``model_type`` hide, as a clause; empty where nothing is known to be hidden.
        towers: encoders beside the language model that can be compared.
    """

    name: str
    target: str
    source: Metered
    weights: Weights
    config: Mapping[str, Any]
    architecture: Architecture | None
    geometry: Geometry | None
    names: Mapping[str, str]
    unknown: str
    tokenizer: Tokenizer | None
    documents: Documents
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    by_names: bool = False
    inferred: bool = False
    disguise: str = ""
    towers: tuple[Tower, ...] = ()

    @property
    def adapter(self) -> Adapter | None:
        """What the adapter says and changes where this is one, and no model: its weights are the adapter's tensors."""
        return self.weights.adapter

    @property
    def parameters(self) -> int:
        """Number of values in all tensors."""
        return sum(tensor.size * count for tensor, count in tally(self.weights.tensors))
