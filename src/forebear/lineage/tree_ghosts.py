"""Where the ways of a tree meet at a model that is not among those that were read: a *ghost* is put there.

A cheapest tree only joins models that are there, so children of a missing parent hang from one another. The three-point
rule with rows (:mod:`forebear.lineage.ghosts`) shows it: of a model and two of its neighbours in the tree, each has
rows in which the two others are one. Then the three meet at none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from forebear.lineage.ghosts import Leg, leg_of
from forebear.lineage.tree_graph import Arc, Components, neighbours
from forebear.signals.kinship import Kinship


@dataclass(frozen=True)
class Haunted:
    """A tree with ghosts.

    Attributes:
        edges: of models and ghosts; ghosts have numbers from the number of models on.
        ghosts: by number, the models that meet there.
        instead: by edge of a ghost, the edges between models that it stands for.
    """

    edges: tuple[Arc, ...]
    ghosts: dict[int, tuple[int, ...]]
    instead: dict[Arc, tuple[Arc, ...]]


def haunted(kinship: Kinship, edges: Sequence[Arc]) -> Haunted:
    """The tree with a ghost wherever three models meet at none of them.

    Edges that meet at such a model are taken together; a ghost stands for all edges that are tied so.
    """
    tied = Components(len(edges))
    number = {edge: k for k, edge in enumerate(edges)}
    for node, near in neighbours(edges).items():
        for one, two in combinations(sorted(near), 2):
            if all(leg.clear for leg in legs(kinship, node, one, two)):
                tied.join(number[_edge(node, one)], number[_edge(node, two)])
    out: list[Arc] = []
    ghosts: dict[int, tuple[int, ...]] = {}
    instead: dict[Arc, tuple[Arc, ...]] = {}
    for members in tied.sets():
        chosen = [edges[k] for k in members]
        if len(chosen) == 1:
            out += chosen
            continue
        ghost = len(kinship.names) + len(ghosts)
        ghosts[ghost] = tuple(sorted({node for edge in chosen for node in edge}))
        for node in ghosts[ghost]:
            out.append((node, ghost))
            instead[node, ghost] = tuple(edge for edge in chosen if node in edge)
    return Haunted(tuple(sorted(out)), ghosts, instead)


def legs(kinship: Kinship, one: int, two: int, three: int) -> tuple[Leg, Leg, Leg]:
    """The ways from each of three models to the point where they part; from matrices that all of them have."""
    trio = (one, two, three)
    pick = np.ix_(trio, trio)
    table = np.array([s.squares[pick] for s in kinship.spans if np.isfinite(s.squares[pick]).all()])
    if len(table) < 2:
        return (NO_LEG,) * 3
    rows = (kinship.odd(one, two, three), kinship.odd(two, one, three), kinship.odd(three, one, two))
    found = [leg_of(table.sum(axis=0), table, (k, *(m for m in range(3) if m != k)), rows, k) for k in range(3)]
    return found[0], found[1], found[2]


NO_LEG = Leg(0.0, 1.0, 0, 0)
"""Where nothing can be said."""


def _edge(one: int, two: int) -> Arc:
    return min(one, two), max(one, two)
