"""Disguises inside of attention: heads in another order, values, queries and keys in other coordinates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from disguises.network import F32, Inapplicable, Indices, Network, heads_of
from disguises.symmetries import F64, Given, orthogonal, scales, signs

Matrices = F64
"""``(KV heads, n, n)``: one matrix for every head."""


def take_heads(network: Network, chosen: dict[int, Indices], inside: dict[int, Indices]) -> Network:
    """These groups of heads of every layer, in this order; and in every group its query heads in this order."""

    def take(role: str, x: F32) -> F32:
        layer = int(role.split(".")[1])
        groups = heads_of(x, network.kv_heads)[chosen[layer]]
        if ".attn.q" in role or ".attn.o" in role:
            each = groups.reshape(*inside[layer].shape, network.head_dim, -1)
            groups = np.take_along_axis(each, inside[layer][..., None, None], axis=1)
        return groups.reshape(-1, *x.shape[1:])

    return network.along("query key value mixed", take)


def permute_heads(network: Network, given: Given) -> Network:
    """Groups of heads, and the query heads inside each group."""
    per = network.heads // network.kv_heads
    groups = {k: given.rng.permutation(network.kv_heads) for k in range(network.layers)}
    inside = {k: given.rng.permuted(np.tile(np.arange(per), (network.kv_heads, 1)), axis=1) for k in groups}
    return take_heads(network, groups, inside)


def mix(network: Network, labels: tuple[str, str], matrices: Callable[[], Matrices]) -> Network:
    """Every KV head's rows times a matrix, and its query heads' rows or columns times the transposed inverse."""
    drawn = {layer: matrices() for layer in range(network.layers)}

    def act(role: str, x: F32) -> F32:
        own = drawn[int(role.split(".")[1])]
        if ".attn.q" in role or ".attn.o" in role:
            per = network.heads // network.kv_heads
            own = np.repeat(np.linalg.inv(own).transpose(0, 2, 1), per, axis=0)
        return np.asarray(own @ heads_of(x, len(own))).reshape(x.shape).astype(np.float32)

    return network.along(" ".join(labels), act)


def stack(network: Network, draw: Callable[[], F64]) -> Matrices:
    return np.stack([draw() for _ in range(network.kv_heads)])


def flip_values(network: Network, given: Given) -> Network:
    """Value rows and output columns of half of the value dimensions."""
    n = network.head_dim
    return mix(network, ("value", "mixed"), lambda: stack(network, lambda: np.diag(signs(given.rng, n)).astype(float)))


def rescale_values(network: Network, given: Given) -> Network:
    """Value rows against output columns."""
    n = network.head_dim
    return mix(network, ("value", "mixed"), lambda: stack(network, lambda: np.diag(scales(given.rng, n)).astype(float)))


def rotate_values(network: Network, given: Given) -> Network:
    """An orthogonal matrix between values and outputs of every KV head."""
    return mix(network, ("value", "mixed"), lambda: stack(network, lambda: orthogonal(given.rng, network.head_dim)))


def mix_values(network: Network, given: Given) -> Network:
    """An invertible matrix between values and outputs of every KV head, its condition at most four."""
    n = network.head_dim

    def draw() -> F64:
        return orthogonal(given.rng, n) * scales(given.rng, n) @ orthogonal(given.rng, n)

    return mix(network, ("value", "mixed"), lambda: stack(network, draw))


def planes(network: Network, angles: Callable[[int], F64], sizes: Callable[[int], F32]) -> F64:
    """A matrix that commutes with the rotation of positions: a turn and a size for every plane."""
    if network.family.rope not in ("half", "none"):
        raise Inapplicable("planes are laid out otherwise")
    half, n = network.rotary // 2, network.head_dim
    matrix = np.diag(np.concatenate([np.zeros(network.rotary), np.ones(n - network.rotary)]))
    i, j = np.arange(half), np.arange(half) + half
    turn, size = angles(half), sizes(half)
    matrix[i, i] = matrix[j, j] = size * np.cos(turn)
    matrix[i, j], matrix[j, i] = -size * np.sin(turn), size * np.sin(turn)
    return matrix


def rotate_planes(network: Network, given: Given) -> Network:
    """Planes of q and k turned and scaled; dimensions that do not rotate mixed. Gains there let only signs through."""
    if any("q_norm" in role for role in network.weights):
        return flip_planes(network, given)
    rest = network.head_dim - network.rotary

    def draw() -> F64:
        matrix = planes(network, lambda n: given.rng.uniform(0, 2 * np.pi, n), lambda n: scales(given.rng, n))
        matrix[network.rotary :, network.rotary :] = orthogonal(given.rng, rest) * scales(given.rng, rest)
        return matrix

    return mix(network, ("key", "query"), lambda: stack(network, draw))


def flip_planes(network: Network, given: Given) -> Network:
    """Half of the planes of q and k negated."""

    def draw() -> F64:
        matrix = planes(network, np.zeros, lambda n: signs(given.rng, n))
        rest = np.arange(network.rotary, network.head_dim)
        matrix[rest, rest] = signs(given.rng, len(rest))
        return matrix

    return mix(network, ("key", "query"), lambda: stack(network, draw))


HEADS = (permute_heads, flip_values, flip_planes, rescale_values, rotate_values, mix_values, rotate_planes)
"""All of them: what the model computes is the same, whatever their order."""
