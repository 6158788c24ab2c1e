"""Merges and fine-tunes of small models as dictionaries of arrays, by the documented definitions of merge methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.signals.delta import round_to

F32 = NDArray[Any]
Tensors = dict[str, F32]


def rounded(tensors: Tensors, dtype: str = "BF16") -> Tensors:
    """Values as they are after being stored in this dtype."""
    out: Tensors = {}
    for name, values in tensors.items():
        near = round_to(np.ascontiguousarray(values, dtype=np.float32), dtype)
        out[name] = near if near is not None else values.astype(np.float32)
    return out


def finetuned(base: Tensors, seed: int, drift: float = 0.1, rank: int = 4, shared: Tensors | None = None) -> Tensors:
    """A base and an update of its own, low-rank and dense in equal parts; ``drift`` is the update's relative size.

    Args:
        base: what is trained.
        seed: of the update.
        drift: of every matrix.
        rank: of the low-rank half.
        shared: an update (of any size) that takes half of the square of this one, as common data do.
    """
    rng = np.random.default_rng(seed)

    def change(name: str, values: F32) -> F32:
        if values.ndim < 2:
            return np.asarray(values + 0.02 * rng.standard_normal(values.shape))
        low = rng.standard_normal((values.shape[0], rank)) @ rng.standard_normal((rank, values.shape[1]))
        dense = rng.standard_normal(values.shape)
        update = low / np.linalg.norm(low) + dense / np.linalg.norm(dense)
        if shared is not None:
            update = update / np.linalg.norm(update) + shared[name] / np.linalg.norm(shared[name])
        length = drift * np.linalg.norm(values) * float(rng.uniform(0.7, 1.3))
        return np.asarray(values + length * update / np.linalg.norm(update))

    return {name: change(name, values) for name, values in base.items()}


def linear(models: Sequence[Tensors], weights: Sequence[float]) -> Tensors:
    """Weighted mean."""
    return {n: np.asarray(sum(w * m[n] for w, m in zip(weights, models, strict=True))) for n in models[0]}


def task_arithmetic(base: Tensors, models: Sequence[Tensors], weights: Sequence[float]) -> Tensors:
    """Base plus weighted updates."""
    return _on_base(base, models, lambda updates: sum(w * u for w, u in zip(weights, updates, strict=True)))


def slerp(a: Tensors, b: Tensors, t: float) -> Tensors:
    """Spherical interpolation, tensor by tensor; the chord where the directions are nearly one."""

    def between(x: F32, y: F32) -> F32:
        cosine = float((x * y).sum() / (np.linalg.norm(x) * np.linalg.norm(y)))
        if abs(cosine) > 0.9995:
            return np.asarray((1 - t) * x + t * y)
        angle = np.arccos(cosine)
        return np.asarray((np.sin((1 - t) * angle) * x + np.sin(t * angle) * y) / np.sin(angle))

    return {n: between(a[n].astype(np.float64), b[n].astype(np.float64)) for n in a}


def ties(
    base: Tensors, models: Sequence[Tensors], weights: Sequence[float], density: float, normalise: bool = True
) -> Tensors:
    """The largest values of each update, those of the elected sign summed."""
    return _on_base(base, models, lambda updates: _elected([_largest(u, density) for u in updates], weights, normalise))


def dare(
    base: Tensors, models: Sequence[Tensors], weights: Sequence[float], density: float, seed: int, elect: bool = False
) -> Tensors:
    """Random values of each update, the kept ones rescaled; with signs elected or not."""
    rng = np.random.default_rng(seed)

    def mixed(updates: list[F32]) -> F32:
        kept = [u * (rng.random(u.shape) < density) / density for u in updates]
        if elect:
            return _elected(kept, weights, normalise=False)
        return np.asarray(sum(w * u for w, u in zip(weights, kept, strict=True)))

    return _on_base(base, models, mixed)


def pass_through(models: Sequence[Tensors], order: Sequence[tuple[int, int]]) -> Tensors:
    """Layers of several Llamas, one after the other: (model, layer); what is outside of layers is the first model's."""
    out = {n: v for n, v in models[0].items() if ".layers." not in n}
    for new, (model, old) in enumerate(order):
        stem = f"model.layers.{old}."
        out |= {f"model.layers.{new}.{n[len(stem) :]}": v for n, v in models[model].items() if n.startswith(stem)}
    return out


def _on_base(base: Tensors, models: Sequence[Tensors], mixed: Callable[[list[F32]], Any]) -> Tensors:
    return {n: np.asarray(base[n] + mixed([m[n].astype(np.float64) - base[n] for m in models])) for n in base}


def _largest(update: F32, density: float) -> F32:
    kept = int(density * update.size)
    if kept == 0:
        return np.zeros_like(update)
    edge = np.partition(np.abs(update).ravel(), update.size - kept)[update.size - kept]
    return np.where(np.abs(update) >= edge, update, 0.0)


def _elected(updates: list[F32], weights: Sequence[float], normalise: bool) -> F32:
    weighted = np.stack([w * u for w, u in zip(weights, updates, strict=True)])
    sign = np.where(weighted.sum(axis=0) >= 0, 1.0, -1.0)
    agrees = np.sign(weighted) == sign
    total = (weighted * agrees).sum(axis=0)
    if not normalise:
        return np.asarray(total)
    divisor = (np.array(weights).reshape(-1, *[1] * updates[0].ndim) * agrees).sum(axis=0)
    return np.asarray(total / np.where(divisor == 0, 1.0, divisor))
