"""Which family a model belongs to: tensor names and shapes decide, the config is asked where they are silent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from forebear.artifacts.architecture import Architecture, Geometry, Role, families
from forebear.errors import one_line

Shapes = Mapping[str, tuple[int, ...]]

MAX_LAYERS = 1_000
MAX_EXPERTS = 4_096


@dataclass(frozen=True)
class Named:
    """A family applied to one model: its data, sizes, and the tensor name of every role that is there."""

    architecture: Architecture
    geometry: Geometry
    names: Mapping[str, str]
    notes: tuple[str, ...] = ()
    by_names: bool = False


def recognise(config: Mapping[str, Any], shapes: Shapes) -> Named | str:
    """The family of a model and the names of its roles, or a sentence that says why there is none.

    The ``model_type`` decides where the tensor names bear it out; otherwise the names alone do, and a note says
    so. Sizes come from shapes wherever shapes have them: a config can lie.
    """
    given = config.get("model_type")
    declared = one_line(given, 60) if isinstance(given, str) else ""
    by_type = [f for f in families() if declared in f.model_types]
    for family in by_type:
        if (named := match(family, config, shapes)) is not None:
            return named
    found = [(n, len(n.names)) for f in families() if (n := match(f, config, shapes)) is not None]
    if not found:
        if by_type:
            return f"tensors are not named or shaped as {by_type[0].title} has them"
        return f"model_type {declared or 'not given'} and its tensor names belong to no known family"
    best = max(found, key=lambda item: item[1])[0]
    said = f"model_type {declared} is not known" if declared and not by_type else "no model_type is given"
    if by_type:
        said = f"tensor names are not those of {declared}"
    note = f"{said}; the tensor names are those of {best.architecture.title}"
    return Named(best.architecture, best.geometry, best.names, (*best.notes, note), by_names=True)


def match(family: Architecture, config: Mapping[str, Any], shapes: Shapes) -> Named | None:
    """The family's roles in this model, or None where a required one of the first layer is missing.

    A tensor with the name of a role and another shape (packed by a quantiser, pruned in this layer alone) is left
    out: the sizes that hold for the first layer hold for every tensor of a role, MLP neurons aside.
    """
    embed = family.roles["embed"]
    prefix = _prefix(embed.name, shapes)
    if prefix is None:
        return None
    width = shapes[prefix + embed.name][1]
    names: dict[str, str] = {}
    odd: set[str] = set()
    layers = _count(family, prefix, shapes, MAX_LAYERS, "layers.{layer}.")
    experts = _count(family, prefix, shapes, MAX_EXPERTS, "layers.{layer}.experts.{expert}.")
    for role in family.roles.values():
        first: tuple[int, ...] | None = None
        for filled, name in _fill(role, layers, experts):
            full = prefix + name if prefix + name in shapes else name  # lm_head stands outside the prefix
            if full not in shapes:
                continue
            if _fits(role, shapes[full], width, first):
                first = first or shapes[full]
                names[filled] = full
            else:
                odd.add(full)
        if role.required and _fill_first(role.role) not in names:
            return None
    if layers == 0 or (family.norm == "rmsnorm" and _has_norm_biases(names, shapes)):
        return None
    geometry = _geometry(family, config, names, shapes, layers, experts)
    notes = (
        (f"{len(odd)} tensors have unexpected shapes and are left out, the first is {one_line(min(odd), 80)}",)
        if odd
        else ()
    )
    return Named(family, geometry, names, notes)


def _fits(role: Role, shape: tuple[int, ...], width: int, first: tuple[int, ...] | None) -> bool:
    """Whether a tensor can be this role: its rank, the residual width, and the sizes of the role's first tensor."""
    if len(shape) != len(role.axes) or 0 in shape:
        return False
    for place, axis in enumerate(role.axes):
        whole = axis not in ("residual", "gain")
        if not whole and shape[place] != width:
            return False
        if whole and role.part is not None and shape[place] % role.part.of:
            return False
        if first is not None and axis != "neuron" and shape[place] != first[place]:
            return False
    return True


