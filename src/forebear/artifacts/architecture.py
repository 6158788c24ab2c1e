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
from collections.abc import Mapping
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
