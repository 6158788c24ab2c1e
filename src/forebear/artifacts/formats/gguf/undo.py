"""From the tensors of a GGUF file to those of the model that it was converted from.

What llama.cpp's converter changes follows from the family's data and is undone by a view
(:mod:`forebear.artifacts.formats.gguf.views`):

- q and k of families that rotate half a head against the other are stored in pairs (``Conversion.pairs``);
- q, k and v fused head group by head group are stored as all q, all k, all v;
- matrices are always (outputs, inputs); a family whose roles name the axes the other way round has them turned;
- gains to which the network adds one have it added;
- experts are stacked; gates and ups of a stack that the family has fused stand apart;
- DeepSeek's ``kv_b`` may be split by heads, its key part turned.

Sizes come from shapes; only the numbers of heads have to come from the metadata, which llama.cpp itself cannot do
without. Padding of the vocabulary stays, as it is in the embedding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.architecture import Architecture, Role, families
from forebear.artifacts.base import Tensor
from forebear.artifacts.formats.gguf.names import (
    FALCON_PARALLEL,
    FUSED,
    FUSED_ONLY,
    GLOBAL,
    LAYER,
    ONE_EXPERT,
    QKV,
    Conversion,
)
from forebear.artifacts.formats.gguf.views import alternating, flat, joined, reordered, shifted, some, turned
from forebear.artifacts.gguf import Header
from forebear.artifacts.recognise import MAX_EXPERTS
from forebear.errors import FormatError

MAX_ITEMS = 500_000
"""Experts, each a tensor of its own, in a model; the largest has about 70,000."""
_LAYER = re.compile(r"blk\.(\d{1,6})\.(.+)")
_STORED = re.compile(r"(\w+?)(?:\.(\d{1,6}))?(\.weight|\.bias|)")
_ADDED = re.compile(r"(?:blk\.\d+\.)?rope_(?:freqs|factors_(?:long|short))\.weight")
"""Tables of frequencies that the converter computes from the config."""
_HEADED = ("attn.q", "attn.k", "attn.q.bias", "attn.k.bias")


def undo(tensors: Mapping[str, Tensor], header: Header, conversion: Conversion) -> dict[str, Tensor]:
    """The tensors under the family's names, with its order and values.

    Tensors of a layer that no role takes get a name inside the layer all the same, so that they are seen as strange.

    Raises:
        FormatError: the numbers of heads are missing or do not divide what they should, or two tensors are the same.
    """
    family = next(f for f in families() if f.name == conversion.family)
    heads = _Heads(header)
    stored = {n: t for n, t in tensors.items() if not _ADDED.fullmatch(n)}
    table = {**LAYER, **conversion.roles}
    if family.name == "falcon" and any(n.endswith(".attn_norm_2.weight") for n in stored):
        table |= FALCON_PARALLEL
    groups: dict[str, list[tuple[Place, Tensor]]] = {}
    strange: list[tuple[str, Tensor]] = []
    for name, tensor in _as_kept(stored, family, heads):
        place = _place(name, family, table)
        if place is None:
            strange.append((name, tensor))
        else:
            groups.setdefault(place.name(conversion.prefix), []).append((place, place.fitted(tensor)))
    found: dict[str, Tensor] = {}
    items = 0
    for name, members in groups.items():
        place, whole = members[0][0], _whole(members)
        if whole is None:
            strange += [(tensor.name, tensor) for _, tensor in members]
            continue
        whole = _restored(place, whole, family, conversion, heads)
        if place.in_one_stack:
            items += whole.shape[0]
            if whole.shape[0] > MAX_EXPERTS or items > MAX_ITEMS:
                raise FormatError(whole.path, f"tensor {whole.name} stacks {whole.shape[0]:,} matrices, too many")
            found |= {place.name(conversion.prefix, k): whole.item(k) for k in range(whole.shape[0])}
        else:
            found[name] = whole
    inside = conversion.prefix + next(r.name for r in family.roles.values() if "{layer}" in r.name).partition("{")[0]
    for name, tensor in strange:
        layer = _LAYER.fullmatch(name)
        if layer is not None:
            name = f"{inside}{layer[1]}.{layer[2].removeprefix('nextn.').replace('shared_head_', 'shared_head.')}"
        if name in found:
            raise FormatError(tensor.path, f"tensors {found[name].name} and {tensor.name} are both {name}")
        found[name] = tensor
    return found


@dataclass(frozen=True)
class Place:
    """Where a stored tensor belongs.

    Attributes:
        role: the family's.
        stem: the file's name for what it is.
        layer: number of its layer, "" outside the layers.
        expert: number of its expert, "" where experts are stacked or there are none.
    """

    role: Role
    stem: str
    layer: str
    expert: str

    @property
    def in_one_stack(self) -> bool:
        """Whether the file stacks what the family keeps apart: experts, norms of heads."""
        apart = "{expert}" in self.role.name or "{head}" in self.role.name
        return apart and not self.role.stacked and not self.expert

    def name(self, prefix: str, number: int = 0) -> str:
        """The name that the family's implementation gives the tensor, or one of its stack."""
        number = int(self.expert) if self.expert else number
        filled = self.role.name.replace("{layer}", self.layer)
        for hole in ("{expert}", "{head}"):
            filled = filled.replace(hole, str(number))
        return filled if self.role.role.startswith("lm_head") else prefix + filled

    def fitted(self, tensor: Tensor) -> Tensor:
        """The tensor with the leading axis of length one that ggml drops, where the role has an axis more."""
        missing = len(self.role.axes) + self.in_one_stack - len(tensor.shape)
        return replace(tensor, shape=(1, *tensor.shape)) if missing == 1 and type(tensor) is Tensor else tensor


