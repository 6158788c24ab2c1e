"""Hidden states by the modelling code of the ``transformers`` library: architectures that numpy does not compute.

From the extra ``torch``. Only code that is part of the installed library runs: a config's ``auto_map`` is not looked
at, and the weights come from our own readers as float32, so no file of a stranger reaches the library but its config.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from forebear.activations.base import F32, MAX_TOKENS, Ids
from forebear.artifacts import Artifact


class Transformers:
    """See :class:`~forebear.activations.base.Forward`."""

    name = "transformers"

    def refusal(self, artifact: Artifact) -> str:
        """See :meth:`Forward.refusal`."""
        return "not there yet"

    def positions(self, artifact: Artifact) -> int:
        """See :meth:`Forward.positions`."""
        return MAX_TOKENS

    def needed(self, artifact: Artifact, tokens: int, layers: Sequence[int]) -> int:
        """See :meth:`Forward.needed`."""
        raise NotImplementedError

    def states(self, artifact: Artifact, spans: Sequence[Ids], layers: Sequence[int], memory: int) -> Iterator[F32]:
        """See :meth:`Forward.states`."""
        raise NotImplementedError
