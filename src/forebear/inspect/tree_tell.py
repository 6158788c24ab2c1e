"""The edges of one group as they are told: a root as far as facts go, verdicts, ghosts, parents of merges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from forebear.inspect.tree_pairs import Compared
from forebear.inspect.tree_read import Opened
from forebear.lineage.mixture import Mixture
from forebear.lineage.tree import SUPPORTED, Edge, direction_of
from forebear.lineage.tree_graph import Arc, Components, neighbours
from forebear.lineage.tree_rooting import Pull, rooted
from forebear.signals.untrained import untrained
from forebear.types import Relation, Verdict

STARTED = 5.0
"""Log-odds that a model which was never trained is the earlier one of a pair."""
SETTLES = 2.0
"""Log-odds of facts that siblings cannot share, from which on a shared start does not keep a direction open."""

FACT = 4.0
"""Log-odds of a pair from which on it is a fact that one was made of the other's very values."""
POSSIBLE = 0.05
"""Support from which on a rival of an edge is compared as well."""


@dataclass
class Group:
    """One group while it is worked on; numbers are those of the models, of ghosts larger ones.

    Attributes:
        laid: models laid beside each other.
        edges: of the tree, with their support.
        rivals: by edge the one that would take its place, and its support.
        merges: by model, what it was merged from.
        ghosts: by number, the models that meet there.
        instead: by edge of a ghost, the pairs of models that it stands for.
    """

    laid: list[int]
    edges: dict[Arc, float | None] = field(default_factory=dict)
    rivals: dict[Arc, tuple[Arc, float]] = field(default_factory=dict)
    merges: dict[int, Mixture] = field(default_factory=dict)
    ghosts: dict[int, tuple[int, ...]] = field(default_factory=dict)
    instead: dict[Arc, tuple[Arc, ...]] = field(default_factory=dict)


def wanted(group: Group, models: Sequence[Opened]) -> list[Arc]:
    """Pairs of models whose comparison the group's tree needs."""
    number = {m.name: k for k, m in enumerate(models)}
    out = [e for edge in group.edges for e in group.instead.get(edge, (edge,))]
    out += [arc(k, number[p.name]) for k, mixture in group.merges.items() for p in mixture.parents]
    out += [rival for rival, support in group.rivals.values() if support >= POSSIBLE]
    return list(dict.fromkeys(out))


def settled(group: Group, pairs: Mapping[Arc, Compared]) -> Group:
    """The group with an edge for every rival whose pair is tied by a fact, in the place of the weakest on its way.

    That all of a model is another one rounded, or with zeros, says more than distances do.
    """
    edges, rivals = dict(group.edges), dict(group.rivals)
    for rival, support in sorted(set(group.rivals.values())):
        if support < POSSIBLE or rival in edges or not _fact(pairs.get(rival)):
            continue
        way = [e for e in _way(edges, rival) if pairs.get(e) is not None and not _fact(pairs.get(e))]
        if not way:
            continue
        weakest = min(way, key=lambda e: (1.0 if (s := edges[e]) is None else s, e))
        before = edges.pop(weakest)
        edges[rival] = support
        rivals.pop(weakest, None)
        rivals[rival] = weakest, before or 0.0
    return replace(group, edges=edges, rivals=rivals)


def _fact(said: Compared | None) -> bool:
    return said is not None and said.ties and abs(said.pull.hard) >= FACT


def _way(edges: Iterable[Arc], ends: Arc) -> list[Arc]:
    """The edges of a tree between two nodes; none where it does not join them."""
    near = neighbours(edges)
    before = {ends[0]: ends[0]}
    stack = [ends[0]]
    while stack:
        node = stack.pop()
        for other in near.get(node, ()):
            if other not in before:
                before[other] = node
                stack.append(other)
    out: list[Arc] = []
    node = ends[1]
    while node in before and node != ends[0]:
        out.append(arc(node, before[node]))
        node = before[node]
    return out


def told(
    group: Group, models: Sequence[Opened], pairs: Mapping[Arc, Compared], ghosts: Mapping[int, str]
) -> tuple[list[Edge], list[str]]:
    """The edges of a group, and a note for everything that was left out.

    Args:
        group: with its tree.
        models: all models.
        pairs: what comparisons said.
        ghosts: names of the group's ghosts.
    """
    names = {**{k: m.name for k, m in enumerate(models)}, **ghosts}
    notes = [
        f"{names[u]} and {names[v]} are near in the tree, but not dependent by themselves"
        for u, v in group.edges
        if not _stands(pairs.get((u, v)))
    ]
    edges = [e for e in group.edges if _stands(pairs.get(e))]
    parts = Components(max((n for e in group.edges for n in e), default=0) + 1)
    for u, v in edges:
        parts.join(u, v)
    nodes = sorted({n for e in edges for n in e})
    out: list[Edge] = []
    for top in sorted({parts.find(n) for n in nodes}):
        own = [n for n in nodes if parts.find(n) == top]
        inner = [e for e in edges if parts.find(e[0]) == top]
        out += _rooted(group, own, inner, models, pairs, names)
    for k, mixture in group.merges.items():
        out += _merged(models[k].name, mixture, {m.name: pairs.get(arc(k, j)) for j, m in enumerate(models)})
    return out, notes


