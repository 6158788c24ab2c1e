"""Merges that keep only some values of every update: TIES (arXiv 2306.01708) and DARE (arXiv 2311.03099).

Each value of X - B is a sum over *some* of the parents' updates, times constants: nothing, one of them, several. Both
methods leave such patterns and training does not, so the patterns are looked for value by value, in the sample that
the pass over the values kept. What chance would explain is measured: a parent's values are moved by one place, and the
share that the patterns explain then is taken off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forebear.signals.mixture import Gram

F64 = NDArray[np.float64]

INFORMATIVE = 8.0
"""An update has to exceed the error of rounding by this factor for a value to tell patterns apart."""
FEWEST = 500
"""Values that tell patterns apart, below which nothing is said."""
FEWEST_COUNTED = 200
"""Values with one sign in all updates and patterns far apart, below which what was kept cannot be counted."""
EXPLAINED = 0.9
"""Share of moved values that the patterns have to explain."""
OWN_SHARE = 0.15
"""Share of moved values that every parent has to explain beyond chance."""
ROUNDS = 8
HOPELESS = 0.3
"""Share explained after three rounds below which no more are made."""
MOST = 30_000
"""Values that are looked at: enough to find patterns and constants. What was kept is then counted in all."""


@dataclass(frozen=True)
class SparseMerge:
    """X as a base and parts of updates.

    Attributes:
        base: number of the reference that the updates start from.
        weights: by number of a parent, the constant its update was multiplied with in all, as a merge's ``weight``.
        densities: by number of a parent, the share of its update that was kept; of random choices alone, because the
            values that tell patterns apart are the larger ones.
        errors: by number of a parent, the standard error that counting kept values leaves in its weight.
        explained: share of the moved values that patterns explain.
        zeros: share of informative values that did not move.
        elected: whether a value never sums updates of opposite signs (TIES).
        normalised: whether sums were divided by the weights of those that were kept.
        random: whether small and large values were kept alike (DARE).
    """

    base: int
    weights: dict[int, float]
    densities: dict[int, float]
    errors: dict[int, float]
    explained: float
    zeros: float
    elected: bool
    normalised: bool
    random: bool

    @property
    def method(self) -> str:
        """The closest of the documented methods."""
        if self.random:
            return "DARE with sign election" if self.elected else "DARE"
        return "TIES"


@dataclass(frozen=True)
class _Patterns:
    """Constants of the parents' updates, whether sums are divided, and the share of moved values that they explain."""

    weights: F64
    normal: bool
    share: float


@dataclass(frozen=True)
class _Values:
    """Moved and unmoved values of X - B, updates of the parents, and the error that rounding may have left."""

    x: F64
    updates: F64
    error: F64


def sparse_merge(gram: Gram) -> SparseMerge | None:
    """The best explanation by patterns with at least two parents, None where there is none.

    The one with the fewest parents: where sums are normalised a value that is the base's may also pass for one that was
    taken from a parent of that name, on any other base.
    """
    found = [one for base in range(len(gram.names)) if (one := _from_base(gram, base)) is not None]
    return min(found, key=lambda one: (len(one.weights), -one.explained), default=None)


def _from_base(gram: Gram, base: int) -> SparseMerge | None:
    parents = [k for k in range(len(gram.names)) if k != base]
    if len(parents) < 2:
        return None
    values = _informative(gram, base, parents)
    found = _best(values)
    while values is not None and found is not None and found.share >= HOPELESS:
        own = [found.share - _by_chance(values, found, k) for k in range(len(parents))]
        weakest = int(np.argmin(own))
        fewer = [k for n, k in enumerate(parents) if n != weakest]
        if len(fewer) >= 2 or own[weakest] < OWN_SHARE:
            without = _informative(gram, base, fewer) if len(fewer) >= 2 else None
            again = _best(without)
            if own[weakest] < OWN_SHARE or (again is not None and again.share >= found.share - OWN_SHARE):
                parents, values, found = fewer, without, again
                continue
        if found.share < EXPLAINED:
            return None
        everything = _informative(gram, base, parents, gram.sample.shape[1])
        return _described(everything or values, found, base, parents)
    return None


def _best(values: _Values | None) -> _Patterns | None:
    """The better of the two ways to sum, None where too few values tell."""
    fits = [f for normal in (False, True) if (f := _explain(values, normal)) is not None] if values else []
    return max(fits, key=lambda f: f.share, default=None)


