"""Small models in other coordinates: stream rotated, neurons permuted and rescaled, gains folded, tokens replaced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edits import rebuilt
from forebear.artifacts import Artifact, read_artifact
from forebear.artifacts.roles import template
from forebear.sources import open_source

F32 = NDArray[Any]
Tensors = dict[str, F32]


def opened(folder: Path) -> Artifact:
    return read_artifact(open_source(str(folder)))


def along(artifact: Artifact, axis: str, change: Callable[[str, F32], F32]) -> Callable[[Tensors], Tensors]:
    """Apply ``change(role, values)`` to every matrix that has an axis, turned so that the axis comes first."""

    def act(tensors: Tensors) -> Tensors:
        made = dict(tensors)
        assert artifact.architecture is not None
        for name, filled in {n: r for r, n in artifact.names.items()}.items():  # a fused tensor once
            axes = artifact.architecture.roles[template(filled)].axes
            if axis in axes and len(axes) == 2:
                at = axes.index(axis)
                made[name] = np.moveaxis(change(filled, np.moveaxis(made[name], at, 0)), 0, at)
        return made

    return act


def rotation(width: int, rng: np.random.Generator, layernorm: bool) -> F32:
    """A random orthogonal matrix; one that leaves the mean alone for LayerNorm."""
    start = np.eye(width)
    start[:, 0] = 1.0
    basis = np.linalg.qr(start)[0]
    free = int(layernorm)
    turn = np.eye(width)
    turn[free:, free:] = np.linalg.qr(rng.standard_normal((width - free, width - free)))[0]
    return np.asarray(basis @ turn @ basis.T)


def order_of(filled: str, size: int, seed: int) -> NDArray[np.int64]:
    """The order that :func:`scrambled` gives the neurons of a role's MLP."""
    mlp = filled.rsplit(".", 1)[0]
    return np.random.default_rng([seed, *mlp.encode()]).permutation(size)


def scrambled(base: Path, name: str, seed: int = 0, drift: float = 0.0, rotate: bool = True) -> Path:
    """A copy that no row shows; its embeddings are drawn anew, and every matrix drifts by a share of its deviation."""
    artifact, rng = opened(base), np.random.default_rng(seed)
    assert artifact.geometry is not None and artifact.architecture is not None
    width, layernorm = artifact.geometry.width, artifact.architecture.norm == "layernorm"
    turn = rotation(width, rng, layernorm) if rotate else np.eye(width)[rng.permutation(width)]

    def shake(tensors: Tensors) -> Tensors:
        return {n: v + drift * v.std() * rng.standard_normal(v.shape) if v.ndim == 2 else v for n, v in tensors.items()}

    def fold(filled: str, x: F32) -> F32:
        """Readers times the gain before them; the stream is their first axis."""
        layer, _, part = filled.removeprefix("layers.").partition(".")
        norm = f"layers.{layer}.{'attn' if part.startswith('attn') else 'mlp'}_norm"
        reads = part and part != "attn.o" and not part.endswith("down")
        return np.asarray(x * gains[norm][:, None] if reads else x)

    def unfold(tensors: Tensors) -> Tensors:
        gains.update({r: tensors[n] for r, n in artifact.names.items() if r.endswith("_norm")})
        done = {artifact.names[r]: np.ones(width) for r in gains}
        return along(artifact, "residual", fold)(tensors) | done

    def rescale(filled: str, x: F32) -> F32:
        """Up rows against down columns, where the MLP has gates."""
        scale = np.exp(0.5 * np.random.default_rng([seed, *filled.rsplit(".", 1)[0].encode()]).standard_normal(len(x)))
        side = {"up": 1.0, "down": -1.0}.get(filled.rsplit(".", 1)[1], 0.0)
        gated = filled.rsplit(".", 1)[0] + ".gate" in artifact.names
        return np.asarray(x * (scale**side)[:, None] if gated else x)

    gains: Tensors = {}
    steps = [
        unfold,
        shake,
        along(artifact, "residual", lambda _, x: turn.T @ x),
        along(artifact, "neuron", rescale),
        along(artifact, "neuron", lambda filled, x: x[order_of(filled, len(x), seed)]),
        along(artifact, "token", lambda _, x: 0.08 * rng.standard_normal(x.shape)),
    ]

    def change(tensors: Tensors) -> Tensors:
        for step in steps:
            tensors = step(tensors)
        return tensors

    return rebuilt(base, name, change)
