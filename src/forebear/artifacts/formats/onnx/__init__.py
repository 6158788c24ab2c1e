"""ONNX models: the initialisers of the graph, under the names that the network had before it was exported.

PyTorch's exporters fold the turn of a linear layer into its weight and call that ``onnx::MatMul_123`` or ``val_12``;
the node that reads it is still called after the module, ``/model/layers.0/mlp/up_proj/MatMul``, or says it beside. So
names come from nodes where the initialiser has none of its own, and the matrix is turned back. What remains unnamed
keeps its number, and roles come from shapes.
"""

from __future__ import annotations

import re

from forebear.artifacts.base import Tensor, Weights
from forebear.artifacts.formats.onnx.graph import Graph, Node, read_graph
from forebear.artifacts.formats.onnx.wire import Wire
from forebear.artifacts.text import LFS_POINTER, lfs_pointer
from forebear.artifacts.views import gate
from forebear.errors import FormatError, one_line
from forebear.sources import Source

SUFFIX = ".onnx"
PREFERRED = ("model.onnx", "decoder_model_merged.onnx", "decoder_model.onnx")
MADE_UP = re.compile(r"(onnx::\w+_\d+|\d+|val_\d+|_?[a-z]+_\d+)\Z")
"""Names that exporters give to what has none: ``onnx::MatMul_123``, ``1234``, ``val_7``."""
READERS = frozenset(["MatMul", "Gemm", "Gather", "Conv", "LSTM", "GRU", "Transpose"])
"""Operations whose constants are weights; others have constants of the computation, such as an initial state."""
QUANTISED = {
    *("MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "QLinearMatMul", "MatMulNBits", "MatMulBnb4"),
    *("ConvInteger", "QLinearConv", "DequantizeLinear", "GatherBlockQuantized", "QAttention", "QMoE"),
}
"""Operations of quantised networks: what they read are codes, with scales and zeros in orders of their own."""
RECURRENT = {1: "W", 2: "R", 3: "B"}
"""Inputs of the operations LSTM and GRU that are weights: kernel, recurrent kernel, biases."""


class Onnx:
    """The reader of ``*.onnx``."""

    name = "ONNX"

    def handles(self, source: Source) -> bool:
        """True for a directory (or file) with the suffix."""
        return bool(_candidates(source))

    def read(self, source: Source) -> Weights:
        """Names, shapes and places of all weights; their values may lie in files beside the model."""
        names = _candidates(source)
        path = next((n for n in PREFERRED if n in names), names[0])
        sizes = {f.path: f.size for f in source.files()}
        size = sizes.get(path, 0)
        if source.read(path, 0, min(size, len(LFS_POINTER))) == LFS_POINTER:
            raise lfs_pointer(path)
        found = read_graph(Wire(source, path, size), sizes)
        tensors = renamed(found)
        codes = quantised(found)
        if not tensors and not codes:
            raise FormatError(path, "its graph holds no weights")
        notes: list[str] = []
        if len(names) > 1:
            notes.append(f"{path} was read; {len(names) - 1} more ONNX files were not")
        if found.unread:
            notes.append(f"{len(found.unread)} initialisers keep their values in a form that is not read")
        unread = frozenset(found.unread)
        if codes:
            first = one_line(min(codes), 80)
            notes.append(
                f"the network is quantised: {len(codes)} initialisers ({first}) are codes, scales and zeros, which are "
                "not read: nothing of them is compared; scan the model that it was made from"
            )
            unread |= codes | (found.tensors.keys() - tensors.keys())
            tensors |= {name: found.tensors[name] for name in codes}
        files = sorted({path, *(t.path for t in tensors.values())})
        return Weights(self.name, tensors, tuple(files), notes=tuple(notes), unread=unread)


def _candidates(source: Source) -> list[str]:
    names = [source.only] if source.only else [f.path for f in source.files()]
    return sorted(n for n in names if n.lower().endswith(SUFFIX))


def quantised(found: Graph) -> frozenset[str]:
    """Names of the initialisers that operations of quantised networks read."""
    return frozenset(n for node in found.nodes if node.kind in QUANTISED for n in node.inputs if n in found.tensors)


def renamed(found: Graph) -> dict[str, Tensor]:
    """Weights by the names that their modules have, without constants of the computation.

    Those are integers, single numbers, and what an exporter has worked out in advance (a mask, frequencies): it has no
    module's name, is no vector, as gains and biases are, and no operation reads it as a weight.

    An operation LSTM or GRU gives ``rnn/LSTM/W`` and so on, by the path of its node.
    """
    weights = {name for node in found.nodes if node.kind in READERS for name in node.inputs}
    others = {name for node in found.nodes if node.kind not in READERS for name in node.inputs}

    def computed(name: str, tensor: Tensor) -> bool:
        unnamed = name in found.constants or (name in others and "." not in name and len(tensor.shape) != 1)
        return (unnamed and name not in weights) or not tensor.floating or tensor.size < 2

    kept = {n: t for n, t in found.tensors.items() if not computed(n, t)}
    out: dict[str, Tensor] = {}
    used: set[str] = set()
    for count, node in enumerate(found.nodes):
        for place, name in enumerate(node.inputs):
            tensor = kept.get(name)
            if tensor is None or name in used:
                continue
            named = _named(node, place, tensor, count)
            if named is not None and (named.name not in kept or named.name == name) and named.name not in out:
                used.add(name)
                out[named.name] = named
    return {**{n: t for n, t in kept.items() if n not in used}, **out}


def _named(node: Node, place: int, tensor: Tensor, count: int) -> Tensor | None:
    """An input of a node under its module's name and the right way round; None where it keeps its own."""
    if node.kind in ("LSTM", "GRU") and place in RECURRENT:
        stem = node.name.strip("/") or f"{count}/{node.kind}"
        return _copy(tensor, f"{stem}/{RECURRENT[place]}")
    name = f"{node.module}.weight"
    if not node.module or len(tensor.shape) != 2:
        return None
    if node.kind == "Gather" and place == 0 and tensor.name.endswith(".weight"):
        return _copy(tensor, name)  # an embedding that is also the head may be called after the head
    if not MADE_UP.match(tensor.name) or place != 1:
        return None
    if node.kind == "Gemm" and node.turned:
        return _copy(tensor, name)
    if node.kind in ("MatMul", "Gemm"):
        rows, columns = tensor.shape
        return gate(name, tensor, "columns", 0, (columns, rows))
    return None


def _copy(tensor: Tensor, name: str) -> Tensor:
    return Tensor(name, tensor.dtype, tensor.shape, tensor.path, tensor.start, tensor.source)
