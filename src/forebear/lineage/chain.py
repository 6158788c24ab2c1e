"""The chain of ancestors behind a model: typed edges, each with how it is known.

What follows from a lineage (licence duties, jurisdictions, decisions) is worked out over this graph and nothing else,
whether the model was read, probed, seen in traffic or described in a bill of materials. Law and licences treat edges
differently, so they have kinds; and an edge that is only declared, or whose direction is open, never counts as one
that was measured, so they have standings.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

MAX_ROUTES = 1_000
"""Ways that are followed: a bill of materials from a stranger can hold a lattice with endless ones."""


class EdgeKind(StrEnum):
    """How a child was made from a parent."""

    IDENTICAL = "identical"
    QUANTIZED = "quantized"
    CONVERTED = "converted"
    FINETUNE = "finetune"
    RL = "rl"
    ADAPTER = "adapter"
    CONTINUED_PRETRAINING = "continued_pretraining"
    MERGE = "merge"
    PRUNED = "pruned"
    DEPTH_UPSCALED = "depth_upscaled"
    UPCYCLED = "upcycled"
    VOCABULARY_CHANGED = "vocabulary_changed"
    COMPONENT = "component_shared"
    SAME_MODEL = "same_model"  # the served model itself, under another name
    DISTILLED = "distilled"
    TRAINED_ON_OUTPUTS = "trained_on_outputs"
    ARCHITECTURE = "architecture"  # code and shape only: no weights, no duty of a weights licence
    UNKNOWN = "unknown"

    @property
    def weights(self) -> bool:
        """Whether weights went from parent to child (unknown kinds are taken to)."""
        return self not in (EdgeKind.DISTILLED, EdgeKind.TRAINED_ON_OUTPUTS, EdgeKind.ARCHITECTURE)


class Standing(StrEnum):
    """How an edge is known, strongest first.

    ``measured``: an exact test on weights, and the direction is settled. ``probable``: evidence from behind an API, or
    a measured dependence that the child's own papers complete. ``declared``: its developer, card or bill of materials
    says so, untested. ``catalogued``: a sourced fact of the catalogue about a known model. ``possible``: dependence
    whose direction or cause is open, a leaked name alone, a disputed statement.
    """

    MEASURED = "measured"
    PROBABLE = "probable"
    DECLARED = "declared"
    CATALOGUED = "catalogued"
    POSSIBLE = "possible"

    @property
    def rank(self) -> int:
        """4 for measured, 0 for possible."""
        return _RANKS[self]

    @property
    def established(self) -> bool:
        """Whether a duty may be called unmet on it: all but ``possible``."""
        return self is not Standing.POSSIBLE


_RANKS = {standing: 4 - k for k, standing in enumerate(Standing)}


class ParentState(StrEnum):
    """What is known about a model's parent. ``withheld`` (there is one, not named) is not ``absent`` (nothing said)."""

    DECLARED = "declared"
    FROM_SCRATCH = "from_scratch"
    WITHHELD = "withheld"
    ABSENT = "absent"


class Access(StrEnum):
    """What could be looked at; of a model whose weights cannot be read, the papers beside them.

    ``name``: nothing of the model itself, only what somebody's program calls it.
    """

    WEIGHTS = "weights"
    PAPERS = "papers"
    ENDPOINT = "endpoint"
    TRAFFIC = "traffic"
    DOCUMENTS = "documents"
    NAME = "name"


@dataclass(frozen=True)
class Node:
    """A model in the chain.

    Attributes:
        name: hub id, name in the index, or what an identifier calls it.
        model: name in the catalogue, "" where it is in none; several models may fit a name: ``candidates``.
        developer: identifier in the catalogue, "" where not known.
        licences: identifiers of licences that hold for it, by the catalogue or by its own papers.
        candidates: names in the catalogue among which the name does not decide.
        revision: commit, "" where none is known.
        repository: under which the catalogue is asked: where it was read from, or what the child's papers call it;
            "" for its name.
        label: the name is what somebody calls a reference of an index. It means a published model in an account of
            that model's publisher alone: elsewhere its words are the user's own for a file.
    """

    name: str
    model: str = ""
    developer: str = ""
    licences: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    revision: str = ""
    repository: str = ""
    label: bool = False

    @property
    def asked(self) -> str:
        """What the catalogue is asked for."""
        return self.repository or self.name


@dataclass(frozen=True)
class Edge:
    """One step of descent.

    Attributes:
        parent, child: names of nodes.
        kind: how.
        standing: how it is known.
        declared: the child's own papers name the parent.
        contradicted: the papers name another parent, or deny one.
        evidence: sentences that a lawyer can read.
        log10_p: of the exact test on dependence, None where there was none.
        component: "" for the whole model.
    """

    parent: str
    child: str
    kind: EdgeKind
    standing: Standing
    declared: bool = False
    contradicted: bool = False
    evidence: tuple[str, ...] = ()
    log10_p: float | None = None
    component: str = ""