def _place(stored: str, family: Architecture, table: Mapping[str, str]) -> Place | None:
    inside = _LAYER.fullmatch(stored)
    parts = _STORED.fullmatch(inside[2] if inside else stored)
    if parts is None:
        return None
    stem, expert, ending = parts[1], parts[2] or "", parts[3]
    role = (GLOBAL if inside is None else ONE_EXPERT if expert else table).get(stem)
    if role is None:
        return None
    filled = ("layers.{layer}." if inside else "") + role + (ending if ending == ".bias" else "")
    known = family.roles.get(filled)
    return None if known is None else Place(known, stem, inside[1] if inside else "", expert)


def _as_kept(stored: Mapping[str, Tensor], family: Architecture, heads: _Heads) -> Iterator[tuple[str, Tensor]]:
    """Stored tensors, apart where the family keeps apart what the file has in one, and the reverse."""
    query = family.roles.get("layers.{layer}.attn.q")
    gate = family.roles.get("layers.{layer}.experts.{expert}.gate")
    for name, tensor in stored.items():
        base, _, rest = name.rpartition(".attn_")
        if rest.startswith("qkv.") and query is not None and query.part is None:
            sizes = heads.rows(tensor, base)
            for k, part in enumerate(QKV):
                yield f"{base}.{part}{rest[3:]}", some(tensor, sum(sizes[:k]), sum(sizes[: k + 1]))
        elif rest in ("k_b.weight", "v_b.weight"):
            keys, values = (stored.get(f"{base}.attn_{which}_b.weight") for which in "kv")
            if keys is None or values is None or not _of_same_heads(keys.shape, values.shape):
                yield name, tensor
            elif tensor is keys:
                yield f"{base}.attn_kv_b.weight", flat(joined(turned(keys), values))
        elif name.endswith(".ffn_gate_up_exps.weight") and gate is not None and gate.part is None:
            half = tensor.shape[-2] // 2
            yield name.replace("gate_up", "gate"), some(tensor, 0, half)
            yield name.replace("gate_up", "up"), some(tensor, half, 2 * half)
        else:
            yield name, tensor


def _of_same_heads(keys: tuple[int, ...], values: tuple[int, ...]) -> bool:
    """Whether stacks (head, latent, key dimension) and (head, value dimension, latent) belong together."""
    return len(keys) == len(values) == 3 and keys[:2] == (values[0], values[2])


