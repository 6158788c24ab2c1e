"""A model's sizes: from shapes wherever shapes have them, from the config where only it can say, and what is odd."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from forebear.artifacts.architecture import Architecture, Geometry, Role
from forebear.artifacts.roles import fused_axis, part_sizes, template

Shapes = Mapping[str, tuple[int, ...]]
Sized = tuple[Role, tuple[int, ...]]
"""A role and the shape of a tensor that has it."""


def geometry_of(
    family: Architecture,
    config: Mapping[str, Any],
    first: Mapping[str, Sized],
    width: int,
    layers: int,
    experts: int,
) -> tuple[Geometry, list[str]]:
    """Sizes in canonical terms, and notes where the config contradicts the shapes.

    Only the number of query heads has to come from the config: the attention output has heads times value size
    columns, the rest follows. Where a config contradicts the shapes, or says nothing, the head structure is unknown.

    Args:
        family: its data.
        config: of the model.
        first: the first tensor of every role that is there, see :func:`first_of_each`.
        width, layers, experts: sizes that are known already.
    """

    def axis(role: str, label: str) -> int | None:
        """Stored length of an axis of a role's first tensor."""
        found = first.get(role)
        return found[1][found[0].axes.index(label)] if found else None

    def neurons(stem: str) -> int | None:
        found = first.get(stem + ".up")
        if found is None:
            return None
        role, shape = found
        length = shape[role.axes.index("neuron")]
        return length // len(role.part.of) if role.part else length

    dense, shared = neurons("layers.{layer}.mlp"), neurons("layers.{layer}.shared")
    routed = neurons("layers.{layer}.experts.{expert}")
    base = Geometry(
        width=width,
        layers=layers,
        vocabulary=axis("embed", "token") or 0,
        intermediate=dense or routed or axis("layers.{layer}.rnn.candidate", "cell"),
        experts=experts,
        tied="lm_head" not in first,
        expert_intermediate=routed,
        shared_intermediate=shared,
    )
    heads = _heads(family, config, base, first)
    if heads is None:
        said = [k for k in ("heads", "kv_heads", "head_dim") if _size(family, config, k) is not None]
        notes = ["the head counts of config.json contradict the shapes"] if said else []
        return base, notes
    return heads, []


