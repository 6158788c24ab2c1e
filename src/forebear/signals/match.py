"""``match/1``: do different weights of a neuron find the same neuron of another model?

Every neuron of B looks for its like in a layer of A three times: by its gate row, by its up row and by its down column
(without gates: by its in-row and its out-column), in common coordinates and with signs left out where a flip is a
symmetry. In a copy all three find the neuron that it was copied from, wherever that stands and whatever was flipped,
rescaled or pruned around it. In independent models they agree by chance, about once in as many neurons as A has, and a
little more often because trained networks share features (Gurnee et al. 2024, arXiv 2401.12181: one to five per cent of
neurons). That second part is in no formula: other models have to show it, as controls. After the unconstrained test of
Zhu et al. 2025 (arXiv 2502.12292), with counts beside the rank correlation.

So this nominates and proves nothing; :mod:`forebear.lineage.resemblance` has the rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.artifacts.roles import role_tensor
from forebear.signals.experts import ExpertMap, experts_of
from forebear.signals.frames import MATCHING, Frame
from forebear.signals.matching import even, unit
from forebear.signals.seen import seen

F32 = NDArray[np.float32]
Indices = NDArray[np.int64]
T = TypeVar("T")

NAME = "match/1"
PROBES = 512
"""Neurons of a layer of B that look for their like; the neurons of A's layer are all candidates."""
FEW_PROBES = 128
"""The same in models so large that not every layer is held against every other."""
EXPERTS = 8
"""Experts of a layer whose neurons take part."""
COPY = 0.5
"""Share of agreeing neurons from which on two layers of A are copies; neither is a control for the other."""
PARALLEL = 1e-3
"""What is left of a row beside the first view, relative to the row, below which there is no second view."""
WORK = 400_000_000_000
"""Multiplications up to which every layer of B is held against every layer of A; beyond it, against neighbours."""
MOST_VALUES = 400_000_000
"""Values of a model that are read so that every layer of A can be a control; beyond it, the matched layers are."""
GATED, PLAIN = ("gate", "up", "down"), ("up", "down")
"""What neurons are compared by; the first is held against each of the others."""


@dataclass(frozen=True, eq=False)
class LayerMatch:
    """A layer of B held against a layer of A.

    Attributes:
        a, b: the layers.
        probes: neurons of B that looked for their like.
        neurons: neurons of the two layers, A first.
        agree: by second view, how many neurons found the same one as by the first.
        expected: the same by chance, were the views independent; the largest over the second views. Neurons of A that
            are many neurons' like make it more than ``probes / neurons``.
        rank_correlation: Spearman's, of what the first and the second view found.
        closeness: mean cosine by the first view, neurons on which not all views agree counting as zero.
        kept: ``(n, 2)`` neurons of A and B where all views agree.
    """

    a: int
    b: int
    probes: int
    neurons: tuple[int, int]
    agree: dict[str, int]
    expected: float
    rank_correlation: float
    closeness: float
    kept: Indices

    @property
    def count(self) -> int:
        """Neurons that agree, by the second view that agrees least."""
        return min(self.agree.values())

    @property
    def share(self) -> float:
        """The same as a share of those that looked."""
        return self.count / self.probes

    @property
    def retained(self) -> float:
        """Estimated share of A's neurons that B has kept: of those that looked, scaled to all of B."""
        return min(1.0, len(self.kept) / self.probes * self.neurons[1] / self.neurons[0])


@dataclass(frozen=True, eq=False)
class Match:
    """Two models held against each other, neuron by neuron.

    Attributes:
        views: what neurons were compared by, the first against each of the others.
        layers: pairs of layers that belong together, by layer of B.
        others: further pairs of layers; their ``kept`` is empty.
        copies: pairs of layers of A that are copies of each other.
    """

    views: tuple[str, ...]
    layers: tuple[LayerMatch, ...]
    others: tuple[LayerMatch, ...] = ()
    copies: frozenset[tuple[int, int]] = field(default=frozenset())

    @property
    def share(self) -> float:
        """Mean share of agreeing neurons over the layers."""
        return float(np.mean([layer.share for layer in self.layers])) if self.layers else 0.0

    @property
    def closeness(self) -> float:
        """Mean closeness of the layers: tells relatives of a model apart that all have its neurons."""
        return float(np.mean([layer.closeness for layer in self.layers])) if self.layers else 0.0

    def elsewhere(self, layer: LayerMatch) -> int:
        """The most neurons of a layer of B that agree on another layer of A, copies of its own left out."""
        return max(
            (o.count for o in self.others if o.b == layer.b and (layer.a, o.a) not in self.copies),
            default=0,
        )

    def matrix(self) -> list[tuple[int, int, float]]:
        """Layer of A, layer of B and share of agreeing neurons, for every pair that was measured."""
        return sorted((m.a, m.b, round(m.share, 4)) for m in (*self.layers, *self.others))


