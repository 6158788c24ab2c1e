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
from typing import NamedTuple

from forebear.artifacts.architecture import Architecture, Role, families
from forebear.artifacts.base import Tensor
from forebear.artifacts.formats.gguf.heads import Heads, groups, halves
from forebear.artifacts.formats.gguf.names import (
    FALCON_PARALLEL,
    FUSED,
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

MAX_TENSORS = 500_000
"""In a model, every expert's counted; the largest has about 70,000."""
_LAYER = re.compile(r"blk\.(\d{1,6})\.(.+)")
_STORED = re.compile(r"(\w+?)(?:\.(\d{1,6}))?(\.weight|\.bias|)")
_ADDED = re.compile(r"rope_(?:freqs|factors_(?:long|short))\.weight")
"""Tables of frequencies that the converter computes from the config."""
_HEADED = ("attn.q", "attn.k", "attn.q.bias", "attn.k.bias")


def undo(tensors: Mapping[str, Tensor], header: Header, conversion: Conversion) -> dict[str, Tensor]:
    """The tensors under the family's names, with its order and values.

    Tensors of a layer that no role takes get a name inside the layer all the same, so that they are seen as strange.

    Raises:
        FormatError: the numbers of heads are missing or do not divide what they should, or two tensors are the same.
    """
    family = next(f for f in families() if f.name == conversion.family)
    heads, prefix = Heads(header), conversion.prefix
    table = {**LAYER, **conversion.roles}
    if family.name == "falcon" and any(n.endswith(".attn_norm_2.weight") for n in tensors):
        table |= FALCON_PARALLEL
    together: dict[str, list[Member]] = {}
    strange: dict[str, Tensor] = {}
    for name, tensor in _as_kept(tensors, family, heads):
        place = _place(name, family, table)
        fitted = None if place is None else place.fitted(tensor)
        if place is None or fitted is None:
            strange[name] = tensor
        else:
            together.setdefault(place.name(prefix), []).append(Member(name, place, fitted))
    found: dict[str, Tensor] = {}
    origin: dict[str, str] = {}

    def add(name: str, tensor: Tensor) -> None:
        if name in found:
            raise FormatError(tensor.path, f"tensors {origin[name]} and {tensor.name} are both {name}")
        if len(found) == MAX_TENSORS:
            raise FormatError(tensor.path, f"its stacks hold more than {MAX_TENSORS:,} matrices")
        found[name], origin[name] = replace(tensor, name=name), tensor.name

    for name, members in together.items():
        whole, place = _whole(members), members[0].place
        if whole is None:
            strange |= {m.stored: m.tensor for m in members}
            continue
        whole = _restored(place, whole, family, conversion, heads)
        if not place.stacked:
            add(name, whole)
        elif whole.shape[0] <= MAX_EXPERTS:
            for number in range(whole.shape[0]):
                add(place.name(prefix, number), whole.item(number))
        else:
            raise FormatError(whole.path, f"tensor {whole.name} stacks {whole.shape[0]:,} matrices, too many")
    inside = prefix + next(r.name for r in family.roles.values() if "{layer}" in r.name).partition("{")[0]
    for name, tensor in strange.items():
        layer = _LAYER.fullmatch(name)
        rest = layer[2].removeprefix("nextn.").replace("shared_head_", "shared_head.") if layer else ""
        add(f"{inside}{layer[1]}.{rest}" if layer else name, tensor)
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
    def stacked(self) -> bool:
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

    def fitted(self, tensor: Tensor) -> Tensor | None:
        """The tensor if it has the role's number of axes; the one of length one that ggml drops is put back."""
        missing = len(self.role.axes) + self.stacked - len(tensor.shape)
        if missing == 1 and tensor.shape and type(tensor) is Tensor:
            return replace(tensor, shape=(1, *tensor.shape))
        return None if missing else tensor


class Member(NamedTuple):
    """A stored tensor of which the family has one, or that is a part of one."""

    stored: str
    place: Place
    tensor: Tensor


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


def _as_kept(stored: Mapping[str, Tensor], family: Architecture, heads: Heads) -> Iterator[tuple[str, Tensor]]:
    """Stored tensors, apart where the family keeps apart what the file has in one, and the reverse."""
    query = family.roles.get("layers.{layer}.attn.q")
    gate = family.roles.get("layers.{layer}.experts.{expert}.gate")
    for name, tensor in stored.items():
        layer = _LAYER.fullmatch(name)
        rest = layer[2] if layer else ""
        base = name.removesuffix(rest)
        if _ADDED.fullmatch(rest or name):
            continue
        if rest.startswith("attn_qkv.") and query is not None and query.part is None and tensor.shape and layer:
            sizes = heads.rows(tensor, layer[1])
            for k, part in enumerate(QKV):
                yield base + rest.replace("attn_qkv", part), some(tensor, sum(sizes[:k]), sum(sizes[: k + 1]))
        elif rest in ("attn_k_b.weight", "attn_v_b.weight"):
            keys, values = (stored.get(f"{base}attn_{which}_b.weight") for which in "kv")
            if keys is None or values is None or not _of_same_heads(keys.shape, values.shape):
                yield name, tensor
            elif tensor is keys:
                yield f"{base}attn_kv_b.weight", flat(joined(turned(keys), values))
        elif rest == "ffn_gate_up_exps.weight" and gate is not None and gate.part is None and _halvable(tensor.shape):
            half = tensor.shape[1] // 2
            yield f"{base}ffn_gate_exps.weight", some(tensor, 0, half)
            yield f"{base}ffn_up_exps.weight", some(tensor, half, 2 * half)
        else:
            yield name, tensor


def _halvable(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[1] % 2 == 0


def _of_same_heads(keys: tuple[int, ...], values: tuple[int, ...]) -> bool:
    """Whether stacks (head, latent, key dimension) and (head, value dimension, latent) belong together."""
    return len(keys) == len(values) == 3 and keys[:2] == (values[0], values[2])


def _whole(members: list[Member]) -> Tensor | None:
    """One tensor of the family from what the file has of it; None where a part is missing or of another size."""
    stored, place, tensor = members[0]
    part = place.role.part
    divisible = part is not None and part.of in (("query", "key", "value"), ("gate", "neuron"))
    if len(members) == 1:
        return None if divisible and place.stem not in FUSED else tensor
    by_part = {m.place.role.part.index: m.tensor for m in members if m.place.role.part}
    if not divisible or part is None or len(members) != len(part.of) or len(by_part) != len(part.of):
        raise FormatError(tensor.path, f"tensors {stored} and {members[1].stored} are both {place.role.name}")
    ordered = [by_part[k] for k in sorted(by_part)]
    if part.layout == "alternating":
        return alternating(*ordered) if len({t.shape for t in ordered}) == 1 else None
    return joined(*ordered) if len({_but_rows(t.shape) for t in ordered}) == 1 else None


def _but_rows(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without the axis along which :func:`joined` joins."""
    return (*shape[:-2], *shape[-1:]) if len(shape) > 1 else ()


def _restored(place: Place, tensor: Tensor, family: Architecture, conversion: Conversion, heads: Heads) -> Tensor:
    """The values in the family's order."""
    role, axes, part = place.role.role.removeprefix("layers.{layer}."), place.role.axes, place.role.part
    if conversion.pairs and role in _HEADED:
        count = heads.queries(place.layer) if role.startswith("attn.q") else heads.keys(place.layer)
        if tensor.shape[0] % (2 * count):
            wrong = f"{tensor.shape[0]:,} rows are not pairs of rows for {count:,} heads"
            raise FormatError(tensor.path, f"tensor {tensor.name}: {wrong}")
        tensor = reordered(tensor, partial(halves, count))
    if part is not None and part.layout == "groups" and part.of == ("query", "key", "value"):
        heads.rows(tensor, place.layer)
        tensor = reordered(tensor, partial(groups, heads.queries(place.layer), heads.keys(place.layer)))
    out = role.endswith((".o", ".down"))
    if len(axes) > 1 and axes[-1 if out else -2] == "residual" != axes[-2 if out else -1]:
        tensor = turned(tensor)
    if family.gain_offset and role.endswith("norm"):
        tensor = shifted(tensor, family.gain_offset)
    return tensor
