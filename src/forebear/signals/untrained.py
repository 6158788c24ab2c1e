"""Is a model a random initialisation, never trained? Step-0 checkpoints are published, and are the start of others.

Norm gains begin at one value each and move with the first step. A model whose gains were folded into its matrices has
them at one, too, but then the columns of these matrices differ in energy more than independent values can.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.artifacts.roles import role_tensor
from forebear.signals.seen import AXIS

READERS = ("attn.q", "mlp.up")
"""Matrices that read what a norm has scaled."""
MOST_ROWS = 512
UNEVEN = 2.0
"""Variance of column energies, in those of independent values, from which on gains were folded in: the median matrix of
an initialisation has one, give or take a few tenths from 64 columns on."""


def untrained(artifact: Artifact, log_gains: NDArray[np.float16]) -> bool:
    """Whether nothing in a model's norms and columns shows any training.

    Args:
        artifact: the model.
        log_gains: ``(L, 2, dims)`` of its code, NaN where unknown; a model without gains is not called untrained.

    Raises:
        InputError: rows could not be read.
    """
    norms = log_gains.astype(np.float64).reshape(-1, log_gains.shape[-1])
    norms = norms[np.isfinite(norms).all(axis=1)]
    if not len(norms) or norms.var(axis=1).any() or artifact.geometry is None:
        return False
    uneven = [u for u in (_unevenness(artifact, part) for part in READERS) if u is not None]
    return bool(uneven) and max(uneven) < UNEVEN


def _unevenness(artifact: Artifact, part: str) -> float | None:
    """The variance of the columns' mean squares, in what independent values have: the median over layers."""
    assert artifact.geometry is not None
    found = []
    for layer in range(artifact.geometry.layers):
        tensor = role_tensor(artifact, f"layers.{layer}.{part}")
        if tensor is None or not tensor.tensor.signed or len(tensor.tensor.shape) != 2 or not tensor.known:
            continue
        axis = AXIS.get(part, "neuron")
        rows = tensor.rows(axis, np.arange(min(MOST_ROWS, tensor.length(axis))), artifact.geometry.width)
        squares = rows.astype(np.float64) ** 2
        with np.errstate(all="ignore"):  # a layer with values that are no numbers tells nothing
            chance = squares.var() / max(1, len(squares))
        if np.isfinite(chance) and chance > 0 and squares.shape[1] > 1:
            found.append(float(squares.mean(axis=0).var(ddof=1) / chance))
    return float(np.median(found)) if found else None
