"""Roles of a model whose names are unknown, from shapes, order and, where these leave a choice, norms of rows.

What a wrong guess can do: nothing but silence. The model's own coins are never the trusted ones (``by_names``), so the
p-value rests on the reference's symmetry alone; and nothing here looks at the reference.
Flip any generator of the reference and this model is read exactly as before: a misread row is just another vector
that is fixed while the reference's coin is tossed.

An unknown model is one of these, or nothing is inferred: a decoder or encoder whose layers are all made of the same
matrices, all of which have a place in an attention, an MLP or routed experts
(:mod:`forebear.artifacts.inference.roles`). Convolutions, adapters and state-space models have none; of two towers the
larger one is read where its layers stand apart from the other's, and a note says how much is not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from forebear.artifacts.architecture import Architecture, Geometry, Role, families
from forebear.artifacts.base import Tensor
from forebear.artifacts.geometry import first_of_each, geometry_of
from forebear.artifacts.inference.layers import Layered, Shape, Slot, layered
from forebear.artifacts.inference.roles import Placed, Solved, hinted, placed, solve
from forebear.artifacts.inference.values import DECISIVE, Norms, common_direction, level, negative
from forebear.artifacts.inference.vectors import Vectors, vectors_of
from forebear.artifacts.recognise import Named

CONFIG: Mapping[str, tuple[str, ...]] = {
    "heads": ("num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads", "num_query_heads"),
    "kv_heads": ("num_key_value_heads", "n_kv_heads", "num_kv_heads", "n_head_kv"),
    "head_dim": ("head_dim", "d_head", "head_size", "kv_channels"),
    "rotary": ("partial_rotary_factor", "rotary_pct"),
    "rotary_dims": ("rotary_dim",),
}
"""Where a config of unknown make may say what shapes cannot."""
NO_HEAD_COUNT = ("kv", "key", "dim", "size", "group", "drop")
WIDTHS_TRIED = 3
LONGER = 2.5
"""Standard errors by which the rows of a gate are longer than those of up, to outweigh the order of sorted names."""
MOST_EXPERTS = 4
SMALL_VOCABULARY = 8_192
"""With fewer rows than this beside convolutions, the largest matrix is a classifier of images, not an embedding."""


def infer(config: Mapping[str, Any], tensors: Mapping[str, Tensor], embedded: bool = True) -> Named | str:
    """An architecture made for this model, and its roles; or a sentence that says why nothing was inferred.

    Reads norms of a few layers' rows where shapes and names leave a choice: 30 million values of the largest models.

    Args:
        config: as found; only numbers of heads and the rotating share are taken from it, where they fit.
        tensors: by name.
        embedded: whether there has to be an embedding; a tower's layers have none.

    Raises:
        InputError: a tensor could not be read.
    """
    order = sorted(tensors.values(), key=lambda t: t.place)
    own = [t for t in order if "lora_" not in t.name.lower()]
    found = layered([(t.name, t.shape) for t in own])
    if isinstance(found, str):
        return found if len(own) == len(order) else "it is an adapter, no model"
    whole = [s for s in found.slots if 2 * len(s.at) > found.layers]
    matrices = [s for s in whole if len(s.shape) >= 2 and 1 not in s.shape]
    if (odd := next((s for s in matrices if len(s.shape) > 3 or 0 in s.shape), None)) is not None:
        return f"its layers hold tensors of shape {list(odd.shape)}, which no transformer of language has"
    reason = "its layers hold too few matrices"
    sizes = frozenset(v for v in config.values() if isinstance(v, int) and not isinstance(v, bool))
    for width in _widths(matrices):
        outside = _Outside.of(found, width, tensors) if embedded else _Outside({}, True, ())
        solved = solve(matrices, width, sizes)
        if isinstance(outside, str) or isinstance(solved, str):
            reason = solved if isinstance(solved, str) else str(outside)
            continue
        lines = [s for s in whole if len(s.shape) == 1]
        vectors = vectors_of(lines, matrices, solved, found.opaque, lambda slot: level(slot, tensors))
        left = len(found.slots) - len(whole)
        named = _Model(config, tensors, found, solved, vectors, outside, left).named()
        adapters = len(order) - len(own)
        note = f"{adapters} tensors of an adapter are left out: the model below it is read"
        return replace(named, notes=(*named.notes, note)) if adapters else named
    return reason


def _widths(matrices: Sequence[Slot]) -> list[int]:
    """Sizes that most matrices share: the residual width is an axis of every one."""
    counts = Counter(size for s in matrices for size in set(s.shape[-2:]))
    return [size for size, _ in counts.most_common(WIDTHS_TRIED)]


@dataclass(frozen=True)
class _Outside:
    """Tensors of no layer: role to name and axes; whether positions are learned; what was assumed."""

    roles: Mapping[str, tuple[str, tuple[str, ...]]]
    positions: bool
    notes: tuple[str, ...]

    @classmethod
    def of(cls, found: Layered, width: int, tensors: Mapping[str, Tensor]) -> _Outside | str:
        """What stands outside of the layers, or why nothing there can be an embedding."""
        outside = (*found.before, *found.after)
        tables = sorted(((n, s) for n, s in outside if len(s) == 2 and s[1] == width and s[0] > 1), key=_rows_first)
        turned = [(n, s) for n, s in outside if len(s) == 2 and s[0] == width and s[1] > width]
        most = max([s[0] for _, s in tables] + [s[1] for _, s in turned], default=0)
        if not most:
            return "no matrix outside of the layers can be an embedding"
        if most < SMALL_VOCABULARY and any(len(s) > 2 for _, s in outside):
            return "it has convolutions and no vocabulary"
        if not tables or tables[0][1][0] < most:
            note = "the embedding is stored by columns, which are not read: no residual coins"
            return cls({}, False, (note,))
        roles: dict[str, tuple[str, tuple[str, ...]]] = {}
        alike = [n for n, s in tables if s[0] * 10 >= most * 9][:2]
        notes: tuple[str, ...] = ()
        if len(alike) == 2:
            embed, head, how = _embedding_first(alike, {n for n, _ in found.before}, [n for n, _ in outside], tensors)
            roles["lm_head"] = (head, ("token", "residual"))
            notes = (f"embedding and head were told apart by {how}",)
        else:
            embed = alike[0]
        roles["embed"] = (embed, ("token", "residual"))
        rest = [n for n, s in tables if n not in alike]
        if rest:
            roles["positions"] = (rest[0], ("position", "residual"))
        roles |= _last_norm([n for n, s in outside if s == (width,)], tensors)
        return cls(roles, bool(rest), notes)


def _rows_first(entry: tuple[str, Shape]) -> tuple[int, str]:
    return -entry[1][0], entry[0]


COMMON = 0.03
"""Share of a common direction from which on a matrix can be a head; an embedding near its start has none."""


def _embedding_first(
    pair: list[str], before: set[str], order: list[str], tensors: Mapping[str, Tensor]
) -> tuple[str, str, str]:
    """Embedding, head, and what told them apart: names, values, else order (a head is last, or sorts first)."""
    one, two = pair
    score = [hinted(n, "embed") - hinted(n, "head") for n in pair]
    if score[0] != score[1]:
        return (one, two, "their names") if score[0] > score[1] else (two, one, "their names")
    shares = [common_direction(tensors[n]) for n in pair]
    if max(shares) > max(COMMON, 3 * min(shares)):
        how = "the common direction of a head's rows"
        return (one, two, how) if shares[0] < shares[1] else (two, one, how)
    first, second = sorted(pair, key=order.index)
    if first in before and second in before:
        first, second = second, first
    return first, second, "their order"


def _last_norm(names: Sequence[str], tensors: Mapping[str, Tensor]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """The norm after the last layer where there is one vector, or a gain and its bias, told apart as in the layers."""
    if len(names) == 1:
        return {"norm": (names[0], ("gain",))}
    if len(names) != 2:
        return {}
    slots = [Slot(n, tensors[n].shape, {0: n}, k) for k, n in enumerate(names)]
    gain, bias = sorted(slots, key=lambda s: (hinted(s.label, "bias"), -level(s, tensors)))
    return {"norm": (gain.label, ("gain",)), "norm.bias": (bias.label, ("residual",))}


@dataclass(frozen=True)
class _Model:
    """Everything that was found, on its way to a :class:`Named`."""

    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    found: Layered
    solved: Solved
    vectors: Vectors
    outside: _Outside
    left_out: int

    def named(self) -> Named:
        """The model with its ad-hoc architecture."""
        layout = "groups" if self.layernorm and not (self.outside.positions or self.solved.turned) else "blocks"
        matrices = list(placed(self.solved.readings[0], self.solved, layout))
        geometry, doubts = self._geometry(self._assemble(matrices, (), None))
        norms = Norms(self.tensors, geometry, self.solved.mixed, self.solved.key)
        matrices, told = self._best(matrices, layout, norms)
        matrices = self._gates(matrices, norms)
        gains, offset, ordered = self._norms(matrices, norms)
        family, names = self._assemble(matrices, gains, offset)
        geometry, doubts = self._geometry((family, names))
        title = families_by_name()[family.name].title
        notes = [
            f"the tensor names are unknown; {self.found.note}; roles by shapes, built like {title}",
            *doubts,
            *told,
            *ordered,
            *self.outside.notes,
        ]
        if geometry.heads is None:
            notes.append("the number of heads is not known: attention is not compared unless the reference tells it")
        if self.left_out:
            notes.append(f"{self.left_out} kinds of tensors are in fewer than half of the layers and are left out")
        usual = self.gated is not self.layernorm
        disguise = f"its tensors are built like those of {title}, and not named like them" if usual else ""
        return Named(family, geometry, names, tuple(notes), by_names=True, inferred=True, disguise=disguise)

    @property
    def layernorm(self) -> bool:
        """Whether norms have biases."""
        return bool(self.vectors.norm_biases)

    @property
    def gated(self) -> bool:
        """Whether the MLP, or an expert, has a gate."""
        return bool(self.solved.experts) or not {"gate", "gate_up"}.isdisjoint(self.solved.readings[0].slots)

    def _best(self, first: list[Placed], layout: str, norms: Norms) -> tuple[list[Placed], list[str]]:
        """The reading that values speak for, else the conventional one; and what was assumed."""
        slots = self.solved.readings[0].slots
        fused = not {"qkv", "kv"}.isdisjoint(slots)
        layouts = (layout, "groups" if layout == "blocks" else "blocks") if fused else (layout,)
        options = [list(placed(r, self.solved, how)) for how in layouts for r in self.solved.readings]
        if len(options) == 1:
            return first, []
        scores = [norms.agreement([p for p in o if p.role.startswith("attn.")]) for o in options]
        rows = scores[0][1]
        best = max(range(len(options)), key=lambda k: (round(scores[k][0], 9), -k))
        notes = []
        if rows and scores[best][0] - scores[0][0] > DECISIVE * (2 / rows) ** 0.5:
            first = options[best]
            notes.append("norms of rows told queries, keys, values and outputs apart where shapes did not")
        elif rows == 0 or len(self.solved.readings) > 1:
            notes.append("where shapes leave a choice, roles are in their usual order")
        return first, notes

    def _gates(self, matrices: list[Placed], norms: Norms) -> list[Placed]:
        """The matrices with gate and up exchanged where neither names nor a network's order, but values tell them."""
        by_role = {(p.role, p.expert): p for p in matrices}
        pairs = [
            (p, q) for (r, e), p in by_role.items() if r.endswith("gate") and (q := by_role.get((r[:-4] + "up", e)))
        ]
        if self.found.opaque or any(
            hinted(p.slot.label, k) for pair in pairs for p, k in zip(pair, _PAIR, strict=True)
        ):
            return matrices
        if norms.longer(pairs[:MOST_EXPERTS]) > -LONGER:
            return matrices
        swapped = {p: replace(p, role=q.role) for one, two in pairs for p, q in ((one, two), (two, one))}
        return [swapped.get(p, p) for p in matrices]

    def _norms(self, matrices: Sequence[Placed], norms: Norms) -> tuple[tuple[Placed, ...], float, list[str]]:
        """Gains and biases of the norms in their places, and what the network adds to a stored gain."""
        gains, biases = list(self.vectors.gains), self.vectors.norm_biases
        notes: list[str] = []
        if len(gains) == 2 and not hinted_apart(gains):
            readers = [[p for p in matrices if p.role in some] for some in _READERS]
            (aa, n), (am, _), (ma, _), (mm, _) = (norms.reads_after(g, r) for g in gains for r in readers)
            if n and am + ma - aa - mm > DECISIVE * 2 / n**0.5:
                gains.reverse()
                notes.append("norms of columns told the norm before the MLP from the one before the attention")
        roles = _NORM_ROLES[self.solved.sorted_names and len(gains) == 4].get(len(gains), ())
        out: list[Placed] = []
        for role, gain in zip(roles, gains, strict=False):
            out.append(Placed(role, gain, ("gain",)))
            if gain.label in biases:
                out.append(Placed(f"{role}.bias", biases[gain.label], ("residual",)))
        if gains and not roles:
            notes.append(f"{len(gains)} norms in a layer are more than have a place")
        shifted = bool(gains) and not self.layernorm and min(negative(g, self.tensors) for g in gains) > 0.02
        return tuple(out), 1.0 if shifted else 0.0, notes

    def _geometry(self, assembled: tuple[Architecture, dict[str, str]]) -> tuple[Geometry, list[str]]:
        family, names = assembled
        config = dict(self.config)
        size = self.vectors.head_size or next((v for k in CONFIG["head_dim"] if _count(v := config.get(k))), 0)
        if not any(_count(config.get(k)) for k in family.config["heads"]) and size and self.solved.mixed % size == 0:
            config[CONFIG["heads"][0]] = self.solved.mixed // size
        first = first_of_each(family, names, {n: t.shape for n, t in self.tensors.items()})
        return geometry_of(family, config, first, self.solved.width, self.found.layers, self.solved.experts)

    def _assemble(
        self, matrices: Iterable[Placed], gains: Iterable[Placed], offset: float | None
    ) -> tuple[Architecture, dict[str, str]]:
        roles: dict[str, Role] = {}
        names: dict[str, str] = {}
        for role, (name, axes) in self.outside.roles.items():
            roles[role], names[role] = Role(role, name, axes), name
        matrices = list(matrices)
        for p in (*matrices, *gains, *self.vectors.placed(matrices)):
            stacked = p.axes[0] == "expert" and p.role != "router"
            stem = f"experts.{{expert}}.{p.role}" if stacked or p.expert is not None else p.role
            role = "layers.{layer}." + stem
            roles.setdefault(role, Role(role, p.slot.label, p.axes, p.part))
            experts = range(self.solved.experts) if stacked else (p.expert or 0,)
            for layer, name in p.slot.at.items():
                for expert in experts:
                    names[role.replace("{layer}", str(layer)).replace("{expert}", str(expert))] = name
        heads = tuple(
            k for k in self.config if "head" in k.lower() and not any(word in k.lower() for word in NO_HEAD_COUNT)
        )
        config = {**CONFIG, "heads": (*CONFIG["heads"], *heads)}
        name = self._nearest()
        family = families_by_name()[name]
        groups = {
            "residual": not self.layernorm and "embed" in roles,
            "glu": self.gated and "layers.{layer}." + self.solved.stem + ".up" in roles,
            "experts": self.solved.experts > 0,
            "value_output": True,
            "query_key": True,
        }
        architecture = replace(
            family,
            title=f"unknown names, built like {family.title}",
            model_types=(),
            norm="layernorm" if self.layernorm else "rmsnorm",
            coins=tuple(group for group, there in groups.items() if there),
            rope="none" if self.layernorm and self.outside.positions else "half",
            config=config,
            roles=roles,
            gain_offset=offset or 0.0,
            rotary=1.0,
            no_rope_if="",
            half_unless="",
            unless={},
        )
        return architecture, names

    def _nearest(self) -> str:
        """The known family whose structure this is, as far as shapes can say."""
        slots = self.solved.readings[0].slots
        normed = bool(self.vectors.head_size)
        if self.solved.experts:
            return "qwen3_moe" if normed else "mixtral"
        if self.layernorm:
            return "gpt2" if self.outside.positions else "gpt_neox"
        if len(self.vectors.gains) == 4:
            return "gemma3" if normed else "gemma2"
        if normed:
            return "qwen3"
        if "gate_up" in slots:
            return "phi3"
        query = slots.get("qkv") or slots["q"]
        return "qwen2" if query.label in self.vectors.biases else "llama"


_READERS = (frozenset({"attn.q", "attn.k", "attn.v"}), frozenset({"mlp.up", "mlp.gate", "shared.up", "up", "gate"}))
_PAIR = ("gate", "up")
_BY_BUILD: dict[int, tuple[str, ...]] = {
    1: ("attn_norm",),
    2: ("attn_norm", "mlp_norm"),
    4: ("attn_norm", "attn_post_norm", "mlp_norm", "mlp_post_norm"),
}
_BY_NAME: dict[int, tuple[str, ...]] = {4: ("attn_norm", "attn_post_norm", "mlp_post_norm", "mlp_norm")}
_NORM_ROLES = {False: _BY_BUILD, True: _BY_NAME}


def hinted_apart(gains: Sequence[Slot]) -> bool:
    """Whether the names of two norms tell which stands before the attention."""
    first, second = ((hinted(g.label, "attn_norm"), hinted(g.label, "mlp_norm")) for g in gains)
    return first != second


def families_by_name() -> dict[str, Architecture]:
    """Every known family under its name."""
    return {f.name: f for f in families()}


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31
