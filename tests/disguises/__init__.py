"""Seeded disguises of small models, each alone or stacked: from one model folder to another, numpy only.

    disguise(base, out, ["permute-neurons", "rotate", "noise:0.1"], seed=3)

A step is a name, with how much of it behind a colon where that can be chosen, and a question mark where it is left out
if the model cannot wear it. ``DISGUISES`` has all names;
``SAME_FUNCTION`` those after which the model computes what it did. Steps that take from another model need ``other``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np

from disguises.beyond import BEYOND, GROWN
from disguises.heads import HEADS
from disguises.network import Inapplicable, Network, read, write
from disguises.papers import PAPERS, fuse, rename
from disguises.surgery import SURGERY
from disguises.symmetries import SYMMETRIES, Given
from disguises.tokens import TOKENS, renumber_tokens

__all__ = ["DISGUISES", "NEEDS_OTHER", "SAME_FUNCTION", "UNPROMISED", "Inapplicable", "disguise", "disguised"]

Step = Callable[[Network, Given], Network]


def _named(steps: Sequence[Step]) -> dict[str, Step]:
    return {step.__name__.replace("_", "-"): step for step in steps}


DISGUISES: Mapping[str, Step] = MappingProxyType(_named((*SYMMETRIES, *HEADS, *TOKENS, *SURGERY, *PAPERS, *BEYOND)))
"""Every disguise by name."""
SAME_FUNCTION = frozenset(_named((*SYMMETRIES, *HEADS, *GROWN, renumber_tokens, rename, fuse)))
"""Those that leave the outputs alone (up to the order of tokens)."""
NEEDS_OTHER = frozenset({"splice", "merge", "copy-embeddings", "replace-tokenizer"})
"""Those that take something from another model."""
UNPROMISED = frozenset(_named(BEYOND))
"""Those that Forebear may leave undone."""


def disguise(
    folder: Path, out: Path, steps: Sequence[str], seed: int = 0, other: Path | None = None, dtype: str = ""
) -> Path:
    """A disguised copy of a model, written to ``out``, which must not be there.

    Args:
        folder: of the model.
        out: where the disguised one goes.
        steps: in the order in which they are worn.
        seed: equal seeds give equal models.
        other: folder of another model, for the steps that take something from one.
        dtype: ``F32`` or ``BF16``; that of the model where it is empty.

    Raises:
        Inapplicable: a step is impossible for this model.
        KeyError: there is no such step.
    """
    made = disguised(read(folder), steps, seed, read(other) if other else None)
    return write(made.with_(made.weights, dtype=dtype or made.dtype), out)


def disguised(network: Network, steps: Sequence[str], seed: int = 0, other: Network | None = None) -> Network:
    """The same in memory."""
    for position, step in enumerate(steps):
        name, _, size = step.removesuffix("?").partition(":")
        rng = np.random.default_rng([seed, position, *name.encode()])
        try:
            network = DISGUISES[name](network, Given(rng, float(size) if size else None, other))
        except Inapplicable:
            if not step.endswith("?"):
                raise
    return network
