"""Architectures as data: one TOML file per family maps tensor names to roles, axes and symmetries.

Adding a family means adding a file under ``data/architectures``. Its keys:

``name``, ``title``, ``model_types``
    The family, and the ``model_type`` values of ``config.json`` that belong to it.
``norm``
    ``rmsnorm`` or ``layernorm``. Only RMSNorm leaves the sign of a residual dimension free.
``coins``
    The sign symmetries that are valid for the family (see :mod:`forebear.signals.generators`).
``rope``
    ``half`` (dimension i rotates with i + r/2), ``interleaved`` (2i with 2i + 1) or ``none``.
``[config]``
    Canonical size to the key of ``config.json``; several keys are tried in order.
``[tensors]``
    Role to ``name``, ``axes`` and, in fused tensors, ``part``. ``{layer}`` and ``{expert}`` are filled in.

Axes: ``token``, ``residual`` (flips with a residual dimension), ``gain`` (same index, does not flip), ``neuron``,
``query``, ``key``, ``value``, ``mixed`` (the attention output, one per query head and value dimension),
``expert``, ``position`` and ``free`` (no symmetry of ours acts on it).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

AXES = frozenset(
    [
        "token",
        "residual",
        "gain",
        "neuron",
        "query",
        "key",
        "value",
        "mixed",
        "expert",
        "position",
        "head_dim",
        "free",
    ]
)
COINS = ("residual", "glu", "experts", "value_output", "query_key")
MAX_LAYERS = 1_000
MAX_EXPERTS = 4_096


@dataclass(frozen=True)
class Part:
    """A role inside a fused tensor: the ``index``-th of ``of`` parts, whole ``blocks`` or within ``heads``."""

    layout: str
    index: int
    of: int


@dataclass(frozen=True)
class Role:
    """Where a role lies: the tensor's name below the family's prefix, its axes, its part if it is fused."""

    role: str
    name: str
    axes: tuple[str, ...]
    part: Part | None = None
    required: bool = True


@dataclass(frozen=True)
class Architecture:
    """One family of models, as its data file describes it."""

    name: str
    title: str
    model_types: tuple[str, ...]
    norm: str
    coins: tuple[str, ...]
    rope: str
    config: Mapping[str, tuple[str, ...]]
    roles: Mapping[str, Role]


@dataclass(frozen=True)
class Geometry:
    """A model's sizes in canonical terms; None where neither config nor shapes say.

    ``rotary`` is the number of dimensions of a head that rotate; ``experts`` is 0 for dense models.
    """

    width: int
    layers: int
    vocabulary: int
    intermediate: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    head_dim: int | None = None
    rotary: int | None = None
    experts: int = 0
    tied: bool = False


@dataclass(frozen=True)
class Named:
    """A family applied to one model: its data, sizes, and the tensor name of every role that is there."""

    architecture: Architecture
    geometry: Geometry
    names: Mapping[str, str]
    notes: tuple[str, ...] = ()


@cache
def families() -> tuple[Architecture, ...]:
    """Every family that the package knows, by file name."""
    folder = resources.files("forebear") / "data" / "architectures"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return tuple(parse(tomllib.loads(f.read_text("utf-8")), f.name) for f in files)


def parse(data: Mapping[str, Any], file: str = "architecture") -> Architecture:
    """An architecture from its parsed TOML; ``ValueError`` where the file is wrong (a bug of ours, not input)."""
    roles: dict[str, Role] = {}
    for role, entry in data["tensors"].items():
        axes = tuple(entry["axes"].split())
        if unknown := set(axes) - AXES:
            raise ValueError(f"{file}: unknown axes {sorted(unknown)} of {role}")
        part = entry.get("part")
        roles[role] = Role(
            role,
            entry["name"],
            axes,
            Part(**part) if part else None,
            required=not entry.get("optional", False),
        )
    coins = tuple(data["coins"])
    if unknown := set(coins) - set(COINS):
        raise ValueError(f"{file}: unknown coins {sorted(unknown)}")
    config = {k: (v,) if isinstance(v, str) else tuple(v) for k, v in data.get("config", {}).items()}
    return Architecture(
        data["name"],
        data["title"],
        tuple(data["model_types"]),
        data["norm"],
        coins,
        data["rope"],
        config,
        roles,
    )


def recognise(config: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> Named | str:
    """The family of a model and the names of its roles, or a sentence that says why there is none.

    The ``model_type`` decides where the tensor names bear it out; otherwise the names alone do, and a note says
    so. Sizes come from shapes wherever shapes have them: a config can lie.
    """
    declared = str(config.get("model_type") or "")
    by_type = [f for f in families() if declared in f.model_types]
    for family in by_type:
        if (named := match(family, config, shapes)) is not None:
            return named
    found = [(n, len(n.names)) for f in families() if (n := match(f, config, shapes)) is not None]
    if not found:
        if by_type:
            return f"tensors are not named as {by_type[0].title} names them"
        return f"model_type {declared or 'not given'} and its tensor names belong to no known family"
    best = max(found, key=lambda item: item[1])[0]
    said = f"model_type {declared} is not known" if declared and not by_type else "no model_type is given"
    if by_type:
        said = f"tensor names are not those of {declared}"
    note = f"{said}; the tensor names are those of {best.architecture.title}"
    return Named(best.architecture, best.geometry, best.names, (*best.notes, note))


def match(family: Architecture, config: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> Named | None:
    """The family's roles in this model, or None where a required one of the first layer is missing."""
    embed = family.roles["embed"]
    prefix = _prefix(embed.name, shapes)
    if prefix is None:
        return None
    names: dict[str, str] = {}
    layers = _count(family, prefix, shapes, MAX_LAYERS, "layers.{layer}.")
    experts = _count(family, prefix.replace("{layer}", "0"), shapes, MAX_EXPERTS, "layers.{layer}.experts.{expert}.")
    for role in family.roles.values():
        for filled, name in _fill(role, layers, experts):
            if prefix + name in shapes:
                names[filled] = prefix + name
            elif name in shapes:  # lm_head stands outside the prefix
                names[filled] = name
        if role.required and _fill_first(role.role) not in names:
            return None
    if layers == 0:
        return None
    geometry = _geometry(family, config, names, shapes, layers, experts)
    return None if geometry is None else Named(family, geometry, names)


def _prefix(embed: str, shapes: Mapping[str, tuple[int, ...]]) -> str | None:
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


def _count(family: Architecture, prefix: str, shapes: Mapping[str, tuple[int, ...]], limit: int, stem: str) -> int:
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
    shapes: Mapping[str, tuple[int, ...]],
    layers: int,
    experts: int,
) -> Geometry | None:
    def size(key: str) -> int | None:
        for name in family.config.get(key, ()):
            value = config.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31:
                return value
        return None

    vocabulary, width = shapes[names["embed"]]
    if width == 0:
        return None

    def axis(role: str, label: str) -> int | None:
        """Length of a role's axis, its share of it where the tensor is fused."""
        template = family.roles.get(role)
        name = names.get(_fill_first(role))
        if template is None or name is None or len(shapes[name]) != len(template.axes):
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
