"""Which references are needed: merges give their parents and coefficients, everything else gives none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bodies import opened
from edits import edit
from forebear.lineage.mixture import COLLINEAR, Mixture
from forebear.lineage.provenance import AFTERWARDS, provenance
from forebear.signals.least_squares import errors
from forebear.signals.mixture import Gram, Unit, gram
from merges import Tensors, dare, finetuned, linear, pass_through, rounded, slerp, task_arithmetic, ties
from models import bf16, tiny_llama, write_safetensors

# -- by hand: tensors that are short vectors, every share and distance a sum of a few squares -------------------------

E = np.eye(8)
BASE = 1_000 * E[0]
P, Q, R = (BASE + E[k] for k in (1, 2, 3))
ONE, TWO, THREE = (10 * E[k] for k in (4, 5, 6))
"""A base with three updates of length one at right angles, and three models that share no base."""
OFF = E[7]
Vector = np.ndarray
Tensor = Vector | Callable[[int], Any]


def grams(
    x: Tensor, *references: Tensor, count: int = 10, rounding: float = 0.0, values: Callable[[int], int] | None = None
) -> Gram:
    """A model and references ``r0``, ``r1``, ... of so many tensors, one in each layer."""
    units = []
    for k in range(count):
        own, first, *others = (m(k) if callable(m) else m for m in (x, *references))
        rows = np.stack([own - first, *(o - first for o in others), first])
        none = np.zeros((len(references),) * 2, dtype=np.int64)
        size = values(k) if values else 100
        units.append(Unit(f"layers.{k}.mlp.up", f"layers.{k}.mlp", size, rows @ rows.T, none[0], none, none, rounding))
    names = tuple(f"r{k}" for k in range(len(references)))
    return Gram(names, tuple(units), np.zeros((len(references) + 1, 0), np.float32), 2.0**-9, ("a norm: why",), True)


def told(x: Tensor, *references: Tensor, **more: object) -> Mixture:
    return provenance(grams(x, *references, **more))  # type: ignore[arg-type]


def parts(found: Mixture) -> dict[str, float]:
    return {p.name: round(p.coefficient, 3) for p in found.parents}


def test_nothing_is_told_of_one_reference_or_of_no_tensors() -> None:
    one, none = told(P, BASE), told(P, BASE, Q, count=0)
    assert one == Mixture((), "", "", 1.0, 0.0, 1.0, ("r0",), 10, "", True, None, ("a norm: why",))
    assert none == Mixture((), "", "", 1.0, 0.0, 1.0, ("r0", "r1"), 0, "", True, None, ("a norm: why",))


def test_what_one_reference_explains_is_no_merge_and_what_is_left_is_told() -> None:
    found = told(P + OFF, P, Q, BASE, rounding=0.25)
    assert found.parents == () and (found.method, found.base, found.note) == ("", "", "") and found.explained is None
    assert found.residual == 1.0 and found.rounding == pytest.approx(0.25, rel=1e-3) and found.condition == 1.0
    assert (found.references, found.tensors, found.left_out) == (("r0", "r1", "r2"), 10, ("a norm: why",))
    assert told(P + OFF, P, Q, rounding=2.0).rounding == 1.0, "rounding explains no more than all"
    assert told(P, P, Q).residual == 1.0 and not told(P, P, Q).merged and told(BASE, P, Q, BASE).parents == ()


def test_an_average_has_its_coefficients_the_largest_first() -> None:
    found = told(0.3 * P + 0.7 * Q, P, Q, R)
    assert list(parts(found).items()) == [("r1", 0.7), ("r0", 0.3)]
    assert (found.method, found.base, found.note, found.exact) == ("linear averaging", "", "", True)
    assert found.residual == pytest.approx(0.0, abs=1e-9) and found.rounding == 0.0
    assert found.condition == pytest.approx(3.0), "from R the ways to both make sixty degrees: 1.5 / 0.5"
    assert all(p.low == pytest.approx(p.coefficient) == p.high for p in found.parents), "the same in every tensor"
    assert found.parents[0].groups == pytest.approx({f"layers.{k}.mlp": 0.7 for k in range(10)})


def test_intervals_are_three_standard_errors_over_tensors() -> None:
    """Of tensors that weigh alike the jackknife is the usual error of a mean."""
    shares_of = [0.5 + 0.01 * (k - 4.5) for k in range(10)]
    found = told(lambda k: shares_of[k] * P + (1 - shares_of[k]) * Q, P, Q)
    error = float(np.std(shares_of, ddof=1) / np.sqrt(10))
    first = next(p for p in found.parents if p.name == "r0")
    assert first.coefficient == pytest.approx(0.5, abs=1e-6) and first.low is not None and first.high is not None
    assert (first.low, first.high) == pytest.approx((0.5 - 3 * error, 0.5 + 3 * error), abs=1e-5)
    assert [first.groups[f"layers.{k}.mlp"] for k in range(10)] == pytest.approx(shares_of)


@pytest.mark.parametrize(
    ("spread", "words"), [(0.024, ""), (0.026, " with coefficients by tensor"), (0.2, " with coe")]
)
def test_coefficients_that_spread_are_told_by_tensor(spread: float, words: str) -> None:
    found = told(lambda k: (0.5 + spread * (-1) ** k) * P + (0.5 - spread * (-1) ** k) * Q, P, Q)
    assert found.method.startswith(f"linear averaging{words}") and (" with" in found.method) is bool(words)
    weighed = told(lambda k: P / 2 + Q / 2 + 0.05 * (k == 0) * (P - Q), P, Q, values=lambda k: 1_000 if k else 1)
    assert weighed.method == "linear averaging", "a small tensor weighs little"


@pytest.mark.parametrize(("third", "names"), [(0.019, {"r0", "r1"}), (0.021, {"r0", "r1", "r2"})])
def test_two_in_a_hundred_make_a_parent(third: float, names: set[str]) -> None:
    assert set(parts(told(0.5 * P + (0.5 - third) * Q + third * R, P, Q, R))) == names


def test_a_coefficient_within_three_errors_of_zero_is_none() -> None:
    """The same mean, once alike in all tensors and once in some of them alone."""
    steady = told(0.5 * P + 0.47 * Q + 0.03 * R, P, Q, R)
    assert set(parts(steady)) == {"r0", "r1", "r2"}
    odd = told(lambda k: 0.5 * P + (0.47 if k else 0.2) * Q + (0.03 if k else 0.3) * R, P, Q, R)
    assert set(parts(odd)) == {"r0", "r1"}


def test_task_arithmetic_has_a_base_and_no_sum() -> None:
    found = told(BASE + 0.8 * (P - BASE) + 0.7 * (Q - BASE), P, BASE, Q)
    assert list(parts(found).items()) == [("r0", 0.8), ("r2", 0.7)]
    assert (found.method, found.base, found.note, found.condition) == ("task arithmetic", "r1", "", 1.0)
    some = told(lambda k: BASE + (0.8 + 0.1 * (-1) ** k) * E[1] + 0.7 * E[2], P, BASE, Q)
    assert some.method == "task arithmetic with coefficients by tensor" and some.base == "r1"


DOUBT = "r2 may be the base of the merge or one of its parents."


@pytest.mark.parametrize(
    ("cosine", "base", "names"), [(0.0, "r2", ["r0", "r1"]), (0.09, "r2", ["r0", "r1"]), (0.11, "", ["r0", "r1", "r2"])]
)
def test_what_is_left_of_a_base_may_be_a_parent(cosine: float, base: str, names: list[str]) -> None:
    """Unless all updates lead away from it at right angles."""
    other = BASE + cosine * E[1] + (1 - cosine**2) ** 0.5 * E[2]
    found = told(0.5 * P + 0.3 * other + 0.2 * BASE, P, other, BASE)
    assert [p.name for p in found.parents] == names and found.base == base and found.note == DOUBT
    assert found.method == ("task arithmetic" if base else "linear averaging")
    assert parts(found)["r0"] == 0.5 and parts(found)["r1"] == 0.3


def test_of_one_update_and_its_base_both_are_parents() -> None:
    found = told(0.6 * P + 0.4 * BASE, P, Q, BASE)
    assert parts(found) == {"r0": 0.6, "r2": 0.4} and found.base == "" and found.note == ""


@pytest.mark.parametrize(("off", "merged"), [(0.34, True), (0.37, False)])
def test_training_may_leave_a_fifth_of_the_distance(off: float, merged: bool) -> None:
    """The nearest reference is as far as the base: half a square; so a rest r leaves r² / (r² + 1/2)."""
    found = told(BASE + 0.5 * (E[1] + E[2]) + off * OFF, P, Q, BASE)
    assert found.merged is merged and found.residual == pytest.approx(off**2 / (off**2 + 0.5), abs=1e-4)
    if merged:
        assert parts(found) == {"r0": 0.5, "r1": 0.5} and found.note == AFTERWARDS and not found.exact


@pytest.mark.parametrize(("second", "merged"), [(0.09, False), (0.11, True)])
def test_after_training_a_parent_has_a_tenth(second: float, merged: bool) -> None:
    x = BASE + (1 - second) * E[1] + second * E[2] + 0.05 * OFF
    assert told(x, P, Q, BASE).merged is merged
    assert set(parts(told(BASE + 0.5 * E[1] + (0.5 - second) * E[2] + second * E[3] + 0.2 * OFF, P, Q, BASE, R))) == (
        {"r0", "r1", "r3"} if merged else {"r0", "r1"}
    )


@pytest.mark.parametrize(("cosine", "merged"), [(0.19, True), (0.21, False)])
def test_after_training_the_base_has_to_be_indexed(cosine: float, merged: bool) -> None:
    other = BASE + cosine * E[1] + (1 - cosine**2) ** 0.5 * E[2]
    x = 0.5 * P + 0.5 * other + 0.1 * OFF
    assert told(x, P, other, BASE).merged is merged
    assert not told(x, P, other).merged, "two have no base"
    assert told(0.5 * P + 0.5 * other, P, other).merged, "nothing is left"


@pytest.mark.parametrize(("spread", "merged"), [(0.049, True), (0.052, False)])
def test_after_training_a_coefficient_is_one(spread: float, merged: bool) -> None:
    def x(k: int) -> Any:
        return BASE + (0.5 + spread * (-1) ** k) * E[1] + (0.5 - spread * (-1) ** k) * E[2] + 0.2 * OFF

    assert told(x, P, Q, BASE).merged is merged


def test_after_training_nothing_is_taken_away() -> None:
    over = BASE + 0.8 * E[1] + 0.7 * E[2]
    assert told(over, P, Q, BASE).merged and not told(over + 0.3 * OFF, P, Q, BASE).merged
    assert told(BASE + 0.5 * E[1] + 0.45 * E[2] + 0.3 * OFF, P, Q, BASE).merged


@pytest.mark.parametrize(("cosine", "second", "merged"), [(0.0, 0.06, True), (0.0, 0.04, False), (0.09, 0.4, True)])
def test_two_that_share_no_base_are_parents_whatever_is_left(cosine: float, second: float, merged: bool) -> None:
    other = 10 * (cosine * E[4] + (1 - cosine**2) ** 0.5 * E[5])
    found = told((1 - second) * ONE + second * other + 4.0 * second * OFF * (1 if second < 0.1 else 2), ONE, other)
    assert found.merged is merged
    if merged:
        assert parts(found) == pytest.approx({"r0": 1 - second, "r1": second}, abs=1e-3)
        assert found.note == AFTERWARDS and found.residual > 0.1


def test_two_that_are_a_little_alike_are_not_independent() -> None:
    for cosine, merged in ((0.09, True), (0.11, False), (-0.11, False)):
        other = 10 * (cosine * E[4] + (1 - cosine**2) ** 0.5 * E[5])
        assert told(0.6 * ONE + 0.4 * other + 4 * OFF, ONE, other).merged is merged
    near = 10 * (0.5 * E[5] + 0.75**0.5 * E[6])
    assert not told(0.4 * ONE + 0.3 * TWO + 0.3 * near + 3 * OFF, ONE, TWO, near).merged, "every two of them"


@pytest.mark.parametrize(
    ("off", "tensors", "exact"), [(0.6, 1, True), (0.6, 2, False), (0.098, 10, True), (0.103, 10, False)]
)
def test_nine_values_in_ten_have_to_be_explained_one_by_one(off: float, tensors: int, exact: bool) -> None:
    """A tensor is explained where a fiftieth of the distance to its nearest reference is left: r² / (r² + 1/2)."""
    found = told(lambda k: P / 2 + Q / 2 + off * OFF * (k < tensors), P, Q, BASE)
    assert found.merged and found.exact is exact and found.note == ("" if exact else AFTERWARDS)


def test_values_and_not_tensors_are_counted_and_rounding_explains() -> None:
    def x(k: int) -> Any:
        return P / 2 + Q / 2 + 0.4 * OFF * (k == 0)

    assert told(x, P, Q, BASE, values=lambda k: 90).exact
    assert not told(x, P, Q, BASE, values=lambda k: 90 if k else 91).exact
    flat = P / 2 + Q / 2 + 0.3 * OFF
    assert told(flat, P, Q, BASE, rounding=0.0226).exact and not told(flat, P, Q, BASE, rounding=0.0224).exact


@pytest.mark.parametrize(("spread", "words"), [(0.02, ""), (0.03, ", at another place in every tensor")])
def test_the_place_on_a_great_circle(spread: float, words: str) -> None:
    """Of orthogonal parents: cos(t π/2) of one and sin(t π/2) of the other."""

    def x(k: int) -> Any:
        angle = (0.3 + spread * (-1) ** k) * np.pi / 2
        return np.cos(angle) * ONE + np.sin(angle) * TWO

    found = told(x, ONE, TWO, P)
    assert found.method == f"spherical interpolation{words}" and found.base == ""
    assert parts(found) == pytest.approx({"r0": 0.7, "r1": 0.3}, abs=2e-3)
    turned = told(x, TWO, ONE)
    assert parts(turned) == pytest.approx({"r1": 0.7, "r0": 0.3}, abs=2e-3)
    assert [p.name for p in turned.parents] == ["r1", "r0"]


def test_a_chord_is_no_circle_and_a_circle_of_three_is_none() -> None:
    assert told(0.7 * ONE + 0.3 * TWO, ONE, TWO).method == "linear averaging"
    assert told(0.8 * ONE + 0.8 * TWO, ONE, TWO).method == "linear averaging", "neither"
    third = 3**-0.5
    assert told(third * (ONE + TWO + THREE), ONE, TWO, THREE).method == "linear averaging"

    def some(k: int, apart: int) -> Any:
        return 0.7 * ONE + 0.3 * TWO if k < apart else 0.5**0.5 * (ONE + TWO)

    assert told(lambda k: some(k, 1), ONE, TWO, count=20).method.startswith("spherical")
    assert not told(lambda k: some(k, 3), ONE, TWO, count=20).method.startswith("spherical"), "nine in ten"
    ends = told(lambda k: ONE if k < 3 else 0.5**0.5 * (ONE + TWO), ONE, TWO, count=20)
    assert ends.merged and not ends.method.startswith("spherical"), "a parent's own tensor lies on both"
    close = 10 * (np.cos(0.2) * E[4] + np.sin(0.2) * E[5])
    angle = 0.2
    between = (np.sin(0.6 * angle) * ONE + np.sin(0.4 * angle) * close) / np.sin(angle)
    found = told(between, ONE, close)
    assert found.method == "spherical interpolation" and parts(found) == pytest.approx({"r0": 0.6, "r1": 0.4}, abs=2e-3)
    assert told(0.6 * ONE + 0.4 * close, ONE, close).method == "linear averaging"


@pytest.mark.parametrize(
    ("angle", "size", "spherical"),
    [
        *((np.pi / 2, size, True) for size in (0.991, 1.009)),
        *((np.pi / 2, size, False) for size in (0.989, 1.011)),
        *((0.2, size, True) for size in (0.9989, 1.0011)),
        *((0.2, size, False) for size in (0.9986, 1.0014)),
    ],
)
def test_how_far_from_the_circle_is_on_it(angle: float, size: float, spherical: bool) -> None:
    """A hundredth of its radius, or a quarter of the way to the chord: half way that is 1 - cos(angle / 2)."""
    other = 10 * (np.cos(angle) * E[4] + np.sin(angle) * E[5])
    middle = np.sin(angle / 2) / np.sin(angle) * (ONE + other)
    assert told(size * middle, ONE, other).method.startswith("spherical") is spherical


@pytest.mark.parametrize(("cosine", "collinear"), [(0.92, False), (0.95, True)])
def test_updates_that_are_much_alike_have_a_large_condition_number(cosine: float, collinear: bool) -> None:
    """Seen from a base that is no parent: (1 + c) / (1 - c)."""
    other = BASE + cosine * E[1] + (1 - cosine**2) ** 0.5 * E[2]
    third = BASE + E[3]
    found = told(0.4 * P + 0.3 * other + 0.3 * third, P, other, third)
    assert found.merged and len(found.parents) == 3
    # from r0: the ways to the others
    apart = other - P
    along = float(apart @ (third - P)) / (np.linalg.norm(apart) * np.linalg.norm(third - P))
    assert found.condition == pytest.approx((1 + along) / (1 - along), rel=1e-6)
    pair = told(0.5 * P + 0.5 * other, P, other, BASE)
    assert pair.condition == 1.0, "seen from far away all updates look alike: a start is no further than they are apart"
    assert collinear is ((1 + cosine) / (1 - cosine) > COLLINEAR)


def test_a_near_start_shows_how_much_alike_two_updates_are() -> None:
    """The start lies no further from either parent than they from one another."""
    start, other = BASE, BASE - 0.95 * E[1] + (1 - 0.95**2) ** 0.5 * E[2]
    ends = P, other
    found = told(0.8 * P + 0.2 * other, P, other, start)
    a, b = (end - start for end in ends)
    cosine = abs(float(a @ b)) / float(np.linalg.norm(a) * np.linalg.norm(b))
    assert found.merged and found.condition == pytest.approx((1 + cosine) / (1 - cosine), rel=1e-4)
    assert f"collinear (condition number {found.condition:.0f})" in found.note and found.condition > COLLINEAR


def test_coefficients_by_group_are_of_all_tensors_that_were_read() -> None:
    whole = grams(lambda k: P / 2 + Q / 2 if k < 3 else 0.2 * P + 0.8 * Q, P, Q, count=4)
    *body, last = whole.units
    moved = replace(last, role="embed", group="embed")
    joint = replace(last, role="layers.0.mlp.down", group="layers.0.mlp")
    found = provenance(Gram(whole.names, (*body, moved), whole.sample, whole.half, (), False))
    assert found.tensors == 3 and not found.whole and parts(found) == {"r0": 0.5, "r1": 0.5}
    first = next(p for p in found.parents if p.name == "r0")
    assert first.groups == pytest.approx({"layers.0.mlp": 0.5, "layers.1.mlp": 0.5, "layers.2.mlp": 0.5, "embed": 0.2})
    both = provenance(Gram(whole.names, (*body, joint), whole.sample, whole.half, (), True))
    first = next(p for p in both.parents if p.name == "r0")
    assert first.groups["layers.0.mlp"] == pytest.approx(0.35), "two tensors of one group together"


def layers_of(owners: str, drift: float = 0.0, shared: str = "") -> Mixture:
    """Layers of P and Q as a word says, of both where it is ``=`` and of neither at ``?``; a little moved."""

    def model(letter: str) -> Callable[[int], Any]:
        own = {"p": E[1], "q": E[2]}
        return lambda k: BASE + (0 if owners[k] == "=" else 1) * own[letter] + k * E[3]

    p, q = model("p"), model("q")

    def x(k: int) -> Any:
        near = {"p": p(k), "q": q(k), "=": p(k), "?": (p(k) + q(k)) / 2}[owners[k]]
        return near + drift * OFF

    return told(x, p, q, count=len(owners))


@pytest.mark.parametrize(
    ("owners", "first", "second"),
    [
        ("ppq", (0, 1), (2,)),
        ("qpp", (1, 2), (0,)),
        ("pppqqqp", (0, 1, 2, 6), (3, 4, 5)),
        ("ppq=", (0, 1), (2,)),
        ("ppqqppqqp?", (0, 1, 4, 5, 8), (2, 3, 6, 7)),
    ],
)
def test_layers_of_several_references_are_stacked(owners: str, first: tuple[int, ...], second: tuple[int, ...]) -> None:
    found = layers_of(owners)
    assert found.method == "stacking of whole layers (pass-through)" and found.base == "" and found.exact
    assert [(p.name, p.layers) for p in found.parents] == [("r0", first), ("r1", second)]
    assert [p.coefficient for p in found.parents] == [len(k) / len(owners) for k in (first, second)]
    assert all((p.low, p.high, dict(p.groups)) == (None, None, {}) for p in found.parents) and found.note == ""
    assert found.residual == 0.0 and found.tensors == len(owners)


@pytest.mark.parametrize("owners", ["pq", "pp=", "ppp", "pq=", "ppqqppqq??", "ppq?"])
def test_fewer_layers_or_owners_are_no_stack(owners: str) -> None:
    assert "stacking" not in layers_of(owners).method


@pytest.mark.parametrize(("drift", "stacked"), [(0.32, True), (0.33, False)])
def test_a_layer_is_far_nearer_to_its_own_parent(drift: float, stacked: bool) -> None:
    """The squares are d² and d² + 2, of which the first is a twentieth at most."""
    found = layers_of("pppqqq", drift)
    assert ("stacking" in found.method) is stacked
    if stacked:
        assert found.note == "The layers drifted a little from their parents'."
        assert found.residual == pytest.approx(6 * drift**2 / (6 * drift**2 + 3 * 2), rel=0.02)


def sampled(x: Tensors, *references: Tensors) -> Gram:
    """Models that are held in memory, every value of them in the sample."""
    units, columns = [], []
    for k, name in enumerate(x):
        own, first, *others = (m[name].astype(np.float64).ravel() for m in (x, *references))
        rows = np.stack([own - first, *(o - first for o in others), first])
        none = np.zeros((len(references),) * 2, dtype=np.int64)
        units.append(Unit(f"layers.{k}.mlp.up", f"layers.{k}.mlp", own.size, rows @ rows.T, none[0], none, none, 1e-12))
        columns.append(np.stack([own, first, *others]))
    names = tuple(f"r{k}" for k in range(len(references)))
    return Gram(names, tuple(units), np.concatenate(columns, axis=1).astype(np.float32), 2.0**-20, (), True)


@pytest.fixture(scope="module")
def trio() -> tuple[Tensors, Tensors, Tensors]:
    rng = np.random.default_rng(5)
    base = {f"{k}": rng.standard_normal(1_500) for k in range(6)}
    one, two = ({n: v + 0.3 * rng.standard_normal(v.shape) for n, v in base.items()} for _ in range(2))
    return base, one, two


def test_random_parts_of_updates_have_weights_densities_and_errors(trio: tuple[Tensors, Tensors, Tensors]) -> None:
    base, one, two = trio
    held = sampled(dare(base, [one, two], [0.5, 0.7], 0.4, 3), one, base, two)
    found = provenance(held)
    assert (found.method, found.base, found.note) == ("DARE", "r1", "") and found.whole
    assert [p.name for p in found.parents] == ["r2", "r0"], "the larger weight first"
    assert parts(found) == pytest.approx({"r2": 0.7, "r0": 0.5}, abs=0.05)
    assert [p.density for p in found.parents] == pytest.approx([0.4, 0.4], abs=0.02)
    error = errors(held.body, (1, 0, 2), 1)
    for parent, k in zip(found.parents, (2, 0), strict=True):
        assert parent.low == pytest.approx(parent.coefficient - 3 * error[k])
        assert parent.high == pytest.approx(parent.coefficient + 3 * error[k])
    assert found.explained is not None and found.explained > 0.99 and 0 < found.residual < 1
    assert found.condition == pytest.approx(1.0, abs=0.1)


def test_elected_parts_of_updates_have_the_weights_of_their_patterns(trio: tuple[Tensors, Tensors, Tensors]) -> None:
    base, one, two = trio
    held = sampled(dare(base, [one, two], [0.5, 0.7], 0.4, 3, elect=True), one, base, two)
    found = provenance(held)
    assert found.method == "DARE with sign election" and parts(found) == pytest.approx({"r2": 0.7, "r0": 0.5}, abs=0.05)
    error = errors(held.body, (1, 0, 2), 1)
    for parent, k in zip(found.parents, (2, 0), strict=True):
        assert parent.low is not None and parent.high is not None
        assert parent.coefficient - parent.low > 3 * error[k], "what counting leaves comes on top"
        assert parent.high - parent.coefficient == pytest.approx(parent.coefficient - parent.low)
    largest = provenance(sampled(ties(base, [one, two], [0.6, 0.4], 0.5), one, base, two))
    assert largest.method == "TIES" and largest.base == "r1" and parts(largest) == {"r0": 0.6, "r2": 0.4}
    assert [p.density for p in largest.parents] == [None, None]


def test_parts_of_updates_that_weigh_next_to_nothing_are_no_parents(trio: tuple[Tensors, Tensors, Tensors]) -> None:
    base, one, two = trio
    for least, merged in ((0.04, False), (0.07, True)):
        assert (
            provenance(sampled(dare(base, [one, two], [0.8, least], 0.5, 4, elect=True), one, base, two)).merged
            is merged
        )


class Bench:
    """A base with four fine-tunes, and a place to write models."""

    def __init__(self, path: Path) -> None:
        self._path, self._count = path, 0
        self.base = rounded(self.random(1))
        self.children = [rounded(finetuned(self.base, k, 0.15)) for k in range(2, 6)]

    def random(self, seed: int) -> Tensors:
        out: Tensors = {}
        edit(tiny_llama(self._path / f"random{seed}", seed), lambda n, v: out.setdefault(n, v))
        return out

    def held(self, model: Tensors, references: Sequence[Tensors], dtype: str = "BF16") -> Mixture:
        artifacts = []
        for k, tensors in enumerate([model, *references]):
            self._count += 1
            layers = sum(n.endswith("input_layernorm.weight") for n in tensors)
            folder = tiny_llama(self._path / str(self._count), 0, layers=layers)
            entries = {n: ("BF16", list(v.shape), bf16(v)) for n, v in rounded(tensors).items()}
            if dtype == "BF16" or k:
                write_safetensors(folder / "model.safetensors", entries)
            else:
                write_safetensors(folder / "model.safetensors", {n: v.astype(np.float32) for n, v in tensors.items()})
            artifacts.append(replace(opened(folder), name="x" if k == 0 else f"r{k - 1}"))
        return provenance(gram(artifacts[0], artifacts[1:]))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("merges"))


def shares(found: Mixture) -> dict[str, float]:
    return {p.name: round(p.coefficient, 2) for p in found.parents}


def test_linear_with_a_sibling_and_the_base_beside(bench: Bench) -> None:
    p, q, r, s = bench.children
    found = bench.held(linear([p, q, r], [0.5, 0.3, 0.2]), [s, p, bench.base, q, r])
    assert shares(found) == {"r1": 0.5, "r3": 0.3, "r4": 0.2}
    assert found.method == "linear averaging" and found.base == "" and found.residual < 0.01
    assert all(p.low is not None and p.high is not None and p.low <= p.coefficient <= p.high for p in found.parents)


def test_task_arithmetic_names_the_base(bench: Bench) -> None:
    p, q, _, s = bench.children
    found = bench.held(task_arithmetic(bench.base, [p, q], [0.8, 0.7]), [p, q, s, bench.base])
    assert shares(found) == {"r0": 0.8, "r1": 0.7}
    assert found.method == "task arithmetic" and found.base == "r3"


def test_spherical_interpolation_tells_its_place(bench: Bench) -> None:
    p, q, _, s = bench.children
    found = bench.held(slerp(p, q, 0.3), [p, q, s])
    assert shares(found) == {"r0": 0.7, "r1": 0.3} and found.method == "spherical interpolation"
    stranger = rounded(bench.random(40))
    assert shares(bench.held(slerp(p, stranger, 0.3), [stranger, p, s])) == {"r1": 0.7, "r0": 0.3}


def test_coefficients_may_differ_from_layer_to_layer(bench: Bench) -> None:
    p, q, _, s = bench.children

    def weight(name: str) -> float:
        return 0.2 + 0.2 * int(name.split(".")[2]) if ".layers." in name else 0.5

    found = bench.held({n: (1 - weight(n)) * p[n] + weight(n) * q[n] for n in p}, [p, q, s])
    assert found.merged and found.method == "linear averaging with coefficients by tensor"
    groups = next(parent for parent in found.parents if parent.name == "r1").groups
    assert [round(groups[f"layers.{k}.mlp"], 2) for k in range(4)] == [0.2, 0.4, 0.6, 0.8]


@pytest.mark.parametrize("normalise", [True, False])
def test_ties(bench: Bench, normalise: bool) -> None:
    p, q, _, s = bench.children
    found = bench.held(ties(bench.base, [p, q], [0.6, 0.4], 0.5, normalise), [s, p, q, bench.base])
    assert found.method == "TIES" and found.base == "r3"
    assert found.parents[0].name == "r1" and {p.name for p in found.parents} == {"r1", "r2"}
    assert [p.coefficient for p in found.parents] == pytest.approx([0.6, 0.4], abs=0.02)


@pytest.mark.parametrize(("elect", "method"), [(False, "DARE"), (True, "DARE with sign election")])
def test_dare(bench: Bench, elect: bool, method: str) -> None:
    p, q, _, s = bench.children
    found = bench.held(dare(bench.base, [p, q], [0.7, 0.5], 0.4, 8, elect), [s, p, q, bench.base])
    assert found.method == method and found.base == "r3"
    assert {p.name: p.coefficient for p in found.parents} == pytest.approx({"r1": 0.7, "r2": 0.5}, abs=0.02)
    assert [p.density for p in found.parents] == pytest.approx([0.4, 0.4], abs=0.03)


def test_pass_through_maps_layers(bench: Bench) -> None:
    p, q, _, s = bench.children
    found = bench.held(pass_through([p, q], [(0, 0), (0, 1), (1, 1), (1, 2), (0, 2), (1, 3)]), [p, q, s])
    assert {parent.name: parent.layers for parent in found.parents} == {"r0": (0, 1, 4), "r1": (2, 3, 5)}
    assert "pass-through" in found.method


def test_training_after_the_merge_is_stated(bench: Bench) -> None:
    p, q, _, s = bench.children
    found = bench.held(finetuned(linear([p, q], [0.5, 0.5]), 60, 0.03), [p, q, s, bench.base])
    assert shares(found) == {"r0": 0.5, "r1": 0.5}
    assert "Training went on" in found.note and found.residual > 0.02


def test_independent_parents_need_no_base(bench: Bench) -> None:
    p, _, _, s = bench.children
    stranger = rounded(bench.random(41))
    found = bench.held(finetuned(linear([p, stranger], [0.6, 0.4]), 61, 0.2), [s, stranger, p])
    assert {parent.name: parent.coefficient for parent in found.parents} == pytest.approx(
        {"r2": 0.6, "r1": 0.4}, abs=0.02
    )


def test_one_parent_under_two_names_is_named_once(bench: Bench) -> None:
    p, q, _, _ = bench.children
    found = bench.held(linear([p, q], [0.7, 0.3]), [p, p, q, q, bench.base])
    assert sorted(shares(found).values()) == [0.3, 0.7]
    assert not bench.held(finetuned(p, 70, 0.1), [p, p, bench.base]).merged


def test_collinear_updates_are_told(bench: Bench) -> None:
    p, q, _, _ = bench.children
    near = rounded(finetuned(q, 71, 0.02))
    found = bench.held(linear([p, q, near], [0.4, 0.3, 0.3]), [bench.base, p, q, near], dtype="F32")
    if len(found.parents) == 3:
        assert found.condition > COLLINEAR and "collinear" in found.note
    else:
        assert {x.name for x in found.parents} < {"r1", "r2", "r3"}


def no_merges(bench: Bench, seed: int) -> dict[str, Tensors]:
    p, q, _, _ = bench.children

    def pruned(v: np.ndarray) -> np.ndarray:
        return np.where(np.abs(v) < np.quantile(np.abs(v), 0.5), 0, v) if v.ndim > 1 else v

    shared = {n: q[n] - bench.base[n] for n in q}
    second = finetuned(finetuned(p, seed, 0.05), seed + 1, 0.05)
    return {
        "a fine-tune": finetuned(p, seed, 0.15),
        "a light one": finetuned(p, seed, 0.005),
        "one on a sibling's data": finetuned(bench.base, seed, 0.15, shared=shared),
        "one of a child on another's data": finetuned(p, seed, 0.1, shared=shared),
        "a second generation": second,
        "eight bits": {n: np.round(v / np.abs(v).max() * 127) / 127 * np.abs(v).max() for n, v in p.items()},
        "three bits": {n: np.round(v / np.abs(v).max() * 3) / 3 * np.abs(v).max() for n, v in p.items()},
        "pruned": {
            n: np.where(np.abs(v) < np.quantile(np.abs(v), 0.5), 0, v) if v.ndim > 1 else v for n, v in p.items()
        },
        "shrunk": {n: 0.9 * v if v.ndim > 1 else v for n, v in p.items()},
        "the parent itself": p,
        "its update doubled": {n: bench.base[n] + 2 * (p[n] - bench.base[n]) for n in p},
        "a stranger": bench.random(1000 + seed),
    }


@pytest.mark.parametrize("seed", [100, 200, 300])
def test_what_is_no_merge_is_called_none(bench: Bench, seed: int) -> None:
    p, q, r, s = bench.children
    sets = [[p, q, r, bench.base], [q, r, s], [p, bench.base], [q, bench.base, s]]
    for name, model in no_merges(bench, seed).items():
        found = bench.held(model, sets[(seed // 100 + len(name)) % len(sets)])
        assert not found.merged, f"{name}: {found.why}"
        assert found.evidence().details["parents"] == []


def test_a_checkpoint_between_two_others_is_no_merge(bench: Bench) -> None:
    """Steps of one training resemble the step before: half of their square is shared."""
    steps, last = [bench.children[0]], {n: bench.children[0][n] - bench.base[n] for n in bench.base}
    for k in range(4):
        after = rounded(finetuned(steps[-1], 80 + k, 0.1, shared=last))
        last = {n: after[n] - steps[-1][n] for n in after}
        steps.append(after)
    assert not bench.held(steps[2], [steps[1], steps[3], steps[4], bench.base]).merged
    assert not bench.held(steps[4], [steps[0], steps[3], steps[2], bench.base]).merged


def test_one_reference_is_never_a_merge(bench: Bench) -> None:
    found = bench.held(bench.children[0], [bench.base])
    assert not found.merged and found.tensors > 0
