"""Which references' activations a model's resemble: cosines without the consensus, normalised by a cohort.

As speakers are verified (Auckenthaler et al. 2000; Matějka et al. 2017): a score says something only beside the scores
that the same model, and the same reference, reach with others that have nothing to do with them. The cohort is
independent references of the index, so a reference that is added is enrolled, and nothing is trained again.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from forebear.activations.pooled import SHALLOW
from forebear.index.base import Likeness, Likenesses
from forebear.signals.activations import Activations, between_depths, comparable, consensus, peculiar, similarities

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

Named = tuple[str, Activations]
"""A model's name and its sketch."""
BLOCK = 128
"""Sketches in memory at a time: 20 MB."""
MOST_COHORT = 48
FEWEST_COHORT = 8
"""Independent references from which on scores are normalised."""
RELATIVES = 1
"""Members of a cohort that may be relatives: of independent references only one can be, but for merges. The highest
scores of every model are left out of what is normal for it, whether or not they belong to a relative."""
LEAST_SPREAD = 1e-3


class Cohort:
    """Independent references, and what they have in common.

    Args:
        members: names and sketches.

    Attributes:
        names: of the members.
        common: what is taken out of every model.
        own: ``(n, 5, 8128)``, what is peculiar to each member.
    """

    def __init__(self, members: Sequence[Named]) -> None:
        sketches = [sketch for _, sketch in members]
        self.names = tuple(name for name, _ in members)
        self.common = consensus(sketches)
        self.own = peculiar(sketches, self.common) if sketches else np.zeros((0, 1, 1), dtype=np.float32)

    def __len__(self) -> int:
        return len(self.names)

    def usual(self, scores: F64) -> tuple[F64, F64]:
        """Mean and standard deviation ``(n,)`` of every model's scores ``(n, members)``, but for its highest."""
        rest = np.sort(scores, axis=1)[:, : max(2, scores.shape[1] - RELATIVES)]
        return rest.mean(axis=1), np.maximum(rest.std(axis=1, ddof=1), LEAST_SPREAD)


class Query:
    """A model that is held against references.

    Args:
        mark: its sketch.
        cohort: what is normal; with fewer than :data:`FEWEST_COHORT` scores stay cosines.
    """

    def __init__(self, mark: Activations, cohort: Cohort) -> None:
        self.mark, self.cohort = mark, cohort
        self.own = peculiar([mark], cohort.common)[0]
        self.beside = shallow(similarities(self.own, cohort.own)) if len(cohort) else np.zeros(0)
        """Cosines with the members of the cohort, ``(n,)``."""

    def likenesses(self, others: Sequence[Named]) -> Iterator[Likeness]:
        """Each of the others that read enough of the same probes."""
        these = [(name, sketch) for name, sketch in others if comparable(self.mark, sketch)]
        if not these:
            return
        theirs = peculiar([sketch for _, sketch in these], self.cohort.common)
        by_depth = similarities(self.own, theirs)
        scores = self.normalised(shallow(by_depth), theirs)
        for (name, _), score, cosines, own in zip(these, scores, by_depth, theirs, strict=True):
            between = between_depths(own, self.own)
            yield Likeness(name, float(score), _plain(cosines), tuple(_plain(row) for row in between))

    def normalised(self, cosines: F64, theirs: F32) -> F64:
        """Scores ``(n,)`` in standard deviations of what is usual for the model, and for each of the others."""
        if len(self.cohort) < FEWEST_COHORT:
            return cosines
        members = self.cohort.own[:, :SHALLOW].reshape(len(self.cohort), -1)
        others = theirs[:, :SHALLOW].reshape(len(theirs), -1) @ members.T / SHALLOW
        ours = self.cohort.usual(self.beside[None])
        means, spreads = self.cohort.usual(others.astype(np.float64))
        return np.asarray(((cosines - ours[0]) / ours[1] + (cosines - means) / spreads) / 2)


def alike(mark: Activations, references: Iterable[Named], members: Sequence[Named], limit: int) -> Likenesses:
    """The references whose activations a model's resemble most, best first.

    Args:
        mark: the model in question.
        references: all of them; read once, a block at a time.
        members: independent ones among them, at most :data:`MOST_COHORT`.
        limit: how many to give.
    """
    query = Query(mark, Cohort(members))
    seen = 0

    def every() -> Iterator[Likeness]:
        nonlocal seen
        rest = iter(references)
        while block := tuple(islice(rest, BLOCK)):
            seen += len(block)
            yield from query.likenesses(block)

    found = heapq.nsmallest(limit, every(), key=lambda one: (-one.score, one.name))
    beside = tuple(sorted((float(score) for score in query.beside), reverse=True))
    return Likenesses(tuple(found), len(members), beside, seen, len(members) >= FEWEST_COHORT)


def shallow(by_depth: F64) -> F64:
    """One score ``(n,)`` of cosines by depth ``(n, 5)``: the mean over the first third, which every sketch has."""
    return np.asarray(by_depth[:, :SHALLOW].mean(axis=1))


def _plain(values: F64) -> tuple[float | None, ...]:
    return tuple(float(v) if np.isfinite(v) else None for v in values)
