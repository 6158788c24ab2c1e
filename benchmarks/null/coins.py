"""Is a table of agreement counts what fair coins give? Exact Binomials throughout; numpy only.

Counts of pairs that share a model are pairwise independent under the null, so means and variances over all pairs are
what independent pairs give. Statistics that look at the whole table at once (chi-square, Kolmogorov-Smirnov, the
largest value) are compared with simulated tables, which carry the dependence of codes: two models' coins multiplied.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

BINS = 10
_NORMAL_QUANTILES = (-1.281552, -0.841621, -0.524401, -0.253347, 0.0, 0.253347, 0.524401, 0.841621, 1.281552)
"""Where z is cut into ten bins; what each of them holds follows from the exact Binomial, not from the normal."""


@dataclass(frozen=True, eq=False)
class Table:
    """Agreement counts of pairs of models: ``(m,)`` models of each pair by number, coins, agreements."""

    one: I64
    two: I64
    n: I64
    agree: I64

    @property
    def z(self) -> F64:
        """``(m,)`` standardised counts: mean 0 and variance 1 under the null."""
        out: F64 = (2.0 * self.agree - self.n) / np.sqrt(self.n)
        return out

    @property
    def models(self) -> int:
        """Number of models that occur."""
        return len(set(self.one.tolist()) | set(self.two.tolist()))


@dataclass(frozen=True)
class Fairness:
    """What a table looks like beside the null.

    Attributes:
        pairs, models: how much there is.
        coins: median number of coins of a pair.
        mean, variance, largest: of z; ``largest`` is the largest absolute value.
        interval: 95 % of the variance, bootstrap by model.
        chi_square, ks: statistics of the binned counts and of the randomised p-values.
        p: share of simulated null tables at least as extreme, by statistic: ``mean``, ``variance`` (both two-sided),
            ``largest``, ``chi_square``, ``ks``.
    """

    pairs: int
    models: int
    coins: float
    mean: float
    variance: float
    largest: float
    interval: tuple[float, float]
    chi_square: float
    ks: float
    p: dict[str, float]


@cache
def pmf(n: int) -> F64:
    """``(n + 1,)`` probabilities of Binomial(n, 1/2)."""
    k = np.arange(n + 1)
    logs = math.lgamma(n + 1) - _log_factorials(n)[k] - _log_factorials(n)[n - k] - n * math.log(2)
    out: F64 = np.exp(logs)
    out.flags.writeable = False
    return out


@cache
def upper_tails(n: int) -> F64:
    """``(n + 2,)`` P(X >= k) for k = 0 .. n + 1."""
    out = np.concatenate([np.cumsum(pmf(n)[::-1])[::-1], [0.0]])
    out.flags.writeable = False
    return out


@cache
def _log_factorials(n: int) -> F64:
    return np.array([math.lgamma(k + 1) for k in range(n + 1)])


@cache
def _bin_shares(n: int) -> F64:
    """``(10,)`` probability of every bin of z."""
    z: F64 = (2.0 * np.arange(n + 1) - n) / np.sqrt(float(n))
    return np.bincount(_bins(z), weights=pmf(n), minlength=BINS).astype(np.float64)


def _bins(z: F64) -> I64:
    return np.searchsorted(np.array(_NORMAL_QUANTILES), z, side="right").astype(np.int64)


def chi_square(table: Table) -> float:
    """Sum over bins of z of (observed - expected)^2 / expected; the expectation is exact, pair by pair."""
    values, counts = np.unique(table.n, return_counts=True)
    expected = sum((c * _bin_shares(int(n)) for n, c in zip(values, counts, strict=True)), np.zeros(BINS))
    observed = np.bincount(_bins(table.z), minlength=BINS)
    kept = expected > 0
    return float(((observed - expected)[kept] ** 2 / expected[kept]).sum())


def randomised_p(table: Table, rng: np.random.Generator) -> F64:
    """``(m,)`` one-sided p-values made continuous, P(X > k) + U P(X = k): exactly uniform under the null."""
    sizes, which = np.unique(table.n, return_inverse=True)
    tails = np.concatenate([upper_tails(int(n)) for n in sizes])
    shares = np.concatenate([np.append(pmf(int(n)), 0.0) for n in sizes])
    place = np.concatenate([[0], np.cumsum(sizes + 2)[:-1]])[which] + table.agree
    above, at = tails[place + 1], shares[place]
    out: F64 = above + rng.random(len(at)) * at
    return out


def ks_distance(p: F64) -> float:
    """Largest distance of the distribution of p-values from the uniform one (Kolmogorov-Smirnov)."""
    ordered, m = np.sort(p), len(p)
    return float(np.maximum(np.arange(1, m + 1) / m - ordered, ordered - np.arange(m) / m).max())


def variance_interval(table: Table, rng: np.random.Generator, draws: int = 999) -> tuple[float, float]:
    """95 % interval of the mean of z squared, models drawn with replacement."""
    return mean_interval(table.one, table.two, table.z**2, rng, draws)


def mean_interval(one: I64, two: I64, values: F64, rng: np.random.Generator, draws: int = 999) -> tuple[float, float]:
    """95 % interval of the mean of a value that pairs have, models drawn with replacement.

    A pair counts as often as both of its models are drawn together; a value within one model as often as that one.
    """
    names, at = np.unique(np.concatenate([one, two]), return_inverse=True)
    one, two = at[: len(one)], at[len(one) :]
    weight = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    pairs = np.where(one == two, weight[:, one], weight[:, one] * weight[:, two])
    totals = pairs.sum(axis=1)
    means = (pairs @ values)[totals > 0] / totals[totals > 0]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def simulated_codes(table: Table, rng: np.random.Generator) -> Table:
    """The same pairs with counts of models whose coins are drawn anew: agreements of pairs of random sign vectors."""
    names, at = np.unique(np.concatenate([table.one, table.two]), return_inverse=True)
    one, two = at[: len(table.one)], at[len(table.one) :]
    signs = rng.integers(0, 2, (len(names), int(table.n.max()))).astype(np.float32) * 2 - 1
    agree = np.zeros_like(table.agree)
    for n in np.unique(table.n):
        products = signs[:, :n] @ signs[:, :n].T
        here = table.n == n
        agree[here] = ((products[one[here], two[here]] + n) / 2).round().astype(np.int64)
    return Table(table.one, table.two, table.n, agree)


def simulated_rows(table: Table, rng: np.random.Generator) -> Table:
    """The same pairs with counts drawn anew, every pair on its own: signs of inner products share no coins."""
    return Table(table.one, table.two, table.n, rng.binomial(table.n, 0.5))


def fairness(
    table: Table, simulate: Callable[[Table, np.random.Generator], Table], seed: int, draws: int = 999
) -> Fairness:
    """Everything about one table; ``simulate`` draws a table of the null.

    Raises:
        ValueError: the table has no pairs, or a pair without coins.
    """
    if not len(table.n) or int(table.n.min()) < 1:
        raise ValueError("a table needs pairs, and every pair needs coins")
    rng = np.random.default_rng(seed)

    def statistics(t: Table) -> F64:
        z = t.z
        whole = chi_square(t), ks_distance(randomised_p(t, rng))
        return np.array([z.mean(), (z**2).mean(), np.abs(z).max(), *whole])

    found = statistics(table)
    drawn = np.array([statistics(simulate(table, rng)) for _ in range(draws)])
    above = ((drawn >= found).sum(axis=0) + 1) / (draws + 1)
    below = ((drawn <= found).sum(axis=0) + 1) / (draws + 1)
    p = above.copy()
    p[:2] = np.minimum(1.0, 2 * np.minimum(above, below)[:2])
    names = ("mean", "variance", "largest", "chi_square", "ks")
    mean, variance, largest, chi, ks = map(float, found)
    return Fairness(
        len(table.n),
        table.models,
        float(np.median(table.n)),
        mean,
        variance,
        largest,
        variance_interval(table, rng),
        chi,
        ks,
        dict(zip(names, map(float, p), strict=True)),
    )


def at_level(table: Table, level: float) -> tuple[int, float]:
    """Pairs whose exact one-sided p is at or below a level, and how many the null expects (at most level x pairs)."""
    observed, expected = 0, 0.0
    for n, k in zip(table.n.tolist(), table.agree.tolist(), strict=True):
        tails = upper_tails(n)
        observed += int(tails[k] <= level)
        expected += float(tails[int(np.argmax(tails <= level))])
    return observed, expected


def clopper_pearson(hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of a share (Clopper and Pearson 1934), by bisection on the Binomial's tails.

    Raises:
        ValueError: ``hits`` lies outside ``0..n``, or there are no trials.
    """
    if not 0 <= hits <= n or n < 1:
        raise ValueError(f"{hits} of {n}")
    alpha = (1 - level) / 2
    k = np.arange(n + 1)
    choose = math.lgamma(n + 1) - _log_factorials(n)[k] - _log_factorials(n)[n - k]

    def tail(share: float, chosen: slice) -> float:
        return float(np.exp(choose + k * math.log(share) + (n - k) * math.log1p(-share))[chosen].sum())

    def solve(rises: bool, chosen: slice) -> float:
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            if (tail(middle, chosen) < alpha) == rises:
                low = middle
            else:
                high = middle
        return (low + high) / 2

    lower = 0.0 if hits == 0 else solve(True, slice(hits, None))
    upper = 1.0 if hits == n else solve(False, slice(0, hits + 1))
    return lower, upper


def binomial_power(n: int, least: int | None, share: float) -> float:
    """P(X >= least) for X ~ Binomial(n, share); 0 where no count suffices."""
    if least is None:
        return 0.0
    if share <= 0.0 or share >= 1.0:
        return float(share >= 1.0 or least <= 0)
    k = np.arange(least, n + 1)
    logs = math.lgamma(n + 1) - _log_factorials(n)[k] - _log_factorials(n)[n - k]
    return min(1.0, float(np.exp(logs + k * math.log(share) + (n - k) * math.log1p(-share)).sum()))
