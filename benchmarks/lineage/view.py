"""One model as every baseline sees it: values by role, so that no method loses by names.

Names, fused tensors, packed integers and turned matrices are put right by Forebear's reader before a method begins.
The methods' own code has none of it; giving it to them is the best reading of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact, read_artifact
from forebear.artifacts.roles import role_tensor, template
from forebear.signals.tokens import tokens_of
from forebear.sources import open_source

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Indices = NDArray[np.int64]
WRITERS = ("attn.o", ".down")
"""Roles whose outputs are the residual stream."""
MOST_VALUES = 2**27
"""Values of a model that are read; the benchmark's own have a million."""


class Refused(Exception):
    """A method cannot be applied to a pair; the text says why."""


@dataclass(frozen=True, eq=False)
class Model:
    """A model, read when it is asked for.

    Attributes:
        folder: where it lies.
        artifact: as Forebear reads it.
    """

    folder: Path
    artifact: Artifact

    @cached_property
    def weights(self) -> Mapping[str, F32]:
        """Role to its values: matrices ``(outputs, inputs)``, embeddings ``(tokens, width)``, gains ``(width,)``.

        Gains are those that the network applies. Biases are left out: no method here reads them.

        Raises:
            Refused: the tensors have no roles, or are more than :data:`MOST_VALUES`.
        """
        family = self.artifact.architecture
        if self.artifact.adapter is not None:
            raise Refused("an adapter is no model")
        if family is None or self.artifact.geometry is None:
            raise Refused(f"its tensors have no roles: {self.artifact.unknown}")
        if self.artifact.parameters > MOST_VALUES:
            raise Refused("too large for this benchmark")
        found = {}
        for role, name in self.artifact.names.items():
            axes = family.roles[template(role)].axes
            if axes == ("gain",):
                found[role] = np.asarray(self.artifact.weights.tensors[name].values() + np.float32(family.gain_offset))
            elif not role.endswith(".bias") and role != "positions":
                matrix = self._matrix(role)
                if matrix is not None:
                    found[role] = matrix
        return found

    def _matrix(self, role: str) -> F32 | None:
        there = role_tensor(self.artifact, role)
        if there is None or len(there.role.axes) != 2:
            return None
        first, second = there.role.axes
        if (first == "residual") != role.endswith(WRITERS):  # stored as (inputs, outputs)
            first = second
        return there.rows(first, np.arange(there.length(first)), MOST_VALUES)

    @property
    def layers(self) -> int:
        """Number of layers."""
        return self.artifact.geometry.layers if self.artifact.geometry else 0

    @property
    def width(self) -> int:
        """Of the residual stream."""
        return self.artifact.geometry.width if self.artifact.geometry else 0

    @property
    def config(self) -> Mapping[str, Any]:
        """``config.json``, empty where there is none."""
        return self.artifact.config

    def matrix(self, layer: int, part: str) -> F32:
        """A matrix of a layer, ``attn.q`` say.

        Raises:
            Refused: there is none.
        """
        found = self.weights.get(f"layers.{layer}.{part}")
        if found is None:
            raise Refused(f"no {part} of its own in a layer")
        return found

    def heads(self, layer: int) -> tuple[F32, F32, F32, F32]:
        """q, k, v and o of a layer, k and v repeated for every query head of their group.

        Raises:
            Refused: the model has none of its own, or its head structure is not known.
        """
        g = self.artifact.geometry
        if g is None or not g.heads or not g.kv_heads:
            raise Refused("its head structure is not known")
        q, k, v, o = (self.matrix(layer, f"attn.{part}") for part in "qkvo")
        k, v = (np.repeat(x.reshape(g.kv_heads, -1, x.shape[1]), g.heads // g.kv_heads, axis=0) for x in (k, v))
        k, v = (x.reshape(-1, x.shape[2]) for x in (k, v))
        if k.shape != q.shape or v.shape[0] != o.shape[1]:
            raise Refused("its head structure contradicts its shapes")
        return q, k, v, o

    def stems(self, layer: int) -> list[str]:
        """What the roles of a layer's MLP and experts start with: ``mlp``, ``experts.0`` and so on."""
        start = f"layers.{layer}."
        return [
            r.removeprefix(start).removesuffix(".up") for r in self.weights if r.startswith(start) and r[-3:] == ".up"
        ]


def open_model(folder: Path) -> Model:
    """A model from its folder; nothing but headers is read yet.

    Raises:
        InputError: it cannot be read.
    """
    return Model(folder, read_artifact(open_source(str(folder))))


def shared_tokens(a: Model, b: Model, least: int = 32) -> Indices:
    """``(n, 2)`` rows of both embeddings that stand for one token string, by number where a tokenizer is missing.

    Raises:
        Refused: there are fewer than ``least``, or one of the models has no embedding.
    """
    found = tokens_of(a.artifact, b.artifact)
    if found is None or "embed" not in a.weights or "embed" not in b.weights:
        raise Refused("no embedding")
    if len(found.ids) < least:
        raise Refused(f"{len(found.ids)} tokens in common")
    return found.ids


def shared_embeddings(a: Model, b: Model) -> tuple[F32, F32]:
    """Rows ``(n, width)`` of both embeddings, token by token.

    Raises:
        Refused: see :func:`shared_tokens`.
    """
    ids = shared_tokens(a, b)
    return a.weights["embed"][ids[:, 0]], b.weights["embed"][ids[:, 1]]
