"""Which layer meets which, and which expert: decided by quantities that the tested sign flips cannot change.

Norm gains never flip, nor does the norm of any row. Router rows flip with residual dimensions only, which leaves the
coins of the experts' neurons fair whatever the matching.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.artifacts.dtypes import wide
from forebear.artifacts.roles import role_tensor
from forebear.signals.generators import chosen_experts

SIGNATURE_DIMS = 64
ROUTER_VALUES = 4_000_000
"""Router values read per model to match experts; layers beyond are compared expert by expert as numbered."""


def layer_signature(artifact: Artifact, layer: int) -> NDArray[np.float16]:
    """``(2, 64)`` logarithms of the layer's norm gains at evenly spaced dimensions; NaN where there are none."""
    out = np.full((2, SIGNATURE_DIMS), np.nan, dtype=np.float16)
    offset = artifact.architecture.gain_offset if artifact.architecture else 0.0
    for row, norm in enumerate(("attn", "mlp")):
        before = role_tensor(artifact, f"layers.{layer}.{norm}_norm")
        gains = before if before is not None else role_tensor(artifact, f"layers.{layer}.{norm}_post_norm")
        if gains is None or len(gains.tensor.shape) != 1 or gains.tensor.shape[0] < SIGNATURE_DIMS:
            continue
        values = np.abs(wide(gains.tensor.values()) + offset)
        at = np.linspace(0, values.size - 1, SIGNATURE_DIMS).round().astype(int)
        with np.errstate(all="ignore"):
            out[row] = np.log(np.clip(values[at], 1e-4, 1e4))
    return out


def align_layers(a: NDArray[np.float16], b: NDArray[np.float16]) -> list[tuple[int, int]]:
    """Pairs of rows of two signatures, one to one and in order, chosen from gains alone (flips cannot change them).

    Equal depth: position by position, unless another monotone alignment fits clearly better. Unequal depth: the
    monotone alignment with the largest total similarity (Needleman and Wunsch 1970, no gap cost).
    """
    similarity = signature_similarity(a, b)
    straight = [(k, k) for k in range(min(len(a), len(b)))]
    score = np.zeros((len(a) + 1, len(b) + 1))
    gain = np.maximum(similarity, 0.0) + 1e-6  # a match with no similarity still beats leaving both out
    for i in range(len(a)):
        for j in range(len(b)):
            score[i + 1, j + 1] = max(score[i, j] + gain[i, j], score[i, j + 1], score[i + 1, j])
    pairs: list[tuple[int, int]] = []
    i, j = len(a), len(b)
    while i and j:
        if score[i, j] == score[i - 1, j - 1] + gain[i - 1, j - 1]:
            pairs.append((i - 1, j - 1))
            i, j = i - 1, j - 1
        elif score[i, j] == score[i - 1, j]:
            i -= 1
        else:
            j -= 1
    pairs.reverse()
    if len(a) == len(b):
        identity = sum(gain[k, k] for k in range(len(a)))
        if float(score[-1, -1]) - identity < 0.1 * len(a):
            return straight
    return pairs


