"""A role's values, whatever tensor they are stored in: whole, fused or stacked, rows first or columns first."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.architecture import HOLES, Geometry, Part, Role
from forebear.artifacts.base import Artifact, Tensor

F32 = NDArray[np.float32]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class RoleTensor:
    """The tensor behind a role, seen with the generator axis first.

    Attributes:
        role: the family's description, with the axes as stored; without the expert axis where experts are stacked.
        tensor: the tensor, still on disk.
        geometry: needed to take fused tensors apart.
    """

    role: Role
    tensor: Tensor
    geometry: Geometry

    def length(self, axis: str) -> int:
        """Size of an axis; of the role's own part where the tensor is fused along it.

        Raises ``ValueError`` where the sizes of the parts are not known.
        """
        stored = self.tensor.shape[self.role.axes.index(axis)]
        if self.role.part is None or self.role.axes.index(axis) != fused_axis(self.role):
            return stored
        sizes = part_sizes(self.role.part, stored, self.geometry)
        own = sizes[self.role.part.index]
        return own * (stored // sum(sizes)) if self.role.part.layout == "groups" else own

    @property
    def known(self) -> bool:
        """Whether the sizes of the parts of a fused tensor are known."""
        if self.role.part is None:
            return True
        try:
            part_sizes(self.role.part, self.tensor.shape[fused_axis(self.role)], self.geometry)
        except ValueError:
            return False
        return True

    def rows(self, axis: str, indices: Indices, width: int) -> F32:
        """Values at ``indices`` of ``axis`` against the first ``width`` of the other one: ``(n, width)``.

        ``width`` is cut to what is there. Reads contiguous runs; a column-first tensor is read ``width`` storage rows
        deep and turned.
        """
        at = self.role.axes.index(axis)
        width = min(width, self.tensor.shape[1 - at])
        if indices.size == 0:
            return np.zeros((0, width), dtype=np.float32)
        stored = self._stored(axis, indices)
        if at == 0:
            return np.concatenate([self.tensor.rows(a, b)[:, :width] for a, b in runs(stored)])
        return self.tensor.columns(stored, width)

    def vector(self) -> F32:
        """Values of a role with one axis (a gain, a bias), of its own part where the tensor is fused: ``(n,)``."""
        (axis,) = self.role.axes
        return self.tensor.values()[self._stored(axis, np.arange(self.length(axis)))]

    def _stored(self, axis: str, indices: Indices) -> Indices:
        """Positions in the stored tensor of the role's own indices."""
        part = self.role.part
        if part is None or self.role.axes.index(axis) != fused_axis(self.role):
            return indices
        sizes = part_sizes(part, self.tensor.shape[fused_axis(self.role)], self.geometry)
        before, own = sum(sizes[: part.index]), sizes[part.index]
        if part.layout == "blocks":
            return indices + before
        if part.layout == "alternating":
            return indices * len(sizes) + part.index
        group, inside = np.divmod(indices, own)
        return np.asarray(group * sum(sizes) + before + inside)


def fused_axis(role: Role) -> int:
    """The axis along which a fused tensor is fused: the one that has the part's own label, or the gate's neurons."""
    assert role.part is not None
    label = role.part.of[role.part.index]
    return role.axes.index("neuron" if label == "gate" else label)


def part_sizes(part: Part, stored: int, geometry: Geometry) -> tuple[int, ...]:
    """Sizes of a fused tensor's parts: of all of each (``blocks``), of one group (``groups``).

    Raises ``ValueError`` where they depend on a head structure that is not known.
    """
    if part.layout == "alternating" or "neuron" in part.of:
        return (stored // len(part.of),) * len(part.of)
    g = geometry
    if g.heads is None or g.kv_heads is None or g.head_dim is None or g.value_dim is None:
        raise ValueError("fused by heads, and the head structure is unknown")
    one_head = {
        "query": g.head_dim * (g.heads // g.kv_heads),
        "key": g.head_dim,
        "value": g.value_dim,
        "nope": g.nope,
        "rope": g.rotary or 0,
    }
    whole = {
        "query": g.heads * g.head_dim,
        "key": g.kv_heads * g.head_dim,
        "value": g.kv_heads * g.value_dim,
        "kv_latent": g.kv_rank,
        "shared_rope": g.rotary or 0,
    }
    return tuple((one_head if part.layout == "groups" else whole)[label] for label in part.of)


def runs(indices: Indices) -> list[tuple[int, int]]:
    """Ascending positions as half-open contiguous runs, so that each is one read."""
    if indices.size == 0:
        return []
    breaks = np.flatnonzero(np.diff(indices) != 1) + 1
    starts = np.concatenate([[0], breaks])
    stops = np.concatenate([breaks, [indices.size]])
    return [(int(indices[a]), int(indices[b - 1]) + 1) for a, b in zip(starts, stops, strict=True)]


def role_tensor(artifact: Artifact, role: str) -> RoleTensor | None:
    """The tensor of a filled-in role (``layers.3.attn.v``).

    None where the model has none that carries signs, or one that is fused by heads whose structure is not known.
    """
    family, geometry = artifact.architecture, artifact.geometry
    if family is None or geometry is None:
        return None
    name = artifact.names.get(role)
    if name is None or not artifact.weights.tensors[name].signed:
        return None
    description, tensor = family.roles[template(role)], artifact.weights.tensors[name]
    if description.stacked:
        tensor = tensor.item(int(role.split(".")[3]))
        description = replace(description, axes=description.axes[1:])
    found = RoleTensor(description, tensor, geometry)
    return found if found.known else None


def role_sizes(artifact: Artifact, role: str) -> str:
    """Axes and sizes of a role as text, in the order of the axes' names: the same however the tensor is stored."""
    assert artifact.architecture is not None
    description = artifact.architecture.roles[template(role)]
    shape = artifact.weights.tensors[artifact.names[role]].shape
    pairs = sorted(zip(description.axes, shape, strict=True))
    return ", ".join(f"{axis} {size}" for axis, size in pairs if not (description.stacked and axis == "expert"))


def tensors_by_role(artifact: Artifact) -> dict[str, Tensor]:
    """Every tensor of a model under its role, or under ``name:`` and its name where it has none."""
    roles = {name: role for role, name in artifact.names.items()}
    return {roles.get(name, f"name:{name}"): tensor for name, tensor in artifact.weights.tensors.items()}


def template(role: str) -> str:
    """``layers.3.experts.7.up`` to ``layers.{layer}.experts.{expert}.up``."""
    parts = role.split(".")
    for at, part in enumerate(parts):
        if part.isdigit():
            parts[at] = _HOLE[parts[at - 1]]
    return ".".join(parts)


_HOLE = dict(zip(("layers", "experts", "heads"), HOLES, strict=True))
