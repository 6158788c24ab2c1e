"""Disguises that Forebear does not promise to undo: other coordinates in every layer, another attention, grown widths.

The most that is asked under them is that nothing false is said. Those of ``GROWN`` leave the outputs alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from disguises.network import F32, Inapplicable, Indices, Network, Stored, heads_of
from disguises.symmetries import (
    F64,
    Given,
    fold_norms,
    mlp_of,
    norm_of,
    orthogonal,
    permute_neurons,
    scaled,
    scales,
    take_neurons,
    untie,
)

SHORTCUTS = ("attn_shortcut_Q", "mlp_shortcut_Q")
"""What SliceGPT calls the matrices on the two shortcuts of a layer."""


def turn_layers(network: Network, given: Given) -> Network:
    """Other coordinates of the stream before every block, and matrices on the shortcuts that lead to the next ones.

    As SliceGPT does before it slices (Ashkboos et al. 2024, arXiv 2401.15024), at random instead of by principal axes.
    """
    return _turned(network, given, network.width)


def slice_layers(network: Network, given: Given) -> Network:
    """The same, and of every block's coordinates a quarter less."""
    return _turned(network, given, max(2, round(network.width * (1 - given.amount(0.25)) / 2) * 2))


def _turned(network: Network, given: Given, width: int) -> Network:
    if network.layernorm:
        raise Inapplicable("its norms would have to be made RMSNorms first")
    network = fold_norms(network)
    n = network.layers
    turns = [orthogonal(given.rng, network.width)[:width] for _ in range(2 * n + 1)]
    made = dict(network.weights)
    for role, values in network.weights.items():
        if "norm" in role and not role.endswith(("q_norm", "k_norm")):
            made[role] = np.ones(width, dtype=np.float32)
        elif values.ndim == 2 or role.endswith((".o.bias", ".down.bias")):
            turn = turns[_basis(role, n)]
            writes = role.removesuffix(".bias").endswith(("attn.o", "down"))
            made[role] = (turn @ values if writes else values @ turn.T).astype(np.float32)
    shortcuts = {
        f"layers.{k // 2}.{SHORTCUTS[k % 2]}": (turns[k] @ turns[k + 1].T).astype(np.float32) for k in range(2 * n)
    }
    return _with_extra(network.with_(made), shortcuts)


def _basis(role: str, layers: int) -> int:
    """Number of the coordinates that a role reads from, or writes to: two in every layer, and the last."""
    if not role.startswith("layers."):
        return 2 * layers if role == "lm_head" else 0
    at = 2 * int(role.split(".")[1]) + (".attn." not in role)
    return at + role.removesuffix(".bias").endswith(("attn.o", "down"))


def _with_extra(network: Network, tensors: Stored) -> Network:
    """The model with tensors that its family does not have."""
    added = {network.prefix + name: values for name, values in tensors.items()}
    return replace(network, finish=(*network.finish, lambda stored: {**stored, **added}))