def signature_similarity(a: NDArray[np.float16], b: NDArray[np.float16]) -> NDArray[np.float64]:
    """``(La, Lb)`` mean correlation of log gains after removing each dimension's mean over the layers."""

    def centred(s: NDArray[np.float16]) -> NDArray[np.float64]:
        x = np.nan_to_num(s.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        x = x - x.mean(axis=2, keepdims=True)
        x = x - x.mean(axis=0, keepdims=True) if len(x) > 2 else x
        norms = np.linalg.norm(x, axis=2, keepdims=True)
        return np.asarray(np.divide(x, norms, out=np.zeros_like(x), where=norms > 0))

    return np.asarray(np.einsum("inf,jnf->ij", centred(a), centred(b)) / 2)


def matched_experts(a: Artifact, layer_a: int, b: Artifact, layer_b: int) -> tuple[int, ...] | None:
    """For each expert that a code shows of A, the one of B with the most similar router row; one to one.

    None where a layer has no router that can be read, or the two have different numbers of experts.
    """
    one, two = role_tensor(a, f"layers.{layer_a}.router"), role_tensor(b, f"layers.{layer_b}.router")
    if one is None or two is None or one.tensor.shape != two.tensor.shape or a.geometry is None:
        return None
    count = one.length("expert")
    if count != a.geometry.experts:  # experts are missing, or the router is not what it is named
        return None
    x, y = (wide(t.rows("expert", np.arange(count), a.geometry.width)) for t in (one, two))
    with np.errstate(all="ignore"):
        x, y = (np.nan_to_num(m / np.linalg.norm(m, axis=1, keepdims=True)) for m in (x, y))
    similarity = x[list(chosen_experts(a.geometry))] @ y.T
    matched = np.full(len(similarity), -1)
    for _ in range(len(similarity)):
        row, column = np.unravel_index(int(np.argmax(similarity)), similarity.shape)
        matched[row] = column
        similarity[row], similarity[:, column] = -np.inf, -np.inf
    return tuple(int(m) for m in matched)


def layer_pairs(a: Artifact, b: Artifact, depth_a: int, depth_b: int) -> list[tuple[int, int]]:
    """Layers of two models of these depths side by side, from the gains of all of them."""
    signatures = [np.stack([layer_signature(m, layer) for layer in range(d)]) for m, d in ((a, depth_a), (b, depth_b))]
    if all(np.isnan(s).all() for s in signatures) and depth_a != depth_b:
        signatures = [np.stack([row_norms(m, layer) for layer in range(d)]) for m, d in ((a, depth_a), (b, depth_b))]
    return align_layers(signatures[0], signatures[1])


def row_norms(artifact: Artifact, layer: int) -> NDArray[np.float16]:
    """``(2, 64)``: log norms of a layer's first 24 gate (or up) rows, for families without gains (OLMo).

    Of a recurrent layer those of a gate.

    No flip changes the norm of a row. NaN where there is no such tensor.
    """
    out = np.full((2, SIGNATURE_DIMS), np.nan, dtype=np.float16)
    for part, axis in (("mlp.gate", "neuron"), ("mlp.up", "neuron"), ("rnn.output", "unit"), ("rnn.update", "unit")):
        tensor = role_tensor(artifact, f"layers.{layer}.{part}")
        if tensor is not None and artifact.geometry is not None:
            rows = tensor.rows(axis, np.arange(min(24, tensor.length(axis))), artifact.geometry.width)
            with np.errstate(all="ignore"):
                norms = np.log(np.clip(np.linalg.norm(rows.astype(np.float64), axis=1), 1e-4, 1e4))
            out[:] = np.resize(norms, SIGNATURE_DIMS)
            return out
    return out


def closest_layers(a: Artifact, b: Artifact) -> dict[int, int]:
    """For each layer of A the one of B that some of its rows resemble most; several may meet the same one.

    The layer of the same number where none of them is resembled (independent models of equal depth); where there is
    none of that number either, the layer is missing. The first 16 rows of an MLP's or of an attention's tensor are
    read of every layer: enough to tell a layer from its neighbours, whose rows are independent of them.
    """
    if a.geometry is None or b.geometry is None:
        return {}
    one, two = _layer_rows(a), _layer_rows(b)
    out: dict[int, int] = {}
    for layer, rows in one.items():
        likeness = {k: float(rows @ v) for k, v in two.items() if v.shape == rows.shape}
        best = max(likeness, key=lambda k: likeness[k], default=layer)
        same = likeness.get(layer, 0.0)
        if layer in two and likeness.get(best, 0.0) < max(same + RESEMBLES / 2, RESEMBLES):
            best = layer
        if best in two and (best == layer or likeness[best] >= RESEMBLES):
            out[layer] = best
    return out


RESEMBLES = 0.2
"""Cosine of some thousand values of two layers from which on they are not independent: far above chance (0.02)."""


def _layer_rows(artifact: Artifact) -> dict[int, NDArray[np.float32]]:
    """Some values of every layer as a vector of length one."""
    assert artifact.geometry is not None
    out: dict[int, NDArray[np.float32]] = {}
    for layer in range(artifact.geometry.layers):
        for part in ("mlp.up", "mlp.gate", "attn.o", "attn.v"):
            name = artifact.names.get(f"layers.{layer}.{part}")
            tensor = artifact.weights.tensors[name] if name else None
            if tensor is not None and tensor.signed and len(tensor.shape) == 2:
                values = np.nan_to_num(tensor.rows(0, min(16, tensor.shape[0]))[:, :256].ravel(), posinf=0, neginf=0)
                length = float(np.linalg.norm(values))
                out[layer] = values / length if length else values
                break
    return out
