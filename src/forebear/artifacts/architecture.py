"""Architectures as data: one TOML file per family maps tensor names to roles, axes and symmetries.

Adding a family means adding a file under ``data/architectures``. Its keys:

``name``, ``title``, ``model_types``
    The family, and the ``model_type`` values of ``config.json`` that belong to it.
``extends``, ``without``
    Another family whose keys and tensors hold here too, and roles of it that do not.
``norm``
    ``rmsnorm``, ``layernorm`` or ``none``. LayerNorm does not leave the sign of a residual dimension free.
``gain_offset``
    What the network adds to a stored norm gain (Gemma stores w and multiplies by 1 + w); default 0.
``coins``
    The sign symmetries that are valid for the family (see :mod:`forebear.signals.generators`).
``[unless]``
    Coin group to a role whose presence breaks that symmetry (LayerNorm on queries and keys).
``[void_if]``
    Coin group to keys of ``config.json``, ``table.key`` where nested; one that is true breaks the symmetry.
``[needs]``
    Coin group to a role without which it is not independent of another (a head that is the embedding).
``rope``
    ``half`` (dimension i rotates with i + r/2), ``interleaved`` (2i with 2i + 1) or ``none``.
``rotary``
    The share of a head that rotates where the config is silent; default 1.
``rotary_dims``
    The same as a number of dimensions (GPT-J), where the config has no such key.
``no_rope_if``
    A key of ``config.json`` that, when true, means that nothing rotates (``alibi``).
``half_unless``
    A key of ``config.json`` that, when false, means that the layout is ``half`` (``rope_interleave``).
``[config]``
    Canonical size to the key of ``config.json``; several keys are tried in order. ``rotary`` only for families whose
    code heeds it, ``table.key`` where it is nested.
``[tensors]``
    Role to ``name``, ``axes`` and, in fused tensors, ``part``. ``{layer}``, ``{expert}`` and ``{head}`` are filled in.
``[stacked]``
    Roles as they lie where a layer's experts are one tensor (transformers 5 in memory, and what is saved from there
    as it is); in a model that has such a tensor they take the place of those in ``[tensors]``.

Axes that carry generators: ``residual`` (flips with a residual dimension), ``neuron``, ``query``, ``key``, ``value``,
``mixed`` (the attention output, one per query head and value dimension); with latent attention (DeepSeek-V2, arXiv
2405.04434) ``q_latent``, ``kv_latent``, ``nope`` (unrotated dimensions, head by head), ``rope`` (rotating dimensions
of the queries, head by head) and ``shared_rope`` (those of the one key that all heads share); of recurrent networks
``cell`` (units, in their candidate), ``own`` (the same units, as their own layer reads them) and ``below`` (what a
layer reads: embedding dimensions in the first, then the units of the layer before). Others: ``unit`` (units, in a
gate), ``token``, ``gain`` (indexed like the residual stream, does not flip), ``expert``, ``position``, ``head_dim`` and
``free`` (no symmetry of ours acts on it).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

AXES = (
    frozenset(
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
    | {"q_latent", "kv_latent", "nope", "rope", "shared_rope"}
    | {"cell", "own", "below", "unit"}
)
COINS = ("residual", "glu", "experts", "value_output", "query_key", "latent", "cell")
HOLES = ("{layer}", "{expert}", "{head}")


@dataclass(frozen=True)
class Part:
    """A role inside a fused tensor.

    Attributes:
        layout: ``blocks`` (whole parts one after the other), ``groups`` (the parts of every key/value head, or of
            every head with latent attention, one after the other) or ``alternating`` (row by row).
        of: axis labels of all parts, in order; ``gate`` stands for a part of the size of its ``neuron`` sibling.
        index: which of them this role is.
    """

    layout: str
    of: tuple[str, ...]
    index: int


@dataclass(frozen=True)
class Role:
    """Where a role lies: the tensor's name below the family's prefix, its axes, its part if it is fused."""

    role: str
    name: str
    axes: tuple[str, ...]
    part: Part | None = None
    required: bool = True

    @property
    def stacked(self) -> bool:
        """Whether all experts of a layer lie in one tensor, the expert first."""
        return "{expert}" in self.role and self.axes[0] == "expert"


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
    gain_offset: float = 0.0
    rotary: float = 1.0
    no_rope_if: str = ""
    half_unless: str = ""
    rotary_dims: int = 0
    unless: Mapping[str, str] = field(default_factory=dict)
    stacked: Mapping[str, Role] = field(default_factory=dict)
    void_if: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    needs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Geometry:
    """A model's sizes in canonical terms; None where neither config nor shapes say, 0 where there is no such part.

    ``rotary`` is the number of dimensions of a head that rotate. ``head_dim`` is the size of a query head (with latent
    attention ``nope`` plus ``rotary``), ``value_dim`` that of a value head. ``intermediate`` is the width of the dense
    MLP, or of an expert where no layer has one; of a recurrent network the units of a layer.
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
    value_dim: int | None = None
    expert_intermediate: int | None = None
    shared_intermediate: int | None = None
    kv_rank: int = 0
    q_rank: int = 0
    nope: int = 0


@cache
def families() -> tuple[Architecture, ...]:
    """Every family that the package knows, by file name."""
    folder = resources.files("forebear") / "data" / "architectures"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    data = {f.name.removesuffix(".toml"): tomllib.loads(f.read_text("utf-8")) for f in files}
    return tuple(parse(extended(name, data), f"{name}.toml") for name in data)


def extended(name: str, data: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A family's data with what it extends filled in; ``data`` holds every family's own."""
    own = dict(data[name])
    parent = own.pop("extends", None)
    without = own.pop("without", [])
    if parent is None:
        return own
    base = extended(parent, data)
    base["tensors"] = dict(base["tensors"])
    for role in without:
        del base["tensors"][role]
    merged = {**base, **own}
    for table in ("config", "tensors", "unless", "stacked", "void_if", "needs"):
        merged[table] = {**base.get(table, {}), **own.get(table, {})}
    return merged


def parse(data: Mapping[str, Any], file: str = "architecture") -> Architecture:
    """An architecture from its parsed TOML; ``ValueError`` where the file is wrong (a bug of ours, not input)."""
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
        _roles(data["tensors"], file),
        float(data.get("gain_offset", 0.0)),
        float(data.get("rotary", 1.0)),
        data.get("no_rope_if", ""),
        data.get("half_unless", ""),
        int(data.get("rotary_dims", 0)),
        data.get("unless", {}),
        _roles(data.get("stacked", {}), file),
        {group: tuple(keys) for group, keys in data.get("void_if", {}).items()},
        data.get("needs", {}),
    )


def _roles(table: Mapping[str, Any], file: str) -> dict[str, Role]:
    roles: dict[str, Role] = {}
    for role, entry in table.items():
        axes = tuple(entry["axes"].split())
        if unknown := set(axes) - AXES:
            raise ValueError(f"{file}: unknown axes {sorted(unknown)} of {role}")
        part = entry.get("part")
        roles[role] = Role(
            role,
            entry["name"],
            axes,
            Part(part["layout"], tuple(part["of"].split()), part["index"]) if part else None,
            required=not entry.get("optional", False),
        )
    return roles