def _heads(
    family: Architecture, config: Mapping[str, Any], base: Geometry, first: Mapping[str, Sized]
) -> Geometry | None:
    """The geometry with its head structure, None where it is unknown or contradicts any shape."""
    out = first.get("layers.{layer}.attn.o")
    heads = _size(family, config, "heads")
    if out is None or heads is None:
        return None
    mixed = out[1][out[0].axes.index("mixed")]
    if mixed % heads:
        return None
    value_dim = mixed // heads
    latent = first.get("layers.{layer}.attn.kv_norm")
    if "layers.{layer}.attn.k_rope" in family.roles:
        fused = first.get("layers.{layer}.attn.k_rope")
        up = first.get("layers.{layer}.attn.v")
        if latent is None or fused is None or up is None:
            return None
        rank = latent[1][0]
        rotary, nope = fused[1][0] - rank, up[1][0] // heads - value_dim
        query = first.get("layers.{layer}.attn.q_latent")
        found = replace(
            base,
            heads=heads,
            kv_heads=heads,
            head_dim=nope + rotary,
            value_dim=value_dim,
            rotary=rotary,
            nope=nope,
            kv_rank=rank,
            q_rank=query[1][0] if query else 0,
        )
        sizes = (rotary if rotary % 2 == 0 else 0, nope, rank)
        declared = {"rotary": rotary, "nope": nope, "value_dim": value_dim}
    else:
        key = first.get("layers.{layer}.attn.k")
        if key is None:
            return None
        kv_heads = _kv_heads(key, heads, value_dim)
        head_dim = value_dim
        rotary = int(head_dim * rotary_fraction(family, config, head_dim)) // 2 * 2
        found = replace(
            base,
            heads=heads,
            kv_heads=kv_heads,
            head_dim=head_dim,
            value_dim=value_dim,
            rotary=rotary if family.rope != "none" else None,
        )
        sizes = (kv_heads, head_dim, heads // kv_heads if kv_heads else 0)
        declared = {"kv_heads": kv_heads, "head_dim": head_dim}
    if min(sizes) < 1 or heads % (found.kv_heads or 1) or not _holds(found, first):
        return None
    for size, value in declared.items():
        said = _size(family, config, size)
        if said is not None and said != value:
            return None
    return found


def _kv_heads(key: Sized, heads: int, head_dim: int) -> int:
    """Number of key/value heads from the rows of k, or of a tensor fused from q, k and v; 0 where it is none."""
    role, shape = key
    rows = shape[role.axes.index("key")]
    if rows % head_dim:
        return 0
    return rows // head_dim if role.part is None else (rows // head_dim - heads) // 2


def _holds(geometry: Geometry, first: Mapping[str, Sized]) -> bool:
    """Whether every tensor of the attention has the size that the head structure gives it."""
    g = geometry
    assert g.heads and g.kv_heads and g.head_dim and g.value_dim
    whole = {
        "query": g.heads * g.head_dim,
        "key": g.kv_heads * g.head_dim,
        "value": g.kv_heads * g.value_dim,
        "mixed": g.heads * g.value_dim,
        "nope": g.heads * g.nope,
        "rope": g.heads * (g.rotary or 0),
        "shared_rope": g.rotary or 0,
        "kv_latent": g.kv_rank,
        "q_latent": g.q_rank,
    }
    for role, shape in first.values():
        if role.part is not None and "neuron" not in role.part.of:
            sizes = part_sizes(role.part, 0, g)
            groups = g.kv_heads if role.part.layout == "groups" else 1
            at = fused_axis(role)
            if shape[at] != groups * sum(sizes):
                return False
        else:
            at = -1
        for k, axis in enumerate(role.axes):
            if axis in whole and k != at and shape[k] != whole[axis]:
                return False
    return True


def first_of_each(family: Architecture, names: Mapping[str, str], shapes: Shapes) -> dict[str, Sized]:
    """Role template to its description and the shape of its first tensor; heads and experts count as one."""
    found: dict[str, Sized] = {}
    seen: set[str] = set()
    for filled, name in names.items():
        letters = filled.translate(_NO_DIGITS)  # cheap, and of the hundred thousand roles of experts few differ in it
        if letters not in seen:
            seen.add(letters)
            role = template(filled)
            found[role] = (family.roles[role], shapes[name])
    return found


_NO_DIGITS = str.maketrans("", "", "0123456789")


def _size(family: Architecture, config: Mapping[str, Any], key: str) -> int | None:
    """A canonical size as the config has it; None where it has none that could be one."""
    for name in family.config.get(key, ()):
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31:
            return value
    return None


ROTARY_KEYS = ("partial_rotary_factor", "rope_parameters.partial_rotary_factor", "rotary_pct")


def rotary_fraction(family: Architecture, config: Mapping[str, Any], head_dim: int) -> float:
    """The share of a head that rotates: as a fraction or as a number of dimensions, else the family's usual one."""
    for key in family.config.get("rotary", ()):
        if (value := _fraction(config, key)) is not None:
            return value
    keys = family.config.get("rotary_dims", ())
    dims = _size(family, config, "rotary_dims")
    if not any(key in config for key in keys):
        dims = dims or family.rotary_dims
    return min(1.0, dims / head_dim) if dims else family.rotary


def unheeded_rotary(config: Mapping[str, Any], geometry: Geometry) -> bool:
    """Whether any key of the config states another rotating share than the family's own code takes.

    Which of the two the weights were trained with is not known then, nor what a plane is.
    """
    if geometry.head_dim is None or geometry.rotary is None or geometry.kv_rank:
        return False
    said = [int(geometry.head_dim * f) // 2 * 2 for k in ROTARY_KEYS if (f := _fraction(config, k)) is not None]
    dims = config.get("rotary_dim")
    if isinstance(dims, int) and not isinstance(dims, bool) and dims > 0:
        said.append(min(dims, geometry.head_dim) // 2 * 2)
    return any(size != geometry.rotary for size in said)


def stated(config: Mapping[str, Any], key: str) -> Any:
    """The value of a key of the config, ``table.key`` where it is nested; None where it is not there."""
    table, _, name = key.rpartition(".")
    place = config.get(table) if table else config
    return place.get(name) if isinstance(place, Mapping) else None


def _fraction(config: Mapping[str, Any], key: str) -> float | None:
    value = stated(config, key)
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1
    return float(value) if usable and value is not None else None
