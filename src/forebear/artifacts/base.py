"""One model as read: lazy tensors, config, tokenizer, documents; and the interface of a weight format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.architecture import Architecture, Geometry
from forebear.artifacts.documents import Documents
from forebear.artifacts.dtypes import DTYPES
from forebear.artifacts.tokenizers import Tokenizer
from forebear.errors import FormatError
from forebear.sources import Metered, Source

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Tensor:
    """One tensor that stays on disk until its rows are asked for.

    Attributes:
        name: as written in the file.
        dtype: a key of :data:`~forebear.artifacts.dtypes.DTYPES`.
        shape: as written in the file.
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
    def nbytes(self) -> int:
        """Bytes on disk."""
        return self.size * DTYPES[self.dtype].bits // 8

    def rows(self, start: int, stop: int) -> F32:
        """Rows ``[start, stop)`` of the first axis as float32, shape ``(stop - start, *shape[1:])``.

        Reads just those bytes. Raises ``FormatError`` for a dtype whose values are not weights or whose rows
        do not begin on a byte.
        """
        if not self.shape or not 0 <= start <= stop <= self.shape[0]:
            raise ValueError(f"rows [{start}, {stop}) of a tensor of shape {self.shape}")
        dtype = DTYPES[self.dtype]
        width = prod(self.shape[1:])
        if dtype.decode is None or (width * dtype.bits) % 8:
            raise FormatError(self.path, f"tensor {self.name} has dtype {self.dtype}, which holds no readable rows")
        row = width * dtype.bits // 8
        raw = self.source.read(self.path, self.start + start * row, self.start + stop * row)
        values = dtype.decode(np.frombuffer(raw, dtype=np.uint8))
        return values.reshape(stop - start, *self.shape[1:])

    def values(self) -> F32:
        """The whole tensor as float32; for gains, biases and other small ones."""
        if not self.shape:
            return Tensor(self.name, self.dtype, (1,), self.path, self.start, self.source).rows(0, 1)
        return self.rows(0, self.shape[0])


@dataclass(frozen=True)
class Weights:
    """What a weight format yields: the tensors of a model, and a digest of the headers they come from."""

    format: str
    tensors: Mapping[str, Tensor]
    header_digest: str
    files: tuple[str, ...]


class Reader(Protocol):
    """One weight format."""

    name: str

    def handles(self, source: Source) -> bool:
        """Whether this source holds files of the format."""
        ...

    def read(self, source: Source) -> Weights:
        """Read the headers. Raises ``InputError`` for anything missing, damaged or contradictory."""
        ...


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

    @property
    def parameters(self) -> int:
        """Number of values in all tensors."""
        return sum(t.size for t in self.weights.tensors.values())
