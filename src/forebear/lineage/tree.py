"""The family tree of many models, as it is told: members, edges, and what was not tested."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from forebear.lineage.direction import ENOUGH
from forebear.types import Cost, Coverage, Json, Relation, Verdict, head, to_json

SUPPORTED = 0.8
"""Support below which an edge is drawn as uncertain; docs/tree.md has the share of edges that were right by support."""
NOT_HERE = "(not among these)"


@dataclass(frozen=True)
class Member:
    """A model of the tree, or one that is missing there.

    Attributes:
        name: unique in the tree.
        target: as it was named; "" for a ghost.
        digest: of what was read.
        group: number of the group of dependent models that it belongs to; None for one that was not read.
        ghost: whether it is a model that is not among those that were read.
        problem: why it could not be read, or "".
        shape: see :attr:`forebear.types.Scan.shape`.
    """

    name: str
    target: str = ""
    digest: str | None = None
    group: int | None = None
    ghost: bool = False
    problem: str = ""
    shape: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Edge:
    """Two models next to each other.

    Attributes:
        a: the parent, as far as that is known; where it is not, the one that is drawn nearer to the root.
        b: the other.
        direction: ``a_to_b`` where B comes from A; ``unknown`` where that is not settled.
        log_odds: natural log-odds of B from A over all other stories; a direction is named from 2 on. None for merges,
            which are read as later than what they are combinations of.
        verdict: of the pair, as ``compare`` gives it.
        log10_p: of the pair, all pairs of models paid for; None where nothing was tested (a ghost).
        relation: of the pair.
        support: share of bootstrap replicates that have the edge; None where no distances were measured.
        rival: another pair of names that would join the same two parts of the tree, and its support; or None.
        coefficient: of a parent of a merge.
        why: the sentence of the verdict.
    """

    a: str
    b: str
    direction: str
    log_odds: float | None
    verdict: Verdict
    log10_p: float | None
    relation: Relation
    support: float | None = None
    rival: tuple[str, str, float] | None = None
    coefficient: float | None = None
    why: str = ""

    @property
    def directed(self) -> bool:
        """Whether a direction is named."""
        return self.direction != "unknown"

    @property
    def uncertain(self) -> bool:
        """Whether another neighbour is possible."""
        return self.support is not None and self.support < SUPPORTED


@dataclass(frozen=True)
class FamilyTree:
    """The answer of ``tree``.

    Attributes:
        members: all models, in the order in which they were named, then ghosts.
        edges: of every group a tree, parents of merges besides.
        notes: what was done beside the tree, or could not be.
        coverage: what it rests on.
        cost: what it cost.
        problems: models that could not be read, one line each.
    """

    members: tuple[Member, ...]
    edges: tuple[Edge, ...]
    coverage: Coverage
    cost: Cost
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def groups(self) -> dict[int, tuple[Member, ...]]:
        """Members by group, the largest group first; models that stand alone come last."""
        found: dict[int, list[Member]] = {}
        for member in self.members:
            if member.group is not None:
                found.setdefault(member.group, []).append(member)
        return {g: tuple(found[g]) for g in sorted(found, key=lambda g: (-len(found[g]), g))}

    def children(self, name: str) -> tuple[Edge, ...]:
        """Edges that are drawn below a member."""
        return tuple(edge for edge in self.edges if edge.a == name)

    def roots(self) -> tuple[Member, ...]:
        """Members that nothing is drawn above, the largest group first."""
        below = {edge.b for edge in self.edges}
        return tuple(m for members in self.groups.values() for m in members if m.name not in below)

    def to_json(self) -> Json:
        """The ``forebear.tree/1`` document."""
        body = to_json(self)
        for edge, told in zip(self.edges, body["edges"], strict=True):
            told |= {"related": edge.verdict.related, "uncertain": edge.uncertain}
            if edge.rival is not None:
                told["rival"] = dict(zip(("a", "b", "support"), edge.rival, strict=True))
        return {**head("forebear.tree/1"), **body}


def direction_of(log_odds: float) -> str:
    """``a_to_b`` where the odds suffice."""
    return "a_to_b" if log_odds >= ENOUGH else "unknown"
