"""What of a neuron survives every disguise: numbers that no rotation, permutation, scaling or flip changes.

A neuron reads the residual stream along one direction and writes to it along another. How strongly the circuits of its
own layer respond to such a direction is a quadratic form, x M x / |x|², and M (the Gram matrix of a reader or a writer,
or of two matrices that only act together) turns with the stream. So the numbers stay when somebody rotates or permutes
the stream, permutes neurons, heads or experts, mixes values, or moves a scale from one side of a pair to the other. The
flips that the sign test counts change none of them either: what they negate occurs squared, or as an absolute value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.artifacts.roles import role_tensor
from forebear.signals.matching import unit
from forebear.signals.seen import seen

F32 = NDArray[np.float32]
Indices = NDArray[np.int64]
Form = Callable[[F32], F32]
"""From directions ``(n, width)`` to ``(n,)``, how strongly something responds to them."""

MOST_ROWS = 512
"""Neurons of a layer that are described: those with the largest gate rows, which drift changes little."""
MOST_SUMMED = 1_024
"""Neurons of a layer that a form sums over."""
MOST_EXPERTS = 8
MOST_VALUES = 2**28
"""Values of a matrix; a larger one is left alone (a gigabyte as float32)."""
NOISE = 0.02
"""Cosines between two rows of one neuron are noise below this."""
FURTHEST = 3.0
"""A number further from its layer's median is drawn in to this many deviations."""


@dataclass(frozen=True, eq=False)
class Neurons:
    """The largest neurons of a layer.

    Attributes:
        rows: ``(n, width)`` what they read: gate rows, or the in-rows of an MLP without gates; norm gains folded in.
        features: name to ``(n,)`` numbers in deviations from the layer's median.
    """

    rows: F32
    features: Mapping[str, F32]


@dataclass(frozen=True, eq=False)
class _Chosen:
    """Neurons of a layer, the largest first, and their in-rows.

    Attributes:
        stems: parts of the layer that have neurons (``mlp``, ``experts.3``).
        where: ``(n, 2)`` number of a stem, and of a neuron in it.
        rows: ``(n, width)``.
    """

    stems: tuple[str, ...]
    where: Indices
    rows: F32


def largest(artifact: Artifact, layer: int) -> Neurons | None:
    """The neurons that :func:`described` gives, without what describes them: only their rows are read."""
    chosen = _largest(artifact, layer, MOST_ROWS)
    return None if chosen is None else Neurons(chosen.rows, {})


def described(artifact: Artifact, layer: int, reach: int = 0) -> Neurons | None:
    """The largest neurons of a layer and what describes them; None where it has none of a size that is read.

    Args:
        artifact: the model.
        layer: the layer.
        reach: how many layers before and after it lend their circuits as well.

    Raises:
        InputError: rows could not be read.
    """
    chosen = _largest(artifact, layer, MOST_ROWS)
    if chosen is None or artifact.geometry is None:
        return None
    with np.errstate(all="ignore"):  # absurd values overflow, and say nothing then
        sides = _sides(artifact, layer, chosen)
        units = {side: unit(rows) for side, rows in sides.items()}
        numbers = _own(sides, units)
        for there in range(max(0, layer - reach), min(artifact.geometry.layers, layer + reach + 1)):
            for name, form in _forms(artifact, there).items():
                numbers |= {f"{there - layer} {name} on {side}": form(x) for side, x in units.items()}
        return Neurons(chosen.rows, {name: _standard(x) for name, x in numbers.items()})


def _largest(artifact: Artifact, layer: int, most: int) -> _Chosen | None:
    """The neurons of a layer with the largest in-rows: of the MLP, the shared expert and some routed experts."""
    stems = ["mlp", "shared"]
    router = _read(artifact, layer, "router")
    if router is not None:
        stems += [f"experts.{expert}" for expert in _by_size(router, MOST_EXPERTS)]
    found, rows = [], []
    for k, stem in enumerate(stems):
        read = _in_rows(artifact, layer, stem)
        if read is not None:
            kept = _by_size(read, most)
            found.append(np.stack([np.full(len(kept), k), kept], axis=1))
            rows.append(read[kept])
    if not sum(len(x) for x in rows):
        return None
    where, every = np.concatenate(found), np.concatenate(rows)
    best = _by_size(every, most)
    return _Chosen(tuple(stems), where[best], every[best])


def _in_rows(artifact: Artifact, layer: int, stem: str) -> F32 | None:
    """Gate rows; or the in-rows of an MLP without gates, in a family where they are no coin."""
    gate = _read(artifact, layer, f"{stem}.gate")
    if gate is not None or artifact.architecture is None or {"glu", "experts"} & set(artifact.architecture.coins):
        return gate
    return _read(artifact, layer, f"{stem}.up")


def _read(artifact: Artifact, layer: int, part: str, indices: Indices | None = None) -> F32 | None:
    """Rows of a part, where it is of a size that is read and lies against the whole residual stream."""
    tensor = role_tensor(artifact, f"layers.{layer}.{part}")
    if tensor is None or tensor.tensor.size > MOST_VALUES or artifact.geometry is None:
        return None
    rows = seen(artifact, layer, part, indices)
    return None if rows is None or rows.shape[1] != artifact.geometry.width else rows


