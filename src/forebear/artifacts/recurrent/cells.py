"""Recurrent layers among the tensors of a model: LSTM and GRU as PyTorch and Keras (both of its layouts) name them.

An LSTM (Hochreiter and Schmidhuber 1997; Gers et al. 2000) and a GRU (Cho et al. 2014, arXiv 1406.1078) keep their
gates fused in one matrix. Orders and layouts: the documentation of ``torch.nn.LSTM`` and ``torch.nn.GRU`` (i, f, g, o;
r, z, n; rows), of ``keras.layers.LSTM`` and ``GRU`` (i, f, c, o; z, r, h; columns), and of the ONNX operations
(i, o, f, c; z, r, h; rows, a stack of one or two directions). Keras' CuDNN layers have the order of its others, two
biases, and every gate's matrix turned and laid row after row into the shape of the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from forebear.artifacts.base import Tensor
from forebear.artifacts.kinds import tally
from forebear.artifacts.views import bias, gate
from forebear.errors import one_line

KINDS = {4: "lstm", 3: "gru"}
"""Gates to the kind of cell. One gate is a plain RNN, whose activation its weights do not tell."""
ORDER = {
    ("torch", "lstm"): ("input", "forget", "candidate", "output"),
    ("torch", "gru"): ("reset", "update", "candidate"),
    ("keras", "lstm"): ("input", "forget", "candidate", "output"),
    ("keras", "gru"): ("update", "reset", "candidate"),
    ("onnx", "lstm"): ("input", "output", "forget", "candidate"),
    ("onnx", "gru"): ("update", "reset", "candidate"),
}
_TORCH = re.compile(r"(?P<stem>(?:.*\.)?)weight_ih_l(?P<layer>\d{1,4})(?P<side>(?:_reverse)?)\Z")

_MARK = re.compile(r"weight_(ih|hh|hr)_l|recurrent_kernel|/W\Z")
"""What no recurrent layer is without, in any of the formats."""


@dataclass(frozen=True)
class Cell:
    """One recurrent layer in one direction.

    Attributes:
        kind: ``lstm`` or ``gru``.
        name: of its layer, in the file.
        inputs, units: sizes.
        layer: of which recurrent layer; the two directions of one have the same number.
        gates: ``candidate.kernel`` and the like to a view, ``(units, inputs)`` or ``(units,)``.
        stored: names of the tensors that the views replace.
        fixed: the layout belongs to an implementation whose candidate is always a tanh.
    """

    kind: str
    name: str
    inputs: int
    units: int
    layer: int
    gates: Mapping[str, Tensor]
    stored: frozenset[str]
    fixed: bool


def cells_of(tensors: Mapping[str, Tensor]) -> tuple[list[Cell], str]:
    """Recurrent layers from the first to the last, and why one that is there could not be read ("" otherwise)."""
    if not any(_MARK.search(tensor.name) for tensor, _ in tally(tensors)):
        return [], ""
    found = list(_torch(tensors)) or list(_keras(tensors)) or list(_onnx(tensors))
    return found, _leftover(tensors, found)


def _leftover(tensors: Mapping[str, Tensor], found: list[Cell]) -> str:
    """The first tensor with the name of a recurrent one that belongs to no cell that was read."""
    taken = {name for cell in found for name in cell.stored}
    for name in tensors:
        tail = re.split(r"[./]", name)[-1]
        if name not in taken and tail.startswith(("weight_hr_l", "weight_hh_l", "weight_ih_l", "recurrent_kernel")):
            return f"{one_line(name, 60)} belongs to no LSTM or GRU that is read"
    return ""


def _kind(rows: int, units: int) -> str | None:
    return KINDS.get(rows // units) if units and rows % units == 0 else None


def _torch(tensors: Mapping[str, Tensor]) -> Iterator[Cell]:
    found = [(m, n) for n in tensors if (m := _TORCH.match(n)) is not None]
    numbers = {key: k for k, key in enumerate(sorted({(m["stem"], int(m["layer"])) for m, _ in found}))}
    for m, name in sorted(found, key=lambda f: (f[0]["stem"], int(f[0]["layer"]), f[0]["side"])):
        stem, tail = m["stem"], f"l{m['layer']}{m['side']}"
        kernel, recurrent = tensors[name], tensors.get(f"{stem}weight_hh_{tail}")
        if recurrent is None or len(recurrent.shape) != 2 or len(kernel.shape) != 2:
            continue
        units, rows = recurrent.shape[1], recurrent.shape[0]
        kind = _kind(rows, units)
        if kind is None or kernel.shape[0] != rows or f"{stem}weight_hr_{tail}" in tensors:
            continue
        biases = [t for n in ("bias_ih_", "bias_hh_") if (t := tensors.get(f"{stem}{n}{tail}")) is not None]
        if len(biases) not in (0, 2) or any(b.shape != (rows,) for b in biases):
            continue
        gates: dict[str, Tensor] = {}
        for k, part in enumerate(ORDER["torch", kind]):
            at, width = k * units, kernel.shape[1]
            gates[f"{part}.kernel"] = gate(f"{part}.kernel", kernel, "rows", at, (units, width))
            gates[f"{part}.recurrent"] = gate(f"{part}.recurrent", recurrent, "rows", at, (units, units))
            gates |= _biases(kind, part, [(b, at) for b in biases], units)
        stored = frozenset([name, recurrent.name, *(b.name for b in biases)])
        layer = numbers[stem, int(m["layer"])]
        yield Cell(kind, f"{stem}{tail}", kernel.shape[1], units, layer, gates, stored, True)


def _biases(kind: str, part: str, places: list[tuple[Tensor, int]], units: int) -> dict[str, Tensor]:
    """One bias for a gate, the sum of two; a GRU whose reset comes after the matrix keeps the candidate's apart."""
    if not places:
        return {}
    if kind == "gru" and part == "candidate" and len(places) == 2:
        names = (f"{part}.bias", f"{part}.recurrent_bias")
        return {name: bias(name, [place], units) for name, place in zip(names, places, strict=True)}
    return {f"{part}.bias": bias(f"{part}.bias", places, units)}


