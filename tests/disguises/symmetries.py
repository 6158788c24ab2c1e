"""Disguises that a network does not feel: the same function from other numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from disguises.network import F32, Inapplicable, Indices, Network

F64 = NDArray[np.float64]
NORMS = ("attn_norm", "mlp_norm", "norm")
PLAIN = {"embed", "positions", "lm_head", "norm", "norm.bias"}


@dataclass(frozen=True)
class Given:
    """What a disguise is made with: random numbers, how much of it (None: the usual), and another model, if any."""

    rng: np.random.Generator
    size: float | None = None
    other: Network | None = None

    def amount(self, usual: float) -> float:
        return usual if self.size is None else self.size

    def donor(self) -> Network:
        """The other model.

        Raises:
            Inapplicable: none was given.
        """
        if self.other is None:
            raise Inapplicable("needs another model")
        return self.other


def signs(rng: np.random.Generator, *shape: int) -> F32:
    return rng.choice(np.array([-1, 1], dtype=np.float32), shape)


def scales(rng: np.random.Generator, *shape: int) -> F32:
    """Between a half and two, uniform in the logarithm."""
    return np.exp2(rng.uniform(-1, 1, shape)).astype(np.float32)


def orthogonal(rng: np.random.Generator, n: int) -> F64:
    """A random orthogonal matrix (Haar)."""
    q, r = np.linalg.qr(rng.standard_normal((n, n)))
    return np.asarray(q * np.sign(np.diag(r)))


def scaled(values: F32, factors: F32) -> F32:
    """Entries of the first axis times a number each."""
    return values * factors.reshape(-1, *(1,) * (values.ndim - 1))


def gated(network: Network) -> None:
    if not all(f"{stem}gate" in network.weights for stem in network.mlps()):
        raise Inapplicable("a neuron without a gate is not linear in its row")


def norm_of(role: str) -> str | None:
    """The norm whose output a role reads."""
    if role == "lm_head":
        return "norm"
    end = role.rsplit(".", 1)[-1]
    if end in ("q", "k", "v"):
        return role.removesuffix(f"attn.{end}") + "attn_norm"
    return ".".join(role.split(".")[:2]) + ".mlp_norm" if end in ("up", "gate", "router") else None


def plain_norms(network: Network) -> None:
    """Only norms that are known to stand before what reads them, and nothing else in the stream.

    Raises:
        Inapplicable: the model has others.
    """
    for role in network.weights:
        if "norm" in role and role.removesuffix(".bias").split(".")[-1] not in (*NORMS, "q_norm", "k_norm"):
            raise Inapplicable(f"{role} normalises what is written, channel by channel")


def take_neurons(network: Network, chosen: dict[str, Indices]) -> Network:
    """These neurons of every MLP, in this order."""
    return network.along("neuron", lambda role, x: x[chosen[mlp_of(role)]])


def mlp_of(role: str) -> str:
    """``layers.0.mlp.`` of ``layers.0.mlp.up.bias``."""
    return role.removesuffix(".bias").rsplit(".", 1)[0] + "."


def permute_neurons(network: Network, given: Given) -> Network:
    w = network.weights
    return take_neurons(network, {s: given.rng.permutation(len(w[f"{s}up"])) for s in network.mlps()})


def flip_neurons(network: Network, given: Given) -> Network:
    """Up rows and down columns of half of the neurons."""
    return _scale_neurons(network, lambda n: signs(given.rng, n))


def rescale_neurons(network: Network, given: Given) -> Network:
    """Up rows against down columns."""
    return _scale_neurons(network, lambda n: scales(given.rng, n))


def _scale_neurons(network: Network, draw: Callable[[int], F32]) -> Network:
    gated(network)
    factors = {stem: draw(len(network.weights[f"{stem}up"])) for stem in network.mlps()}

    def scale(role: str, x: F32) -> F32:
        f = factors[mlp_of(role)]
        return x if ".gate" in role else scaled(x, np.float32(1) / f if role.endswith("down") else f)

    return network.along("neuron", scale)


def permute_experts(network: Network, given: Given) -> Network:
    """Experts of every layer, and the router's rows with them."""
    made = dict(network.weights)
    routers = [role for role in made if role.endswith(".router")]
    if not routers:
        raise Inapplicable("there are no experts")
    for router in routers:
        stem = router.removesuffix("router") + "experts."
        order = given.rng.permutation(len(made[router]))
        made[router] = made[router][order]
        for new, old in enumerate(order):
            for part in ("up", "gate", "down"):
                made[f"{stem}{new}.{part}"] = network.weights[f"{stem}{old}.{part}"]
    return network.with_(made)


