"""What every implementation of a forward pass has in common: what goes in, what comes out, what it may refuse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact

F32 = NDArray[np.float32]
Ids = NDArray[np.int64]

MAX_TOKENS = 256
"""Tokens of one span, special ones included. Our spans have 12 to 40 in common vocabularies; a vocabulary that needs
one for every byte has about 200 for the longest."""


class Forward(Protocol):
    """One way to compute hidden states."""

    @property
    def name(self) -> str:
        """Of the implementation, for people."""
        ...

    def prepare(self, artifact: Artifact) -> Runnable | str:
        """The model ready to be run, or a clause that says why this cannot compute it exactly. Reads no weights."""
        ...


class Runnable(Protocol):
    """A model that can be run.

    The hidden state *after layer k* is the residual stream that layer *k* leaves behind, before any final norm; after
    layer 0 it is what enters the first layer.
    """

    @property
    def layers(self) -> int:
        """How many there are."""
        ...

    @property
    def width(self) -> int:
        """Of the residual stream."""
        ...

    @property
    def rows(self) -> int:
        """Of the embedding: token ids are below."""
        ...

    @property
    def positions(self) -> int:
        """The most tokens that a span may have."""
        ...

    def needed(self, tokens: int, layers: Sequence[int]) -> int:
        """About how many bytes of memory :meth:`states` takes at least, for so many tokens in all."""
        ...

    def states(self, spans: Sequence[Ids], layers: Sequence[int], memory: int) -> Iterator[F32]:
        """Hidden states after each of ``layers``, ascending, as float32 ``(tokens of all spans in order, width)``.

        Only tensors of the first ``layers[-1]`` layers are read. An array may change after the next one was asked for.

        Args:
            spans: token ids, each span a text of its own.
            layers: which, from 0 to the number of layers; without repetition.
            memory: bytes that may be held, at least :meth:`needed`.

        Raises:
            ForebearError: weights cannot be read, or the network does not run with them.
        """
        ...
