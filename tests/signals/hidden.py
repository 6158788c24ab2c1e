"""Made-up hidden states: what all models have in common, and something of each model's own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from forebear.activations.pooled import COUNT, DEPTHS, Pooled

F32 = NDArray[np.float32]
WIDTH = 160


def hidden(seed: int, drift: float = 0.0) -> list[F32]:
    """States at every depth, ``(128, 160)`` each: thirty loud directions that all models know, and a model's own.

    Args:
        seed: of the model.
        drift: how far training has moved what is its own, as a share of it.
    """
    shared = np.random.default_rng(0).standard_normal((len(DEPTHS), COUNT, 30)) * np.linspace(3, 0.5, 30)
    own, moved = (np.random.default_rng([seed, k]).standard_normal((len(DEPTHS), COUNT, 60)) for k in (1, 2))
    places = np.random.default_rng([seed, 3]).standard_normal((90, WIDTH)) / np.sqrt(WIDTH)
    peculiar = own + drift * moved
    return [(np.hstack([a, b]) @ places).astype(np.float32) for a, b in zip(shared, peculiar, strict=True)]


def pooled_states(
    states: Sequence[F32],
    read: NDArray[np.bool_] | None = None,
    depths: tuple[float, ...] = DEPTHS,
    slots: Sequence[int] = range(len(DEPTHS)),
    first: int = 0,
) -> Pooled:
    """As a forward pass gives them."""
    spans = np.flatnonzero(np.ones(COUNT, dtype=bool) if read is None else read)
    stack = np.stack([states[slot][spans] for slot in slots])
    return Pooled("made up", 1, "", spans + first, depths, tuple(slots), stack, (), 0, 0.0)
