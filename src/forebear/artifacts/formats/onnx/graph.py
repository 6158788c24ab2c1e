"""What an ONNX file says of its weights: initialisers with their places, and the nodes that read them.

Schema: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto (field numbers below). Values are never decoded here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import PurePosixPath

from forebear.artifacts.base import Tensor
from forebear.artifacts.dtypes import DTYPES
from forebear.artifacts.formats.onnx.wire import FIXED32, FIXED64, LENGTH, VARINT, Wire
from forebear.errors import FormatError, one_line

GRAPH, METADATA = 7, 14
NODE, INITIALIZER = 1, 5
INPUT, OUTPUT, NAME, OP, ATTRIBUTE, PROPERTY = 1, 2, 3, 4, 5, 9
SCOPES = "pkg.torch.onnx.name_scopes"
"""Property under which PyTorch's exporter (torch.export) keeps the modules around an operation, the outermost first."""
ATTRIBUTE_NAME, ATTRIBUTE_INTEGER, ATTRIBUTE_TENSOR, ATTRIBUTE_GRAPH = 1, 3, 5, 6
DIMS, TYPE, FLOATS, TENSOR_NAME, RAW, DOUBLES, EXTERNAL, LOCATION = 1, 2, 4, 8, 9, 10, 13, 14
TYPES = {1: "F32", 2: "U8", 3: "I8", 4: "U16", 5: "I16", 6: "I32", 7: "I64", 9: "BOOL", 10: "F16", 11: "F64"}
TYPES |= {12: "U32", 13: "U64", 16: "BF16", 17: "F8_E4M3", 18: "F8_E4M3FNUZ", 19: "F8_E5M2", 20: "F8_E5M2FNUZ"}
TYPES |= {23: "F4"}
MAX_RANK = 16
MAX_DEPTH = 8
MAX_INITIALISERS = 200_000


@dataclass(frozen=True)
class Node:
    """One operation.

    Attributes:
        name: as written; PyTorch's older exporter makes it a path of modules, ``/model/norm/Mul``.
        module: dotted name of the module that it belongs to, empty where nothing says.
        kind: ``MatMul`` and so on.
        inputs: names of what it reads.
        turned: its ``transB``.
    """

    name: str
    module: str
    kind: str
    inputs: tuple[str, ...]
    turned: bool


@dataclass
class Graph:
    """Everything of a file that concerns weights.

    Attributes:
        tensors: initialisers and constants by name.
        constants: names of those that are constants, which graphs are full of.
        nodes: in order, those of branches and loops behind the node that holds them.
        unread: names of initialisers whose values are kept in a form that is not read.
    """

    tensors: dict[str, Tensor] = field(default_factory=dict)
    constants: set[str] = field(default_factory=set)
    nodes: list[Node] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def read_graph(wire: Wire, sizes: Mapping[str, int]) -> Graph:
    """Walk a file.

    Args:
        wire: over the file.
        sizes: of all files of the source, for values that are kept beside the model.

    Raises:
        FormatError: it is no ONNX model, or damaged, or an initialiser is not what its header says.
    """
    found = Graph()
    pending = [(v, e, 0) for n, w, v, e in wire.fields(0, wire.size) if n == GRAPH and w == LENGTH]
    if not pending:
        raise FormatError(wire.path, "holds no graph", "is it an ONNX model?")
    while pending:
        start, stop, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise FormatError(wire.path, f"its graphs are nested more than {MAX_DEPTH} deep")
        inner: list[tuple[int, int, int]] = []
        for number, kind, value, end in wire.fields(start, stop):
            if kind != LENGTH:
                continue
            if number == INITIALIZER:
                _put(found, _tensor(wire, value, end, sizes, ""), wire)
            elif number == NODE:
                inner += [(a, b, depth + 1) for a, b in _node(found, wire, value, end, sizes)]
        pending += reversed(inner)
    return found


def _put(found: Graph, tensor: Tensor | str, wire: Wire) -> None:
    name = tensor if isinstance(tensor, str) else tensor.name
    if name in found.tensors or len(found.tensors) >= MAX_INITIALISERS:
        what = f"two initialisers called {one_line(name, 80)}" if name in found.tensors else "too many initialisers"
        raise FormatError(wire.path, what)
    if isinstance(tensor, str):
        found.unread.append(name)
    else:
        found.tensors[name] = tensor


