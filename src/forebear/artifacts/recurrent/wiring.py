"""Whether a recurrent network is wired as its symmetries need it: what stands between its layers, as far as told."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from forebear.artifacts.base import Tensor
from forebear.artifacts.recurrent.cells import Cell
from forebear.errors import one_line

NEUTRAL = frozenset(
    ["InputLayer", "Embedding", "LSTM", "GRU", "CuDNNLSTM", "CuDNNGRU", "Bidirectional", "Dropout", "SpatialDropout1D"]
) | {"Masking", "Concatenate", "GaussianNoise", "Reshape", "Flatten", "TimeDistributed", "Dense", "Activation"}
"""Keras classes before the first dense layer that a flipped sign passes through unchanged, or that compensate it.

A dense layer reads with a matrix; whatever comes after it sees the same numbers as before. An activation in between is
neutral only as ``linear`` or ``tanh``. Additions and normalisations are not in the list: they tie signs together."""
RECURRENT = ("LSTM", "GRU", "CuDNNLSTM", "CuDNNGRU", "Bidirectional")
ODD = frozenset(["linear", "tanh"])
JOINED = frozenset(["concat", ""])
_PLAIN_NAME = re.compile(r"(input|dropout|spatial_dropout1d|concatenate|masking)(_\d+)?\Z")
TEXTGENRNN = frozenset(
    [
        ("input", "embedding", "rnn", "output"),
        ("input", "embedding", "rnn_1", "rnn_2", "rnn_concat", "attention", "output"),
    ]
)
"""The layers of textgenrnn (github.com/minimaxir/textgenrnn, MIT), as its weight files list them: embedding, LSTMs with
their default tanh, from version 1 on all of them side by side through an attention that weights and adds them."""


def doubt(
    listed: Any, cells: Sequence[Cell], rest: Mapping[str, Tensor], heads: Collection[str], config: Mapping[str, Any]
) -> str:
    """Why the symmetries are not vouched for, as a clause; empty where they are.

    Args:
        listed: the layers as a Keras file lists them, each a mapping with ``name`` and, from a configuration,
            ``class`` and what it says of activations; None where the file lists none.
        cells: the recurrent layers found.
        rest: tensors beside embedding and cells.
        heads: those of them that are the head.
        config: of the model; its ``model_type`` vouches where nothing is listed.
    """
    if (odd := _sizes(cells)) != "":
        return odd
    layers = [entry for entry in listed if isinstance(entry, Mapping)] if isinstance(listed, list) else []
    if not layers:
        strange = [n for n in rest if n not in heads]
        if strange:
            return f"{one_line(strange[0], 60)} may stand between its layers"
        if config.get("model_type") == cells[0].kind:
            return ""
        return f"nothing says how its layers are wired (model_type {cells[0].kind} in config.json would)"
    if all("class" in layer for layer in layers):
        return _configured(layers)
    names = tuple(str(layer.get("name", "")) for layer in layers)
    if names in TEXTGENRNN:
        return ""
    return _plain(names, cells, rest)


def _sizes(cells: Sequence[Cell]) -> str:
    """Every layer reads all of the one before: its units, side by side in both directions."""
    if len({cell.units for cell in cells}) > 1:
        return "its recurrent layers differ in size"
    sides = {layer: sum(c.layer == layer for c in cells) for layer in {c.layer for c in cells}}
    for cell in cells:
        below = sides.get(cell.layer - 1)
        if below is not None and cell.inputs != below * cell.units:
            return f"{one_line(cell.name, 60)} does not read just the layer before it"
    return ""


def _configured(layers: Sequence[Mapping[str, Any]]) -> str:
    """In a chain nothing behind the first dense layer matters; in any other graph every layer could read a unit."""
    kinds = [str(layer["class"]) for layer in layers]
    if kinds.count("Embedding") != 1:
        return f"its configuration has {kinds.count('Embedding')} embeddings"
    recurrent = [k for k, kind in enumerate(kinds) if kind in RECURRENT]
    dense = [k for k, kind in enumerate(kinds) if "Dense" in (kind, layers[k].get("inside"))]
    if not recurrent or not dense or min(dense) < max(recurrent):
        return "its dense layers do not come after its recurrent ones"
    chain = all(layer.get("chain") is True for layer in layers)
    for layer in layers[: min(dense)] if chain else layers:
        kind, name = str(layer["class"]), one_line(str(layer["name"]), 60)
        activation = str(layer.get("activation", "tanh"))
        if kind not in NEUTRAL or (kind == "TimeDistributed" and layer.get("inside") != "Dense"):
            return f"a layer of class {one_line(kind, 60)} may stand between its layers"
        if kind in (*RECURRENT, "Activation") and activation not in ODD:
            return f"layer {name} has the activation {one_line(activation, 40)}"
        if kind == "Bidirectional" and str(layer.get("merge_mode", "")) not in JOINED:
            return "the two directions of a layer are added, not joined"
        if layer.get("constrained"):
            return f"the weights of layer {name} are constrained"
    return ""


def _plain(names: Sequence[str], cells: Sequence[Cell], rest: Mapping[str, Tensor]) -> str:
    """A file that lists only names: those of layers with weights, and of others only what Keras calls them itself."""
    weighted = {name.partition("/")[0] for name in rest} | {cell.name.partition("/")[0] for cell in cells}
    for name in names:
        if name not in weighted and not _PLAIN_NAME.match(name) and "embedding" not in name:
            return f"a layer called {one_line(name, 60)} may stand between its layers"
    if not all(cell.fixed for cell in cells):
        return "its file does not say which activation its layers have"
    heads = [n for n, t in rest.items() if len(t.shape) == 2]
    return (
        "" if len(heads) == 1 else f"{len(heads)} matrices beside its recurrent layers, and nothing says what they do"
    )
