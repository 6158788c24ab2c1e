"""Merges of models that descend from one base: each a rule for one tensor, from the parents' changes of it.

Linear: Wortsman et al. 2022, arXiv 2203.05482. SLERP: Shoemake 1985. TIES: Yadav et al. 2023, arXiv 2306.01708.
DARE: Yu et al. 2023, arXiv 2311.03099. Pass-through: whole layers of one parent or another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from disguises.network import F32, Inapplicable, Network

Rule = Callable[[str, F32, list[F32], Sequence[float], np.random.Generator], F32]
"""From a role, the base's values, the parents' changes, their shares and random numbers to the merge's values."""
DENSITY = 0.5
"""Share of a change that TIES and DARE keep."""


def merged(
    base: Network, parents: Sequence[Network], rule: Rule, shares: Sequence[float], rng: np.random.Generator
) -> Network:
    """The merge, with the base's config and papers.

    Raises:
        Inapplicable: the models differ in shape.
    """
    shapes = [{r: v.shape for r, v in n.weights.items()} for n in (base, *parents)]
    if any(s != shapes[0] for s in shapes):
        raise Inapplicable("the parents have another shape")
    return base.with_(
        {r: rule(r, v, [p.weights[r] - v for p in parents], shares, rng) for r, v in base.weights.items()}
    )


def linear(role: str, base: F32, changes: list[F32], shares: Sequence[float], rng: np.random.Generator) -> F32:
    """The base and a share of every change."""
    return np.asarray(base + sum(np.float32(s) * c for s, c in zip(shares, changes, strict=True)))


def slerp(role: str, base: F32, changes: list[F32], shares: Sequence[float], rng: np.random.Generator) -> F32:
    """Between two parents along the great circle, tensor by tensor; straight where they are all but parallel."""
    if len(changes) != 2 or len(shares) != 2:
        raise Inapplicable("SLERP takes two parents")
    one, two = (base + c for c in changes)
    cosine = float((one * two).sum(dtype=np.float64) / max(1e-30, float(np.linalg.norm(one) * np.linalg.norm(two))))
    angle = np.arccos(np.clip(cosine, -1, 1))
    t = shares[1] / sum(shares)
    if angle < 1e-4:
        return np.asarray((1 - t) * one + t * two, dtype=np.float32)
    a, b = np.sin((1 - t) * angle) / np.sin(angle), np.sin(t * angle) / np.sin(angle)
    return np.asarray(a * one + b * two, dtype=np.float32)


def ties(role: str, base: F32, changes: list[F32], shares: Sequence[float], rng: np.random.Generator) -> F32:
    """Trim to the largest values, elect a sign by the shared sum, average those that agree with it."""
    trimmed = [np.where(np.abs(c) >= np.quantile(np.abs(c), 1 - DENSITY), c, 0) for c in changes]
    weighted = np.stack([np.float32(s) * t for s, t in zip(shares, trimmed, strict=True)])
    agree = np.sign(weighted) == np.sign(weighted.sum(0))
    voted = agree & (weighted != 0)
    weights = np.tensordot(np.asarray(shares, dtype=np.float32), voted.astype(np.float32), 1)
    mean = np.where(voted, weighted, 0).sum(0) / np.where(weights == 0, 1, weights)
    return np.asarray(base + mean, dtype=np.float32)


def dare(role: str, base: F32, changes: list[F32], shares: Sequence[float], rng: np.random.Generator) -> F32:
    """Drop values of the changes at random, rescale the rest, add a share of each."""
    kept = [np.where(rng.random(c.shape) < DENSITY, c / np.float32(DENSITY), 0) for c in changes]
    return linear(role, base, [k.astype(np.float32) for k in kept], shares, rng)


def passthrough(role: str, base: F32, changes: list[F32], shares: Sequence[float], rng: np.random.Generator) -> F32:
    """Layers in turn from one parent and the next; what is in no layer from the first."""
    turn = int(role.split(".")[1]) % len(changes) if role.startswith("layers.") else 0
    return np.asarray(base + changes[turn], dtype=np.float32)


METHODS: Mapping[str, Rule] = MappingProxyType(
    {"linear": linear, "slerp": slerp, "ties": ties, "dare": dare, "passthrough": passthrough}
)
"""Every rule by name."""
