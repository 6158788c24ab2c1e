"""Which family a model belongs to: tensor names and shapes decide, the config is asked where they are silent."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from forebear.artifacts.architecture import HOLES, Architecture, Geometry, Role, families
from forebear.artifacts.geometry import Sized, geometry_of, stated, unheeded_rotary
from forebear.artifacts.kinds import NUMBER
from forebear.errors import one_line

Shapes = Mapping[str, tuple[int, ...]]
Numbers = tuple[int, ...]

MAX_LAYERS = 1_000
MAX_EXPERTS = 4_096
MAX_STACKED = 100_000
"""Roles that stacks of experts may stand for in a model, so that a small file cannot claim millions."""
BESIDE = re.compile(
    r"(inv_freq|masked_bias|attention\.bias|attn\.bias|_decay|slope_rate|k_scale|v_scale|scale_inv|_scales?|"
    r"\.(weight\.)?(absmax|quant_map|quant_state.*|nested_.*|SCB|scales|g_idx|input_scale)|"
    r"lora_\w+.*|eh_proj.*|enorm.*|hnorm.*|shared_head.*|\d+\.embed_tokens.*)$"
)
"""Tensors of a layer that no coin depends on: buffers, what quantisers store beside values, adapters, and what a layer
for the prediction of further tokens has besides."""

WRAPPERS = re.compile(r"(?<![^.])(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module|base_layer)\.")
"""What torch.compile, FSDP, activation checkpointing and PEFT put between the parts of a name."""


@dataclass(frozen=True)
class Named:
    """A family applied to one model: its data, sizes, and the tensor name of every role that is there.

    Attributes:
        by_names: the family was not confirmed by ``model_type``; its symmetries are not vouched for.
        inferred: the names are of no family; see :mod:`forebear.artifacts.inference`.
        disguise: what names or ``model_type`` hide, as a clause; empty where nothing is known to be hidden.
    """

    architecture: Architecture
    geometry: Geometry
    names: Mapping[str, str]
    notes: tuple[str, ...] = ()
    by_names: bool = False
    inferred: bool = False
    disguise: str = ""


class Templates:
    """Tensor names with their numbers taken out: ``layers.{}.up.weight`` to the numbers that occur and full names."""

    def __init__(self, shapes: Shapes) -> None:
        self.shapes = shapes
        self.bare = {name: name for name in shapes}
        """Full names to names without what frameworks wrap modules in, unless two would become one."""
        self.by_template = _by_template(self.bare)
        if any(WRAPPERS.search(text) for text in self.by_template):
            unwrapped = {name: WRAPPERS.sub("", name) for name in shapes}
            if len(set(unwrapped.values())) == len(unwrapped):
                self.bare, self.by_template = unwrapped, _by_template(unwrapped)
        self.by_ending: dict[str, list[str]] = {}
        """The last one and the last two parts of a template to the templates that end so."""
        for text in self.by_template:
            for ending in {_ending(text, 1), _ending(text, 2)}:
                self.by_ending.setdefault(ending, []).append(text)


def _by_template(bare: Mapping[str, str]) -> Mapping[str, dict[Numbers, str]]:
    """Templates to the numbers that occur and full names."""
    found: dict[str, dict[Numbers, str]] = defaultdict(dict)
    for name, text in bare.items():  # of which a model with many experts has a hundred thousand
        pieces = NUMBER.split(text)
        found["{}".join(pieces[::2])][tuple(map(int, pieces[1::2]))] = name
    return found


def _ending(text: str, parts: int) -> str:
    return ".".join(text.rsplit(".", parts)[-parts:])


def recognise(config: Mapping[str, Any], shapes: Shapes) -> Named | str:
    """The family of a model and the names of its roles, or a sentence that says why there is none.

    The ``model_type`` decides where the tensor names bear it out; otherwise the names alone do, and a note says
    so. Sizes come from shapes wherever shapes have them: a config can lie.
    """
    given = config.get("model_type")
    declared = one_line(given, 60) if isinstance(given, str) else ""
    templates = Templates(shapes)
    by_type = [f for f in families() if declared in f.model_types]
    for family in by_type:
        if (named := match(family, config, templates)) is not None:
            return named
    found = [n for f in families() if (n := match(f, config, templates)) is not None]
    if not found:
        if by_type:
            return f"tensors are not named or shaped as {by_type[0].title} has them"
        return f"model_type {declared or 'not given'} and its tensor names belong to no known family"
    best = max(found, key=lambda n: (len(set(n.names.values())), n.architecture.name in _USUAL, -len(n.notes)))
    said = f"model_type {declared} is not known" if declared and not by_type else "no model_type is given"
    disguise = ""
    if by_type:
        said = f"tensor names are not those of {declared}"
        disguise = f"its model_type is {declared}, its tensor names are those of {best.architecture.title}"
    note = f"{said}; the tensor names are those of {best.architecture.title}"
    return replace(best, notes=(*best.notes, note), by_names=True, disguise=disguise)


_USUAL = ("llama", "mixtral", "bert", "deepseek_v3")
"""Families whose names others share; without a model_type the name of the family is only a name."""


def match(family: Architecture, config: Mapping[str, Any], templates: Templates) -> Named | None:
    """The family's roles in this model, or None where a required one is in no layer.

    A tensor with the name of a role and another shape (packed by a quantiser, pruned in this layer alone) is left
    out: the sizes that hold for the first layer hold for every tensor of a role, MLP neurons aside. Layers are
    counted by what is there: of half a model, the layers that are there, in their order.
    """
    shapes = templates.shapes
    prefix = _prefix(family, templates)
    if prefix is None:
        return None
    if any(_places(r, prefix, templates) for r in family.stacked.values() if r.stacked):
        family = replace(family, roles={**family.roles, **family.stacked})
    places = {r.role: _places(r, prefix, templates) for r in family.roles.values()}
    layers = sorted({n[0] for r, at in places.items() if "{layer}" in r for n in at})[:MAX_LAYERS]
    if not layers:
        return None
    width = _width(family, places, shapes)
    if width is None:
        return None
    names: dict[str, str] = {}
    odd: set[str] = set()
    position = {layer: k for k, layer in enumerate(layers)}
    experts = 0
    first: dict[str, Sized] = {}
    stacked = max(4, MAX_STACKED // (len(layers) * len(family.roles)))
    numbered = {n[1] for r, at in places.items() if "{expert}" in r for n in at if len(n) > 1}
    for role in family.roles.values():
        layered = "{layer}" in role.role
        at = {n: name for n, name in sorted(places[role.role].items()) if not layered or n[0] in position}
        size = next((shapes[name] for name in at.values() if _fits(role, shapes[name], width)), None)
        if size is None and role.required and layered:  # a shard may lack embedding, head and last norm
            return None
        fitting = {s for s in {shapes[name] for name in at.values()} if _fits(role, s, width, size)}
        odd.update(name for name in at.values() if shapes[name] not in fitting)
        if size is None:
            continue
        first[role.role] = (role, size)
        at = {n: name for n, name in at.items() if shapes[name] in fitting}
        names |= _filled(role, at, shapes, position, stacked)
        if "{expert}" in role.role and role.stacked:
            experts = max(experts, *(shape[0] for shape in fitting))
    if family.norm == "rmsnorm" and _has_norm_biases(names, shapes):
        return None
    experts = min(max(experts, len(numbered)), MAX_EXPERTS)
    geometry, notes = geometry_of(family, config, first, width, len(layers), experts)
    unfit = {family.unless[g] for g in family.coins if g in family.unless}
    coins = tuple(c for c in family.coins if family.unless.get(c) not in unfit & first.keys())
    coins = tuple(c for c in coins if family.needs.get(c, "embed") in first or c not in family.needs)
    for group, keys in family.void_if.items():
        if group in coins and (key := next((k for k in keys if stated(config, k)), None)) is not None:
            coins = tuple(c for c in coins if c != group)
            notes.append(f"config.json sets {key}: no {group} coins")
    if unheeded_rotary(config, geometry):
        coins = tuple(c for c in coins if c != "query_key")
        notes.append("config.json states a rotating share that this family's code does not take: no query/key coins")
    if family.no_rope_if and config.get(family.no_rope_if) is True:
        family = replace(family, rope="none")
        geometry = replace(geometry, rotary=None)
    if family.half_unless and config.get(family.half_unless) is False:
        family = replace(family, rope="half")
    strange = _strange(family, prefix, names, odd, templates)
    if strange:
        first_strange = one_line(min(strange), 80)
        notes.append(
            f"{len(strange)} tensors in its layers have no role, the first is {first_strange}: "
            "whether its symmetries hold is not known"
        )
    if layers[-1] + 1 != len(layers):
        notes.append(f"layers are missing: {len(layers)} are there, numbered {layers[0]} to {layers[-1]}")
    if "embed" not in names:
        notes.append("the embedding is missing: a part of a model")
    if odd:
        notes.insert(
            0,
            f"{len(odd)} tensors have unexpected shapes and are left out, the first is {one_line(min(odd), 80)}",
        )
    return Named(replace(family, coins=coins), geometry, names, tuple(notes), by_names=bool(strange))


def _strange(
    family: Architecture, prefix: str, names: Mapping[str, str], odd: set[str], templates: Templates
) -> list[str]:
    """Tensors inside the layers that the family does not have: code of one's own under a known name, say.

    A norm or a position bias that is not described can break any symmetry, so such a model is never the trusted one.
    """
    stem = _pattern(next(r for r in family.roles.values() if "{layer}" in r.role)).partition("{}")[0]
    others = templates.bare.keys() - names.values() - odd
    return [n for n in others if templates.bare[n].startswith(prefix + stem) and not BESIDE.search(n)]


def _pattern(role: Role) -> str:
    text = role.name
    for hole in HOLES:
        text = text.replace(hole, "{}")
    return text


def _prefix(family: Architecture, templates: Templates) -> str | None:
    """What stands before the family's names in this file: ``model.``, ``language_model.model.``, nothing.

    The shortest before an embedding, so that of two towers the outer one is read; without an embedding (a single shard,
    half a model) the one under which most tensors have names of the family.
    """
    patterns = {_pattern(r): r.role for r in family.roles.values() if "{layer}" in r.role or r.role == "embed"}
    found: Counter[str] = Counter()
    embedded: set[str] = set()
    for pattern, role in patterns.items():
        for text in templates.by_ending.get(_ending(pattern, 2), ()):
            if text == pattern or text.endswith("." + pattern):
                prefix = text[: len(text) - len(pattern)]
                if "{}" not in prefix:
                    found[prefix] += len(templates.by_template[text])
                    if role == "embed":
                        embedded.add(prefix)
    layered = {p for p in found if p not in embedded or found[p] > 1}
    if embedded & layered:
        return min(embedded & layered, key=lambda p: (len(p), p))
    return max(layered, key=lambda p: (found[p], -len(p), p)) if layered else None


def _places(role: Role, prefix: str, templates: Templates) -> dict[Numbers, str]:
    """Every tensor of a role: its numbers to its full name. ``lm_head`` may stand outside the prefix."""
    pattern = _pattern(role)
    stems = [prefix]
    if "{layer}" not in role.role:
        while stems[-1]:
            stems.append(stems[-1][:-1].rpartition(".")[0] + ("." if "." in stems[-1][:-1] else ""))
    for stem in stems:
        if (found := templates.by_template.get(stem + pattern)) is not None:
            return found
    return {}


def _width(family: Architecture, places: Mapping[str, Mapping[Numbers, str]], shapes: Shapes) -> int | None:
    """The residual width: of the embedding, else the commonest size along the residual axes of what is there."""
    sizes: Counter[int] = Counter()
    for role in family.roles.values():
        for name in places[role.role].values():
            shape = shapes[name]
            if len(shape) != len(role.axes) or 0 in shape:
                continue
            for axis, size in zip(role.axes, shape, strict=True):
                if axis in ("residual", "gain"):
                    if role.role == "embed":
                        return size
                    sizes[size] += 1
    return sizes.most_common(1)[0][0] if sizes else None


def _fits(role: Role, shape: tuple[int, ...], width: int, first: tuple[int, ...] | None = None) -> bool:
    """Whether a tensor can be this role: its rank, the residual width, and the sizes of the role's first tensor."""
    if len(shape) != len(role.axes) or 0 in shape:
        return False
    for place, axis in enumerate(role.axes):
        if axis in ("residual", "gain"):
            if shape[place] != width:
                return False
        elif axis == "neuron" and role.part is not None and shape[place] % len(role.part.of):
            return False
        if first is not None and axis not in ("neuron", "residual", "gain", "below") and shape[place] != first[place]:
            return False
    return True


def _filled(
    role: Role, at: Mapping[Numbers, str], shapes: Shapes, position: Mapping[int, int], stacked: int
) -> dict[str, str]:
    """The filled-in roles of tensors: one each, or one per expert, up to ``stacked``, where experts are stacked."""
    if "{layer}" not in role.role:
        (name,) = at.values()
        return {role.role: name}
    form = role.role
    for hole in HOLES:
        form = form.replace(hole, "%d")
    if not role.stacked:
        return {form % (position[n[0]], *n[1:]): name for n, name in at.items()}
    counted = ((n, name, min(shapes[name][0], stacked)) for n, name in at.items())
    return {form % (position[n[0]], k): name for n, name, count in counted for k in range(count)}


def _has_norm_biases(names: Mapping[str, str], shapes: Shapes) -> bool:
    """Biases beside the gains mean LayerNorm (StableLM is otherwise named like Llama): no residual coins there."""
    return any(
        role.endswith("norm") and "attn." not in role and name.removesuffix("weight") + "bias" in shapes
        for role, name in names.items()
    )
