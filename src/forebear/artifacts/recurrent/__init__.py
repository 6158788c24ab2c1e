"""Recurrent networks in one form: an embedding, cells gate by gate, a head; the same from every file format.

A network of LSTM or GRU layers has sign symmetries of its own (:mod:`forebear.signals.generators`): a unit's candidate
is a tanh, an odd function, and everything that reads the unit is a matrix. They hold where nothing else stands between
the layers, so the network's wiring has to be known before its coins are relied on. A Keras file lists its layers, and
its configuration their classes; a ``config.json`` names the family. Where neither is there, the roles are still read
and the coins are the other model's: the family counts as inferred from names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from forebear.artifacts.base import Tensor, Weights
from forebear.artifacts.recurrent.cells import Cell, cells_of
from forebear.artifacts.recurrent.wiring import doubt
from forebear.artifacts.views import bias, gate

__all__ = ["settle"]

MAX_CELLS = 1_000
TIED_ROWS = 8


def settle(weights: Weights, config: Mapping[str, Any]) -> tuple[Weights, Mapping[str, Any]]:
    """A recurrent network's tensors one by one, and its config; both as they were where it is none.

    Args:
        weights: as the format's reader gives them.
        config: that of the model; ``model_type`` is taken from it where the wiring cannot be, and otherwise set.

    Raises:
        InputError: the first rows of an embedding could not be read.
    """
    cells, unread = cells_of(weights.tensors)
    if not cells or len(cells) > MAX_CELLS:
        return weights, config
    kinds = {cell.kind for cell in cells}
    stored = {name for cell in cells for name in cell.stored}
    outside = {n: t for n, t in weights.tensors.items() if n not in stored}
    embed = _embedding(outside, cells[0].inputs)
    if embed is None or len(kinds) > 1:
        why = "mixes kinds of cells" if len(kinds) > 1 else "has no embedding that its first layer reads"
        return replace(weights, notes=(*weights.notes, f"a recurrent network that {why}: no roles")), config
    kind = cells[0].kind
    tensors: dict[str, Tensor] = {"embedding.weight": replace(embed, name="embedding.weight")}
    for number, cell in enumerate(cells):
        for part, view in cell.gates.items():
            name = f"cells.{number}.{part}"
            tensors[name] = replace(view, name=name)
    rest = {n: t for n, t in outside.items() if n != embed.name}
    head = _head(rest, embed, cells)
    tensors |= head
    used = {part.name for view in head.values() for part in view.parts}  # type: ignore[attr-defined]
    tensors |= {n: t for n, t in rest.items() if n not in used}
    listed = config.get("keras_layers", weights.config.get("keras_layers"))
    why = unread or doubt(listed, cells, rest, used, config)
    sizes = {
        "embedding_dim": cells[0].inputs,
        "num_cells": len(cells),
        "units": cells[0].units,
        "vocab_size": embed.shape[0],
    }
    settled = {k: v for k, v in config.items() if k not in ("keras_layers", "model_type")} | sizes
    notes = weights.notes
    if "head.weight" not in tensors:
        notes += ("no head of its own is there: its units may flip with the embedding, and have no coins",)
    if why:
        notes += (f"its coins are not relied on: {why}",)
    else:
        settled["model_type"] = kind
    return replace(weights, tensors=tensors, notes=notes), settled


def _embedding(outside: Mapping[str, Tensor], width: int) -> Tensor | None:
    """The matrix of as many columns as the first layer has inputs: named like an embedding, or the only one."""
    fits = [t for t in outside.values() if len(t.shape) == 2 and t.shape[1] == width and t.shape[0] > 1]
    named = [t for t in fits if any(word in t.name.lower() for word in ("embed", "encoder", "wte", "lookup"))]
    chosen = named or fits
    return chosen[0] if len(chosen) == 1 else None


def _head(rest: Mapping[str, Tensor], embed: Tensor, cells: Sequence[Cell]) -> dict[str, Tensor]:
    """The last matrix that reads the units, rows first, and its bias; empty where there is none of its own.

    A head that is the embedding once more reads the last units with it: they and its dimensions are one generator.
    """
    for stored in reversed(list(rest.values())):
        keras = "/" in stored.name
        if len(stored.shape) != 2 or stored.shape[0 if keras else 1] < cells[-1].units:
            continue
        width, tokens = stored.shape if keras else stored.shape[::-1]
        out: dict[str, Tensor] = {
            "head.weight": gate("head.weight", stored, "columns" if keras else "rows", 0, (tokens, width))
        }
        if _equal_starts(embed, out["head.weight"]):
            return {}
        stem = stored.name.rpartition("/" if keras else ".")[0]
        one = rest.get(f"{stem}/bias" if keras else f"{stem}.bias")
        if one is not None and one.shape == (tokens,):
            out["head.bias"] = bias("head.bias", [(one, 0)], tokens)
        return out
    return {}


def _equal_starts(embed: Tensor, head: Tensor) -> bool:
    """Whether a head begins like the embedding: then one matrix was saved twice."""
    if embed.shape != head.shape or not (embed.readable and head.readable):
        return False
    count = min(TIED_ROWS, embed.shape[0])
    return bool(np.array_equal(embed.rows(0, count), head.rows(0, count)))