def _sides(artifact: Artifact, layer: int, chosen: _Chosen) -> dict[str, F32]:
    """What the chosen neurons read and write, by name: ``in``, and ``up`` and ``down`` where they have such rows."""
    gated = all(
        role_tensor(artifact, f"layers.{layer}.{chosen.stems[k]}.gate") is not None
        for k in np.unique(chosen.where[:, 0])
    )
    beside = {part: _beside(artifact, layer, chosen, part) for part in (("up", "down") if gated else ("down",))}
    return {"in": chosen.rows} | {part: rows for part, rows in beside.items() if rows is not None}


def _beside(artifact: Artifact, layer: int, chosen: _Chosen, part: str) -> F32 | None:
    """Another row of every chosen neuron, ``(n, width)``; None where some have none."""
    rows = np.zeros_like(chosen.rows)
    for k in np.unique(chosen.where[:, 0]):
        mine = chosen.where[:, 0] == k
        ascending, back = np.unique(chosen.where[mine, 1], return_inverse=True)
        read = _read(artifact, layer, f"{chosen.stems[k]}.{part}", ascending)
        if read is None or len(read) != len(ascending):
            return None
        rows[mine] = read[back]
    return rows


def _forms(artifact: Artifact, layer: int) -> dict[str, Form]:
    """The forms of a layer by name."""
    chosen = _largest(artifact, layer, MOST_SUMMED)
    mlp = {} if chosen is None else _mlp(_sides(artifact, layer, chosen))
    return mlp | _attention(artifact, layer)


def _mlp(sides: Mapping[str, F32]) -> dict[str, Form]:
    """Forms of the neurons themselves. A scale moves freely between up and down, so each is weighted by the other."""
    forms = {"in": _gram(sides["in"])}
    for part, other in (("up", "down"), ("down", "up")):
        if part in sides:
            size = np.linalg.norm(sides[other], axis=1, keepdims=True) if other in sides else 1.0
            forms[part] = _gram(np.asarray(sides[part] * size, dtype=np.float32))
    return forms


def _attention(artifact: Artifact, layer: int) -> dict[str, Form]:
    """Forms of what heads read and write; rows are weighted by what they meet in their head, so its basis is free."""
    parts = {part: _read(artifact, layer, f"attn.{part}") for part in ("q", "k", "v", "o", "q_latent", "kv_latent")}
    forms = {part: _gram(x) for part, x in parts.items() if x is not None and part.endswith("latent")}
    g = artifact.geometry
    if g is None or not g.heads or not g.kv_heads:
        return forms
    for part, other in (("q", "k"), ("k", "q"), ("v", "o"), ("o", "v")):
        x, y = (_by_head(parts[p], g.heads if p in "qo" else g.kv_heads) for p in (part, other))
        if x is not None and y is not None and x.shape[1] == y.shape[1]:
            forms[part] = _paired(x, y)
    return forms


def _by_head(rows: F32 | None, heads: int) -> F32 | None:
    """``(heads, dimensions, width)``."""
    return None if rows is None or len(rows) % heads else rows.reshape(heads, -1, rows.shape[1])


def _gram(rows: F32) -> Form:
    """|W x|²."""
    return lambda x: np.asarray(np.square(x @ rows.T).sum(axis=1))


def _paired(rows: F32, partners: F32) -> Form:
    """|Y^T X x|² summed over pairs of heads, for ``(heads, dimensions, width)`` X and Y; one may have fewer heads."""
    met = partners @ partners.transpose(0, 2, 1)
    if len(met) > len(rows):
        met = met.reshape(len(rows), -1, *met.shape[1:]).sum(axis=1)
    weights = np.repeat(met, len(rows) // len(met), axis=0)

    def form(x: F32) -> F32:
        by_head = (x @ rows.reshape(-1, rows.shape[2]).T).reshape(len(x), *rows.shape[:2]).transpose(1, 0, 2)
        return np.asarray(((by_head @ weights) * by_head).sum(axis=(0, 2)))

    return form


def _own(sides: Mapping[str, F32], units: Mapping[str, F32]) -> dict[str, F32]:
    """Sizes of a neuron's rows, and how they lie to each other up to sign."""
    sizes = {side: np.linalg.norm(rows, axis=1) for side, rows in sides.items()}
    numbers = {"size": sizes["in"]}
    if "down" in sizes:
        numbers["effect"] = sizes["down"] * sizes.get("up", np.float32(1.0))
    for one, two in (("in", "up"), ("in", "down"), ("up", "down")):
        if one in units and two in units:
            numbers[f"{one} to {two}"] = np.abs((units[one] * units[two]).sum(axis=1)) + NOISE
    return {name: np.asarray(x, dtype=np.float32) for name, x in numbers.items()}


def _standard(x: F32) -> F32:
    """Logarithms, in robust deviations from their median."""
    with np.errstate(all="ignore"):
        log = np.log(np.maximum(np.nan_to_num(x), np.finfo(np.float32).tiny))
    off = log - np.median(log)
    spread = 1.4826 * np.median(np.abs(off))
    return np.asarray(np.clip(off / max(float(spread), 1e-6), -FURTHEST, FURTHEST), dtype=np.float32)


def _by_size(rows: F32, most: int) -> Indices:
    """Indices of the largest rows, the largest first, without those of no length."""
    with np.errstate(all="ignore"):
        sizes = np.linalg.norm(rows, axis=1)
    order: Indices = np.argsort(-sizes, kind="stable")[:most]
    return np.asarray(order[(sizes[order] > 0) & np.isfinite(sizes[order])])
