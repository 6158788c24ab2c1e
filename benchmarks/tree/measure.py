"""A family tree held against the truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from forebear.lineage.tree import Edge, FamilyTree

BINS = (0.0, 0.5, 0.8, 0.95, 1.01)
"""Edges of the bins of support."""


@dataclass(frozen=True)
class Truth:
    """What is true of one model.

    Attributes:
        name: of the model.
        family: what it depends on at all: models of two families are independent.
        parents: names; several for a merge.
        kind: what it is counted as.
        start: whether it shares a random start with its family and nothing else.
    """

    name: str
    family: str
    parents: tuple[str, ...]
    kind: str
    start: bool = False


@dataclass(frozen=True)
class Score:
    """How much of a tree is right: pairs of a number that is right and the number of all.

    Attributes:
        links: parents that stand beside their child, by kind of child.
        drawn: edges that are true, by lower end of the bin of their support.
        directed: edges with a direction, whose upper end is an ancestor of the lower one.
        answered: true edges that have a direction.
        merges: merges told with all their parents and no other.
        false_merges: models that are called a merge and are none.
        false_edges: edges between independent models.
        false_starts: edges between two models with one start alone that have a direction.
        wrong: what is wrong, a line each.
    """

    links: Mapping[str, tuple[int, int]]
    drawn: Mapping[float, tuple[int, int]]
    directed: tuple[int, int]
    answered: tuple[int, int]
    merges: tuple[int, int]
    false_merges: int
    false_edges: int
    false_starts: int
    wrong: tuple[str, ...] = field(default=())

    @property
    def undirected(self) -> tuple[int, int]:
        """All links, of all kinds."""
        return sum(r for r, _ in self.links.values()), sum(n for _, n in self.links.values())


def score(tree: FamilyTree, truths: Sequence[Truth]) -> Score:
    """Hold a tree against the truth."""
    known = {t.name: t for t in truths}
    ghosts = {m.name for m in tree.members if m.ghost}
    single = [e for e in tree.edges if e.coefficient is None and not {e.a, e.b} & ghosts]
    told = {frozenset((e.a, e.b)) for e in single}
    true = {frozenset((t.name, p)) for t in truths if len(t.parents) == 1 for p in t.parents}
    links: dict[str, list[int]] = {}
    drawn: dict[float, list[int]] = {}
    wrong: list[str] = []
    for t in truths:
        if len(t.parents) == 1:
            beside = frozenset((t.name, t.parents[0])) in told
            count = links.setdefault(t.kind, [0, 0])
            count[0] += beside
            count[1] += 1
            if not beside:
                near = ", ".join(f"{_other(e, t.name)} {_support(e)}" for e in single if t.name in (e.a, e.b))
                wrong.append(f"{t.name}: not beside {t.parents[0]} but {near or 'nothing'}")
    starts = [e for e in single if known[e.a].start or known[e.b].start]
    apart = [e for e in single if known[e.a].family != known[e.b].family]
    merged = {e.b for e in tree.edges if e.coefficient is not None}
    for edge in single:
        merge = any(len(known[n].parents) > 1 for n in (edge.a, edge.b))
        if edge.support is not None and edge not in starts and not merge:
            bin_ = max(b for b in BINS if b <= edge.support)
            count = drawn.setdefault(bin_, [0, 0])
            count[0] += frozenset((edge.a, edge.b)) in true
            count[1] += 1
    named = [e for e in single if e.directed and e not in starts]
    right = [e for e in named if e.a in ancestors(e.b, known)]
    wrong += [f"direction: {e.a} to {e.b} ({e.log_odds or 0.0:.1f})" for e in named if e not in right]
    wrong += [f"start: {e.a} to {e.b}" for e in starts if e.directed] + [f"independent: {e.a}, {e.b}" for e in apart]
    told_parents = {n: {e.a for e in tree.edges if e.b == n and e.coefficient is not None} for n in merged}
    both = [t for t in truths if len(t.parents) > 1]
    wrong += [
        f"merge: {n} of {', '.join(sorted(p))}"
        for n, p in told_parents.items()
        if len(p) < 2 or p != set(known[n].parents)
    ]
    return Score(
        {k: (c[0], c[1]) for k, c in links.items()},
        {k: (c[0], c[1]) for k, c in sorted(drawn.items())},
        (len(right), len(named)),
        (sum(frozenset((e.a, e.b)) in true for e in named), sum(frozenset((e.a, e.b)) in true for e in single)),
        (sum(told_parents.get(t.name) == set(t.parents) for t in both), len(both)),
        sum(len(known[n].parents) < 2 for n in merged),
        len(apart),
        sum(e.directed for e in starts),
        tuple(wrong),
    )


def ancestors(name: str, known: Mapping[str, Truth]) -> set[str]:
    """Everybody that a model descends from."""
    found: set[str] = set()
    stack = list(known[name].parents)
    while stack:
        one = stack.pop()
        if one not in found:
            found.add(one)
            stack += known[one].parents if one in known else ()
    return found


def _other(edge: Edge, name: str) -> str:
    return edge.b if edge.a == name else edge.a


def _support(edge: Edge) -> str:
    return "" if edge.support is None else f"({edge.support:.2f})"


def table(rows: Iterable[Sequence[str]], *heads: str) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def share(pair: tuple[int, int]) -> str:
    """``12 of 13 (92 %)``."""
    return f"{pair[0]} of {pair[1]}" + (f" ({pair[0] / pair[1]:.0%})" if pair[1] else "")
