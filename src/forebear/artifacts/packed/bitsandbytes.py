"""bitsandbytes: 8-bit integers by row, and 4-bit numbers of a table by blocks of the flattened matrix.

Format (LLM.int8(), arXiv 2208.07339; QLoRA, arXiv 2305.14314; as the library's ``QuantState`` saves it):

- int8: ``weight`` I8 and ``SCB``, the largest magnitude of each row; a weight is code · SCB / 127.
- 4-bit: ``weight`` holds two numbers in a byte, the *high* half first, in a tensor of whatever dtype; ``weight.absmax``
  the scale of each block, ``weight.quant_map`` the 16 numbers that codes stand for (NF4 or FP4), and
  ``weight.quant_state.bitsandbytes__nf4`` a JSON text in bytes with the shape and the block size. With double
  quantisation ``absmax`` is U8: codes of ``nested_quant_map`` times ``nested_absmax`` of their block, plus an offset.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.base import Tensor
from forebear.artifacts.kinds import Kinds, stem
from forebear.artifacts.packed.base import Packed, Unpacked, checked, part_of, unpacked, wrong
from forebear.artifacts.packed.bits import read_bytes
from forebear.artifacts.packed.scaled import Scaled
from forebear.artifacts.text import load_json
from forebear.types import finite

F32 = NDArray[np.float32]

STATE = re.compile(r"(?P<weight>.+)\.quant_state\.bitsandbytes__(?P<kind>nf4|fp4)")
STORAGE = ("U8", "I8", "BF16", "F16", "F32")
MAX_STATE = 16_384
"""Bytes; the library writes two or three hundred."""


@dataclass(frozen=True)
class State:
    """What the JSON beside a 4-bit weight says: ``nested`` is the block size of the scales' scales, 0 for none."""

    shape: tuple[int, ...]
    block: int
    nested: int
    offset: float


