"""``adapter-rows/1``: coins that an adapter and a base have in common, from B alone.

A low-rank change B·A starts with B = 0, so B is a sum of gradients, and the gradient of a matrix's output *i* runs
through what the base does with that output: of a value dimension through its column of the output projection, of a
neuron through its column of the down projection, of a residual dimension through the columns that read it. Rows of B
therefore resemble one another as those columns do. Let S be the products of B's rows, K those of the base's columns and
M = S ∘ K (element by element). Flipping the generators of the base by signs s turns M_ij into s_i s_j M_ij. If the
adapter does not depend on the base, every flip is equally likely, and so, generator by generator, the sign of

    c_i = Σ_{j < i} M_ij

is a fair coin whatever the coins before it showed: s_i alone decides it, and occurs in none of them. The number of
positive signs is exactly Binomial(n, ½), or smaller where some c_i are zero. Nothing is assumed about the adapter.

============  ================================  =====================================
group         rows of B                         columns of the base, same layer
============  ================================  =====================================
value_output  v, by value dimension             o, over the query heads of the group
glu           up, by neuron                     down
residual      o and down, by residual dimension up (else v); all layers summed
============  ================================  =====================================

A is not used: it starts at random, and short trainings hardly move it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.artifacts.adapter import Adapter, LowRank
from forebear.artifacts.architecture import Geometry
from forebear.artifacts.roles import RoleTensor, role_tensor
from forebear.signals.generators import usable_rows
from forebear.signals.sign_code import Cell, SignCode, copied_layers

NAME = "adapter-rows/1"
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Indices = NDArray[np.int64]

LAYERS = 8
"""Layers of the base that are read, evenly spaced among those that the adapter changes."""
GENERATORS = 2_048
"""Of a group in a layer: their products are a square matrix in memory."""
VALUES = 250_000
"""Read from one matrix of the base, at least two rows."""


def cells(adapter: Adapter, base: Artifact, code: SignCode) -> tuple[Cell, ...]:
    """Coins by group and layer of the base; the residual group belongs to no layer.

    Args:
        adapter: its pairs of low rank.
        base: the possible base, whose coins are relied on: its ``code.repeats`` have to be empty.
        code: the base's, which knows which of the layers in it are copies; no other layer is read.

    Raises:
        InputError: a slice could not be read.
    """
    family, geometry = base.architecture, base.geometry
    if family is None or geometry is None:
        return ()
    changes = changes_by_role(adapter, base)
    copies = copied_layers(code)
    layers = sorted({int(role.split(".")[1]) for role in changes if role.startswith("layers.")} & set(code.layers))
    layers = [layers[k * len(layers) // min(LAYERS, len(layers))] for k in range(min(LAYERS, len(layers)))]
    found: list[Cell] = []
    width = min(geometry.width, GENERATORS)
    residual, alive = np.zeros((width, width)), np.zeros(width, dtype=bool)
    for layer in layers:
        stem = f"layers.{layer}."
        if "value_output" in family.coins and (layer, "value_output") not in copies:
            found += _cell("value_output", layer, _values(changes, base, geometry, stem))
        if "glu" in family.coins and (layer, "glu") not in copies:
            found += _cell("glu", layer, _neurons(changes, base, stem))
        if "residual" in family.coins:
            for matrix, valid in _residuals(changes, base, stem):
                residual += matrix
                alive |= valid
    return (*found, *_cell("residual", None, (residual, alive)))


def changes_by_role(adapter: Adapter, base: Artifact) -> dict[str, LowRank]:
    """The adapter's changes under the base's roles; modules match where one name is the end of the other.

    Of several towers with the same layers the one with the shortest name is taken: a wrong guess costs coins only.
    """
    names = {f"{module}.weight": change for module, change in adapter.pairs.items()}
    out: dict[str, LowRank] = {}
    by_end = {_end(name): name for name in sorted(names, key=len, reverse=True)}
    for role, name in base.names.items():
        known = by_end.get(_end(name))
        if known is not None and (known.endswith(name) or name.endswith(known)):
            out[role] = names[known]
    return out


def agreement(matrix: F64, valid: NDArray[np.bool_]) -> tuple[int, int]:
    """Coins and agreeing coins of M; a generator whose sum is zero counts as disagreeing, which is conservative."""
    chosen = np.flatnonzero(valid)
    if len(chosen) < 2:
        return 0, 0
    sums = np.tril(matrix[np.ix_(chosen, chosen)], -1).sum(axis=1)[1:]
    return len(sums), int((sums > 0).sum())


def _cell(group: str, layer: int | None, products: tuple[F64, NDArray[np.bool_]] | None) -> Iterator[Cell]:
    n, agree = agreement(*products) if products is not None else (0, 0)
    if n:
        yield Cell(group, layer, layer, n, agree)


def _values(
    changes: dict[str, LowRank], base: Artifact, geometry: Geometry, stem: str
) -> tuple[F64, NDArray[np.bool_]] | None:
    """Rows of v against columns of o: the value dimension's column in every query head of its group, side by side."""
    up, out = _rows_of(changes, base, stem + "attn.v"), role_tensor(base, stem + "attn.o")
    heads, kv_heads, size = geometry.heads, geometry.kv_heads, geometry.value_dim
    if up is None or out is None or not heads or not kv_heads or not size or heads % kv_heads:
        return None
    if "mixed" not in out.role.axes or out.length("mixed") != heads * size or up.length("value") != kv_heads * size:
        return None
    group = heads // kv_heads
    own = np.arange(_count(out, "mixed", kv_heads * size, group))
    first = own // size * group * size + own % size
    columns = np.concatenate([_columns(out, "mixed", first + k * size) for k in range(group)], axis=1)
    return _products(_rows(up, "value", own), columns)


