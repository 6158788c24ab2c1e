"""Which references' activations a model's resemble: cosines without the consensus, normalised by a cohort.

As speakers are verified (Auckenthaler et al. 2000; Matějka et al. 2017): a score says something only beside the scores
that the same model, and the same reference, reach with others that have nothing to do with them. The cohort is
independent references of the index, so a reference that is added is enrolled, and nothing is trained again.

First the directions are shrunk along which training moves any model (:mod:`forebear.signals.projection`). What the
cohort has in common is then its mean, and the directions in which its members differ most, which are shrunk as well
(whitening by ridge). Whichever two models are scored, neither has a part in that: a model that belongs to a mean looks
farther from the others than one that does not, by more than independent models differ. So members of the cohort are
left out of it one by one, and two by two among themselves; all of this needs only inner products. A model that reads
texts which nobody in the cohort reads but one reference resembles that one for this reason alone: what is usual must
hold somebody who reads the same, so nobody is named without a control of the same tokenizer (`inspect/activations`).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forebear.activations.pooled import SHALLOW
from forebear.index.base import Likeness, Likenesses
from forebear.signals.activations import PAIRS, SLOTS, Activations, comparable, units
from forebear.signals.projection import Projection, nothing, shipped

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

Named = tuple[str, Activations]
"""A model's name and its sketch."""
MOST_COHORT = 40
FEWEST_COHORT = 8
"""Independent references from which on scores are normalised."""
LEAST_SPREAD = 1e-3


@dataclass(frozen=True, eq=False)
class View:
    """Some members of a cohort at one depth, as what other models are seen without.

    Attributes:
        weights: ``(n,)`` of the members in the mean; zero for those left out.
        gram: ``(n, n)`` inner products of all members.
        used: places of those that are not left out.
        axes: ``(m, r)``: inner products with members to coordinates along directions in which they differ.
        kept: ``(r,)``, the share of its part along each that is left of a model.
    """

    weights: F64
    gram: F64
    used: NDArray[np.int64]
    axes: F64
    kept: F64

    @staticmethod
    def of(gram: F64, used: NDArray[np.int64]) -> View:
        """What some members have in common; nothing of fewer than two."""
        weights = np.zeros(len(gram))
        if len(used) < 2:
            return View(weights, gram, used, np.zeros((len(used), 0)), np.zeros(0))
        weights[used] = 1 / len(used)
        bare = View(weights, gram, used, np.zeros((len(used), 0)), np.zeros(0))
        sizes, turned = np.linalg.eigh(bare.centred(gram[used]))
        there = sizes > 1e-9 * max(float(sizes[-1]), 1e-300)
        power = sizes[there] / len(used)
        floor = float(np.median(power)) if there.any() else 1.0
        return View(weights, gram, used, turned[:, there] / np.sqrt(sizes[there]), np.sqrt(floor / (power + floor)))

    def centred(self, products: F64) -> F64:
        """Inner products ``(k, m)`` with the members used, of ``(k, n)`` with all, every vector less their mean."""
        shift = self.gram @ self.weights
        rest = products - (products @ self.weights)[:, None] - shift + self.weights @ shift
        return np.asarray(rest[:, self.used])

    def cosine(self, one: Placed, other: Placed, between: float) -> float:
        """Of two models, without what the members have in common; ``between`` is their inner product."""
        both = np.stack([one.products, other.products])
        along = self.centred(both) @ self.axes
        own = both @ self.weights
        base = float(self.weights @ self.gram @ self.weights)
        lost = 1 - self.kept**2
        dot = between - own.sum() + base - float((along[0] * along[1]) @ lost)
        sizes = np.array([one.size, other.size]) - 2 * own + base - (along**2) @ lost
        scale = float(np.sqrt(np.maximum(sizes, 0).prod()))
        return dot / scale if scale > 1e-12 else 0.0


