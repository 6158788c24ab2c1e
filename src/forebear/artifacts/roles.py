"""A role's values, whatever tensor they are stored in: whole or fused, rows first or columns first."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.architecture import Role
from forebear.artifacts.base import Artifact, Tensor
from forebear.artifacts.dtypes import DTYPES

F32 = NDArray[np.float32]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class RoleTensor:
    """The tensor behind a role, seen with the generator axis first.

    Attributes:
        role: the family's description, with the axes as stored.
        tensor: the tensor, still on disk.
        head_dim: needed to take apart tensors that are fused head by head.
    """

    role: Role
    tensor: Tensor
    head_dim: int | None

    def length(self, axis: str) -> int:
        """Size of an axis; of the role's own part where the tensor is fused."""
        size = self.tensor.shape[self.role.axes.index(axis)]
        return size // self.role.part.of if self.role.part and axis != "residual" else size

    def rows(self, axis: str, indices: Indices, width: int) -> F32:
        """Values at ``indices`` of ``axis`` against the first ``width`` of the other one: ``(n, width)``.

        Reads contiguous runs; a column-first tensor is read ``width`` storage rows deep and turned.
        """
        if indices.size == 0:
            return np.zeros((0, width), dtype=np.float32)
        stored = self._stored(indices)
        if self.role.axes.index(axis) == 0:
            return np.concatenate([self.tensor.rows(a, b)[:, :width] for a, b in runs(stored)])
        return np.ascontiguousarray(self.tensor.rows(0, width)[:, stored].T)

    def _stored(self, indices: Indices) -> Indices:
        """Positions in the stored tensor of the role's own indices."""
        part = self.role.part
        if part is None:
            return indices
        if part.layout == "blocks":
            axis = 1 if self.role.axes[0] == "residual" else 0
            return indices + part.index * (self.tensor.shape[axis] // part.of)
        if self.head_dim is None:
            raise ValueError(f"{self.role.role} is fused by heads and the head size is unknown")
        head, inside = np.divmod(indices, self.head_dim)
        return (head * part.of + part.index) * self.head_dim + inside


def runs(indices: Indices) -> list[tuple[int, int]]:
    """Ascending positions as half-open contiguous runs, so that each is one read."""
    if indices.size == 0:
        return []
    breaks = np.flatnonzero(np.diff(indices) != 1) + 1
    starts = np.concatenate([[0], breaks])
    stops = np.concatenate([breaks, [indices.size]])
    return [(int(indices[a]), int(indices[b - 1]) + 1) for a, b in zip(starts, stops, strict=True)]


def role_tensor(artifact: Artifact, role: str) -> RoleTensor | None:
    """The tensor of a filled-in role (``layers.3.attn.v``), or None where the model has none that carries signs."""
    family = artifact.architecture
    if family is None or artifact.geometry is None:
        return None
    name = artifact.names.get(role)
    if name is None or not carries_signs(artifact.weights.tensors[name]):
        return None
    return RoleTensor(family.roles[template(role)], artifact.weights.tensors[name], artifact.geometry.head_dim)


def carries_signs(tensor: Tensor) -> bool:
    """Whether a tensor's values can be read and can be negative: without a sign there is no coin."""
    dtype = DTYPES[tensor.dtype]
    return dtype.decode is not None and dtype.signed and prod(tensor.shape[1:]) * dtype.bits % 8 == 0


def tensors_by_role(artifact: Artifact) -> dict[str, Tensor]:
    """Every tensor of a model under its role, or under ``name:`` and its name where it has none."""
    roles = {name: role for role, name in artifact.names.items()}
    return {roles.get(name, f"name:{name}"): tensor for name, tensor in artifact.weights.tensors.items()}


def template(role: str) -> str:
    """``layers.3.experts.7.up`` to ``layers.{layer}.experts.{expert}.up``."""
    parts = role.split(".")
    for at, word in ((1, "layers"), (3, "experts")):
        if len(parts) > at and parts[at - 1] == word and parts[at].isdigit():
            parts[at] = "{layer}" if word == "layers" else "{expert}"
    return ".".join(parts)