def _neurons(changes: dict[str, LowRank], base: Artifact, stem: str) -> tuple[F64, NDArray[np.bool_]] | None:
    up, down = _rows_of(changes, base, stem + "mlp.up"), role_tensor(base, stem + "mlp.down")
    if up is None or down is None or up.length("neuron") != down.length("neuron"):
        return None
    own = np.arange(_count(down, "neuron", down.length("neuron")))
    return _products(_rows(up, "neuron", own), _columns(down, "neuron", own))


def _residuals(changes: dict[str, LowRank], base: Artifact, stem: str) -> Iterator[tuple[F64, NDArray[np.bool_]]]:
    """Rows of o and down against what reads the stream; every product has the same size, whatever was read for it."""
    reader = role_tensor(base, stem + "mlp.up") or role_tensor(base, stem + "attn.v")
    if reader is None:
        return
    width = min(reader.length("residual"), GENERATORS)
    own = np.arange(_count(reader, "residual", reader.length("residual")))
    columns = _columns(reader, "residual", own)
    for role in ("attn.o", "mlp.down"):
        if (out := _rows_of(changes, base, stem + role)) is not None and out.length("residual") >= len(own):
            small, valid = _products(_rows(out, "residual", own), columns)
            gap = width - len(own)
            yield np.pad(small, ((0, gap), (0, gap))), np.pad(valid, (0, gap))


def _rows_of(changes: dict[str, LowRank], base: Artifact, role: str) -> RoleTensor | None:
    """B of a role's change, seen as the base's matrix is: fused parts lie where they lie there."""
    change, stored = changes.get(role), role_tensor(base, role)
    if change is None or stored is None or not change.up.signed:
        return None
    # PEFT keeps B as (outputs, rank) whichever way round the base keeps its matrix.
    output = next(a for a in stored.role.axes if (a == "residual") == role.endswith((".o", ".down")))
    if stored.tensor.shape[stored.role.axes.index(output)] != change.up.shape[0]:
        return None
    return RoleTensor(replace(stored.role, axes=(output, "rank")), change.up, stored.geometry)


def _rows(up: RoleTensor, axis: str, own: Indices) -> F32:
    return up.rows(axis, own, up.tensor.shape[1])


def _count(tensor: RoleTensor, axis: str, length: int, times: int = 1) -> int:
    """How many generators are read: all, unless each is a storage row of its own and rows are long."""
    at = tensor.role.axes.index(axis)
    affordable = max(2, VALUES // max(1, tensor.tensor.shape[1] * times)) if at == 0 else GENERATORS
    return min(length, GENERATORS, affordable)


def _columns(tensor: RoleTensor, axis: str, own: Indices) -> F32:
    """Columns of the base by generator; where they are stored rows first, as deep as the budget goes."""
    at = tensor.role.axes.index(axis)
    deep = tensor.tensor.shape[1] if at == 0 else max(2, VALUES // max(1, tensor.tensor.shape[1]))
    return tensor.rows(axis, own, deep)


def _products(rows: F32, columns: F32) -> tuple[F64, NDArray[np.bool_]]:
    """M scaled to unit length, and the generators that carry a coin; neither depends on any sign of the base."""
    valid = usable_rows(columns) & np.isfinite(rows).all(axis=1) & np.abs(rows).any(axis=1)
    one, two = (np.where(valid[:, None], x, 0.0).astype(np.float64) for x in (rows, columns))
    matrix = (one @ one.T) * (two @ two.T)
    np.fill_diagonal(matrix, 0.0)
    length = float(np.linalg.norm(matrix))
    return (matrix / length if np.isfinite(length) and length > 0 else np.zeros_like(matrix)), valid


def _end(name: str) -> str:
    """A tensor's name from the word before its first number on: what models and adapters agree on."""
    parts = name.split(".")
    at = next((k for k, part in enumerate(parts) if part.isdigit()), 0)
    return ".".join(parts[max(0, at - 1) :])
