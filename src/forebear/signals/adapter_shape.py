"""``adapter-shape/1``: do an adapter's matrices fit the base that it names? B·A has the shape of the matrix it changes.

Only sizes that are stated are compared: those of an indexed reference, or of the catalogue. Numbers of layers and of
tokens are left alone, because both change without the base changing its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forebear.artifacts.adapter import Adapter
from forebear.artifacts.architecture import HOLES, Architecture, Role, families
from forebear.catalogue.models import KnownModel

NAME = "adapter-shape/1"
Sizes = Mapping[str, int | None]


@dataclass(frozen=True)
class Misfit:
    """A matrix that the base cannot have: what the adapter changes, and what the base has; None where unknown."""

    module: str
    found: tuple[int, int]
    expected: tuple[int | None, int | None]


@dataclass(frozen=True)
class Fit:
    """How many matrices could be held against the base's sizes, and those that contradict them."""

    checked: int
    misfits: tuple[Misfit, ...]


def fit(adapter: Adapter, family: Architecture, sizes: Sizes) -> Fit:
    """Every matrix of the adapter that the family has a role for, against the sizes of its axes.

    Args:
        adapter: its pairs of low rank.
        family: of the base.
        sizes: by axis label, see :func:`of_reference` and :func:`of_known`; what is missing or None fits anything.
    """
    stems = {_stem(role): role for role in family.roles.values() if len(role.axes) == 2 and "{layer}" in role.role}
    checked = 0
    misfits: list[Misfit] = []
    for module, change in adapter.pairs.items():
        template = ".".join("{}" if part.isdigit() else part for part in module.split("."))
        role = stems.get(template) or stems.get(template.partition(".")[2])  # at most one name before the family's
        if role is None:
            continue
        expected = (_size(role, 0, sizes), _size(role, 1, sizes))
        if expected == (None, None):
            continue
        checked += 1
        if not any(_agree(expected, way) for way in (change.shape, change.shape[::-1])):
            misfits.append(Misfit(module, change.shape, expected))
    return Fit(checked, tuple(misfits))


def of_reference(shape: Mapping[str, Any]) -> dict[str, int | None]:
    """Axis sizes of a reference, from its ``shape/1``; of latent attention only those that are common to all."""
    dense = not shape.get("experts")
    sizes = {"residual": shape.get("width"), "neuron": shape.get("intermediate") if dense else None}
    if shape.get("kv_rank") or shape.get("q_rank"):
        return sizes
    heads, kv_heads, head_dim = (shape.get(k) for k in ("query_heads", "kv_heads", "head_dim"))
    return sizes | _attention(heads, kv_heads, head_dim, shape.get("value_dim"))


def of_known(model: KnownModel) -> dict[str, int | None]:
    """Axis sizes of a base in the catalogue, as far as its entry states them."""
    sizes = {"residual": model.width, "neuron": None if model.experts else model.intermediate}
    return sizes | _attention(model.heads, model.kv_heads, model.head_dim, model.head_dim)


def families_of(model: KnownModel) -> tuple[Architecture, ...]:
    """The families that a base of the catalogue may belong to."""
    return tuple(f for f in families() if set(f.model_types) & set(model.model_types))


def _attention(
    heads: int | None, kv_heads: int | None, head_dim: int | None, value_dim: int | None
) -> dict[str, int | None]:
    def product(a: int | None, b: int | None) -> int | None:
        return a * b if a and b else None

    return {
        "query": product(heads, head_dim),
        "key": product(kv_heads, head_dim),
        "value": product(kv_heads, value_dim),
        "mixed": product(heads, value_dim),
    }


def _stem(role: Role) -> str:
    text = role.name.removesuffix(".weight")
    for hole in HOLES:
        text = text.replace(hole, "{}")
    return text


def _size(role: Role, place: int, sizes: Sizes) -> int | None:
    """Size of one axis of the stored matrix: of all its parts where it is fused along that axis."""
    label = role.axes[place]
    if role.part is None or label == "residual":
        return sizes.get(label)
    parts = [sizes.get("neuron" if of == "gate" else of) for of in role.part.of]
    return None if None in parts else sum(p for p in parts if p is not None)


def _agree(expected: tuple[int | None, int | None], found: tuple[int, int]) -> bool:
    return all(e is None or e == f for e, f in zip(expected, found, strict=True))