@dataclass(frozen=True)
class Chain:
    """A model and everything it is known to come from.

    Attributes:
        subject: the model in question.
        nodes: ancestors, nearest first; the subject is not among them.
        edges: every step; a merge has several into one child.
        parent: what is known about the subject's parent by its own papers.
        access: what could be looked at.
        verdict: of the result that it was made from (a scan's, a probe's), "" where there is none.
        notes: what a reader should know: allegations with their source, disputes.
    """

    subject: Node
    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    parent: ParentState = ParentState.ABSENT
    access: Access = Access.DOCUMENTS
    verdict: str = ""
    notes: tuple[str, ...] = ()

    def node(self, name: str) -> Node:
        """The node of a name; ``KeyError`` where there is none."""
        for node in (self.subject, *self.nodes):
            if node.name == name:
                return node
        raise KeyError(name)

    def best_routes(self) -> dict[str, Route]:
        """By ancestor the way down that is known best, nearest ancestors first.

        Best is one along which weights went and that is established; then the strongest weakest step, then the whole
        model before a part, then the shortest. Unlike :meth:`routes` it misses no ancestor, however many ways there
        are: it takes time linear in the edges.
        """
        above: dict[str, list[Edge]] = {}
        for edge in self.edges:
            above.setdefault(edge.child, []).append(edge)
        found: dict[str, Route] = {}
        for weakest, weights, whole in _DEMANDS:
            for name, way in _shortest(self.subject.name, above, weakest, weights, whole).items():
                if name not in found:
                    found[name] = Route(self.node(name), way)
        near = list(_shortest(self.subject.name, above, 0, False, False))
        return {name: found[name] for name in near}

    def routes(self) -> Iterator[Route]:
        """Every way from an ancestor down to the subject, nearest first; a cycle in what was declared ends one.

        Of a lattice the first :data:`MAX_ROUTES` ways, then the best one to every ancestor that none of them led to.
        """
        reached: set[str] = set()
        ways: deque[tuple[Edge, ...]] = deque((edge,) for edge in self.edges if edge.child == self.subject.name)
        for _ in range(MAX_ROUTES):
            if not ways:
                return
            way = ways.popleft()
            reached.add(way[-1].parent)
            yield Route(self.node(way[-1].parent), way)
            seen = {self.subject.name, *(edge.parent for edge in way)}
            ways.extend((*way, e) for e in self.edges if e.child == way[-1].parent and e.parent not in seen)
        yield from (route for name, route in self.best_routes().items() if name not in reached)


@dataclass(frozen=True)
class Route:
    """One way from an ancestor to the subject: ``edges[0]`` ends at the subject, the last starts at the ancestor."""

    ancestor: Node
    edges: tuple[Edge, ...] = field(default=())

    @property
    def standing(self) -> Standing:
        """That of the weakest step."""
        return min((edge.standing for edge in self.edges), key=lambda s: s.rank)

    @property
    def weights(self) -> bool:
        """Whether weights went all the way."""
        return all(edge.kind.weights for edge in self.edges)

    @property
    def disclosed(self) -> bool:
        """Whether the subject's own papers name the first step, and each further step is public."""
        return self.edges[0].declared and all(e.declared or e.standing is Standing.CATALOGUED for e in self.edges[1:])

    @property
    def component(self) -> str:
        """The part of the subject that it concerns, "" for the whole."""
        return next((edge.component for edge in self.edges if edge.component), "")


_DEMANDS = tuple(
    (weakest, weights, whole)
    for least, weights in ((1, True), (1, False), (0, True), (0, False))
    for weakest in range(4 if least else 0, least - 1, -1)
    for whole in (True, False)
)
"""What a way has to be, the best first: rank of its weakest step, weights all the way, about the whole model."""


def _shortest(
    subject: str, above: Mapping[str, Sequence[Edge]], weakest: int, weights: bool, whole: bool
) -> dict[str, tuple[Edge, ...]]:
    """By ancestor the shortest way to the subject over edges that are good enough."""
    ways: dict[str, tuple[Edge, ...]] = {subject: ()}
    queue = deque([subject])
    while queue:
        child = queue.popleft()
        for edge in above.get(child, ()):
            good = edge.standing.rank >= weakest and (edge.kind.weights or not weights)
            if good and edge.parent not in ways and not (whole and edge.component):
                ways[edge.parent] = (*ways[child], edge)
                queue.append(edge.parent)
    del ways[subject]
    return ways
