"""Disguises that change the function: pruning, rounding, noise, and parts or shares of another model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from disguises.heads import take_heads
from disguises.network import F32, Inapplicable, Indices, Network
from disguises.symmetries import Given, take_neurons

GROUP = 32
"""Inputs of a matrix that share a scale."""


def kept(rng: np.random.Generator, n: int, share: float, multiple: int = 1) -> Indices:
    """A random share of ``n`` things in their order, a multiple of some number of them, at least one."""
    count = max(multiple, round(n * share / multiple) * multiple)
    return np.sort(rng.permutation(n)[: min(n, count)])


def prune_residual(network: Network, given: Given) -> Network:
    """An eighth of the residual dimensions less, at random. Families that tie head size to width cannot run it."""
    chosen = kept(given.rng, network.width, 1 - given.amount(1 / 8), 2)
    return network.along("residual gain", lambda _, x: x[chosen])


def prune_neurons(network: Network, given: Given) -> Network:
    """A quarter of the neurons of every MLP less."""
    share, w = 1 - given.amount(0.25), network.weights
    return take_neurons(network, {s: kept(given.rng, len(w[f"{s}up"]), share, 8) for s in network.mlps()})


def prune_heads(network: Network, given: Given) -> Network:
    """One group of heads less in every layer."""
    if network.kv_heads < 2:
        raise Inapplicable("there is only one group of heads")
    groups, per = network.kv_heads - 1, network.heads // network.kv_heads
    chosen = {k: np.sort(given.rng.permutation(network.kv_heads)[:groups]) for k in range(network.layers)}
    made = take_heads(network, chosen, {k: np.tile(np.arange(per), (groups, 1)) for k in chosen})
    return made.with_(made.weights, heads=groups * per, kv_heads=groups)


def matrices(network: Network, change: Callable[[F32], F32]) -> Network:
    """The model after a change to every matrix of its layers, routers aside."""
    chosen = {r: v for r, v in network.weights.items() if v.ndim == 2 and r.startswith("layers.") and "router" not in r}
    return network.with_({**network.weights, **{r: change(v).astype(np.float32) for r, v in chosen.items()}})


def low_rank(network: Network, given: Given) -> Network:
    """Every matrix of the layers at half of its rank."""

    def cut(values: F32) -> F32:
        u, s, v = np.linalg.svd(values, full_matrices=False)
        rank = max(1, round(len(s) * given.amount(0.5)))
        return np.asarray(u[:, :rank] * s[:rank] @ v[:rank])

    return matrices(network, cut)


def noise(network: Network, given: Given) -> Network:
    """Normal noise on every matrix, relative to its root mean square."""
    size = given.amount(0.05)

    def shake(values: F32) -> F32:
        return np.asarray(values + size * np.sqrt(np.mean(values**2)) * given.rng.standard_normal(values.shape))

    return network.with_({r: shake(v).astype(np.float32) if v.ndim == 2 else v for r, v in network.weights.items()})


def prune_values(network: Network, given: Given) -> Network:
    """The smallest half of every matrix's values to zero."""

    def drop(values: F32) -> F32:
        return np.where(np.abs(values) < np.quantile(np.abs(values), given.amount(0.5)), 0, values)

    return matrices(network, drop)


def quantise(bits: int) -> Callable[[Network, Given], Network]:
    """Every matrix of the layers rounded to nearest, symmetric, a scale for 32 inputs."""

    def round_(values: F32) -> F32:
        most, n = 2 ** (bits - 1) - 1, values.shape[1]
        padded = np.pad(values, ((0, 0), (0, -n % GROUP))).reshape(len(values), -1, GROUP)
        scale = np.abs(padded).max(axis=2, keepdims=True) / most
        rounded = np.round(padded / np.where(scale == 0, 1, scale)) * scale
        return np.asarray(rounded.reshape(len(values), -1)[:, :n])

    def step(network: Network, given: Given) -> Network:
        return matrices(network, round_)

    step.__name__ = f"int{bits}"
    return step


def with_layers(network: Network, order: Sequence[int]) -> Network:
    """The model whose layers are these of the old one."""
    made = {r: v for r, v in network.weights.items() if not r.startswith("layers.")}
    for new, old in enumerate(order):
        stem = f"layers.{old}."
        made |= {f"layers.{new}.{r.removeprefix(stem)}": v for r, v in network.weights.items() if r.startswith(stem)}
    config = dict(network.config)
    if isinstance(kinds := config.get("layer_types"), list) and len(kinds) == network.layers:
        config["layer_types"] = [kinds[old] for old in order]
    return network.with_(made, config=config)


def duplicate_layers(network: Network, given: Given) -> Network:
    """One half of the layers, in the middle, a second time (as SOLAR does, arXiv 2312.15166)."""
    n = network.layers
    first, last = n // 4, n // 4 + max(1, n // 2)
    return with_layers(network, [*range(last), *range(first, n)])


def drop_layers(network: Network, given: Given) -> Network:
    """A random quarter of the layers less, one at least."""
    n = network.layers
    if n < 2:
        raise Inapplicable("there is only one layer")
    return with_layers(network, kept(given.rng, n, 1 - max(1 / n, given.amount(0.25))).tolist())


def reorder_layers(network: Network, given: Given) -> Network:
    """All layers in another order, which is never their own."""
    n = network.layers
    if n < 2:
        raise Inapplicable("there is only one layer")
    order = given.rng.permutation(n)
    return with_layers(network, (np.roll(order, 1) if (order == np.arange(n)).all() else order).tolist())


def blend(network: Network, other: Network, share: Callable[[str], float]) -> Network:
    """Of every role this share from another model of the same shape.

    Raises:
        Inapplicable: it has another shape.
    """
    ours, theirs = network.weights, other.weights
    if {r: v.shape for r, v in ours.items()} != {r: v.shape for r, v in theirs.items()}:
        raise Inapplicable("the other model has another shape")
    made: dict[str, NDArray[np.float32]] = {}
    for role, values in ours.items():
        part = np.float32(share(role))
        made[role] = (1 - part) * values + part * theirs[role]
    return network.with_(made)


def splice(network: Network, given: Given) -> Network:
    """A random half of the layers replaced by those of another model."""
    count = max(1, round(network.layers * given.amount(0.5)))
    taken = set(given.rng.permutation(network.layers)[:count].tolist())

    def share(role: str) -> float:
        return float(role.startswith("layers.") and int(role.split(".")[1]) in taken)

    return blend(network, given.donor(), share)


def merge(network: Network, given: Given) -> Network:
    """Three tenths of another model, seven of this one, value by value."""
    return blend(network, given.donor(), lambda _: given.amount(0.3))


def copy_embeddings(network: Network, given: Given) -> Network:
    """All of another model but this one's embedding and head: what must not be called descent."""
    return blend(network, given.donor(), lambda role: float(role not in ("embed", "lm_head")))


SURGERY = (
    *(prune_residual, prune_neurons, prune_heads, prune_values, low_rank, noise),
    *(quantise(8), quantise(4), quantise(3)),
    *(duplicate_layers, drop_layers, reorder_layers, splice, merge, copy_embeddings),
)