def group_heads(network: Network, given: Given) -> Network:
    """Key/value heads two by two replaced by their mean (Ainslie et al. 2023, arXiv 2305.13245)."""
    return _with_groups(network, network.kv_heads // 2, lambda x, n: x.reshape(n, 2, *x.shape[1:]).mean(axis=1))


def repeat_heads(network: Network, given: Given) -> Network:
    """Key/value heads repeated until every query head has its own: the same function."""
    return _with_groups(network, network.heads, lambda x, n: np.repeat(x, n // len(x), axis=0))


def _with_groups(network: Network, groups: int, change: Callable[[F32, int], F32]) -> Network:
    """The model with another number of key/value heads, ``change`` of (heads, size, rest) and the new number."""
    if network.family.roles["layers.{layer}.attn.k"].part is not None:
        raise Inapplicable("the family fuses queries, keys and values, head by head")
    if groups in (0, network.kv_heads) or max(groups, network.kv_heads) % min(groups, network.kv_heads):
        raise Inapplicable(f"{network.kv_heads} key/value heads cannot become {groups}")

    def regroup(role: str, x: F32) -> F32:
        return change(heads_of(x, network.kv_heads), groups).reshape(groups * network.head_dim, *x.shape[1:])

    made = network.along("key value", regroup)
    return made.with_(made.weights, kv_heads=groups)


def latent_attention(network: Network, given: Given) -> Network:
    """Keys and values from one latent of three quarters of their rank, under names of nobody's.

    In the style of TransMLA (Meng et al. 2025, arXiv 2502.07864).
    """
    if network.family.roles["layers.{layer}.attn.k"].part is not None:
        raise Inapplicable("the family fuses queries, keys and values")

    def factor(tensors: Stored) -> Stored:
        made = dict(tensors)
        for key in [name for name in tensors if name.endswith("k_proj.weight")]:
            both = np.concatenate([made.pop(key), made.pop(key.replace("k_proj", "v_proj"))])
            u, s, v = np.linalg.svd(both, full_matrices=False)
            rank = max(1, round(len(s) * given.amount(0.75)))
            made[key.replace("k_proj", "kv_lift")] = (u[:, :rank] * np.sqrt(s[:rank])).astype(np.float32)
            made[key.replace("k_proj", "kv_squeeze")] = (np.sqrt(s[:rank, None]) * v[:rank]).astype(np.float32)
        return made

    return replace(network, finish=(*network.finish, factor))


def split_neurons(network: Network, given: Given) -> Network:
    """Every neuron in two: its down column in unequal parts, and where it has a gate, up rows of other sizes."""
    parts = _numbers(network, lambda n: given.rng.uniform(0.1, 0.9, n))
    sizes = _numbers(network, lambda n: scales(given.rng, 2 * n))
    twice = {stem: np.tile(np.arange(len(part)), 2) for stem, part in parts.items()}
    both = {stem: np.concatenate([part, 1 - part]).astype(np.float32) for stem, part in parts.items()}
    return _grown(network, given, twice, both, sizes)


def widen_neurons(network: Network, given: Given) -> Network:
    """Half as many neurons more, copies of some drawn at random, among which down columns are divided.

    As Net2Net (Chen et al. 2016, arXiv 1511.05641) and bert2BERT (Chen et al. 2022, arXiv 2110.07143) do.
    """

    def drawn(n: int) -> Indices:
        more = 8 * max(1, round(given.amount(0.5) * n / 8))
        return np.concatenate([np.arange(n), given.rng.integers(0, n, more)])

    chosen = {stem: drawn(len(network.weights[f"{stem}up"])) for stem in network.mlps()}
    shares = {stem: (1 / np.bincount(own)[own]).astype(np.float32) for stem, own in chosen.items()}
    return _grown(network, given, chosen, shares)


def _numbers(network: Network, draw: Callable[[int], F64 | F32]) -> dict[str, F64 | F32]:
    return {stem: draw(len(network.weights[f"{stem}up"])) for stem in network.mlps()}


def _grown(
    network: Network,
    given: Given,
    chosen: dict[str, Indices],
    shares: dict[str, F32],
    sizes: Mapping[str, F64 | F32] | None = None,
) -> Network:
    """These neurons, each with its share of the down column, in random order; of gated ones up rows scaled by sizes."""

    def scale(role: str, x: F32) -> F32:
        stem = mlp_of(role)
        size = np.ones(len(x)) if sizes is None or f"{stem}gate" not in network.weights else sizes[stem]
        if role.endswith("down"):
            return scaled(x, (shares[stem] / size).astype(np.float32))
        return x if ".gate" in role or f"{stem}gate" not in network.weights else scaled(x, size.astype(np.float32))

    return permute_neurons(take_neurons(network, chosen).along("neuron", scale), given)


def clone_width(network: Network, given: Given) -> Network:
    """The stream and the heads twice, what reads them in two unequal parts that add up.

    As HyperCloning does (Samragh et al. 2024, arXiv 2409.12903), with noise that cancels. Norms see the same scale.
    """
    if network.family.name.startswith("gemma"):
        raise Inapplicable("embeddings are multiplied by the root of the width")
    network = untie(network)

    def parts(x: F32) -> F32:
        noise = (x.std() * given.rng.standard_normal(x.shape)).astype(np.float32)
        return np.concatenate([x / 2 + noise, x / 2 - noise])

    def stream(role: str, x: F32) -> F32:
        return np.concatenate([x, x]) if norm_of(role) is None or role.endswith("bias") else parts(x)

    def heads(role: str, x: F32) -> F32:
        return parts(x) if role.endswith("attn.o") else np.concatenate([x, x])

    made = network.along("residual gain", stream).along("query key value mixed", heads)
    return made.with_(made.weights, heads=2 * network.heads, kv_heads=2 * network.kv_heads)


GROWN = (repeat_heads, split_neurons, widen_neurons, clone_width)
"""Those after which the model computes what it did, in the family's own implementation."""
BEYOND = (*GROWN, turn_layers, slice_layers, group_heads, latent_attention)
