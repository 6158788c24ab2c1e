"""The arithmetic of transformer layers on float32 arrays: norms, activation functions, rotation, attention."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from forebear.activations.base import F32
from forebear.activations.rotation import Rotation


def rms_norm(x: F32, gain: F32, epsilon: float) -> F32:
    """Rows over their root mean square (arXiv 1910.07467), times ``gain``: ``(n, width)``."""
    scale = 1 / np.sqrt(np.mean(np.square(x), axis=-1, keepdims=True) + np.float32(epsilon))
    return np.asarray(x * scale * gain)


def layer_norm(x: F32, gain: F32, bias: F32, epsilon: float) -> F32:
    """Rows with mean 0 and variance 1 (arXiv 1607.06450), times ``gain``, plus ``bias``: ``(n, width)``."""
    centred = x - np.mean(x, axis=-1, keepdims=True)
    scale = 1 / np.sqrt(np.mean(np.square(centred), axis=-1, keepdims=True) + np.float32(epsilon))
    return np.asarray(centred * scale * gain + bias)


def sigmoid(x: F32) -> F32:
    """1 / (1 + exp(-x)); for large negative x the exponential overflows to the right limit."""
    return np.asarray(1 / (1 + np.exp(-x)))


def silu(x: F32) -> F32:
    """The product x · sigmoid(x) (arXiv 1702.03118)."""
    return np.asarray(x / (1 + np.exp(-x)))


def relu(x: F32) -> F32:
    """The positive part."""
    return np.maximum(x, np.float32(0))


def relu_squared(x: F32) -> F32:
    """The square of the positive part (arXiv 2109.08668)."""
    return np.asarray(np.square(relu(x)))


_A = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)


def erf(x: F32) -> F32:
    """The error function, to 1.5e-7 (Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26)."""
    size = np.abs(x)
    t = 1 / (1 + np.float32(0.3275911) * size)
    series = np.zeros_like(t)
    for a in reversed(_A):
        series = (series + np.float32(a)) * t
    return np.asarray(np.copysign(1 - series * np.exp(-np.square(size)), x))


def gelu(x: F32) -> F32:
    """The product x · Φ(x), with the normal distribution function Φ (arXiv 1606.08415)."""
    return np.asarray(x * (np.float32(0.5) * (1 + erf(x * np.float32(0.5**0.5)))))


def gelu_tanh(x: F32) -> F32:
    """The approximation of :func:`gelu` by a hyperbolic tangent, from the same paper."""
    inner = np.float32((2 / np.pi) ** 0.5) * (x + np.float32(0.044715) * x * x * x)
    return np.asarray(np.float32(0.5) * x * (1 + np.tanh(inner)))


ACTIVATIONS: Mapping[str, Callable[[F32], F32]] = {
    "silu": silu,
    "swish": silu,
    "gelu": gelu,
    "gelu_new": gelu_tanh,
    "gelu_pytorch_tanh": gelu_tanh,
    "relu": relu,
    "relu2": relu_squared,
}
"""Activation functions by the names that a ``config.json`` has for them."""


def rotated(x: F32, rotation: Rotation) -> F32:
    """Heads turned by their positions, dimension i with i + r/2 (arXiv 2104.09864).

    Args:
        x: ``(spans, positions, heads, head_dim)``; dimensions beyond the rotating ones are left as they are.
        rotation: frequencies of the r/2 planes.
    """
    angle = np.arange(x.shape[1], dtype=np.float32)[:, None] * np.array(rotation.frequencies, dtype=np.float32)
    cos, sin = (np.asarray(f(angle) * np.float32(rotation.factor))[None, :, None, :] for f in (np.cos, np.sin))
    half = len(rotation.frequencies)
    first, second, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    return np.concatenate([first * cos - second * sin, second * cos + first * sin, rest], axis=-1)


def attention(q: F32, k: F32, v: F32, scale: float, window: int | None, softcap: float | None) -> F32:
    """Causal attention with grouped heads (arXiv 1706.03762, 2305.13245) within each span.

    Args:
        q: ``(spans, positions, heads, head_dim)``.
        k: ``(spans, positions, key/value heads, head_dim)``; head *h* of q reads key/value head *h · kv // heads*.
        v: like k.
        scale: of the scores.
        window: how many positions a token sees, itself included; None for all before it.
        softcap: scores are bent to stay within ± this (arXiv 2408.00118); None for no bound.

    Returns:
        ``(spans, positions, heads · head_dim)``.
    """
    spans, n, heads, size = q.shape
    groups = heads // k.shape[2]
    grouped = q.reshape(spans, n, -1, groups, size).transpose(0, 2, 3, 1, 4).reshape(spans, -1, groups * n, size)
    scores = (grouped @ k.transpose(0, 2, 3, 1)) * np.float32(scale)
    if softcap is not None:
        scores = np.tanh(scores / np.float32(softcap)) * np.float32(softcap)
    before = np.arange(n)[:, None] - np.arange(n)[None, :]
    hidden = (before < 0) | (before >= (window or n))
    scores = np.where(np.tile(hidden, (groups, 1)), np.float32(-np.inf), scores)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    mixed = weights @ v.transpose(0, 2, 1, 3)
    return np.ascontiguousarray(mixed.reshape(spans, -1, n, size).transpose(0, 2, 1, 3)).reshape(spans, n, -1)


def softmax(x: F32) -> F32:
    """Rows that sum to one."""
    weights = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))
