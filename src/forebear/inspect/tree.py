"""The family tree of many models: groups by exact tests, a tree of every group, and the comparison of every edge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from forebear.inspect.cost import Meter
from forebear.inspect.crew import cores
from forebear.inspect.tree_merges import after_merges, merges_among
from forebear.inspect.tree_pairs import MOST_HELD, Compared, compared, dependent, grouped, held_against
from forebear.inspect.tree_read import Opened, Unread, opened, targets_in
from forebear.lineage.mixture import Mixture
from forebear.lineage.tree import NOT_HERE, SUPPORTED, Edge, FamilyTree, Member, direction_of
from forebear.lineage.tree_costs import Costs
from forebear.lineage.tree_ghosts import Haunted, haunted
from forebear.lineage.tree_graph import Arc, Components
from forebear.lineage.tree_rooting import Pull, rooted
from forebear.lineage.tree_support import Supported, supported
from forebear.signals.kinship import MOST_VALUES, NAME, Kinship, kinship, only
from forebear.signals.sign_code import NAME as CODE
from forebear.signals.untrained import untrained
from forebear.types import Coverage, Relation, Untested, Verdict

Step = Callable[[str], None]

A_GLANCE = 500_000
"""Values of each model on ``--effort quick``."""
FOR_PLACING = 16
"""Members against which a model that cannot be laid beside them is compared, to find its place."""
STARTED = 5.0
"""Log-odds that a model which was never trained is the earlier one of a pair."""


@dataclass
class _Group:
    """One group while it is worked on; numbers are those of the models.

    Attributes:
        laid: models laid beside each other.
        edges: between them, or from them to models that are not; with what the bootstrap says.
        merges: by model, what it was merged from.
    """

    laid: list[int]
    edges: dict[Arc, float | None] = field(default_factory=dict)
    rivals: dict[Arc, tuple[Arc, float]] = field(default_factory=dict)
    merges: dict[int, Mixture] = field(default_factory=dict)
    ghosts: dict[int, tuple[int, ...]] = field(default_factory=dict)
    instead: dict[Arc, tuple[Arc, ...]] = field(default_factory=dict)


def family_tree(
    targets: Sequence[str], effort: str = "standard", workers: int | None = 1, on_step: Step = lambda _: None
) -> FamilyTree:
    """The family tree of many models.

    Args:
        targets: models, folders of models, or patterns of their names.
        effort: ``quick`` (codes and a glance at the values; no pair is compared), ``standard`` or ``deep``.
        workers: processes for the comparison of pairs; None for one per core. More than one only in a program that can
            be imported anew, as :mod:`multiprocessing` asks.
        on_step: told what is being done.

    Raises:
        UsageError: nothing, or too much, was named.
    """
    meter = Meter()
    found, problems = targets_in(targets)
    read = list(opened(found, effort, meter, on_step))
    work = _Work([m for m in read if isinstance(m, Opened)], effort, workers or cores(), on_step)
    work.run()
    unread = [Member(m.name, m.target, problem=m.problem) for m in read if isinstance(m, Unread)]
    lines = tuple(f"{m.target}: {m.problem}" for m in unread)
    return FamilyTree(
        (*work.members(), *unread),
        tuple(work.told),
        Coverage(tuple(work.tested), tuple(work.untested)),
        meter.cost(),
        tuple(work.notes),
        (*problems, *lines),
    )


class _Work:
    """The steps of one tree, in order."""

    def __init__(self, models: list[Opened], effort: str, workers: int, on_step: Step) -> None:
        self.models, self.effort, self.workers, self.step = models, effort, workers, on_step
        self.told: list[Edge] = []
        self.tested: list[str] = []
        self.untested: list[Untested] = []
        self.notes: list[str] = []
        self.pairs: dict[Arc, Compared] = {}
        self.ghost_names: dict[int, tuple[str, int]] = {}
        self.groups = Components(len(models))

    def run(self) -> None:
        whole = [k for k, m in enumerate(self.models) if m.artifact.adapter is None]
        for m in self.models:
            if m.artifact.adapter is not None:
                self.untested.append(Untested(m.name, "an adapter has no weights of its own; compare it with its base"))
        self._dependence(whole)
        groups = [self._grown(members) for members in self.groups.sets() if len(members) > 1]
        wanted = [edge for g in groups for edge in self._between(g) if edge not in self.pairs]
        if self.effort != "quick":
            self._compare(wanted)
        ghosts = len(self.models)
        for group in groups:
            ghosts = self._tell(group, ghosts)
        self.told.sort(key=lambda e: (e.a, e.b))

    def members(self) -> list[Member]:
        """Models, then ghosts."""
        number = {members[0]: g for g, members in enumerate(self.groups.sets())}
        out = [
            Member(m.name, m.target, m.mark.digest, number[self.groups.find(k)], shape=m.mark.shape)
            for k, m in enumerate(self.models)
        ]
        return out + [Member(n, group=number[self.groups.find(k)], ghost=True) for n, k in self.ghost_names.values()]

    def _compare(self, wanted: list[Arc]) -> None:
        for edge, said in zip(wanted, compared(self.models, wanted, self.effort, self.workers, self.step), strict=True):
            self.pairs[edge] = said
            if said.problem:
                self.untested.append(Untested(" and ".join(self.models[k].name for k in edge), said.problem))

    def _dependence(self, whole: list[int]) -> None:
        """Groups by codes, then by the comparison that a scan would make for models whose coins are silent."""
        found = grouped([self.models[k].mark for k in whole], self.step)
        for members in found.sets():
            for k in members[1:]:
                self.groups.join(whole[members[0]], whole[k])
        pairs = len(whole) * (len(whole) - 1) // 2
        self.tested.append(f"{CODE}: {pairs:,} pairs of models, all of them paid for")
        sets = [[whole[k] for k in members] for members in found.sets()]
        silent = [members[0] for members in sets if len(members) == 1]
        marks = [m.mark for m in self.models]
        wanted = {(min(k, r), max(k, r)) for k in silent for r in held_against(k, sets, marks)}
        if not wanted:
            return
        if self.effort == "quick":
            self.untested.append(Untested("disguises", "not asked for (--effort quick)"))
            return
        chosen = sorted(wanted)[:MOST_HELD]
        self._compare(chosen)
        for i, j in chosen:
            if self.pairs[i, j].ties:
                self.groups.join(i, j)
            elif self.pairs[i, j].verdict is Verdict.COMPONENT_SHARED:
                self.notes.append(
                    f"{self.models[i].name} and {self.models[j].name} share a part: {self.pairs[i, j].why}"
                )
        self.tested.append(f"disguises: {len(silent):,} models with silent coins in {len(chosen):,} comparisons")
        self.untested.append(
            Untested("disguises", "a model with silent coins is held against one member of the likeliest groups only")
        )

    def _grown(self, members: list[int]) -> _Group:
        """The tree of one group, before its edges are compared."""
        self.step(f"laying {len(members)} models beside each other")
        tied = {edge for edge, said in self.pairs.items() if said.ties}  # coordinates are elsewhere: no distances
        hidden = {k for k in members if any(k in e for e in tied) and self._silent(k, members)}
        laid = [k for k in members if k not in hidden]
        most = {"quick": A_GLANCE, "deep": 10**12}.get(self.effort, MOST_VALUES)
        measured = kinship([self.models[k].artifact for k in laid], most)
        apart = [n for n, gap in enumerate(measured.gaps) if gap]
        group = _Group([k for n, k in enumerate(laid) if n not in apart])
        keep = [n for n in range(len(laid)) if n not in apart]
        measured = only(measured, keep)
        self._place(group, [(laid[n], measured) for n in apart], hidden)
        self._drawn(group, measured)
        size = "" if measured.whole else " (a sample)"
        self.tested.append(
            f"{NAME}: {len(group.laid)} models, {len(measured.spans)} matrices, {measured.rows:,} rows{size}"
        )
        return group

    def _silent(self, k: int, members: list[int]) -> bool:
        """Whether a model came into its group by a comparison that puts coordinates together, and not by its code."""
        pairs = len(self.models) * (len(self.models) - 1) // 2
        return not any(dependent(self.models[m].mark, self.models[k].mark, pairs) for m in members if m != k)

    def _place(self, group: _Group, apart: list[tuple[int, Kinship]], hidden: set[int]) -> None:
        """An edge for models that have no distances: to the member whose rows they resemble most."""
        lost = sorted({k for k, _ in apart} | hidden)
        if not group.laid:
            group.laid = lost[:1]
        if self.effort == "quick":
            group.edges |= {_arc(group.laid[0], k): None for k in lost if k not in group.laid}
            return
        step = max(1, len(group.laid) // FOR_PLACING)
        near = group.laid[::step][:FOR_PLACING]
        for k in (k for k in lost if k not in group.laid):
            self._compare([_arc(k, m) for m in near if _arc(k, m) not in self.pairs])
            ties = [e for e, said in self.pairs.items() if k in e and said.ties and (set(e) - {k} <= set(group.laid))]
            best = max(ties, key=lambda e: (self.pairs[e].cosine or 0.0, e), default=_arc(k, group.laid[0]))
            group.edges[best] = None
            name = self.models[k].name
            self.untested.append(Untested(f"the place of {name}", "only its nearest of a few relatives was looked for"))

    def _drawn(self, group: _Group, measured: Kinship) -> None:
        """Merges, the tree of all others, ghosts."""
        laid = group.laid
        if len(laid) < 2:
            return
        costs = Costs(measured)
        merges, gaps = merges_among([self.models[k] for k in laid], costs, self.effort, self.step)
        self.untested += [Untested("merges", gap) for gap in gaps]
        number = {self.models[k].name: n for n, k in enumerate(laid)}
        made = {n: {number[p.name] for p in mixture.parents} for n, mixture in merges.items()}
        behind = after_merges(costs.distances(), made)
        rest = [n for n in range(len(laid)) if n not in merges and n not in behind]
        self.step(f"drawing the tree of {len(laid)} models")
        kept = only(measured, rest)
        tree: Supported = supported(Costs(kept))
        ghostly: Haunted = haunted(kept, tree.edges)

        def real(edge: Arc) -> Arc:
            return laid[rest[edge[0]]], laid[rest[edge[1]]]

        group.merges = {laid[n]: mixture for n, mixture in merges.items()}
        group.edges |= {_arc(laid[n], laid[m]): None for n, m in behind.items()}
        shift = len(self.models) * (1 + laid[0])  # numbers of ghosts that no other group has
        for edge in ghostly.edges:
            if edge in ghostly.instead:
                ends = laid[rest[edge[0]]], shift + edge[1]
                group.instead[ends] = tuple(map(real, ghostly.instead[edge]))
                group.edges[ends] = max(tree.support[e] for e in ghostly.instead[edge])
            else:
                group.edges[real(edge)] = tree.support[edge] if len(rest) > 2 else None
                if edge in tree.rivals:
                    group.rivals[real(edge)] = real(tree.rivals[edge][0]), tree.rivals[edge][1]
        group.ghosts = {shift + g: tuple(laid[rest[n]] for n in met) for g, met in ghostly.ghosts.items()}

    def _between(self, group: _Group) -> list[Arc]:
        """Pairs of models whose comparison the group's tree needs."""
        number = {m.name: k for k, m in enumerate(self.models)}
        out = [e for edge in group.edges for e in group.instead.get(edge, (edge,))]
        out += [_arc(k, number[p.name]) for k, mixture in group.merges.items() for p in mixture.parents]
        return list(dict.fromkeys(out))

    def _tell(self, group: _Group, ghosts: int) -> int:
        """The edges of a group as they are told; returns the number of the next ghost."""
        names = {k: m.name for k, m in enumerate(self.models)}
        for turn, (ghost, met) in enumerate(sorted(group.ghosts.items())):
            names[ghost] = f"ghost {len(self.ghost_names) + 1} {NOT_HERE}"
            self.ghost_names[ghost] = names[ghost], met[0]
            ghosts += turn >= 0
        edges = [e for e in group.edges if self._kept(e, names)]
        parts = Components(max((n for e in group.edges for n in e), default=0) + 1)
        for u, v in edges:
            parts.join(u, v)
        nodes = sorted({n for e in edges for n in e})
        for top in sorted({parts.find(n) for n in nodes}):
            own = [n for n in nodes if parts.find(n) == top]
            inner = [e for e in edges if parts.find(e[0]) == top]
            self._root(group, own, inner, names)
        for k, mixture in group.merges.items():
            self._merge(k, mixture)
        return ghosts

    def _kept(self, edge: Arc, names: dict[int, str]) -> bool:
        """Whether the comparison of a pair does not speak against the edge."""
        said = self.pairs.get(edge)
        if said is None or said.ties or said.problem:
            return True
        self.notes.append(
            f"{names[edge[0]]} and {names[edge[1]]} are near in the tree, but not dependent by themselves"
        )
        return False

    def _root(self, group: _Group, nodes: list[int], edges: list[Arc], names: dict[int, str]) -> None:
        pulls = {e: self._pull(e) for e in edges}
        free = frozenset(e for e in edges if not self._may_be_directed(e, group.edges[e]))
        told = rooted(nodes, edges, pulls, frozenset(group.ghosts), free)
        for edge in edges:
            u, v = edge
            a, b = (u, v) if told.parents.get(v) == u else (v, u)
            log_odds = told.log_odds[edge] if a == u else -told.log_odds[edge]
            way = "unknown" if edge in free else direction_of(log_odds)
            rival = group.rivals.get(edge)
            self.told.append(
                self._edge(
                    (a, b),
                    names,
                    way,
                    log_odds,
                    group.edges[edge],
                    (names[rival[0][0]], names[rival[0][1]], rival[1]) if rival else None,
                )
            )

    def _pull(self, edge: Arc) -> Pull:
        said = self.pairs.get(edge)
        pull = said.pull if said is not None else Pull()
        starts = [k < len(self.models) and self._start(k) for k in edge]
        if starts[0] != starts[1]:
            pull = Pull(pull.hard + (STARTED if starts[0] else -STARTED), pull.soft)
        return pull

    def _start(self, k: int) -> bool:
        model = self.models[k]
        return untrained(model.artifact, model.mark.code.signature)

    def _may_be_directed(self, edge: Arc, support: float | None) -> bool:
        """Not where another neighbour is possible, nor where a shared start may be all, unless a fact settles that."""
        said = self.pairs.get(edge)
        if support is not None and support < SUPPORTED:
            return False
        if said is None or said.verdict is not Verdict.SAME_INIT_OR_DERIVED:
            return max(edge) >= len(self.models) or said is not None
        return abs(self._pull(edge).hard) >= 2.0

    def _edge(
        self,
        ends: Arc,
        names: dict[int, str],
        way: str,
        log_odds: float,
        support: float | None,
        rival: tuple[str, str, float] | None,
    ) -> Edge:
        a, b = ends
        said = self.pairs.get(_arc(a, b))
        if said is None:
            ghostly = max(a, b) >= len(self.models)
            kinds = ["siblings"] if ghostly else ["unknown"]
            verdict = Verdict.SIBLINGS if ghostly else Verdict.SAME_INIT_OR_DERIVED
            relation = Relation(kinds[0], "unknown", None, {"kinds": kinds})
            why = "Their ways meet at a model that is none of them." if ghostly else "Dependent by code; not compared."
            return Edge(names[a], names[b], way, log_odds, verdict, None, relation, support, rival, None, why)
        turned = a > b
        relation = _turned(said.relation) if turned else said.relation
        return Edge(
            names[a], names[b], way, log_odds, said.verdict, said.log10_p, relation, support, rival, None, said.why
        )

    def _merge(self, k: int, mixture: Mixture) -> None:
        number = {m.name: j for j, m in enumerate(self.models)}
        for parent in mixture.parents:
            said = self.pairs.get(_arc(k, number[parent.name]))
            details = {"kinds": ["merge"], "in_words": [f"merged by {mixture.method}"], **mixture.details()}
            self.told.append(
                Edge(
                    parent.name,
                    self.models[k].name,
                    "a_to_b",
                    direction_log_odds(mixture),
                    Verdict.MERGE,
                    said.log10_p if said else None,
                    Relation("merge", "a_to_b", None, details),
                    coefficient=parent.coefficient,
                    why=mixture.why,
                )
            )


def direction_log_odds(mixture: Mixture) -> float:
    """A combination with coefficients that are all its own says which model is the later one."""
    return 5.0 if mixture.exact else 3.0


def _turned(relation: Relation) -> Relation:
    """The same relation, told of the pair in the other order."""
    ways = {"a_to_b": "b_to_a", "b_to_a": "a_to_b"}
    details = dict(relation.details)
    if isinstance(way := details.get("direction"), dict):
        reasons = [{**r, "log_odds": -r["log_odds"]} for r in way.get("reasons", ())]
        details["direction"] = {**way, "log_odds": -way.get("log_odds", 0.0), "reasons": reasons}
    return Relation(relation.kind, ways.get(relation.direction, "unknown"), relation.confidence, details)


def _arc(i: int, j: int) -> Arc:
    return min(i, j), max(i, j)