@np.errstate(all="ignore")
def match_neurons(
    a: Artifact, b: Artifact, frame: Frame, pairs: Sequence[tuple[int, int]], experts: Mapping[int, ExpertMap]
) -> Match | None:
    """Hold the neurons of every layer of B against those of A.

    Args:
        a: the reference.
        b: the model in question.
        frame: of their residual streams.
        pairs: layers of A and B that belong together.
        experts: of layers of B, which expert is which, where that is known.

    Returns:
        None where the two have no MLPs that can be compared.

    Raises:
        InputError: rows could not be read.
    """
    stems = {(i, j): stems_of(a, i, b, j, experts.get(j)) for i, j in pairs}
    one, two = frame.a[:, :MATCHING], frame.b[:, :MATCHING]
    plan, probes = _plan(a, pairs, one.shape[1])
    asking = {j: _neurons(b, j, stems[i, j][1], two, probes) for i, j in pairs}
    own = {i: stems[i, j][0] for i, j in pairs}
    found: dict[tuple[int, int], LayerMatch] = {}
    for i, layers in plan:
        ours = _neurons(a, i, own.get(i) or _spread(_stems(a, i)), one)
        for j in layers:
            theirs = asking[j]
            if ours is None or theirs is None or ours.views.keys() != theirs.views.keys():
                continue
            if (layer := compare_layers(ours, theirs, i, j)) is not None:
                found[i, j] = layer
    if not found:
        return None
    straight = tuple(found[pair] for pair in pairs if pair in found)
    others = tuple(replace(m, kept=_NONE) for pair, m in found.items() if pair not in set(pairs))
    views = next((tuple(n.views) for n in asking.values() if n is not None), GATED)
    return Match(views, straight, others, _copies(a, one, straight, others))


@dataclass(frozen=True, eq=False)
class Neurons:
    """Neurons of a layer in common coordinates.

    Attributes:
        views: what they are compared by, ``(n, k)`` each, neuron by neuron, rows of length one or zero. Of all but the
            first only what the first does not say: two views that are functions of each other agree about anything.
        indices: ``(n,)`` which neurons they are; those of several experts are numbered one expert after the other.
        size: how many the layer has.
    """

    views: dict[str, F32]
    indices: Indices
    size: int


def compare_layers(ours: Neurons, theirs: Neurons, i: int, j: int) -> LayerMatch | None:
    """Let neurons of B look for their like among those of A, by every view; None where none can."""
    first, *rest = theirs.views
    usable = np.all([np.any(v != 0, axis=1) for v in theirs.views.values()], axis=0)
    similar = ours.views[first] @ theirs.views[first].T
    cosine = similar.max(axis=0)
    usable &= cosine > 0
    best = similar.argmax(axis=0)
    by: dict[str, Indices] = {}
    for view in rest:
        similar = ours.views[view] @ theirs.views[view].T
        if first == "gate":
            similar = np.abs(similar)  # flipping up row and down column together changes nothing
        usable &= similar.max(axis=0) > 0
        by[view] = similar.argmax(axis=0)
    best, by = best[usable], {view: chosen[usable] for view, chosen in by.items()}
    if not len(best):
        return None
    popular = np.bincount(best, minlength=len(ours.indices))
    chance = [float(popular @ np.bincount(c, minlength=len(popular))) / len(best) for c in by.values()]
    same = np.all([best == chosen for chosen in by.values()], axis=0)
    return LayerMatch(
        i,
        j,
        len(best),
        (ours.size, theirs.size),
        {view: int((best == chosen).sum()) for view, chosen in by.items()},
        max(chance),
        min(spearman(best, chosen) for chosen in by.values()),
        float(cosine[usable][same].sum()) / len(best),
        np.stack([ours.indices[best[same]], theirs.indices[usable][same]], axis=1),
    )


def spearman(one: Indices, two: Indices) -> float:
    """Rank correlation of two lists of numbers, ties at their mean rank; 0 where one of them does not vary."""
    ranks = []
    for values in (one, two):
        _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
        mean = np.cumsum(counts) - (counts - 1) / 2
        ranks.append(mean[where] - mean[where].mean())
    scale = float(np.sqrt((ranks[0] @ ranks[0]) * (ranks[1] @ ranks[1])))
    return float(ranks[0] @ ranks[1]) / scale if scale else 0.0