@dataclass(frozen=True)
class FourBit(Packed):
    """A matrix of 4-bit codes. Reads the bytes of the rows that are asked for and the scales of their blocks.

    Parts: ``weight``, ``absmax``, ``table``, ``state``, and with double quantisation ``nested_absmax`` and
    ``nested_table``; the same ones for an entry of a stack.

    Attributes:
        whole: shape of the weight that the state describes, which this is or is an entry of.
        offset: values before its first.
    """

    whole: tuple[int, ...]
    offset: int = 0

    def item(self, index: int) -> Tensor:
        """See :meth:`Tensor.item`."""
        rest, name = self.shape[1:], f"{self.name}[{index}]"
        return replace(self, name=name, shape=rest, offset=self.offset + index * prod(rest))

    def rows(self, start: int, stop: int) -> F32:
        """See :meth:`Tensor.rows`. Raises ``FormatError`` where the state is not that of a weight of this shape."""
        self.check_rows(start, stop)
        state = read_state(self.parts["state"])
        if state.shape != self.whole:
            raise wrong(self.parts["state"], f"says shape {list(state.shape)}, others of its size {list(self.whole)}")
        check_sizes(self.parts, state)
        width = prod(self.shape[1:])
        first, last = (self.offset + k * width for k in (start, stop))
        raw = read_bytes(self.parts["weight"], first // 2, -(-last // 2))
        codes = np.stack([raw >> 4, raw & 0x0F], axis=1).ravel()[first - first // 2 * 2 :][: last - first]
        blocks = np.arange(first, last) // state.block
        with np.errstate(all="ignore"):
            values = self.parts["table"].values()[codes] * self._scales(state, blocks)
        return values.reshape(stop - start, *self.shape[1:])

    def _scales(self, state: State, blocks: NDArray[np.int64]) -> F32:
        """The scale of each of these blocks, which ascend."""
        if not blocks.size:
            return np.zeros(0, dtype=np.float32)
        first, last = int(blocks[0]), int(blocks[-1]) + 1
        if not state.nested:
            return self.parts["absmax"].rows(first, last)[blocks - first]
        codes = read_bytes(self.parts["absmax"], first, last)
        outer = np.arange(first, last) // state.nested
        scales = self.parts["nested_absmax"].rows(int(outer[0]), int(outer[-1]) + 1)[outer - outer[0]]
        values: F32 = self.parts["nested_table"].values()[codes] * scales + np.float32(state.offset)
        return values[blocks - first]


class BitsAndBytes:
    """bitsandbytes."""

    name = "bitsandbytes"
    endings: tuple[str, ...] = (".SCB", "__nf4", "__fp4")

    def unpack(self, tensors: Kinds, config: Mapping[str, Any]) -> Unpacked | None:
        """See :meth:`Scheme.unpack`."""
        found: list[Packed] = []
        beside: list[str] = []
        shapes: dict[tuple[str, int], tuple[int, ...]] = {}
        for name, tensor in tensors.items():
            if name.endswith(".SCB"):
                found.append(_eight_bit(tensors, tensor))
                beside.append(name.removesuffix("SCB") + "weight_format")
            elif (match := STATE.fullmatch(name)) is not None:
                parts = four_bit_parts(tensors, match["weight"], tensor)
                weight = parts["weight"]
                # Layer after layer has the same shapes: each is read once here, and every other state with its rows.
                key = (stem(name), weight.nbytes)
                if key not in shapes:
                    state = read_state(tensor)
                    check_sizes(parts, state)
                    shapes[key] = state.shape
                title = f"bitsandbytes {match['kind'].upper()}"
                at = (weight.path, weight.start, weight.source)
                found.append(FourBit(weight.name, title, shapes[key], *at, parts, whole=shapes[key]))
        return unpacked(tensors, found, beside)


def _eight_bit(tensors: Mapping[str, Tensor], scale: Tensor) -> Scaled:
    weight = part_of(tensors, scale.name.removesuffix("SCB") + "weight", scale, ("I8",))
    if len(weight.shape) != 2 or scale.shape != weight.shape[:1]:
        raise wrong(scale, f"has shape {list(scale.shape)}, its weight {list(weight.shape)}: not one for each row")
    parts = {"weight": weight, "scale": checked(scale, ("F32", "F16", "BF16"))}
    at = (weight.path, weight.start, weight.source)
    block = (1, max(1, weight.shape[1]))
    return Scaled(weight.name, "bitsandbytes INT8", weight.shape, *at, parts, block=block, factor=1 / 127)


def four_bit_parts(tensors: Mapping[str, Tensor], name: str, state: Tensor) -> dict[str, Tensor]:
    """The tensors of one 4-bit weight, by what they are for."""
    parts = {
        "weight": part_of(tensors, name, state, STORAGE),
        "absmax": part_of(tensors, f"{name}.absmax", state, ("F32", "U8")),
        "table": part_of(tensors, f"{name}.quant_map", state, ("F32",)),
        "state": checked(state, ("U8",)),
    }
    if parts["absmax"].dtype == "U8":
        parts["nested_absmax"] = part_of(tensors, f"{name}.nested_absmax", state, ("F32",))
        parts["nested_table"] = part_of(tensors, f"{name}.nested_quant_map", state, ("F32",))
    return parts


def read_state(tensor: Tensor) -> State:
    """The state of a 4-bit weight, every number of it checked.

    Raises:
        FormatError: it is no JSON object, or lacks something, or says something impossible.
    """
    if tensor.nbytes > MAX_STATE:
        raise wrong(tensor, f"has {tensor.nbytes:,} bytes, more than the {MAX_STATE:,} that such a text may have")
    data = load_json(read_bytes(tensor, 0, tensor.nbytes).tobytes(), tensor.path, what=f"{tensor.name}")
    if not isinstance(data, dict):
        raise wrong(tensor, "is not a JSON object")
    shape, nested = data.get("shape"), data.get("nested_blocksize", 0)
    if not isinstance(shape, list) or not 1 <= len(shape) <= 3 or not all(_positive(s) for s in shape):
        raise wrong(tensor, "states no shape")
    if not _positive(data.get("blocksize")) or not (nested == 0 or _positive(nested)):
        raise wrong(tensor, "states no block size")
    offset = finite(data.get("nested_offset", 0.0))
    if offset is None or abs(offset) > np.finfo(np.float32).max:
        raise wrong(tensor, "states a nested_offset that is no number")
    return State(tuple(shape), data["blocksize"], nested, offset)


def check_sizes(parts: Mapping[str, Tensor], state: State) -> None:
    """Raise ``FormatError`` unless every part has the size that the state's shape and blocks need."""
    values = prod(state.shape)
    blocks = -(-values // state.block)
    needed = {"absmax": blocks, "table": 16}
    if state.nested:
        needed |= {"nested_absmax": -(-blocks // state.nested), "nested_table": 256}
    if ("nested_absmax" in parts) != bool(state.nested):
        raise wrong(parts["absmax"], f"has dtype {parts['absmax'].dtype}, which its state contradicts")
    said = f"{' × '.join(map(str, state.shape))} in blocks of {state.block}"
    if parts["weight"].nbytes != -(-values // 2):
        raise wrong(parts["weight"], f"has {parts['weight'].nbytes:,} bytes, {said} needs {-(-values // 2):,}")
    for key, count in needed.items():
        if parts[key].shape != (count,):
            raise wrong(parts[key], f"has shape {list(parts[key].shape)}, {said} needs [{count}]")


def _positive(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**48