def _has_norm_biases(names: Mapping[str, str], shapes: Shapes) -> bool:
    """Biases beside the gains mean LayerNorm (StableLM is otherwise named like Llama): no residual coins there."""
    return any(
        role.endswith("norm") and "attn." not in role and name.removesuffix("weight") + "bias" in shapes
        for role, name in names.items()
    )


def _prefix(embed: str, shapes: Shapes) -> str | None:
    """What stands before the family's names in this file: ``model.``, ``language_model.model.``, nothing."""
    found = [n[: -len(embed)] for n in shapes if n.endswith(embed) and len(shapes[n]) == 2]
    found = [p for p in found if p == "" or p.endswith(".")]
    return min(found, key=len) if found else None


def _fill_first(text: str) -> str:
    return text.replace("{layer}", "0").replace("{expert}", "0")


def _fill(role: Role, layers: int, experts: int) -> Iterable[tuple[str, str]]:
    """Every (role, name) that a pattern stands for in a model of this depth."""
    if "{layer}" not in role.role:
        yield role.role, role.name
        return
    for layer in range(layers):
        at, name = role.role.replace("{layer}", str(layer)), role.name.replace("{layer}", str(layer))
        if "{expert}" not in at:
            yield at, name
            continue
        for expert in range(experts):
            yield at.replace("{expert}", str(expert)), name.replace("{expert}", str(expert))


def _count(family: Architecture, prefix: str, shapes: Shapes, limit: int, stem: str) -> int:
    """Number of layers (or of the first layer's experts) whose first required tensor is there."""
    role = next((r for r in family.roles.values() if r.required and r.role.startswith(stem)), None)
    if role is None:
        return 0
    hole = "{expert}" if "{expert}" in stem else "{layer}"
    for number in range(limit):
        name = role.name.replace(hole, str(number)).replace("{layer}", "0")
        if prefix + name not in shapes:
            return number
    return limit


def _geometry(
    family: Architecture,
    config: Mapping[str, Any],
    names: Mapping[str, str],
    shapes: Shapes,
    layers: int,
    experts: int,
) -> Geometry:
    def size(key: str) -> int | None:
        for name in family.config.get(key, ()):
            value = config.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31:
                return value
        return None

    vocabulary, width = shapes[names["embed"]]

    def axis(role: str, label: str) -> int | None:
        """Length of a role's axis, its share of it where the tensor is fused."""
        template = family.roles.get(role)
        name = names.get(_fill_first(role))
        if template is None or name is None:
            return None
        length = shapes[name][template.axes.index(label)]
        return length // template.part.of if template.part else length

    heads, kv_heads, head_dim = size("heads"), size("kv_heads"), size("head_dim")
    kv_heads = kv_heads or heads
    query, key = axis("layers.{layer}.attn.q", "query"), axis("layers.{layer}.attn.k", "key")
    head_dim = head_dim or (query // heads if heads and query and query % heads == 0 else None)
    if not heads or not kv_heads or not head_dim or query != heads * head_dim or key != kv_heads * head_dim:
        heads = kv_heads = head_dim = None  # the config is absent or contradicts the shapes: head structure unknown
    rotary = None
    if head_dim is not None and family.rope != "none":
        rotary = int(head_dim * _rotary_fraction(family, config)) // 2 * 2
    mlp = "layers.{layer}.experts.{expert}.up" if experts else "layers.{layer}.mlp.up"
    return Geometry(
        width=width,
        layers=layers,
        vocabulary=vocabulary,
        intermediate=axis(mlp, "neuron"),
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        rotary=rotary,
        experts=experts,
        tied="lm_head" not in names,
    )


def _rotary_fraction(family: Architecture, config: Mapping[str, Any]) -> float:
    nested = config.get("rope_parameters")
    for place in (config, nested if isinstance(nested, Mapping) else {}):
        for key in family.config.get("rotary", ()):
            value = place.get(key)
            if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1:
                return float(value)
    return 1.0
