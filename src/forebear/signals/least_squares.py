"""A model as a combination of references: least squares on inner products, with coefficients that are not negative.

Everything here works on the small matrices of :mod:`forebear.signals.mixture`, so that no value is read again. A scale
of the whole is always free: an affine combination then has coefficients that sum to one, a spherical one does not, and
a model that was merely shrunk is not mistaken for a mixture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forebear.signals.mixture import Unit, distances, raw

F64 = NDArray[np.float64]

FALLS = 0.05
"""Share of the residual that a further reference has to take away."""
AT_BASE = 0.5
"""Cosine of two updates seen from their start, above which that model is not taken for their base."""
TINY = 1e-18
"""Share of a model's square below which a residual is nothing but arithmetic."""


@dataclass(frozen=True)
class Fit:
    """X as a combination of references.

    Attributes:
        coefficients: ``(K,)``, zero for those that were not used.
        residual: what is left of X, squared.
        base: the reference whose coefficient may be negative, None where there is none.
    """

    coefficients: F64
    residual: float
    base: int | None = None

    @property
    def used(self) -> tuple[int, ...]:
        """References with a coefficient."""
        return tuple(int(k) for k in np.flatnonzero(self.coefficients))


def pooled(units: Sequence[Unit]) -> F64:
    """Inner products over several tensors."""
    return np.asarray(np.sum([u.products for u in units], axis=0))


def nonnegative(a: F64, y: F64, free: int) -> F64:
    """Least squares with coefficients that are not negative, from normal equations.

    Args:
        a: ``(n, n)`` inner products of the regressors.
        y: ``(n,)`` their inner products with the target.
        free: the last ``free`` coefficients may have either sign.

    Returns:
        The coefficients (Lawson and Hanson 1974, chapter 23).
    """
    n = len(y)
    scale = np.sqrt(np.maximum(np.diag(a), 1e-300))
    a, y = a / np.outer(scale, scale), y / scale
    passive = np.zeros(n, bool)
    passive[n - free :] = True
    x = _solved(a, y, passive)
    for _ in range(3 * n):
        slope = y - a @ x
        slope[passive] = -np.inf
        best = int(np.argmax(slope))
        if slope[best] <= 1e-12 * max(1e-300, float(np.abs(y).max())):
            break
        passive[best] = True
        while True:
            new = _solved(a, y, passive)
            below = passive & (new <= 0)
            below[n - free :] = False
            if not below.any():
                x = new
                break
            with np.errstate(divide="ignore", invalid="ignore"):
                steps = np.where(below, x / (x - new), np.inf)
            x = x + float(np.nanmin(steps)) * (new - x)
            passive &= ~(below & (steps <= np.nanmin(steps)))
            x[~passive] = 0.0
    return np.asarray(x / scale)


def _solved(a: F64, y: F64, passive: NDArray[np.bool_]) -> F64:
    x = np.zeros(len(y))
    if passive.any():
        x[passive] = np.linalg.lstsq(a[np.ix_(passive, passive)], y[passive], rcond=1e-11)[0]
    return x


def normal_equations(products: F64, chosen: Sequence[int], pivot: int) -> tuple[F64, F64, float]:
    """Regressors are the differences of the other chosen references from the pivot, then the pivot itself.

    Returns:
        Their inner products, those with X - pivot, and the square of that.
    """
    size = len(products)
    difference = np.eye(size)[1:-1]  # of R2, R3, ... from R1
    from_first = np.concatenate([np.zeros((1, size)), difference])
    at = from_first[pivot]
    rows = [from_first[k] - at for k in chosen if k != pivot]
    regressors = np.array([*rows, np.eye(size)[-1] + at])
    target = np.eye(size)[0] - at
    return regressors @ products @ regressors.T, regressors @ products @ target, float(target @ products @ target)


def base_of(products: F64, chosen: Sequence[int], most: float = AT_BASE) -> int | None:
    """The one of at least three references from which the others lead away in different directions.

    Fine-tunes of one model share directions through their data; measured cosines of such updates reach 0.6.

    Args:
        products: inner products as in a :class:`~forebear.signals.mixture.Unit`.
        chosen: references.
        most: largest cosine of two updates that is allowed.
    """
    if len(chosen) < 3:
        return None
    largest = {b: largest_cosine(products, b, [k for k in chosen if k != b]) for b in chosen}
    best = min(largest, key=lambda b: largest[b])
    return best if largest[best] <= most else None


def largest_cosine(products: F64, start: int, ends: Sequence[int]) -> float:
    """The largest cosine of the ways from one reference to two of the others."""
    squares = distances(products)[1:, 1:]
    return max(
        float(squares[start, i] + squares[start, j] - squares[i, j])
        / (2 * float(np.sqrt(max(squares[start, i] * squares[start, j], 1e-300))))
        for n, i in enumerate(ends)
        for j in ends[:n]
    )


