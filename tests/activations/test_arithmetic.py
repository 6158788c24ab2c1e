"""The arithmetic against definitions written out, in float64 and without tricks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from forebear.activations import arithmetic as module
from forebear.activations.rotation import Rotation

F32 = NDArray[np.float32]
X = np.linspace(-8, 8, 401, dtype=np.float32)


def drawn(*shape: int, seed: int = 0) -> F32:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_the_error_function() -> None:
    theirs = np.array([math.erf(float(x)) for x in X])
    assert np.abs(module.erf(X) - theirs).max() < 5e-7


@pytest.mark.parametrize(
    ("name", "definition"),
    [
        ("silu", lambda x: x / (1 + math.exp(-x))),
        ("gelu", lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2),
        ("gelu_new", lambda x: x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
        ("relu", lambda x: max(x, 0)),
        ("relu2", lambda x: max(x, 0) ** 2),
    ],
)
def test_activation_functions(name: str, definition: object) -> None:
    assert callable(definition)
    theirs = np.array([definition(float(x)) for x in X])
    ours = module.ACTIVATIONS[name](X)
    assert ours.dtype == np.float32 and np.abs(ours - theirs).max() < 2e-6 * np.abs(theirs).max()


def test_norms() -> None:
    x, gain, bias = drawn(5, 16) + 3, drawn(16, seed=1), drawn(16, seed=2)
    wide = x.astype(np.float64)
    rms = wide / np.sqrt((wide**2).mean(axis=1, keepdims=True) + 0.5) * gain
    assert np.allclose(module.rms_norm(x, gain, 0.5), rms, atol=1e-5)
    centred = wide - wide.mean(axis=1, keepdims=True)
    layer = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 0.5) * gain + bias
    assert np.allclose(module.layer_norm(x, gain, bias, 0.5), layer, atol=1e-5)


def test_rotation_turns_planes_and_leaves_the_rest() -> None:
    x = drawn(2, 3, 1, 6)
    turned = module.rotated(x, Rotation((0.7, 0.1), 2.0))
    for position in range(3):
        for plane, frequency in enumerate((0.7, 0.1)):
            there = (x[:, position, 0, plane] + 1j * x[:, position, 0, plane + 2]) * np.exp(1j * frequency * position)
            ours = turned[:, position, 0, plane] + 1j * turned[:, position, 0, plane + 2]
            assert np.allclose(ours, 2 * there, atol=1e-5)
    assert np.array_equal(turned[..., 4:], x[..., 4:])


@pytest.mark.parametrize("window", [None, 1, 2, 10])
@pytest.mark.parametrize("softcap", [None, 0.5])
def test_attention(window: int | None, softcap: float | None) -> None:
    q, k, v = drawn(2, 5, 4, 3), drawn(2, 5, 2, 3, seed=1), drawn(2, 5, 2, 3, seed=2)
    ours = module.attention(q, k, v, 0.4, window, softcap)
    assert ours.shape == (2, 5, 12)
    for span in range(2):
        for at in range(5):
            for head in range(4):
                seen = range(max(0, at + 1 - (window or 5)), at + 1)
                scores = np.array([0.4 * float(q[span, at, head] @ k[span, j, head // 2]) for j in seen])
                scores = scores if softcap is None else softcap * np.tanh(scores / softcap)
                weights = np.exp(scores) / np.exp(scores).sum()
                mixed = sum(w * v[span, j, head // 2] for w, j in zip(weights, seen, strict=True))
                assert np.allclose(ours[span, at, 3 * head : 3 * head + 3], mixed, atol=1e-5)


def test_large_scores_do_not_overflow() -> None:
    q, v = np.full((1, 3, 1, 2), 1e4, dtype=np.float32), drawn(1, 3, 1, 2)
    assert np.isfinite(module.attention(q, q, v, 1.0, None, None)).all()
    assert np.allclose(module.softmax(np.array([[1e4, 1e4]], dtype=np.float32)), 0.5)
