"""Coefficients from inner products: exact where they must be, never negative where they must not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from forebear.signals.least_squares import base_of, condition, errors, fit, nearest, nonnegative, pooled, select
from forebear.signals.mixture import Unit, distances, raw

F64 = NDArray[np.float64]


def products(x: F64, references: list[F64]) -> F64:
    """Inner products in the basis of a unit."""
    basis = np.stack([x - references[0], *(r - references[0] for r in references[1:]), references[0]])
    return np.asarray(basis @ basis.T)


def unit(x: F64, references: list[F64]) -> Unit:
    none = np.zeros((len(references), len(references)), np.int64)
    return Unit("layers.0.mlp.up", "layers.0.mlp", x.size, products(x, references), none[0], none, none, 0.0)


def family(seed: int, children: int = 3, drift: float = 0.1, size: int = 4_000) -> tuple[F64, list[F64]]:
    rng = np.random.default_rng(seed)
    base = rng.standard_normal(size)
    return base, [base + drift * rng.standard_normal(size) for _ in range(children)]


def test_distances_and_inner_products_come_back() -> None:
    base, children = family(0)
    models = np.stack([children[0] * 0.5 + base * 0.5, *children])
    found = products(models[0], list(models[1:]))
    assert np.allclose(raw(found), models @ models.T)
    assert np.allclose(distances(found), ((models[:, None] - models[None]) ** 2).sum(axis=2))


@given(st.integers(0, 10_000))
def test_nonnegative_satisfies_the_conditions_of_an_optimum(seed: int) -> None:
    rng = np.random.default_rng(seed)
    m = rng.standard_normal((12, 5))
    a, y = m.T @ m, m.T @ rng.standard_normal(12)
    x = nonnegative(a, y, free=1)
    slope = y - a @ x
    assert (x[:-1] >= 0).all()
    assert (slope[:-1] <= 1e-8).all() and abs(slope[-1]) < 1e-8
    assert np.abs(slope[x != 0]).max(initial=0) < 1e-8


def test_task_arithmetic_may_take_away_from_the_base() -> None:
    base, (p, q, _) = family(1)
    found = fit(products(base + 0.9 * (p - base) + 0.8 * (q - base), [p, q, base]), [0, 1, 2])
    assert np.allclose(found.coefficients, [0.9, 0.8, -0.7], atol=1e-9)


def test_a_reference_that_is_no_base_is_never_taken_away() -> None:
    _, (p, q, _) = family(2)
    found = fit(products(p + 0.3 * (p - q), [p, q]), [0, 1])
    assert found.used == (0,)


def test_the_base_is_the_one_that_updates_lead_away_from() -> None:
    base, (p, q, r) = family(3)
    found = products(p, [p, base, q, r])
    assert base_of(found, [0, 1, 2, 3]) == 1
    assert base_of(found, [0, 1]) is None


def test_selection_explains_away_relatives_and_needless_bases() -> None:
    base, (p, q, r) = family(4)
    sibling = p + 0.02 * np.random.default_rng(9).standard_normal(p.size)
    found = select(products(0.5 * p + 0.5 * q, [base, sibling, r, p, q]), 30, 0.0)
    assert found.used == (3, 4)
    assert np.allclose(found.coefficients[[3, 4]], 0.5, atol=1e-6)


def test_selection_stops_at_one_for_a_child() -> None:
    base, (p, q, r) = family(5)
    child = p + 0.1 * np.random.default_rng(8).standard_normal(p.size)
    assert select(products(child, [q, p, r, base]), 30, 0.0).used == (1,)


def test_duplicates_do_not_break_anything() -> None:
    base, (p, q, _) = family(6)
    found = select(products(0.6 * p + 0.4 * q, [p, p.copy(), q, q.copy(), base]), 30, 0.0)
    assert len(found.used) == 2
    assert sorted(found.coefficients[list(found.used)]) == pytest.approx([0.4, 0.6], abs=1e-6)
    assert condition(products(p, [base, p, p.copy()]), [0, 1, 2], 0) > 1e6


def test_references_that_are_one_have_the_largest_condition_that_is_told() -> None:
    """Of the correlations [[1, 1], [1, 1]] the eigenvalues are 2 and 0, which counts as 1e-15."""
    base, (p, q, _) = family(8)
    assert condition(products(p, [base, p, p.copy()]), [0, 1, 2], 0) == pytest.approx(2e15, rel=1e-6)
    assert condition(products(p, [base, p]), [0, 1], 0) == 1.0
    assert condition(products(p, [base, p, base - (p - base), q]), [0, 3], 0) == 1.0
    cosine = float((p - base) @ (q - base)) / np.sqrt(float((p - base) @ (p - base)) * float((q - base) @ (q - base)))
    ratio = (1 + abs(cosine)) / (1 - abs(cosine))
    assert condition(products(p, [base, p, q]), [0, 1, 2], 0) == pytest.approx(ratio, rel=1e-6)


def test_a_shrunk_copy_is_nearest_to_its_original() -> None:
    base, (p, q, _) = family(7)
    found = nearest(products(0.8 * p, [q, p, base]))
    assert found.used == (1,) and found.residual < 1e-10 * float(p @ p)


def test_errors_cover_the_truth() -> None:
    """The jackknife over tensors: three standard errors hold the coefficient in nearly all of 40 noisy merges."""
    inside = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        units = []
        for k in range(20):
            _, (p, q) = family(100 * seed + k, 2, size=500)
            units.append(unit(0.7 * p + 0.3 * q + 0.03 * rng.standard_normal(500), [p, q]))
        found, error = fit(pooled(units), [0, 1]), errors(units, [0, 1], 0)
        inside += abs(found.coefficients[1] - 0.3) <= 3 * error[1]
    assert inside >= 37