def fit(products: F64, chosen: Sequence[int], base: int | None = None) -> Fit:
    """X as a combination of the chosen references; only that of their base may be negative.

    Args:
        products: inner products as in a :class:`~forebear.signals.mixture.Unit`.
        chosen: references.
        base: the one of them from which updates are taken to start; None to look for it among the chosen.
    """
    count = len(products) - 1
    base = base if base in chosen else base_of(products, chosen)
    pivot = base if base is not None else chosen[0]
    others = [k for k in chosen if k != pivot]
    a, y, square = normal_equations(products, chosen, pivot)
    x = nonnegative(a, y, free=1)
    coefficients = np.zeros(count)
    coefficients[others] = x[:-1]
    coefficients[pivot] = 1.0 + x[-1] - x[:-1].sum()
    if coefficients[pivot] < 0 and base is None and others:
        return fit(products, others)
    floor = TINY * float(raw(products)[0, 0])
    return Fit(coefficients, max(floor, square - 2 * float(x @ y) + float(x @ a @ x)), base)


def nearest(products: F64) -> Fit:
    """The single reference, scaled, that leaves least of X."""
    return min((fit(products, [k]) for k in range(len(products) - 1)), key=lambda f: f.residual)


def select(products: F64, tensors: int, rounding: float) -> Fit:
    """Forward selection: the smallest set of references that explains X as well as more of them would.

    A reference is added while the residual is above what rounding leaves, falls by :data:`FALLS`, and
    ``n log(residual)`` falls by more than ``log n``, ``n`` being the number of tensors (Schwarz 1978, with tensors for
    observations, because values of one tensor move together). Then those are dropped that the rest makes needless.

    It starts from the nearest reference, and again from the base of all of them where there is one, because without it
    a sum of several whole updates gets no better by any single one.
    """
    first = _selected(products, nearest(products), tensors, rounding)
    base = base_of(products, range(len(products) - 1))
    if base is None or first.residual <= 2 * rounding:
        return first
    second = _selected(products, fit(products, [base], base), tensors, rounding)
    return second if _worth(first.residual, second.residual, tensors) else first


def _selected(products: F64, start: Fit, tensors: int, rounding: float) -> Fit:
    current, base = start, start.base
    while current.residual > 2 * rounding and len(current.used) < len(products) - 1:
        left = [k for k in range(len(products) - 1) if k not in current.used]
        better = min((fit(products, (*current.used, k), base) for k in left), key=lambda f: f.residual)
        if set(better.used) == set(current.used) or not _worth(current.residual, better.residual, tensors):
            break
        current = better
    needless = True
    while needless and len(current.used) > 1:
        fewer = [fit(products, [k for k in current.used if k != out], base) for out in current.used]
        best = min(fewer, key=lambda f: f.residual)
        needless = best.residual <= 2 * rounding or not _worth(best.residual, current.residual, tensors)
        current = best if needless else current
    return current


def _worth(before: float, after: float, tensors: int) -> bool:
    return after <= (1 - FALLS) * before and tensors * np.log(before / after) > np.log(max(2, tensors))


def errors(units: Sequence[Unit], chosen: Sequence[int], pivot: int) -> F64:
    """``(K,)`` standard errors of the coefficients: jackknife over tensors, signs left free."""
    count = len(units[0].products) - 1
    parts = [normal_equations(u.products, chosen, pivot) for u in units]
    a, y = np.sum([p[0] for p in parts], axis=0), np.sum([p[1] for p in parts], axis=0)
    others = [k for k in chosen if k != pivot]
    table = np.zeros((len(units), count))
    for row, (a_u, y_u, _) in enumerate(parts):
        rest_a, rest_y = a - a_u, y - y_u
        scale = np.sqrt(np.maximum(np.diag(rest_a), 1e-300))
        x = np.linalg.lstsq(rest_a / np.outer(scale, scale), rest_y / scale, rcond=1e-11)[0] / scale
        table[row, others] = x[:-1]
        table[row, pivot] = 1.0 + x[-1] - x[:-1].sum()
    n = len(units)
    return np.asarray(np.sqrt((n - 1) / n * ((table - table.mean(axis=0)) ** 2).sum(axis=0)))


def condition(products: F64, chosen: Sequence[int], pivot: int) -> float:
    """Condition number of the correlations of the chosen references' differences from the pivot."""
    a, _, _ = normal_equations(products, chosen, pivot)
    inner = a[:-1, :-1]
    if len(inner) < 2:
        return 1.0
    scale = np.sqrt(np.maximum(np.diag(inner), 1e-300))
    values = np.linalg.eigvalsh(inner / np.outer(scale, scale))
    return float(values[-1] / max(values[0], 1e-15))
