"""What the matrices of a layer are, from their shapes: attention, MLP, experts; ties by hints in the names, then order.

A layer is *solved* when every matrix has a role: an attention (q, k, v apart, fused, or k and v fused; and o) and an
MLP (gate, up, down; gate and up fused; or up and down), or routed experts with a router and perhaps a shared expert.
A matrix that is left over means that this is another kind of network, and nothing is inferred.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, permutations, product

from forebear.artifacts.architecture import Part
from forebear.artifacts.inference.layers import Shape, Slot

HINTS: Mapping[str, frozenset[str]] = {
    "q": frozenset({"q", "query", "queries", "wq"}),
    "k": frozenset({"k", "key", "keys", "wk"}),
    "v": frozenset({"v", "value", "values", "wv"}),
    "o": frozenset({"o", "out", "output", "wo", "dense", "cproj"}),
    "gate": frozenset({"gate", "w1", "wg"}),
    "up": frozenset({"up", "w3", "wu"}),
    "down": frozenset({"down", "w2", "wd"}),
    "attn_norm": frozenset({"input", "attn", "attention", "1", "ln1", "norm1"}),
    "mlp_norm": frozenset({"mlp", "ffn", "ff", "feedforward", "2", "ln2", "norm2"}),
    "bias": frozenset({"bias", "beta", "shift"}),
    "head": frozenset({"head", "out", "output", "unembed", "unembedding", "logits", "lm"}),
    "embed": frozenset({"embed", "embedding", "embeddings", "wte", "tok", "token", "tokens", "word", "in"}),
}
"""Words in names that speak for a role. Tie-breakers only: a shape always decides first."""

GRAPH = ("q", "qkv", "k", "v", "kv", "o", "gate", "gate_up", "up", "down")
ALPHABET = ("down", "gate", "gate_up", "up", "k", "kv", "o", "q", "qkv", "v")
"""The order of roles where a program wrote a model as it is built, and where it sorted the usual names."""
MOST_READINGS = 64
MOST_MATRICES = 7
"""Matrices of a layer beside routed experts and their router."""
MOST_SLOTS = 16_384
QKV, KV, GATE_UP = ("query", "key", "value"), ("key", "value"), ("gate", "neuron")
_ATTENTION = {"qkv": (("q", QKV, 0), ("k", QKV, 1), ("v", QKV, 2)), "kv": (("k", KV, 0), ("v", KV, 1))}
_LABEL = {"q": "query", "k": "key", "v": "value"}


@dataclass(frozen=True)
class Placed:
    """A role in a layer: which slot, the axes as stored, the part where it is fused, the expert it belongs to."""

    role: str
    slot: Slot
    axes: tuple[str, ...]
    part: Part | None = None
    expert: int | None = None


@dataclass(frozen=True)
class Reading:
    """One way to read a layer: a slot for every kind of matrix (``q``, ``qkv``, ``gate_up``, ...)."""

    slots: Mapping[str, Slot]


@dataclass(frozen=True)
class Solved:
    """The matrices of a layer.

    Attributes:
        readings: every assignment that shapes and hints leave open, the conventional one first.
        width: of the residual stream.
        mixed, key: rows of q and of k.
        turned: stored as (in, out).
        experts: number of routed experts, 0 where there are none.
        routed: their roles and the router.
        stem: ``mlp``, or ``shared`` beside routed experts.
        sorted_names: the order is that of sorted names, not that in which a network is built.
    """

    readings: tuple[Reading, ...]
    width: int
    mixed: int
    key: int
    turned: bool
    experts: int = 0
    routed: tuple[Placed, ...] = ()
    stem: str = "mlp"
    sorted_names: bool = False


def words(label: str) -> frozenset[str]:
    """The words of a name, in lower case; a digit after letters belongs to them and also stands alone."""
    return frozenset(re.findall(r"[^\W\d_]+\d*|\d+", label.lower())) | frozenset(
        "".join(pair) for pair in re.findall(r"\b(w)_?([123qkvo])\b", label.lower())
    )


def hinted(label: str, role: str) -> bool:
    """Whether a name has a word that speaks for a role; a position says nothing."""
    return not label.startswith("#") and not HINTS.get(role, frozenset()).isdisjoint(words(label))


def solve(slots: Sequence[Slot], width: int, sizes: frozenset[int]) -> Solved | str:
    """Roles for every matrix of a layer, or a sentence that says why it is none of ours.

    Args:
        slots: of rank two and three.
        width: of the residual stream.
        sizes: numbers of the config; a reading that has them is preferred.
    """
    if len(slots) > MOST_SLOTS:
        return f"a layer of {len(slots):,} matrices is larger than any that is known"
    for turned in (False, True):
        found, used = _routed(slots, width, turned)
        rest = [s for s in slots if s not in used]
        if len(rest) > MOST_MATRICES or any(len(s.shape) != 2 for s in rest):
            continue
        shapes = Counter(_seen(s.shape, turned) for s in rest)
        options = list(islice(_layouts(shapes, width, bool(found)), MOST_READINGS))
        if options:
            layout = max(options, key=lambda o: _plausible(o, sizes))
            order = sorted(rest, key=lambda s: s.place)
            by_name = _sorted_by_name(layout, order, turned)
            if found:  # sorted, "block_sparse_moe" and "mlp" stand before "self_attn"; built, the attention comes first
                by_name = min(s.place for s in used) < min(s.place for s in rest)
            return Solved(
                _readings(layout, order, turned, by_name),
                width,
                layout["o"][1],
                _key_rows(layout),
                turned,
                next((_seen(p.slot.shape, turned)[0] for p in found if p.role == "router"), 0),
                found,
                "shared" if found else "mlp",
                by_name,
            )
    odd = next((s for s in slots if width not in s.shape), slots[0])
    return f"a layer's {len(slots)} matrices (one is {list(odd.shape)}) are not those of attention and MLP"


Layout = Mapping[str, Shape]
"""Kind of matrix to its shape as (out, in)."""


def _seen(shape: Shape, turned: bool) -> Shape:
    return shape[::-1] if turned else shape


def _layouts(shapes: Counter[Shape], d: int, routed: bool) -> Iterator[Layout]:
    """Every set of matrices with exactly these shapes that makes a layer."""
    for o in sorted(s for s in shapes if s[0] == d):
        for mlp in _mlps(shapes, d, routed):
            left = shapes.copy()
            left.subtract([o, *mlp.values()])
            if min(left.values(), default=0) < 0:
                continue
            for attention in _attentions(+left, d, o[1]):
                yield {**attention, "o": o, **mlp}


def _mlps(shapes: Counter[Shape], d: int, routed: bool) -> Iterator[Layout]:
    if routed:
        yield {}
    for down in sorted(s for s in shapes if s[0] == d != s[1]):  # no MLP is square, and mixers of other kinds are
        up = down[::-1]
        yield {"gate": up, "up": up, "down": down}
        yield {"gate_up": (2 * up[0], d), "down": down}
        if not routed:
            yield {"up": up, "down": down}


def _attentions(left: Counter[Shape], d: int, mixed: int) -> Iterator[Layout]:
    """q, k and v of an attention whose output has ``mixed`` columns, with exactly the shapes that are left."""
    q = (mixed, d)
    if left.total() == 1:
        fused = next(iter(left))
        if fused[1] == d and _shared(fused[0] - mixed, mixed):
            yield {"qkv": fused}
    elif left[q]:
        left = left - Counter([q])
        other = max(left)
        if left == Counter({other: 2}) and other[1] == d and _shared(2 * other[0], mixed):
            yield {"q": q, "k": other, "v": other}
        if left == Counter({other: 1}) and other[1] == d and _shared(other[0], mixed):
            yield {"q": q, "kv": other}


def _shared(both: int, mixed: int) -> bool:
    """Whether keys and values of ``both`` rows together can serve ``mixed`` rows of queries."""
    return both > 0 and both % 2 == 0 and mixed % (both // 2) == 0


def _key_rows(layout: Layout) -> int:
    if "k" in layout:
        return layout["k"][0]
    return layout["kv"][0] // 2 if "kv" in layout else (layout["qkv"][0] - layout["o"][1]) // 2


def _plausible(layout: Layout, sizes: frozenset[int]) -> tuple[int, bool, bool]:
    """How well sizes fit: those that the config names, a wide MLP, an attention as wide as the stream."""
    inner = layout["down"][1] if "down" in layout else 0
    return int(inner in sizes), inner >= layout["o"][1], layout["o"][1] == layout["o"][0]


def _sorted_by_name(layout: Layout, order: Sequence[Slot], turned: bool) -> bool:
    """Whether down stands before gate or up, as in sorted names and in no network."""
    if "down" not in layout:
        return False
    kinds = [_seen(s.shape, turned) for s in order]
    up = layout.get("gate_up") or layout["up"]
    if [kinds.count(layout["down"]), kinds.count(up)] != [1, 2 if "gate" in layout else 1]:
        return False  # the shapes are shared with the attention: the order says nothing
    return kinds.index(layout["down"]) < kinds.index(up)


def _readings(layout: Layout, order: Sequence[Slot], turned: bool, by_name: bool) -> tuple[Reading, ...]:
    """Assignments of slots to kinds: within one shape those with most hints, the conventional order first."""
    convention = ALPHABET if by_name else GRAPH
    choices: list[list[dict[str, Slot]]] = []
    for shape in sorted(set(layout.values())):
        kinds = sorted((k for k, s in layout.items() if s == shape), key=convention.index)
        slots = [s for s in order if _seen(s.shape, turned) == shape]
        ways = [dict(zip(kinds, way, strict=True)) for way in permutations(slots)]
        score = [sum(_hint(slot, kind) for kind, slot in way.items()) for way in ways]
        choices.append([w for w, n in zip(ways, score, strict=True) if n == max(score)])
    combined = islice(product(*choices), MOST_READINGS)
    return tuple(Reading({k: s for way in ways for k, s in way.items()}) for ways in combined)


def _hint(slot: Slot, kind: str) -> int:
    """1 where a name speaks for this kind; a name with words for two kinds of one block (``attn.out``) counts once."""
    return int(hinted(slot.label, kind))


def _routed(slots: Sequence[Slot], d: int, turned: bool) -> tuple[tuple[Placed, ...], frozenset[Slot]]:
    """Router and routed experts of a layer, and all slots that belong to them.

    Stacked in tensors of rank three, or many equal triples. Where nothing tells which matrices are one expert's, only
    the router has a role.
    """
    stacks = [s for s in slots if len(s.shape) == 3]
    routers = [s for s in slots if len(s.shape) == 2 and _seen(s.shape, turned)[1] == d]
    if stacks:
        roles = _stacked(stacks, routers, d, turned)
        return roles, frozenset(p.slot for p in roles)
    of_shape: dict[Shape, list[Slot]] = {}
    for slot in slots:
        of_shape.setdefault(_seen(slot.shape, turned), []).append(slot)
    shapes = Counter({shape: len(some) for shape, some in of_shape.items()})
    downs = sorted((s for s in shapes if s[0] == d != s[1]), key=lambda s: (-shapes[s], s))
    by_count: dict[int, Slot] = {}
    for router in sorted(routers, key=lambda s: s.place):
        by_count.setdefault(_seen(router.shape, turned)[0], router)  # any other of its size would fare alike
    for count, router in by_count.items():
        if count < 2:
            continue
        for down in downs:
            if shapes[down] < count:
                break
            spare = shapes[down] + shapes[down[::-1]] - 3 * count
            if shapes[down[::-1]] >= 2 * count and spare <= MOST_MATRICES:
                inner = sorted(of_shape[down] + of_shape[down[::-1]], key=lambda s: s.place)
                triples = _triples(inner, count, down, turned)
                if triples:
                    inner = [s for triple in triples for s in triple]
                elif len(inner) > 3 * count:
                    continue
                return (_router(router, turned), *_experts(triples, down, turned)), frozenset([router, *inner])
    return (), frozenset()


def _router(slot: Slot, turned: bool) -> Placed:
    return Placed("router", slot, ("residual", "expert") if turned else ("expert", "residual"))


def _triples(slots: Sequence[Slot], count: int, down: Shape, turned: bool) -> list[list[Slot]]:
    """The matrices of every expert: by a number in the names with as many values as experts, else three by three."""

    def is_expert(group: Sequence[Slot]) -> bool:
        return len(group) == 3 and sum(_seen(s.shape, turned) == down for s in group) == 1

    for k in range(8):
        groups: dict[int, list[Slot]] = {}
        for slot in slots:
            numbers = re.findall(r"\d{1,6}", slot.label)
            if not slot.label.startswith("#") and k < len(numbers):
                groups.setdefault(int(numbers[k]), []).append(slot)
        whole = [groups[e] for e in sorted(groups) if is_expert(groups[e])]
        if len(whole) == count:
            return whole
    for start in range(len(slots) - 3 * count + 1):
        triples = [list(slots[k : k + 3]) for k in range(start, start + 3 * count, 3)]
        if all(is_expert(triple) for triple in triples):
            return triples
    return []


def _experts(triples: Sequence[Sequence[Slot]], down: Shape, turned: bool) -> Iterator[Placed]:
    rows, columns = ("neuron", "residual"), ("residual", "neuron")
    for expert, triple in enumerate(triples):
        pair = [s for s in triple if _seen(s.shape, turned) != down]
        if _hint(pair[0], "up") + _hint(pair[1], "gate") > _hint(pair[0], "gate") + _hint(pair[1], "up"):
            pair.reverse()
        last = next(s for s in triple if _seen(s.shape, turned) == down)
        for role, slot, axes in (("gate", pair[0], rows), ("up", pair[1], rows), ("down", last, columns)):
            yield Placed(role, slot, axes[::-1] if turned else axes, None, expert)


def _stacked(stacks: Sequence[Slot], routers: Sequence[Slot], d: int, turned: bool) -> tuple[Placed, ...]:
    """Experts in tensors (expert, out, in) or (expert, in, out), gate and up apart or one after the other."""
    count = stacks[0].shape[0]
    router = next((s for s in routers if _seen(s.shape, turned)[0] == count), None)
    if router is None or count < 2 or any(s.shape[0] != count or d not in s.shape[1:] for s in stacks):
        return ()
    order = sorted(stacks, key=lambda s: s.place)
    for flip in (False, True):
        seen = {s.label: _seen(s.shape[1:], flip) for s in order}
        for last in (s for s in order if seen[s.label][0] == d):
            others, inner = [s for s in order if s is not last], seen[last.label][1]
            wide = len(others) == 1
            if [seen[s.label] for s in others] != ([(2 * inner, d)] if wide else [(inner, d)] * 2):
                continue
            rows: tuple[str, ...] = ("residual", "neuron") if flip else ("neuron", "residual")
            gate, up = (others[0], others[0]) if wide else others
            if not wide and (hinted(gate.label, "up") or hinted(up.label, "gate")):
                gate, up = up, gate
            parts = [Part("blocks", GATE_UP, k) if wide else None for k in (0, 1)]
            return (
                _router(router, turned),
                Placed("gate", gate, ("expert", *rows), parts[0]),
                Placed("up", up, ("expert", *rows), parts[1]),
                Placed("down", last, ("expert", *rows[::-1])),
            )
    return ()


def placed(reading: Reading, solved: Solved, layout: str) -> Iterator[Placed]:
    """The roles of one reading; ``layout`` of a fused q, k and v is ``blocks`` or ``groups``."""

    def axes(out: str, inside: str) -> tuple[str, ...]:
        return (inside, out) if solved.turned else (out, inside)

    for kind, slot in reading.slots.items():
        if kind in _ATTENTION:
            for role, of, index in _ATTENTION[kind]:
                yield Placed(f"attn.{role}", slot, axes(of[index], "residual"), Part(layout, of, index))
        elif kind in _LABEL:
            yield Placed(f"attn.{kind}", slot, axes(_LABEL[kind], "residual"))
        elif kind == "o":
            yield Placed("attn.o", slot, axes("residual", "mixed"))
        elif kind == "gate_up":
            for index, role in enumerate(("gate", "up")):
                part = Part("blocks", GATE_UP, index)
                yield Placed(f"{solved.stem}.{role}", slot, axes("neuron", "residual"), part)
        else:
            out = ("residual", "neuron") if kind == "down" else ("neuron", "residual")
            yield Placed(f"{solved.stem}.{kind}", slot, axes(*out))
    yield from solved.routed