def _keras(tensors: Mapping[str, Tensor]) -> Iterator[Cell]:
    layers: list[str] = []
    for name, recurrent in tensors.items():
        stem, _, last = name.rpartition("/")
        kernel = tensors.get(f"{stem}/kernel")
        if last != "recurrent_kernel" or kernel is None or len(kernel.shape) != 2 or len(recurrent.shape) != 2:
            continue
        units, columns = recurrent.shape
        kind = _kind(columns, units)
        if kind is None or kernel.shape[1] != columns:
            continue
        stored_bias = tensors.get(f"{stem}/bias")
        layout = _keras_layout(stored_bias, kind, columns)
        if layout is None:
            continue
        sided = "/forward_" in f"/{stem}" or "/backward_" in f"/{stem}"
        layer = stem.rpartition("/")[0] if sided else stem
        if layer not in layers:
            layers.append(layer)
        gates: dict[str, Tensor] = {}
        for k, part in enumerate(ORDER["keras", kind]):
            at, width = k * units, kernel.shape[0]
            turned = "block" if layout == "cudnn" else "columns"
            gates[f"{part}.kernel"] = gate(f"{part}.kernel", kernel, turned, at, (units, width))
            gates[f"{part}.recurrent"] = gate(f"{part}.recurrent", recurrent, turned, at, (units, units))
            if stored_bias is not None:
                twice = layout != "one bias"
                places = [(stored_bias, at), (stored_bias, columns + at)] if twice else [(stored_bias, at)]
                gates |= _biases(kind, part, places, units)
        stored = frozenset([name, kernel.name, *([stored_bias.name] if stored_bias is not None else [])])
        yield Cell(kind, stem, kernel.shape[0], units, layers.index(layer), gates, stored, layout == "cudnn")


def _onnx(tensors: Mapping[str, Tensor]) -> Iterator[Cell]:
    layers = 0
    for name, kernel in tensors.items():
        stem, _, last = name.rpartition("/")
        recurrent, both = tensors.get(f"{stem}/R"), tensors.get(f"{stem}/B")
        if last != "W" or recurrent is None or len(kernel.shape) != 3 or len(recurrent.shape) != 3:
            continue
        sides, rows, units = recurrent.shape
        kind = _kind(rows, units)
        biased = both is None or both.shape == (sides, 2 * rows)
        if kind is None or kernel.shape[:2] != (sides, rows) or not 1 <= sides <= 2 or not biased:
            continue
        stored = frozenset([name, recurrent.name, *([both.name] if both is not None else [])])
        for side in range(sides):
            one, own, width = kernel.item(side), recurrent.item(side), kernel.shape[2]
            gates: dict[str, Tensor] = {}
            for k, part in enumerate(ORDER["onnx", kind]):
                at = k * units
                gates[f"{part}.kernel"] = gate(f"{part}.kernel", one, "rows", at, (units, width))
                gates[f"{part}.recurrent"] = gate(f"{part}.recurrent", own, "rows", at, (units, units))
                if both is not None:
                    vector = both.item(side)
                    gates |= _biases(kind, part, [(vector, at), (vector, rows + at)], units)
            yield Cell(kind, stem, width, units, layers, gates, stored, False)
        layers += 1


def _keras_layout(stored: Tensor | None, kind: str, columns: int) -> str | None:
    """``one bias``, ``two biases`` (a GRU that resets after the matrix) or ``cudnn``, by the shape of the bias."""
    if stored is None or stored.shape == (columns,):
        return "one bias"
    if stored.shape == (2 * columns,):
        return "cudnn"
    return "two biases" if kind == "gru" and stored.shape == (2, columns) else None