def permute_residual(network: Network, given: Given) -> Network:
    order = given.rng.permutation(network.width)
    return network.along("residual gain", lambda _, x: x[order])


def flip_residual(network: Network, given: Given) -> Network:
    if network.layernorm:
        raise Inapplicable("LayerNorm feels the sign of a residual dimension")
    flips = signs(given.rng, network.width)
    return network.along("residual", lambda _, x: scaled(x, flips))


def untie(network: Network, given: Given | None = None) -> Network:
    """A head of its own where it was the embedding."""
    return network.with_({**network.weights, "lm_head": network.weights.get("lm_head", network.weights["embed"])})


def fold_norms(network: Network, given: Given | None = None) -> Network:
    """Gains into what reads them, biases of LayerNorms into its biases; the head has none, so the last bias stays."""
    plain_norms(network)
    network = untie(network)
    w = dict(network.weights)
    for role, values in network.weights.items():
        norm = norm_of(role)
        if norm is None:
            continue
        bias = network.weights.get(f"{norm}.bias")
        if bias is not None and role != "lm_head":
            if f"{role}.bias" not in w:
                raise Inapplicable(f"{role} has no bias to take the norm's")
            w[f"{role}.bias"] = w[f"{role}.bias"] + values @ bias
        w[role] = values * w[norm]
    for role in [r for r in w if r.split(".")[-1] in NORMS]:
        if f"{role}.bias" in w:
            w[f"{role}.bias"] = w[f"{role}.bias"] / w[role] if role == "norm" else np.zeros_like(w[role])
        w[role] = np.ones_like(w[role])
    return network.with_(w)


def rotate(network: Network, given: Given) -> Network:
    """The residual stream in other coordinates, norms folded (as QuaRot does, arXiv 2404.00456).

    LayerNorm subtracts a mean: there the rotation leaves the vector of ones where it is.
    """
    network = fold_norms(network)
    n = network.width
    turn = orthogonal(given.rng, n)
    if network.layernorm:
        rest = np.eye(n)
        rest[:, 0] = 1.0
        basis, _ = np.linalg.qr(rest)
        inner = np.eye(n)
        inner[1:, 1:] = orthogonal(given.rng, n - 1)
        turn = basis @ inner @ basis.T
    return network.along("residual", lambda _, x: (turn @ x).astype(np.float32))


def rescale_norms(network: Network, given: Given) -> Network:
    """Gains against what reads them; the last norm only where the head is not the embedding."""
    plain_norms(network)
    w = dict(network.weights)
    norms = [r for r in w if r.split(".")[-1] in NORMS and not (r == "norm" and network.tied)]
    factors = {norm: scales(given.rng, network.width) for norm in norms}
    for role in network.weights:
        own = factors.get(role.removesuffix(".bias"))
        reads = factors.get(norm_of(role) or "")
        w[role] = w[role] * own if own is not None else w[role] / reads if reads is not None else w[role]
    return network.with_(w)


def pad_dead(network: Network, given: Given) -> Network:
    """More neurons, a quarter of what is there, that add nothing: half without a down column, half without rows."""
    return _padded(network, given, dead=True)


def pad_duplicates(network: Network, given: Given) -> Network:
    """A quarter of the neurons twice, each with half of its down column."""
    return _padded(network, given, dead=False)


def _padded(network: Network, given: Given, dead: bool) -> Network:
    w = network.weights
    sizes = {stem: len(w[f"{stem}up"]) for stem in network.mlps()}
    more = {stem: 8 * max(1, round(given.amount(0.25) * n / 8)) for stem, n in sizes.items()}
    copied = {stem: given.rng.permutation(n)[: more[stem]] for stem, n in sizes.items()}
    network = take_neurons(network, {stem: np.concatenate([np.arange(n), copied[stem]]) for stem, n in sizes.items()})

    def settle(role: str, x: F32) -> F32:
        stem, x = mlp_of(role), x.copy()
        n, half = sizes[stem], sizes[stem] + more[stem] // 2
        down = role.endswith("down")
        if not dead:
            if down:
                x[copied[stem]] *= 0.5
                x[n:] *= 0.5
            return x
        x[n:] = x[:n].std() * given.rng.standard_normal(x[n:].shape)
        x[slice(n, half) if down else slice(half, None)] = 0
        return x

    return permute_neurons(network.along("neuron", settle), given)  # those that were added do not stand behind


SYMMETRIES = (
    *(permute_neurons, permute_experts, permute_residual, flip_residual, flip_neurons),
    *(untie, fold_norms, rotate, rescale_norms, rescale_neurons, pad_dead, pad_duplicates),
)
"""All of them: what the model computes is the same, whatever their order."""
