"""The family tree of many models: groups by exact tests, a tree of every group, and the comparison of every edge."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from forebear.inspect.cost import Meter
from forebear.inspect.crew import cores
from forebear.inspect.tree_merges import after_merges, merges_among
from forebear.inspect.tree_pairs import MOST_HELD, Compared, compared, dependent, grouped, held_against
from forebear.inspect.tree_read import Opened, Unread, opened, targets_in
from forebear.inspect.tree_tell import Group, arc, settled, told, wanted
from forebear.lineage.tree import NOT_HERE, Edge, FamilyTree, Member
from forebear.lineage.tree_costs import Costs
from forebear.lineage.tree_ghosts import Haunted, haunted
from forebear.lineage.tree_graph import Arc, Components
from forebear.lineage.tree_support import Supported, supported
from forebear.signals.kinship import MOST_VALUES, NAME, Kinship, kinship, only
from forebear.signals.sign_code import NAME as CODE
from forebear.signals.training_noise import MATRICES, training_noise
from forebear.signals.training_noise import NAME as NOISE
from forebear.types import Coverage, Untested, Verdict

Step = Callable[[str], None]

A_GLANCE = 500_000
"""Values of each model on ``--effort quick``."""
A_FEW = 8
"""Matrices whose training noise is looked at there."""
FOR_PLACING = 16
"""Members against which a model that cannot be laid beside them is compared, to find its place."""


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
        self.ghosts: list[tuple[str, int]] = []
        self.groups = Components(len(models))

    def run(self) -> None:
        whole = [k for k, m in enumerate(self.models) if m.artifact.adapter is None]
        for m in self.models:
            if m.artifact.adapter is not None:
                self.untested.append(Untested(m.name, "an adapter has no weights of its own; compare it with its base"))
        self._dependence(whole)
        groups = [self._grown(members) for members in self.groups.sets() if len(members) > 1]
        if self.effort != "quick":
            self._compare([e for g in groups for e in wanted(g, self.models) if e not in self.pairs])
        for group in groups:
            ghosts = {g: f"ghost {len(self.ghosts) + k} {NOT_HERE}" for k, g in enumerate(sorted(group.ghosts), 1)}
            self.ghosts += [(name, group.ghosts[g][0]) for g, name in ghosts.items()]
            edges, notes = told(settled(group, self.pairs), self.models, self.pairs, ghosts)
            self.told += edges
            self.notes += notes
        self.told.sort(key=lambda e: (e.a, e.b))

    def members(self) -> list[Member]:
        """Models, then ghosts."""
        number = {members[0]: g for g, members in enumerate(self.groups.sets())}
        out = [
            Member(m.name, m.target, m.mark.digest, number[self.groups.find(k)], shape=m.mark.shape)
            for k, m in enumerate(self.models)
        ]
        return out + [Member(n, group=number[self.groups.find(k)], ghost=True) for n, k in self.ghosts]

    def _compare(self, edges: list[Arc]) -> None:
        for edge, said in zip(edges, compared(self.models, edges, self.effort, self.workers, self.step), strict=True):
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
        chosen = sorted({arc(k, r) for k in silent for r in held_against(k, sets, marks)})[:MOST_HELD]
        if not chosen:
            return
        if self.effort == "quick":
            self.untested.append(Untested("disguises", "not asked for (--effort quick)"))
            return
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

    def _grown(self, members: list[int]) -> Group:
        """The tree of one group, before its edges are compared."""
        self.step(f"laying {len(members)} models beside each other")
        tied = {edge for edge, said in self.pairs.items() if said.ties}  # coordinates are elsewhere: no distances
        hidden = {k for k in members if any(k in e for e in tied) and self._silent(k, members)}
        far = {k for k in members if self.models[k].artifact.source.traffic is not None and self.effort != "deep"}
        if far:
            why = "their values are read from the network on --effort deep alone; their places are those of comparisons"
            self.untested.append(Untested(f"distances of {len(far)} models", why))
        laid = [k for k in members if k not in hidden | far] or members[:1]
        hidden = {k for k in members if k not in laid}
        most = {"quick": A_GLANCE, "deep": 10**12}.get(self.effort, MOST_VALUES)
        measured = kinship([self.models[k].artifact for k in laid], most)
        apart = [n for n, gap in enumerate(measured.gaps) if gap]
        group = Group([k for n, k in enumerate(laid) if n not in apart])
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

    def _place(self, group: Group, apart: list[tuple[int, Kinship]], hidden: set[int]) -> None:
        """An edge for models that have no distances: to the member whose rows they resemble most."""
        lost = sorted({k for k, _ in apart} | hidden)
        if not group.laid:
            group.laid = lost[:1]
        if self.effort == "quick":
            group.edges |= {arc(group.laid[0], k): None for k in lost if k not in group.laid}
            return
        step = max(1, len(group.laid) // FOR_PLACING)
        near = group.laid[::step][:FOR_PLACING]
        for k in (k for k in lost if k not in group.laid):
            self._compare([arc(k, m) for m in near if arc(k, m) not in self.pairs])
            ties = [e for e, said in self.pairs.items() if k in e and said.ties and (set(e) - {k} <= set(group.laid))]
            best = max(ties, key=lambda e: (self.pairs[e].cosine or 0.0, e), default=arc(k, group.laid[0]))
            group.edges[best] = None
            name = self.models[k].name
            self.untested.append(Untested(f"the place of {name}", "only its nearest of a few relatives was looked for"))

    def _drawn(self, group: Group, measured: Kinship) -> None:
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
        noise = training_noise(kept, Costs(kept).middle, A_FEW if self.effort == "quick" else MATRICES)
        tree: Supported = supported(Costs(kept, noise))
        ghostly: Haunted = haunted(kept, tree.edges)

        def real(edge: Arc) -> Arc:
            return laid[rest[edge[0]]], laid[rest[edge[1]]]

        if noise:
            self.tested.append(f"{NOISE}: {len(rest)} models, blocks of {len(noise)} matrices")
        group.merges = {laid[n]: mixture for n, mixture in merges.items()}
        group.edges |= {arc(laid[n], laid[m]): None for n, m in behind.items()}
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