def _informative(gram: Gram, base: int, parents: list[int], most: int = MOST) -> _Values | None:
    """The sampled values where every update clearly exceeds what rounding does, at most so many of them."""
    if not gram.sample.size:
        return None
    sample = gram.sample.astype(np.float64)
    _, exponent = np.frexp(sample[0])
    updates = sample[[k + 1 for k in parents]] - sample[base + 1]
    x = sample[0] - sample[base + 1]
    half = gram.half * 2.0**exponent  # frexp's fraction lies in [1/2, 1): half a unit in the last place
    error = 1.1 * half + 2 * gram.half * np.abs(updates).sum(axis=0)
    chosen = (np.abs(updates) > INFORMATIVE * half).all(axis=0)
    at = np.flatnonzero(chosen)
    if at.size < FEWEST:
        return None
    at = at[:: -(-at.size // most)]
    return _Values(x[at], updates[:, at], error[at])


def _patterns(count: int) -> NDArray[np.bool_]:
    return np.array([[bool(n >> k & 1) for k in range(count)] for n in range(1 << count)])


def _predictions(updates: F64, weights: F64, normal: bool) -> F64:
    """``(patterns, n)`` what X - B would be if these updates had been kept."""
    kept = _patterns(len(weights)).astype(np.float64)
    sums = kept @ (weights[:, None] * updates)
    if normal:
        sums /= np.where(kept.any(axis=1), kept @ weights, 1.0)[:, None]
    return np.asarray(sums)


def _explain(values: _Values, normal: bool) -> _Patterns | None:
    """Weights, and what they explain: patterns and weights are found in turn, from the commonest ratios."""
    moved = values.x != 0
    if int(moved.sum()) < FEWEST:
        return None
    count = len(values.updates)
    weights = np.array([_commonest(values.x[moved] / u[moved]) for u in values.updates])
    if normal:  # least squares over all values has about the right proportions
        whole = np.linalg.lstsq(values.updates.T, values.x, rcond=None)[0]
        weights = np.maximum(whole, 0.05 / count) / np.maximum(whole, 0.05 / count).sum()
    best: tuple[float, F64] = (-1.0, weights)
    for turn in range(ROUNDS):
        predicted = _predictions(values.updates, weights, normal)
        off = np.abs(predicted - values.x)
        which = off.argmin(axis=0)
        least = off[which, np.arange(off.shape[1])]
        share = float((least <= values.error)[moved].mean())
        if share > best[0]:
            best = share, weights
        if turn >= 3 and best[0] < HOPELESS:
            break
        wide = np.maximum(values.error, (0.3 if normal and turn < 3 else 0.05) * np.abs(values.x))
        weights = _refitted(values, which, (least <= wide) & moved, weights, normal)
    return _Patterns(best[1], normal, best[0])


def _commonest(ratios: F64) -> float:
    """The value that ratios have most often, searched between a fiftieth and eight."""
    logs = np.log(ratios[(ratios > 0.02) & (ratios < 8.0)])
    if not len(logs):
        return 1.0
    counts, edges = np.histogram(logs, bins=300, range=(np.log(0.02), np.log(8.0)))
    smooth = counts[:-1] + counts[1:]
    at = int(np.argmax(smooth))
    inside = logs[(logs >= edges[at]) & (logs <= edges[at + 2])]
    return float(np.exp(np.median(inside)))


def _refitted(values: _Values, which: NDArray[np.intp], good: NDArray[np.bool_], weights: F64, normal: bool) -> F64:
    """Weights by least squares on the values whose pattern is taken for known."""
    kept = _patterns(len(weights))[which].T & good
    regressors = values.updates * kept
    if normal:  # x Σ w = Σ w u over the kept: one linear equation for w, whose scale is free
        several = kept.sum(axis=0) >= 2
        lines = (regressors - values.x * kept)[:, several]
        if lines.shape[1] < 50:
            return weights
        smallest = np.linalg.eigh(lines @ lines.T)[1][:, 0]
        new = smallest * np.sign(smallest.sum())
        return np.asarray(np.clip(new / max(new.sum(), 1e-9), 0.01, None))
    size = regressors @ regressors.T
    if np.linalg.matrix_rank(size) < len(size):
        return weights
    return np.asarray(np.clip(np.linalg.solve(size, regressors @ (values.x * good)), 0.005, 20.0))


def _by_chance(values: _Values, found: _Patterns, parent: int) -> float:
    """Share of moved values that is explained when one parent's values stand in wrong places."""
    updates = values.updates.copy()
    updates[parent] = np.roll(updates[parent], 1)
    moved = values.x != 0
    off = np.abs(_predictions(updates[:, moved], found.weights, found.normal) - values.x[moved]).min(axis=0)
    return float((off <= values.error[moved]).mean())


def _described(values: _Values, found: _Patterns, base: int, parents: list[int]) -> SparseMerge | None:
    """Densities, the kind of choice and of sum, from the patterns that were found."""
    weights, normal = found.weights, found.normal
    off = np.abs(_predictions(values.updates, weights, normal) - values.x)
    kept = _patterns(len(weights))[off.argmin(axis=0)].T & (off.min(axis=0) <= values.error)
    alike = np.abs(np.sign(values.updates).sum(axis=0)) == len(weights)
    clear = _distinct(values, weights, normal)
    among = clear & alike  # where signs agree nothing was elected, so what is missing was dropped
    if among.sum() < FEWEST_COUNTED:
        return None
    density = kept[:, among].mean(axis=1)
    opposed = clear & ~alike
    both = (kept & (values.updates > 0)).any(axis=0) & (kept & (values.updates < 0)).any(axis=0)
    elected = not opposed.any() or float(both[opposed].mean()) < 0.02
    random = _kept_alike(values, kept, among)
    total = weights * (density if random else 1.0)
    counted = weights * np.sqrt(density * (1 - density) / among.sum())
    if normal:
        total = weights / weights.sum()
    return SparseMerge(
        base,
        {k: float(w) for k, w in zip(parents, total, strict=True)},
        {k: float(d) for k, d in zip(parents, density, strict=True)} if random else {},
        {k: float(e) for k, e in zip(parents, counted if random else np.zeros(len(parents)), strict=True)},
        found.share,
        float((values.x == 0).mean()),
        elected,
        normal,
        random,
    )


def _distinct(values: _Values, weights: F64, normal: bool) -> NDArray[np.bool_]:
    """Values at which any two patterns lie further apart than rounding could blur."""
    predicted = np.sort(_predictions(values.updates, weights, normal), axis=0)
    gaps = np.diff(predicted, axis=0).min(axis=0)
    return np.asarray(gaps > 2 * values.error)


def _kept_alike(values: _Values, kept: NDArray[np.bool_], among: NDArray[np.bool_]) -> bool:
    """Whether the smallest and the largest quarter of an update were kept equally often."""
    for update, own in zip(np.abs(values.updates[:, among]), kept[:, among], strict=True):
        low, high = np.quantile(update, [0.25, 0.75])
        if own[update >= high].mean() - own[update <= low].mean() > 0.2:
            return False
    return True