def _whole(members: list[tuple[Place, Tensor]]) -> Tensor | None:
    """One tensor of the family from what the file has of it; None where a part is missing."""
    (place, tensor), part = members[0], members[0][0].role.part
    divisible = part is not None and part.of in (("query", "key", "value"), ("gate", "neuron"))
    if len(members) == 1:
        return None if divisible and place.stem not in FUSED else tensor
    by_part = {p.role.part.index: t for p, t in members if p.role.part is not None and p.stem not in FUSED_ONLY}
    if not divisible or part is None or len(members) != len(by_part) or len(by_part) != len(part.of):
        raise FormatError(tensor.path, f"tensors {tensor.name} and {members[1][1].name} are both {place.role.name}")
    ordered = [by_part[k] for k in sorted(by_part)]
    if len({len(t.shape) for t in ordered}) > 1 or len({t.shape[-1:] for t in ordered if len(t.shape) > 1}) > 1:
        return None
    return alternating(*ordered) if part.layout == "alternating" else joined(*ordered)


def _restored(place: Place, tensor: Tensor, family: Architecture, conversion: Conversion, heads: _Heads) -> Tensor:
    """The values in the family's order."""
    role, axes, part = place.role.role.removeprefix("layers.{layer}."), place.role.axes, place.role.part
    if conversion.pairs and role in _HEADED:
        count = heads.query(place.layer) if role.startswith("attn.q") else heads.key(place.layer)
        if tensor.shape[0] % (2 * count):
            raise FormatError(
                tensor.path, f"tensor {tensor.name} has {tensor.shape[0]:,} rows, not pairs of rows for {count:,} heads"
            )
        tensor = reordered(tensor, partial(_halves, count))
    if part is not None and part.layout == "groups" and part.of == ("query", "key", "value"):
        heads.rows(tensor, f"blk.{place.layer}")
        tensor = reordered(tensor, partial(_groups, heads.query(place.layer), heads.key(place.layer)))
    out = role.endswith((".o", ".down"))
    if len(axes) > 1 and axes[-1 if out else -2] == "residual" != axes[-2 if out else -1]:
        tensor = turned(tensor)
    if family.gain_offset and role.endswith("norm"):
        tensor = shifted(tensor, family.gain_offset)
    return tensor


class _Heads:
    """Numbers of heads, by layer where the metadata has them by layer."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self.key_of = f"{header.text('general.architecture')}.attention.head_count"

    def query(self, layer: str) -> int:
        """Query heads of a layer."""
        return self._count(self.key_of, layer)

    def key(self, layer: str) -> int:
        """Key/value heads of a layer; as many as query heads where nothing is said."""
        name = self.key_of + "_kv"
        return self._count(name if name in self.header.metadata else self.key_of, layer)

    def rows(self, tensor: Tensor, base: str) -> tuple[int, int, int]:
        """Rows of q, k and v in a tensor that holds all three."""
        layer = base.removeprefix("blk.")
        heads, kv = self.query(layer), self.key(layer)
        each, rest = divmod(tensor.shape[0], heads + 2 * kv)
        if rest or heads % kv:
            wrong = f"{tensor.shape[0]:,} rows are not those of {heads:,} heads and twice {kv:,}"
            raise FormatError(tensor.path, f"tensor {tensor.name}: {wrong}")
        return heads * each, kv * each, kv * each

    def _count(self, key: str, layer: str) -> int:
        value = self.header.metadata.get(key)
        if isinstance(value, np.ndarray) and layer.isdigit() and int(layer) < value.size:
            value = value[int(layer)].item()
        if not isinstance(value, int) or not 0 < value < 2**20:
            raise FormatError(
                self.header.path, f"its metadata have no usable {key}, without which rows cannot be put in order"
            )
        return value


def _halves(heads: int, rows: int) -> NDArray[np.int64]:
    """Where a row of half after half is stored when halves were paired: row (head, half, i) at (head, i, half)."""
    return np.arange(rows).reshape(heads, -1, 2).swapaxes(1, 2).ravel()


def _groups(heads: int, kv_heads: int, rows: int) -> NDArray[np.int64]:
    """Where a row of (queries, key, value) group by group is stored when all q come first, then all k, then all v."""
    each = rows // (heads + 2 * kv_heads)
    queries, rest = np.split(np.arange(rows), [heads * each])
    parts = [part.reshape(kv_heads, -1) for part in (queries, *np.split(rest, 2))]
    return np.concatenate(parts, axis=1).ravel()
