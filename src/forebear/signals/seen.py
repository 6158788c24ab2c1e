"""A layer's matrices as the residual stream sees them: norm gains folded in, LayerNorm's centring taken out.

Moving a norm's gain into the matrices after it, or back, changes no output; what is left after folding is the same
for everybody who did either. LayerNorm subtracts the mean of the stream before a reader sees it, so the mean of a row
does nothing, and nor does the part of a writer that only shifts the mean.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.artifacts.roles import RoleTensor, role_tensor
from forebear.signals.generators import read_scattered

F32 = NDArray[np.float32]
Indices = NDArray[np.int64]

AXIS = {
    "attn.q": "query",
    "attn.k": "key",
    "attn.v": "value",
    "attn.o": "mixed",
    "attn.kv_latent": "kv_latent",
    "attn.q_latent": "q_latent",
    "attn.k_rope": "shared_rope",
    "router": "expert",
}
"""The axis of a part that is not the residual stream; ``neuron`` where not listed."""
WRITERS = ("attn.o", "mlp.down")
SCATTERED = 8
"""How many rows may be read for one that is wanted, so that there is one read and not one a row."""
ROUNDING = 1e-6
"""Share of a row's largest value below which what is left without its mean is rounding."""


def seen(artifact: Artifact, layer: int, part: str, indices: Indices | None = None) -> F32 | None:
    """Rows of a part of a layer against the residual stream, ``(n, width)``, gains folded in.

    Args:
        artifact: the model.
        layer: the layer.
        part: ``attn.q``, ``mlp.gate``, ``experts.3.up``, … as in the family's roles.
        indices: ascending rows (heads times dimensions, neurons, …); all where None.

    Returns:
        None where the model has no such part, one without signs, or one without these rows. Rows of what writes to the
        stream are its columns.

    Raises:
        InputError: the rows could not be read.
    """
    tensor = role_tensor(artifact, f"layers.{layer}.{part}")
    if tensor is None or artifact.geometry is None or "residual" not in tensor.role.axes:
        return None
    axis = AXIS.get(part, "neuron")
    chosen = np.arange(tensor.length(axis)) if indices is None else indices
    if len(chosen) and chosen[-1] >= tensor.length(axis):
        return None
    rows = _rows(tensor, axis, chosen, artifact.geometry.width)
    gains = _gains(artifact, layer, part)
    with np.errstate(all="ignore"):
        folded = rows if gains is None else rows * gains
    return _centred(artifact, _numbers(folded))


def embedded(artifact: Artifact, ids: Indices) -> F32 | None:
    """Embedding rows ``(n, width)`` of ascending token ids; what LayerNorm would take out is taken out."""
    tensor = role_tensor(artifact, "embed")
    if tensor is None:
        return None
    return _centred(artifact, _numbers(read_scattered(tensor, ids)))


def _numbers(rows: F32) -> F32:
    """Zero for what is no number."""
    finite = np.isfinite(rows)
    return rows if finite.all() else np.where(finite, rows, np.float32(0))


def _rows(tensor: RoleTensor, axis: str, indices: Indices, width: int) -> F32:
    """Ascending rows; one read of a whole stretch where that is not much more."""
    if not len(indices) or len(indices) * SCATTERED <= indices[-1] - indices[0]:
        return tensor.rows(axis, indices, width)
    stretch = tensor.rows(axis, np.arange(indices[0], indices[-1] + 1), width)
    return stretch if len(stretch) == len(indices) else stretch[indices - indices[0]]


def _gains(artifact: Artifact, layer: int, part: str) -> F32 | None:
    """The gains between the stream and a part: before what reads it, after what writes to it."""
    side = "attn" if part.startswith("attn") else "mlp"
    stem = f"layers.{layer}."
    names = [f"{stem}{side}_post_norm"] if part in WRITERS else [f"{stem}{side}_norm", f"{stem}attn_norm"]
    names = [name for name in names if name in artifact.names]
    if not names or artifact.geometry is None or artifact.architecture is None:
        return None
    tensor = artifact.weights.tensors[artifact.names[names[0]]]
    if not tensor.signed or tensor.shape != (artifact.geometry.width,):
        return None
    with np.errstate(all="ignore"):
        return np.asarray(tensor.values() + artifact.architecture.gain_offset, dtype=np.float32)


def _centred(artifact: Artifact, rows: F32) -> F32:
    """Without the mean of every row where the family's norms do not see it; what only rounding left is zero."""
    if artifact.architecture is None or artifact.architecture.norm != "layernorm":
        return rows
    with np.errstate(all="ignore"):
        centred = rows - rows.mean(axis=1, keepdims=True, dtype=np.float64)
        constant = np.abs(centred).max(axis=1, keepdims=True, initial=0) <= ROUNDING * np.abs(rows).max(
            axis=1, keepdims=True, initial=0
        )
    return np.asarray(np.where(constant, 0.0, centred), dtype=np.float32)