def stems_of(a: Artifact, i: int, b: Artifact, j: int, known: ExpertMap | None) -> tuple[Sequence[str], Sequence[str]]:
    """Which MLPs of two layers take part: all, or of many experts some that are each other's like."""
    ours, theirs = _stems(a, i), _stems(b, j)
    if known is not None and len(known.pairs) and max(len(ours), len(theirs)) > EXPERTS:
        chosen = _spread([(f"experts.{x}", f"experts.{y}") for x, y in known.pairs.tolist()])
        return [x for x, _ in chosen], [y for _, y in chosen]
    return _spread(ours), _spread(theirs)


def _stems(artifact: Artifact, layer: int) -> list[str]:
    """MLPs of a layer: the dense one, the shared one, the experts."""
    dense = [stem for stem in ("mlp", "shared") if f"layers.{layer}.{stem}.up" in artifact.names]
    return dense + [f"experts.{e}" for e in range(experts_of(artifact, layer))]


def _spread(items: Sequence[T]) -> list[T]:
    """Up to ``EXPERTS`` of them, evenly spaced."""
    return [items[k] for k in even(len(items), EXPERTS)]


def _plan(a: Artifact, pairs: Sequence[tuple[int, int]], dims: int) -> tuple[list[tuple[int, list[int]]], int]:
    """Layers of A, each with the layers of B that it is held against, and how many neurons of those look."""
    assert a.geometry is not None
    g = a.geometry
    layer = 3 * g.width * (g.intermediate or 4 * g.width) * max(1, min(EXPERTS, g.experts or 1))
    ours = range(g.layers) if g.layers * layer <= MOST_VALUES else sorted({i for i, _ in pairs})
    affordable = len(ours) * len(pairs) * PROBES * layer // g.width * dims <= WORK
    plan = [(i, [j for own, j in pairs if affordable or abs(own - i) <= 1]) for i in ours]
    return plan, PROBES if affordable else FEW_PROBES


def _neurons(artifact: Artifact, layer: int, stems: Sequence[str], basis: F32, most: int = 0) -> Neurons | None:
    """Neurons of a layer, of each MLP the same number, at most ``most`` (0: all); None where they cannot be read."""
    if not stems:
        return None
    parts: list[dict[str, F32]] = []
    indices, before = [], 0
    for stem in stems:
        up = role_tensor(artifact, f"layers.{layer}.{stem}.up")
        if up is None:
            return None
        size = up.length("neuron")
        chosen = even(size, -(-most // len(stems)) if most else size)
        views = GATED if f"layers.{layer}.{stem}.gate" in artifact.names else PLAIN
        rows = {view: seen(artifact, layer, f"{stem}.{view}", chosen) for view in views}
        parts.append({view: r @ basis for view, r in rows.items() if r is not None})
        if len(parts[-1]) != len(views) or parts[-1].keys() != parts[0].keys():
            return None
        indices.append(chosen + before)
        before += size
    if not before:
        return None
    joined = {view: np.concatenate([part[view] for part in parts]) for view in parts[0]}
    first, *rest = joined
    return Neurons(
        {first: unit(joined[first]), **{view: unit(_beside(joined[view], joined[first])) for view in rest}},
        np.concatenate(indices),
        before,
    )


def _beside(rows: F32, first: F32) -> F32:
    """Rows without their component along the same neuron's first view; zero where nothing is left."""
    square = (first * first).sum(axis=1, keepdims=True)
    along = np.divide((rows * first).sum(axis=1, keepdims=True), square, out=np.zeros_like(square), where=square > 0)
    rest = rows - along * first
    norms = [np.linalg.norm(x, axis=1, keepdims=True) for x in (rest, rows)]
    return np.asarray(np.where(norms[0] > PARALLEL * norms[1], rest, 0.0), dtype=np.float32)


def _copies(
    a: Artifact, basis: F32, straight: Sequence[LayerMatch], others: Sequence[LayerMatch]
) -> frozenset[tuple[int, int]]:
    """Pairs of layers of A that are copies; asked only of those that would otherwise speak against each other."""
    asked = {(s.a, o.a) for s in straight for o in others if o.b == s.b and 2 * o.count >= s.count > s.expected + 1}
    out = set()
    for one, two in asked:
        ours = _neurons(a, one, _spread(_stems(a, one)), basis)
        theirs = _neurons(a, two, _spread(_stems(a, two)), basis, PROBES)
        if ours is None or theirs is None or ours.views.keys() != theirs.views.keys():
            continue
        if (found := compare_layers(ours, theirs, one, two)) is not None and found.share >= COPY:
            out.add((one, two))
    return frozenset(out)


_NONE = np.zeros((0, 2), dtype=np.int64)
