"""Coefficients from inner products: exact where they must be, never negative where they must not."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from forebear.signals.least_squares import (
    TINY,
    base_of,
    condition,
    errors,
    fit,
    largest_cosine,
    nearest,
    nonnegative,
    normal_equations,
    pooled,
    select,
)
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


# -- by hand, and by other ways to the same numbers ------------------------------------------------------------------


def along(*values: float) -> F64:
    return np.array(values, dtype=np.float64)


def best_by_trying(a: F64, y: F64, free: int) -> F64:
    """The best of all sets of regressors whose least squares have no negative coefficient."""
    n, best, least = len(y), np.zeros(len(y)), 0.0
    for size in range(1, n + 1):
        for chosen in combinations(range(n), size):
            x = np.zeros(n)
            x[list(chosen)] = np.linalg.solve(a[np.ix_(chosen, chosen)], y[list(chosen)])
            if (x[: n - free] >= 0).all() and (value := float(x @ a @ x - 2 * x @ y)) < least:
                best, least = x, value
    return best


def test_coefficients_are_negative_only_where_they_are_free() -> None:
    y = along(-1, 2, -3)
    for free, expected in ((0, [0, 2, 0]), (1, [0, 2, -3]), (3, [-1, 2, -3])):
        assert nonnegative(np.eye(3), y, free).tolist() == expected
    assert nonnegative(np.eye(3), along(-1, -2, -3), 0).tolist() == [0, 0, 0]


@pytest.mark.parametrize("free", [0, 1])
def test_nonnegative_is_the_best_of_all_sets_also_where_regressors_resemble_each_other(free: int) -> None:
    """Near-copies enter together and have to leave again."""
    left = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        m = rng.standard_normal((9, 1)) + 0.4 * rng.standard_normal((9, 5))
        a, y = m.T @ m, m.T @ rng.standard_normal(9)
        x, expected = nonnegative(a, y, free), best_by_trying(a, y, free)
        assert x == pytest.approx(expected, abs=1e-8)
        left += int((expected == 0).sum())
    assert left > 60


def test_the_size_of_a_regressor_does_not_matter_and_one_without_values_has_no_coefficient() -> None:
    """2 and 3 times regressors of length 1e-3 and 1e3."""
    a = np.diag([1e-6, 1e6, 0.0])
    assert nonnegative(a, along(2e-6, 3e6, 0), 1) == pytest.approx([2, 3, 0])


@pytest.mark.parametrize("pivot", [0, 1, 2])
def test_normal_equations_are_those_of_differences_from_the_pivot(pivot: int) -> None:
    x, references = along(1, 2, 0, 5), [along(1, 0, 3, 1), along(0, 4, 1, 1), along(2, 2, 2, 7)]
    chosen = [0, pivot] if pivot == 1 else [0, 1, 2]
    rows = np.stack([*(references[k] - references[pivot] for k in chosen if k != pivot), references[pivot]])
    target = x - references[pivot]
    a, y, square = normal_equations(products(x, references), chosen, pivot)
    assert a == pytest.approx(rows @ rows.T) and y == pytest.approx(rows @ target)
    assert square == pytest.approx(target @ target)


def test_the_largest_cosine_of_two_ways() -> None:
    """From a corner of a rectangle of 3 by 4: 0 along its sides, 3/5 and 4/5 to the opposite corner."""
    at = [along(7, 1) + along(*p) for p in ((0, 0), (3, 0), (0, 4), (3, 4), (0, 0))]
    found = products(along(1, 1), at)
    assert largest_cosine(found, 0, [1, 2]) == pytest.approx(0)
    assert largest_cosine(found, 0, [1, 2, 3]) == largest_cosine(found, 0, [3, 2, 1]) == pytest.approx(0.8)
    assert largest_cosine(found, 0, [1, 3]) == pytest.approx(0.6)
    assert largest_cosine(found, 0, [4, 1, 3]) == pytest.approx(0.6)  # no way at all is none in any direction


def test_updates_of_a_base_may_have_a_cosine_of_a_half() -> None:
    """Of three equally far apart each is as good a base as another: the first is taken."""
    corners = products(along(1, 1, 1), [along(1, 1, 0), along(0, 1, 1), along(1, 0, 1)])
    assert base_of(corners, [0, 1, 2]) == 0 and base_of(corners, [2, 1, 0]) == 2
    assert base_of(corners, [0, 1, 2], most=0.499) is None and base_of(corners, [0, 1]) is None


def test_a_fit_tells_what_is_left() -> None:
    found = fit(products(along(1, 2, 3), [along(1, 0, 0), along(0, 0, 2)]), [0, 1])
    assert found.coefficients == pytest.approx([1, 1.5]) and found.residual == pytest.approx(4)
    assert (found.used, found.base) == ((0, 1), None)
    alone = fit(products(along(1, 2, 3), [along(1, 0, 0), along(0, 0, 2)]), [1])
    assert alone.coefficients == pytest.approx([0, 1.5]) and alone.residual == pytest.approx(5) and alone.used == (1,)
    turned = fit(products(along(-2, 0), [along(1, 0)]), [0])
    assert turned.coefficients == pytest.approx([-2]) and turned.used == (0,)


def test_what_is_left_of_a_copy_is_a_share_of_its_square() -> None:
    x = along(3, 4)
    assert fit(products(x, [x / 2, along(1, 0)]), [0]).residual == pytest.approx(25 * TINY, rel=1e-9, abs=0)


def test_the_base_may_be_named_and_is_looked_for_otherwise() -> None:
    """X = R1 + R2 - R0: only where R0 is the base may it be taken away."""
    base, one, two = along(5, 0, 0), along(5, 1, 0), along(5, 0, 1)
    found = products(one + two - base, [base, one, two])
    assert fit(found, [0, 1, 2]).base == 0 and fit(found, [0, 1, 2]).coefficients == pytest.approx([-1, 1, 1])
    named = products(2 * one - base, [base, one])
    free, other = fit(named, [0, 1], base=0), fit(named, [0, 1], base=3)
    assert free.coefficients == pytest.approx([-1, 2]) and free.base == 0
    assert other.coefficients[0] == 0 and other.used == (1,) and other.base is None
    assert other.residual > 0.9 > free.residual


def test_nearest_leaves_least() -> None:
    found = nearest(products(along(0, 3, 1), [along(1, 0, 0), along(0, 0, 1), along(0, 1, 0), along(1, 1, 1)]))
    assert (
        found.used == (2,) and found.coefficients == pytest.approx([0, 0, 3, 0]) and found.residual == pytest.approx(1)
    )


@pytest.mark.parametrize(
    ("tensors", "falls", "added"),
    [
        (1_000, 0.04, False),  # less than a twentieth
        (1_000, 0.06, True),
        (30, 0.10, False),  # 30 log(1 / 0.9) = 3.2, log 30 = 3.4
        (30, 0.12, True),  # 30 log(1 / 0.88) = 3.8
        (1, 0.49, False),  # one tensor counts as two: log(1 / 0.51) = 0.67, log 2 = 0.69
        (1, 0.51, True),
    ],
)
def test_a_reference_is_added_where_it_takes_enough_away(tensors: int, falls: float, added: bool) -> None:
    """Of a residual of 1 beside the nearest reference this share lies along the other one."""
    x = along(10, falls**0.5, (1 - falls) ** 0.5)
    found = select(products(x, [along(10, 0, 0), along(0, 1, 0)]), tensors, 0.0)
    assert found.used == ((0, 1) if added else (0,))
    assert found.residual == pytest.approx(1 - falls if added else 1)


def test_what_rounding_leaves_needs_no_further_reference() -> None:
    """Twice the rounding is a residual of 1."""
    found = products(along(10, 0.9, 0.19**0.5), [along(10, 0, 0), along(0, 1, 0)])
    assert select(found, 100, 0.51).used == (0,) and select(found, 100, 0.49).used == (0, 1)


def test_all_references_are_added_that_tell_and_no_more_than_there_are() -> None:
    corner = [along(9, 0, 0, 0), along(0, 1, 0, 0), along(0, 0, 1, 0)]
    found = select(products(along(9, 1, 2, 0.01), corner), 50, 0.0)
    assert found.coefficients == pytest.approx([1, 1, 2]) and found.residual == pytest.approx(1e-4)


def test_a_reference_is_dropped_where_the_rest_explain_as_much() -> None:
    """The blend of two is nearest; once both are there it is needless, for arithmetic and for rounding alike."""
    p, q = along(8, 1, 0, 0, 0), along(8, 0, 1, 0, 0)
    x = (p + q) / 2 + along(0, 0, 0, 0, 1e-3)
    near = (p + q) / 2 + along(0, 0.1, -0.1, 0.2, 0)
    for rounding in (0.0, 1e-6):
        found = select(products(x, [near, p, q]), 50, rounding)
        assert found.used == (1, 2) and found.coefficients == pytest.approx([0, 0.5, 0.5], abs=1e-6)


def test_a_sum_of_many_updates_is_found_from_the_base() -> None:
    """From one of eight children a second takes away a fourteenth, from the base an eighth: enough for 30 tensors."""
    base = np.eye(9)[0] * 100
    references = [base, *(base + np.eye(9)[k] for k in range(1, 9))]
    found = select(products(base + np.array([0.0, *[0.9] * 8]), references), 30, 0.0)
    assert found.base == 0 and found.used == tuple(range(9))
    assert found.coefficients == pytest.approx([-6.2, *[0.9] * 8])


def test_errors_are_a_jackknife_over_tensors() -> None:
    """Each tensor left out in turn, least squares over the values of the others."""
    rng = np.random.default_rng(3)
    tensors = [[rng.standard_normal(20) for _ in range(4)] for _ in range(6)]
    units = [unit(x, references) for x, *references in tensors]

    def coefficients(left_out: int) -> F64:
        kept = [t for n, t in enumerate(tensors) if n != left_out]
        x, *references = (np.concatenate([t[k] for t in kept]) for k in range(4))
        return np.asarray(np.linalg.lstsq(np.stack([references[0], references[2]], axis=1), x, rcond=None)[0])

    table = np.array([coefficients(k) for k in range(6)])
    expected = np.sqrt(5 / 6 * ((table - table.mean(axis=0)) ** 2).sum(axis=0))
    for pivot in (0, 2):
        found = errors(units, [0, 2], pivot)
        assert found[[0, 2]] == pytest.approx(expected) and found[1] == 0
    assert pooled(units) == pytest.approx(sum(u.products for u in units))
