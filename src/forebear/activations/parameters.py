"""Tensors under the names that parameters have in the memory of ``transformers``: as stored, or stacks of experts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from forebear.activations.base import F32
from forebear.artifacts import Artifact
from forebear.artifacts.architecture import Role
from forebear.artifacts.recognise import BESIDE
from forebear.artifacts.roles import role_tensor
from forebear.errors import FormatError


@dataclass(frozen=True)
class Parameters:
    """The tensors of one model, as a network of the library asks for them.

    Attributes:
        artifact: the model.
        prefix: what stands before the network's names in the files.
    """

    artifact: Artifact
    prefix: str

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of a parameter; None where the files do not have it."""
        if (tensor := self.artifact.weights.tensors.get(self.prefix + name)) is not None:
            return tensor.shape
        shapes = [self._shapes(roles) for roles in self._experts(name)]
        if not shapes or any(one is None or one != shapes[0] for one in shapes):
            return None
        return (len(shapes), *(shapes[0] or ())) if self._stacked(name) else shapes[0]

    def values(self, name: str) -> F32:
        """A parameter that is there, in float32."""
        if (tensor := self.artifact.weights.tensors.get(self.prefix + name)) is not None:
            if not tensor.readable:
                raise FormatError(self.artifact.name, f"{self.prefix}{name} has no values that can be read")
            return tensor.values().reshape(tensor.shape)
        if self.shape(name) is None:
            raise FormatError(self.artifact.name, f"{self.prefix}{name} is not there")
        parts = [np.concatenate([self._whole(role) for role in roles]) for roles in self._experts(name)]
        return np.stack(parts) if self._stacked(name) else parts[0]

    def unused(self, names: Collection[str], stem: str) -> str:
        """A tensor below ``stem`` that no parameter of these names takes; empty where there is none."""
        taken = {self.prefix + name for name in names}
        for name in names:
            taken |= {self.artifact.names[role] for roles in self._experts(name) for role in roles}
        below = (name for name in self.artifact.weights.tensors if name.startswith(self.prefix + stem))
        return next((name for name in below if name not in taken and not BESIDE.search(name)), "")

    def _experts(self, name: str) -> list[tuple[str, ...]]:
        """Where a name is one of the library's for all experts of a layer, the roles that make it up, by expert."""
        found = self._descriptions(name)
        if not found or self.artifact.geometry is None:
            return []
        layer = next(part for part in name.split(".") if part.isdigit())
        experts = self.artifact.geometry.experts if self._stacked(name) else 1
        filled = [tuple(role.role.format(layer=layer, expert=expert) for role in found) for expert in range(experts)]
        return filled if all(role in self.artifact.names for roles in filled for role in roles) else []

    def _descriptions(self, name: str) -> list[Role]:
        """The stacked roles of the family in a parameter of this name, in the order in which they lie there."""
        family = self.artifact.architecture
        number = next((part for part in name.split(".") if part.isdigit()), None)
        if family is None or number is None:
            return []
        found = [role for role in family.stacked.values() if role.name.replace("{layer}", number) == name]
        if any(role.part is not None and role.part.layout != "blocks" for role in found):
            return []
        return sorted(found, key=lambda role: role.part.index if role.part is not None else 0)

    def _stacked(self, name: str) -> bool:
        return any(role.stacked for role in self._descriptions(name))

    def _shapes(self, roles: tuple[str, ...]) -> tuple[int, ...] | None:
        """The shape of several matrices, one below the other."""
        found = [role_tensor(self.artifact, role) for role in roles]
        shapes = [one.tensor.shape for one in found if one is not None and one.role.part is None]
        if len(shapes) != len(roles) or len({shape[1:] for shape in shapes}) != 1:
            return None
        return (sum(shape[0] for shape in shapes), *shapes[0][1:])

    def _whole(self, role: str) -> F32:
        found = role_tensor(self.artifact, role)
        if found is None:
            raise FormatError(self.artifact.name, f"{role} has no values that can be read")
        return found.tensor.values()


def prefix_of(artifact: Artifact, embedding: str) -> str | None:
    """What stands before a network's own names, told by that of its embedding; None where there is no such tensor."""
    endings = (name for name in artifact.weights.tensors if name == embedding or name.endswith("." + embedding))
    prefixes = [name[: len(name) - len(embedding)] for name in endings]
    return min(prefixes, key=lambda prefix: (len(prefix), prefix), default=None)