def _stands(said: Compared | None) -> bool:
    """Whether the comparison of a pair does not speak against its edge."""
    return said is None or said.ties or bool(said.problem)


def _rooted(
    group: Group,
    nodes: list[int],
    edges: list[Arc],
    models: Sequence[Opened],
    pairs: Mapping[Arc, Compared],
    names: Mapping[int, str],
) -> list[Edge]:
    """The edges of one connected tree."""
    starts = {k for k in nodes if k < len(models) and untrained(models[k].artifact, models[k].mark.code.signature)}
    pulls = {e: _pull(e, pairs.get(e), starts) for e in edges}
    free = frozenset(
        e for e in edges if e not in group.instead and not _may_be_directed(pairs.get(e), pulls[e], group.edges[e])
    )
    found = rooted(nodes, edges, pulls, frozenset(group.ghosts), free)
    out = []
    for u, v in edges:
        turned = found.parents.get(v) != u
        log_odds = -found.log_odds[u, v] if turned else found.log_odds[u, v]
        way = "unknown" if (u, v) in free else direction_of(log_odds)
        edge = _edge(pairs.get((u, v)), turned, (u, v) in group.instead)
        rival = group.rivals.get((u, v))
        out.append(
            Edge(
                names[v if turned else u],
                names[u if turned else v],
                way,
                log_odds,
                edge.verdict,
                edge.log10_p,
                edge.relation,
                group.edges[u, v],
                (names[rival[0][0]], names[rival[0][1]], rival[1]) if rival else None,
                why=edge.why,
            )
        )
    return out


def _pull(edge: Arc, said: Compared | None, starts: set[int]) -> Pull:
    pull = said.pull if said is not None else Pull()
    first, second = (k in starts for k in edge)
    return pull if first == second else Pull(pull.hard + (STARTED if first else -STARTED), pull.soft)


def _may_be_directed(said: Compared | None, pull: Pull, support: float | None) -> bool:
    """Not where another neighbour is possible, nor where a shared start may be all, unless a fact settles that."""
    if said is None or (support is not None and support < SUPPORTED):
        return False
    return said.verdict is not Verdict.SAME_INIT_OR_DERIVED or abs(pull.hard) >= SETTLES


def _edge(said: Compared | None, turned: bool, ghostly: bool) -> Compared:
    """What is said of an edge, told from its upper end."""
    if said is not None:
        return replace(said, relation=_turned(said.relation)) if turned else said
    kind = "siblings" if ghostly else "unknown"
    verdict = Verdict.SIBLINGS if ghostly else Verdict.SAME_INIT_OR_DERIVED
    why = "Their ways meet at a model that is none of them." if ghostly else "Dependent by code; not compared."
    return Compared(verdict, Relation(kind, "unknown", None, {"kinds": [kind]}), why, None)


def _merged(name: str, mixture: Mixture, pairs: Mapping[str, Compared | None]) -> list[Edge]:
    """An edge from every parent of a merge. A combination of others is the later model: that is a reading, not odds."""
    details = {"kinds": ["merge"], "in_words": [f"merged by {mixture.method}"], **mixture.details()}
    relation = Relation("merge", "a_to_b", None, details)
    return [
        Edge(
            parent.name,
            name,
            "a_to_b",
            None,
            Verdict.MERGE,
            said.log10_p if (said := pairs.get(parent.name)) else None,
            relation,
            coefficient=parent.coefficient,
            why=mixture.why,
        )
        for parent in mixture.parents
    ]


def _turned(relation: Relation) -> Relation:
    """The same relation, told of the pair in the other order."""
    ways = {"a_to_b": "b_to_a", "b_to_a": "a_to_b"}
    details = dict(relation.details)
    if isinstance(way := details.get("direction"), dict):
        reasons = [{**r, "log_odds": -r["log_odds"]} for r in way.get("reasons", ())]
        details["direction"] = {**way, "log_odds": -way.get("log_odds", 0.0), "reasons": reasons}
    return Relation(relation.kind, ways.get(relation.direction, "unknown"), relation.confidence, details)


def arc(i: int, j: int) -> Arc:
    """The edge of two numbers, the smaller first."""
    return min(i, j), max(i, j)
