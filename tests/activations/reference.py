"""Hidden states as the modelling code of transformers has them, and how far others are from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symmetry import flips as fl
from symmetry.flips import LAYERS, VOCABULARY, WIDTH

F32 = NDArray[np.float32]

CLOSE = 2e-5
"""Largest difference, relative to the largest value of all states of a layer. Measured: 5e-6 at most."""


def spans() -> list[NDArray[np.int64]]:
    rng = np.random.default_rng(3)
    return [rng.integers(0, VOCABULARY, size=n) for n in (7, 1, 12, 7, 31, 12, 2)]


def reference(folder: Path) -> list[F32]:
    """The residual stream after every layer as transformers has it, ``(tokens of all spans, width)`` each."""
    import torch

    model = fl.load(folder).base_model
    layers = next(m for m in model.modules() if isinstance(m, torch.nn.ModuleList) and len(m) == LAYERS)
    kept: list[list[Any]] = [[] for _ in range(LAYERS + 1)]

    def before(module: Any, args: Any, kwargs: Any) -> None:
        kept[0].append(args[0] if args else kwargs["hidden_states"])

    layers[0].register_forward_pre_hook(before, with_kwargs=True)
    for k, layer in enumerate(layers):
        layer.register_forward_hook(
            lambda module, args, out, k=k: kept[k + 1].append(out[0] if isinstance(out, tuple) else out)
        )
    with torch.no_grad():
        for span in spans():
            model(input_ids=torch.from_numpy(span)[None], use_cache=False)
    return [torch.cat([part.reshape(-1, WIDTH) for part in parts]).numpy() for parts in kept]


def off(mine: F32, theirs: F32) -> float:
    return float(np.abs(mine - theirs).max() / np.abs(theirs).max())
