"""One interface for every method: a number for a pair of models, larger where they are more alike."""

from __future__ import annotations

from typing import Protocol

from lineage.view import Model, Refused

__all__ = ["Baseline", "Model", "Refused"]


class Baseline(Protocol):
    """A published method, written anew from its paper."""

    @property
    def name(self) -> str:
        """Short, for tables."""
        ...

    @property
    def threshold(self) -> float | None:
        """Above it the method itself calls two models related; None where its authors print no such number."""
        ...

    @property
    def paper(self) -> str:
        """Where it is described."""
        ...

    def score(self, a: Model, b: Model) -> float:
        """How much alike a reference and a model in question are.

        Raises:
            Refused: the method cannot be applied to them.
        """
        ...