@dataclass(frozen=True, eq=False)
class Placed:
    """A model at one depth, as the members of a cohort see it.

    Attributes:
        rest: ``(8128,)``, its geometry less the mean of the members.
        products: ``(n,)``, inner products with all members.
        size: with itself.
        there: whether the depth was computed.
        member: its place among the members, -1 for other models.
    """

    rest: F32
    products: F64
    size: float
    there: bool
    member: int = -1


class Depth:
    """A cohort at one depth.

    Args:
        values: ``(n, 8128)`` of all members; nan for one that has not that depth.
        slot: which depth.
        projection: what is shrunk in every model, whatever the cohort.
    """

    def __init__(self, values: F32, slot: int, projection: Projection) -> None:
        self._slot, self._projection = slot, projection
        known = np.isfinite(values)
        self.there = np.flatnonzero(known.any(axis=1))
        self.mean = np.where(known, values, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        self.rest = self._rest(values)
        self.gram = (self.rest @ self.rest.T).astype(np.float64)
        self._views: dict[frozenset[int], View] = {}

    def view(self, leave: frozenset[int]) -> View:
        """The members, but for some."""
        if leave not in self._views:
            self._views[leave] = View.of(self.gram, np.array([k for k in self.there if k not in leave], dtype=np.int64))
        return self._views[leave]

    def place(self, values: F32) -> Placed:
        """Another model, ``(8128,)``."""
        rest = self._rest(values[None])[0]
        there = bool(np.isfinite(values).any())
        return Placed(rest, (self.rest @ rest).astype(np.float64), float(rest @ rest), there)

    def member(self, k: int) -> Placed:
        """One of the members."""
        return Placed(self.rest[k], self.gram[k], float(self.gram[k, k]), bool((self.there == k).any()), k)

    def cosine(self, one: Placed, other: Placed, leave: frozenset[int]) -> float:
        """Of two models, without what members have in common; nan where one of them has not that depth."""
        if not (one.there and other.there):
            return float("nan")
        between = float(one.products[other.member]) if other.member >= 0 else float(one.rest @ other.rest)
        return self.view(leave).cosine(one, other, between)

    def _rest(self, values: F32) -> F32:
        rest = np.where(np.isfinite(values), values - self.mean, 0).astype(np.float32)
        return self._projection.apply(rest, self._slot)


class Cohort:
    """Independent references at every depth.

    Args:
        members: names and sketches; with fewer than :data:`FEWEST_COHORT` nothing is taken out of any model.
        projection: what is shrunk in every model; by default the one that comes with the package.
    """

    def __init__(self, members: Sequence[Named], projection: Projection | None = None) -> None:
        self.normal = len(members) >= FEWEST_COHORT
        used = members if self.normal else ()
        self.places = {name: k for k, (name, _) in enumerate(used)}
        values = units([s for _, s in used]) if used else np.zeros((0, SLOTS, PAIRS), dtype=np.float32)
        used_projection = (projection or shipped()) if self.normal else nothing()
        self.depths = tuple(Depth(values[:, slot], slot, used_projection) for slot in range(SLOTS))
        self._usual: dict[int, tuple[float, float]] = {}

    def of_member(self, k: int) -> tuple[float, float]:
        """What is usual for a member, beside the others."""
        if k not in self._usual:
            self._usual[k] = usual(self.beside(self.member(k)))
        return self._usual[k]

    def placed(self, sketch: Activations) -> list[Placed]:
        """A model at every depth."""
        return [depth.place(v) for depth, v in zip(self.depths, units([sketch])[0], strict=True)]

    def member(self, k: int) -> list[Placed]:
        """One of the members at every depth."""
        return [depth.member(k) for depth in self.depths]

    def beside(self, model: Sequence[Placed]) -> F64:
        """Scores of a model with every member but itself, in their order."""
        return np.array([self.score(model, self.member(k)) for k in range(len(self.places)) if k != model[0].member])

    def score(self, one: Sequence[Placed], other: Sequence[Placed]) -> float:
        """Of two models: the mean over the first third of the layers."""
        return float(np.mean(self.by_depth(one[:SHALLOW], other[:SHALLOW])))

    def by_depth(
        self, one: Sequence[Placed], other: Sequence[Placed], kin: frozenset[int] = frozenset()
    ) -> list[float]:
        """Cosines of two models, neither of whom has a part in what is common, nor have members that are kin."""
        leave = kin | ({one[0].member, other[0].member} - {-1})
        return [d.cosine(a, b, leave) for d, a, b in zip(self.depths, one, other, strict=False)]


def usual(scores: F64) -> tuple[float, float]:
    """Mean and standard deviation of a model's scores with a cohort."""
    return float(scores.mean()), max(float(scores.std(ddof=1)), LEAST_SPREAD)


class Query:
    """A model that is held against references.

    Args:
        mark: its sketch.
        cohort: what is usual.
    """

    def __init__(self, mark: Activations, cohort: Cohort) -> None:
        self.mark, self.cohort = mark, cohort
        self.placed = cohort.placed(mark)
        self.beside = cohort.beside(self.placed) if cohort.normal else np.zeros(0)
        """Scores with every member of the cohort."""

    def likeness(self, name: str, sketch: Activations, kin: frozenset[str] = frozenset()) -> Likeness | None:
        """Of one reference; None where it did not read enough of the same probes.

        Args:
            name: of the reference.
            sketch: of the reference.
            kin: members of the cohort that depend on it: they do not say what is usual.
        """
        if not comparable(self.mark, sketch):
            return None
        cohort = self.cohort
        member = cohort.places.get(name, -1)
        out = frozenset(cohort.places[k] for k in kin if k in cohort.places) - {member}
        theirs = cohort.member(member) if member >= 0 else cohort.placed(sketch)
        by_depth = cohort.by_depth(self.placed, theirs, out)
        score = float(np.mean(by_depth[:SHALLOW]))
        if cohort.normal:
            ours = usual(np.delete(self.beside, sorted(out | ({member} - {-1}))))
            normal = cohort.of_member(member) if member >= 0 else usual(np.delete(cohort.beside(theirs), sorted(out)))
            score = sum((score - mean) / spread for mean, spread in (ours, normal)) / 2
        return Likeness(name, score, tuple(None if np.isnan(c) else c for c in by_depth))


def alike(
    mark: Activations,
    references: Iterable[Named],
    members: Sequence[Named],
    limit: int,
    kin: Callable[[str], frozenset[str]] = lambda _: frozenset(),
) -> Likenesses:
    """The references whose activations a model's resemble most, best first.

    Args:
        mark: the model in question.
        references: all of them; read once.
        members: independent ones among them, at most :data:`MOST_COHORT`.
        limit: how many to give.
        kin: of a reference, the members that depend on it.
    """
    query = Query(mark, Cohort(members))
    seen = 0

    def every() -> Iterator[Likeness]:
        nonlocal seen
        for name, sketch in references:
            seen += 1
            if (found := query.likeness(name, sketch, kin(name))) is not None:
                yield found

    best = heapq.nsmallest(limit, every(), key=lambda one: (-one.score, one.name))
    beside = tuple(sorted((float(score) for score in query.beside), reverse=True))
    return Likenesses(tuple(best), len(members), beside, seen, query.cohort.normal)


def between_depths(one: Activations, other: Activations, members: Sequence[Named]) -> list[list[float | None]]:
    """Cosines of every depth of one model (row) with every depth of another, less the mean of others: a heat map.

    Args:
        one: a reference.
        other: a model.
        members: a cohort without either of them; with none the geometries as they are.
    """
    depths = Cohort(members).depths
    rows = []
    for a, x in zip(depths, units([one])[0], strict=True):
        row: list[float | None] = []
        for b, y in zip(depths, units([other])[0], strict=True):
            first, second = a.place(x), b.place(y)
            size = math.sqrt(first.size * second.size)
            there = first.there and second.there and size > 0
            row.append(round(float(first.rest @ second.rest) / size, 6) if there else None)
        rows.append(row)
    return rows
