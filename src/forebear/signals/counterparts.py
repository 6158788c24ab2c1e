"""What is held against what in two models: tensors by role, layers by a map, experts by router, tokens by string."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact, Tensor
from forebear.artifacts.roles import RoleTensor, role_tensor, tensors_by_role
from forebear.signals.generators import read_scattered
from forebear.signals.matching import cosines, matched
from forebear.signals.tokens import Tokens

F32 = NDArray[np.float32]
Indices = NDArray[np.int64]

LARGEST_TURNED = 16_000_000
"""Values of a matrix that one of the two stores turned, which has to be held whole."""
ROUTER_VALUES = 4_000_000
"""Router values of a layer up to which experts are matched; beyond, they are taken by number."""
SAME_EXPERT = 0.2
"""Cosine of two router rows from which on they can be one expert's."""


@dataclass(frozen=True)
class Pair:
    """A tensor of A and what it is held against."""

    role: str
    other: str
    a: RoleTensor
    b: RoleTensor
    axis: str
    ids: Indices | None = None

    @property
    def straight(self) -> bool:
        """Whether the two are stored alike, so that rows of the one are rows of the other."""
        return (self.a.tensor.shape, self.a.role.axes, self.a.role.part) == (
            self.b.tensor.shape,
            self.b.role.axes,
            self.b.role.part,
        )

    @property
    def size(self) -> tuple[int, int]:
        """Rows, and values of a row."""
        shape = self.a.tensor.shape
        if self.ids is not None:
            return len(self.ids), shape[1]
        if self.straight:
            return shape[0], int(np.prod(shape[1:]))
        return self.a.length(self.axis), shape[1 - self.a.role.axes.index(self.axis)]

    def block(self, start: int, stop: int) -> tuple[F32, F32]:
        """Rows ``[start, stop)`` of both, ``(n, width)``."""
        return self._rows(self.a, 0, start, stop), self.theirs(start, stop)

    def theirs(self, start: int, stop: int) -> F32:
        """Rows ``[start, stop)`` of B alone, ``(n, width)``."""
        return self._rows(self.b, 1, start, stop)

    def _rows(self, side: RoleTensor, column: int, start: int, stop: int) -> F32:
        if self.ids is not None:
            return by_id(side, self.ids[start:stop, column])
        if self.straight:
            rows = side.tensor.rows(start, stop)
            return rows.reshape(len(rows), -1)
        return side.rows(self.axis, np.arange(start, stop), self.size[1])


def counterparts(
    a: Artifact, b: Artifact, layers: Sequence[tuple[int, int]], tokens: Tokens | None
) -> tuple[list[Pair], list[str]]:
    """What is held against what, each stored tensor once; and roles of B that cannot be."""
    found: list[Pair] = []
    unread: list[str] = []
    seen: set[tuple[str, str]] = set()
    experts = {(i, j): _experts(a, i, b, j) for i, j in layers if f"layers.{j}.router" in b.names}
    ours = {j: i for i, j in layers}
    for other in b.names:
        role = _counterpart(other, a, b, ours, experts)
        if role is None:
            continue
        one, two = role_tensor(a, role), role_tensor(b, other)
        if one is None or two is None:
            unread.append(other)
            continue
        key = one.tensor.name, two.tensor.name
        if key in seen:
            continue
        try:
            pair = _paired(role, other, one, two, tokens)
        except ValueError:  # parts of a fused tensor whose sizes are not known
            pair = None
        if pair is None:
            unread.append(other)
        else:
            found.append(pair)
            if pair.straight:  # a fused tensor has several roles, and is read once
                seen.add(key)
    return found, unread


def _counterpart(
    other: str,
    a: Artifact,
    b: Artifact,
    ours: dict[int, int],
    experts: dict[tuple[int, int], dict[int, int]],
) -> str | None:
    """The role of A that a role of B is held against."""
    parts = other.split(".")
    if parts[0] != "layers":
        return other if other in a.names else None
    j = int(parts[1])
    if j not in ours:
        return None
    parts[1] = str(ours[j])
    if len(parts) > 3 and parts[2] == "experts":
        known = experts.get((ours[j], j), {})
        dense = ".".join([*parts[:2], "mlp", *parts[4:]])
        if dense in a.names:
            return dense
        parts[3] = str(known.get(int(parts[3]), parts[3]))
    role = ".".join(parts)
    if role not in a.names and parts[2] == "mlp":
        role = ".".join([*parts[:2], "experts", "0", *parts[3:]])
    return role if role in a.names else None


def _experts(a: Artifact, i: int, b: Artifact, j: int) -> dict[int, int]:
    """Expert of A by expert of B, where router rows are each other's best; by number elsewhere."""
    one, two = role_tensor(a, f"layers.{i}.router"), role_tensor(b, f"layers.{j}.router")
    if one is None or two is None or max(one.tensor.size, two.tensor.size) > ROUTER_VALUES:
        return {}
    if a.geometry is None or b.geometry is None or a.geometry.width != b.geometry.width:
        return {}
    rows = [t.rows("expert", np.arange(t.length("expert")), a.geometry.width) for t in (one, two)]
    return {int(y): int(x) for x, y in matched(cosines(rows[0], rows[1]), least=SAME_EXPERT)}


def _paired(role: str, other: str, one: RoleTensor, two: RoleTensor, tokens: Tokens | None) -> Pair | None:
    """The pair, None where the sizes differ in more than tokens."""
    axes = [t.role.axes for t in (one, two)]
    if "token" in axes[0] and tokens is not None and not tokens.straight:
        if axes[0] != axes[1] or axes[0][0] != "token" or one.tensor.shape[1:] != two.tensor.shape[1:]:
            return None
        limits = tokens.ids < np.array([one.tensor.shape[0], two.tensor.shape[0]])
        return Pair(role, other, one, two, "token", tokens.ids[limits.all(axis=1)])
    pair = Pair(role, other, one, two, axes[0][0])
    if pair.straight:
        return pair
    axis = next((x for x in axes[0] if x not in ("residual", "gain")), "")
    if len(axes[0]) != 2 or sorted(axes[0]) != sorted(axes[1]) or not axis:
        return None
    rest = next(x for x in axes[0] if x != axis)
    if one.length(axis) != two.length(axis) or one.length(rest) != two.length(rest):
        return None
    if max(one.tensor.size, two.tensor.size) > LARGEST_TURNED and axes[0] != axes[1]:
        return None
    return Pair(role, other, one, two, axis)


def by_id(tensor: RoleTensor, ids: Indices) -> F32:
    """Rows of an embedding in the order of ``ids``, which need not ascend."""
    ascending, where = np.unique(ids, return_inverse=True)
    return read_scattered(tensor, ascending)[where]


def alone(a: Artifact, b: Artifact, used_a: set[str], used_b: set[str]) -> tuple[dict[str, int], dict[str, int]]:
    """Roles, or names without a role, of either model that were held against nothing, with the number of values."""
    ours, theirs = tensors_by_role(a), tensors_by_role(b)
    fused = {a.names[r] for r in used_a if r in a.names}, {b.names[r] for r in used_b if r in b.names}
    out = []
    for own, other, used in ((ours, theirs, fused[0]), (theirs, ours, fused[1])):
        out.append({r: t.size for r, t in own.items() if t.name not in used and not _shared_name(r, own, other)})
    return out[0], out[1]


def _shared_name(role: str, own: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Whether a tensor without a role has a namesake."""
    return role.startswith("name:") and role in other