def _node(found: Graph, wire: Wire, start: int, stop: int, sizes: Mapping[str, int]) -> Iterator[tuple[int, int]]:
    """Note a node, and give the places of graphs inside of it."""
    inputs: list[str] = []
    outputs: list[str] = []
    name = kind = scopes = ""
    turned = False
    constants: list[tuple[int, int]] = []
    for number, how, value, end in wire.fields(start, stop):
        if how != LENGTH:
            continue
        if number == INPUT:
            inputs.append(wire.text(value, end, "an input"))
        elif number == OUTPUT:
            outputs.append(wire.text(value, end, "an output"))
        elif number == NAME:
            name = wire.text(value, end, "a node's name")
        elif number == OP:
            kind = wire.text(value, end, "an operation")
        elif number == PROPERTY:
            pair = {n: (v, e) for n, w, v, e in wire.fields(value, end) if w == LENGTH}
            if 1 in pair and 2 in pair and wire.text(*pair[1], "a property") == SCOPES:
                scopes = wire.text(*pair[2], "a node's scopes")
        elif number == ATTRIBUTE:
            label, integer = "", 0
            for n, w, v, e in wire.fields(value, end):
                if n == ATTRIBUTE_NAME and w == LENGTH:
                    label = wire.text(v, e, "an attribute's name")
                elif n == ATTRIBUTE_INTEGER and w == VARINT:
                    integer = v
                elif n == ATTRIBUTE_TENSOR and w == LENGTH:
                    constants.append((v, e))
                elif n == ATTRIBUTE_GRAPH and w == LENGTH:
                    yield v, e
            turned |= label == "transB" and integer == 1
    if kind == "Constant" and len(outputs) == 1:
        for a, b in constants:
            _put(found, _tensor(wire, a, b, sizes, outputs[0]), wire)
            found.constants.add(outputs[0])
    found.nodes.append(Node(name, _module(name, scopes), kind, tuple(inputs), turned))


def _module(name: str, scopes: str) -> str:
    """The module around an operation, which is itself the last of its scopes, or of the parts of its name."""
    listed = re.findall(r"'([^']*)'", scopes)
    if len(listed) > 1:
        return str(listed[-2])
    return ".".join([part for part in name.split("/") if part][:-1])


def _tensor(wire: Wire, start: int, stop: int, sizes: Mapping[str, int], name: str) -> Tensor | str:
    """One initialiser, still on disk; its name alone where its values are kept in a form that is not read."""
    dims: list[int] = []
    kind, external = 0, False
    places: list[tuple[int, int, int]] = []
    entries: dict[str, str] = {}
    for number, how, value, end in wire.fields(start, stop):
        if number == DIMS and how == VARINT:
            dims.append(value)
        elif number == DIMS and how == LENGTH:
            at = value
            while at < end and len(dims) <= MAX_RANK:
                size, at = wire.varint(at, end)
                dims.append(size)
        elif number == TYPE and how == VARINT:
            kind = value
        elif number == TENSOR_NAME and how == LENGTH and not name:
            name = wire.text(value, end, "an initialiser's name")
        elif number in (RAW, FLOATS, DOUBLES):
            if how not in (LENGTH, FIXED32, FIXED64):
                raise FormatError(wire.path, f"the values at byte {value:,} are written as an integer")
            places.append((number, value, end))
        elif number == EXTERNAL and how == LENGTH:
            pair = {n: wire.text(v, e, "a place of values") for n, w, v, e in wire.fields(value, end) if w == LENGTH}
            entries[pair.get(1, "")] = pair.get(2, "")
        elif number == LOCATION and how == VARINT:
            external = value == 1
        if len(dims) > MAX_RANK:
            raise FormatError(wire.path, f"initialiser at byte {start:,} has more than {MAX_RANK} dimensions")
    shown, dtype = one_line(name, 80), TYPES.get(kind)
    if prod(max(1, d) for d in dims) >= 2**56:
        raise FormatError(wire.path, f"initialiser {shown} has the shape {dims}, too large for any file")
    if dtype is None or not DTYPES[dtype].divides(prod(dims)):
        return name
    needed = DTYPES[dtype].nbytes(prod(dims))
    if external:
        path, at, length = _outside(wire, shown, entries, sizes, needed)
    elif not places and not needed:
        path, at, length = wire.path, start, 0
    else:
        wanted = {"F32": (RAW, FLOATS), "F64": (RAW, DOUBLES)}.get(dtype, (RAW,))
        if len(places) != 1 or places[0][0] not in wanted:
            return name  # small integers one by one, or values in several runs
        path, at, length = wire.path, places[0][1], places[0][2] - places[0][1]
    if length != needed:
        raise FormatError(path, f"initialiser {shown}: shape {dims} of {dtype} needs {needed:,} bytes, has {length:,}")
    return Tensor(name, dtype, tuple(dims), path, at, wire.source)


def _outside(
    wire: Wire, shown: str, entries: Mapping[str, str], sizes: Mapping[str, int], needed: int
) -> tuple[str, int, int]:
    """File, offset and length of values that are kept beside the model; only files of the model's folder count."""
    place = entries.get("location", "")
    path = str(PurePosixPath(place)) if place else ""
    if path.startswith("/") or ".." in PurePosixPath(path).parts or "\\" in path:
        raise FormatError(wire.path, f"initialiser {shown} lies outside of the model's folder", "do not use this model")
    if path not in sizes:
        raise FormatError(
            wire.path, f"initialiser {shown} lies in {one_line(path, 80) or 'no file'}, not there", "fetch it"
        )
    numbers = [entries.get("offset", "0"), entries.get("length", str(needed))]
    if not all(n.isascii() and n.isdigit() and len(n) < 19 for n in numbers):
        raise FormatError(wire.path, f"initialiser {shown} has no usable place in {one_line(path, 80)}")
    at, length = (int(n) for n in numbers)
    if at + length > sizes[path]:
        raise FormatError(path, f"initialiser {shown} ends at byte {at + length:,}, the file has {sizes[path]:,}")
    return path, at, length
