"""What the vectors of a layer are: biases by their matrix, norms of q and k by their size, norms of the stream.

A bias stands beside its matrix under one name (``c_fc.weight``, ``c_fc.bias``), or next to it in order, always on the
same side. What is left at the residual width is a norm; two under one name, in a layer whose MLP has biases, are a
gain and its bias. Where more are left than norms have a place, gains are told from biases by their values: a gain
starts at one, a bias at zero.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from forebear.artifacts.inference.layers import Slot
from forebear.artifacts.inference.roles import Placed, Solved, hinted

MOST_NORMS = 32
"""Vectors of the residual width in a layer, biases of matrices aside, beyond which none is looked at."""


@dataclass(frozen=True)
class Vectors:
    """The vectors of a layer.

    Attributes:
        gains: norms of the residual stream, the one before the attention first where there are two.
        norm_biases: label of a gain to its bias.
        biases: label of a matrix to its bias.
        query_norm, key_norm: norms on queries and keys.
        head_size: their size where it is that of a head, else 0.
    """

    gains: tuple[Slot, ...]
    norm_biases: Mapping[str, Slot]
    biases: Mapping[str, Slot]
    query_norm: Slot | None
    key_norm: Slot | None
    head_size: int

    def placed(self, matrices: Sequence[Placed]) -> Iterator[Placed]:
        """Roles of the biases, each in the part of its matrix, and of the norms on queries and keys."""
        for p in matrices:
            if p.slot.label in self.biases and p.role != "router" and len(p.axes) == 2:
                out = "residual" if p.role.endswith((".o", "down")) else next(a for a in p.axes if a != "residual")
                yield Placed(f"{p.role}.bias", self.biases[p.slot.label], (out,), p.part, p.expert)
        for role, slot in (("attn.q_norm", self.query_norm), ("attn.k_norm", self.key_norm)):
            if slot is not None:
                yield Placed(role, slot, ("head_dim",) if self.head_size else ("free",))


def vectors_of(
    vectors: Sequence[Slot], matrices: Sequence[Slot], solved: Solved, opaque: bool, level: Callable[[Slot], float]
) -> Vectors:
    """Every vector of a layer in its place; those without one are left out.

    Args:
        vectors, matrices: slots of rank one, and of more.
        solved: the roles of the matrices.
        opaque: places are all that the slots say.
        level: how large a vector's mean is beside its spread.
    """
    kinds = solved.readings[0].slots
    out = {m.label: m.shape[-1 if solved.turned else 0] for m in matrices if len(m.shape) == 2}
    left = sorted(vectors, key=lambda s: s.place)
    side = _side(left, matrices, out, solved.width) if opaque else 0
    biases = _beside(left, matrices, out, kinds, side) if opaque else _below(left, matrices, out)
    owned = set(biases.values())
    left = [v for v in left if v not in owned]
    wide = [v for v in left if v.shape[0] == solved.width]
    if len(wide) > MOST_NORMS:
        wide = []
    up = kinds.get("gate_up") or kinds.get("up")
    inner = {v.shape[0] for v in vectors} - {solved.mixed, solved.key}
    loose = len(wide) not in (0, 1, 2, 4) or (up is not None and out[up.label] in inner and up.label not in biases)
    gains = [v for v in wide if level(v) > 1] if loose else wide
    biased = solved.mixed == solved.width and len(wide) > len(gains)  # one of them is the bias of q
    pair, size = (
        (None, 0) if biased else _head_norms([v for v in left if v.shape[0] != solved.width], kinds, biases, solved)
    )
    left = [v for v in left if pair is None or v not in pair]
    owners: dict[int, list[Slot]] = {}
    for m in sorted(matrices, key=lambda s: s.place):
        if m.label in out and m.label not in biases:
            owners.setdefault(out[m.label], []).append(m)
    same: dict[int, list[Slot]] = {}
    for v in left:
        same.setdefault(v.shape[0], []).append(v)
    for size_left, some in same.items():
        if size_left != solved.width and len(some) == len(mine := owners.get(size_left, [])):
            biases |= {m.label: v for m, v in zip(mine, some, strict=True)}
    if loose:
        norm_biases = {}
        if up is not None and up.label in biases:  # an MLP with biases is that of a network with LayerNorm
            norm_biases = {g.label: b for g, b in zip(gains, [v for v in wide if v not in gains], strict=False)}
    else:
        biased = up is not None and up.label in biases
        gains, norm_biases = _paired(gains, biased, opaque, side, level)
    if len(gains) == 2 and _speaks_for_mlp(gains[0]) > _speaks_for_mlp(gains[1]):
        gains.reverse()
    query, key = pair or (None, None)
    return Vectors(tuple(gains), norm_biases, biases, query, key, size)


def parent(label: str) -> str:
    """A name without its last part."""
    return re.sub(r"[^./_:|-]*$", "", label)


def _below(vectors: Sequence[Slot], matrices: Sequence[Slot], out: Mapping[str, int]) -> dict[str, Slot]:
    """Biases that share the name of one matrix up to the last part."""
    count = Counter(parent(m.label) for m in matrices)
    owner = {parent(m.label): m.label for m in matrices if count[parent(m.label)] == 1}
    found: dict[str, Slot] = {}
    for v in vectors:
        label = owner.get(parent(v.label))
        if label is not None and out.get(label) == v.shape[0]:
            found.setdefault(label, v)
    return found


def _side(vectors: Sequence[Slot], matrices: Sequence[Slot], out: Mapping[str, int], width: int) -> int:
    """1 where biases stand after their matrices, -1 where before, 0 where no vector has the size of a neighbour."""
    at = {m.place: out.get(m.label) for m in matrices}
    telling = [v for v in vectors if v.shape[0] != width] or (list(vectors) if len(vectors) > 4 else [])
    after = sum(at.get(v.place - 1) == v.shape[0] for v in telling)
    before = sum(at.get(v.place + 1) == v.shape[0] for v in telling)
    return (after > 0) - (before > 0) if not (after and before) else (1 if after >= before else -1)


def _beside(
    vectors: Sequence[Slot], matrices: Sequence[Slot], out: Mapping[str, int], kinds: Mapping[str, Slot], side: int
) -> dict[str, Slot]:
    """Biases next to their matrices; at down and o with care, because a norm may stand there."""
    at = {v.place: v for v in vectors}
    found = {m.label: v for m in matrices if side and (v := at.get(m.place + side)) and out.get(m.label) == v.shape[0]}
    up, down = kinds.get("gate_up") or kinds.get("up"), kinds.get("down")
    if down is not None and (up is None or up.label not in found):
        found.pop(down.label, None)
        owned = set(found.values())
        wide = [v for v in vectors if v.shape == kinds["o"].shape[:1] and v not in owned]
        if len(wide) in (1, 3):  # norms come in pairs
            found.pop(kinds["o"].label, None)
    return found


def _head_norms(
    vectors: Sequence[Slot], kinds: Mapping[str, Slot], biases: Mapping[str, Slot], solved: Solved
) -> tuple[tuple[Slot, Slot] | None, int]:
    """Norms on queries and keys, and the head size that they tell."""
    query = kinds.get("qkv") or kinds.get("q")
    if query is not None and query.label in biases:
        return None, 0
    sizes = Counter(v.shape[0] for v in vectors)
    for size, count in sorted(sizes.items()):
        if count == 2 and sizes[solved.mixed] in (0, 2) and solved.mixed % size == 0 == solved.key % size:
            pair = [v for v in vectors if v.shape[0] == size]
            spoken = [hinted(v.label, "k") - hinted(v.label, "q") for v in pair]
            if spoken[0] > spoken[1] or (spoken[0] == spoken[1] and solved.sorted_names):
                pair.reverse()
            return (pair[0], pair[1]), size
    if sizes[solved.mixed] == sizes[solved.key] == 1:
        one, two = (next(v for v in vectors if v.shape[0] == s) for s in (solved.mixed, solved.key))
        return (one, two), 0
    return None, 0


def _paired(
    gains: Sequence[Slot], biased: bool, opaque: bool, side: int, level: Callable[[Slot], float]
) -> tuple[list[Slot], dict[str, Slot]]:
    """Gains and their biases, told apart by names, else by values, else by the side on which biases stand."""
    groups: dict[str, list[Slot]] = {}
    for k, v in enumerate(gains):
        groups.setdefault(f"{k // 2}" if opaque else parent(v.label), []).append(v)
    marked = [sum(hinted(v.label, "bias") for v in g) for g in groups.values()]
    told = bool(marked) and all(n == 1 for n in marked)
    if not all(len(g) == 2 for g in groups.values()):
        return list(gains), {}
    if told:
        pairs = [sorted(g, key=lambda v: hinted(v.label, "bias")) for g in groups.values()]
    else:
        pairs = [sorted(g[:: side or 1], key=level, reverse=True) for g in groups.values()]
        if not biased and not all(level(gain) > 1 and level(bias) < 0.3 for gain, bias in pairs):
            return list(gains), {}
    return [gain for gain, _ in pairs], {gain.label: bias for gain, bias in pairs}


def _speaks_for_mlp(slot: Slot) -> int:
    return hinted(slot.label, "mlp_norm") - hinted(slot.label, "attn_norm")
