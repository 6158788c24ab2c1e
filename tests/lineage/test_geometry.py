"""Geometry says who is later if one came from the other; only what siblings cannot share names a direction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from forebear.lineage import Counts
from forebear.lineage.direction import Reason, direction
from forebear.lineage.relations.base import Observed, Sizes
from forebear.lineage.relations.geometry import ORTHOGONAL, advanced, decayed, geometry, orthogonal
from forebear.signals.change import Change, Changes
from forebear.signals.still_rows import StillRows

STILL = StillRows(rows=1_000, still=400, equal=0, factor=0.98, coins=390, agree=300)
PAIR = Observed((Sizes(), Sizes()), Counts(()))


def test_rows_that_decayed_belong_to_the_later_model() -> None:
    one, two = decayed(STILL), decayed(replace(STILL, factor=1 / 0.98))
    assert one is not None and two is not None
    assert one.log_odds > 0 > two.log_odds and "2.00%" in one.text and "the model are" in one.text
    assert not one.no_siblings


@pytest.mark.parametrize(
    "still",
    [
        None,
        replace(STILL, factor=1.0),
        replace(STILL, factor=0.9995),
        replace(STILL, still=10),
        replace(STILL, still=995),
    ],
)
def test_no_decay_few_rows_or_a_scaled_embedding_tell_nothing(still: StillRows | None) -> None:
    assert decayed(still) is None


def test_gains_that_went_on_belong_to_the_later_model() -> None:
    later = advanced((0.1, 0.2))
    earlier = advanced((0.2, 0.1))
    assert later is not None and later.log_odds > 0 and earlier is not None and earlier.log_odds < 0
    assert advanced((0.1, 0.11)) is None and advanced((0.0, 0.1)) is None and advanced(None) is None


def test_decay_and_gains_say_nothing_of_models_that_may_share_only_a_start() -> None:
    told = replace(PAIR, still=STILL, gains=(0.1, 0.2))
    assert geometry(told) == ()
    assert len(geometry(replace(told, excludes="still rows were trained"))) == 2


def test_what_siblings_share_adds_up_and_names_nothing() -> None:
    weak = [Reason("decay", "rows shrank", 3.0), Reason("gains", "they moved", 1.0)]
    assert direction(weak) == ("unknown", 4.0)
    assert direction([*weak, Reason("zeros", "values were lost", 4.0, no_siblings=True)]) == ("a_to_b", 8.0)
    assert direction([*weak, Reason("zeros", "values were lost", -7.0, no_siblings=True)]) == ("b_to_a", -3.0)
    assert direction([*weak, Reason("zeros", "values were lost", -1.0, no_siblings=True)]) == ("unknown", 3.0)
    assert direction([Reason("zeros", "values were lost", 1.9, no_siblings=True)])[0] == "unknown"
    assert direction([]) == ("unknown", 0.0)


def between(a: NDArray[np.float64], b: NDArray[np.float64]) -> Observed:
    """Sixteen matrices of two models: arrays ``(16, rows, columns)``."""
    each = []
    for k, (x, y) in enumerate(zip(a, b, strict=True)):
        role, square = f"layers.{k}.mlp.up", float(((y - x) ** 2).sum())
        sums = (float((x * x).sum()), float((y * y).sum()), float((x * y).sum()), square, square)
        each.append(Change(role, role, x.shape, x.size, *sums, x.size, 0, 0, 0, ("", ""), (24, 24)))
    return replace(PAIR, changes=Changes(tuple(each)))


def weights(seed: int, size: float = 1.0) -> NDArray[np.float64]:
    return size * np.random.default_rng(seed).standard_normal((16, 128, 128))


def test_what_was_added_is_orthogonal_to_what_was_there_first() -> None:
    base, added = weights(1), weights(2, 0.1)
    for a, b, sign in ((base, base + added, 1), (base + added, base, -1)):
        found = orthogonal(between(a, b))
        assert found is not None and 2 < sign * found.log_odds <= ORTHOGONAL
        assert not found.no_siblings, "the difference has full rank: siblings leave one, too"


def test_siblings_that_went_equally_far_are_orthogonal_to_neither() -> None:
    base = weights(1)
    assert orthogonal(between(base + weights(2, 0.1), base + weights(3, 0.1))) is None


def test_the_further_one_of_two_siblings_is_not_named_strongly() -> None:
    base = weights(1)
    found = orthogonal(between(base + weights(2, 0.05), base + weights(3, 0.1)))
    assert found is None or 0 < found.log_odds < 2


def test_decay_growth_noise_and_few_tensors_tell_nothing() -> None:
    base, added = weights(1), weights(2, 0.1)
    assert orthogonal(between(base, 1.1 * base)) is None
    assert orthogonal(between(base, 0.98 * base + added)) is None
    assert orthogonal(between(base[:7], base[:7] + added[:7])) is None
    uneven = (
        added * np.where(np.arange(16) % 2, 1, 0.001)[:, None, None] + 0.05 * base * (np.arange(16) == 3)[:, None, None]
    )
    noisy = orthogonal(between(base, base + uneven))
    assert noisy is None or noisy.log_odds < ORTHOGONAL
    assert orthogonal(between(base, base)) is None


def test_what_was_taken_away_is_orthogonal_to_what_is_left_and_tells_nothing() -> None:
    base = weights(1)
    zeros = np.where(np.abs(base) < 0.7, 0.0, base)
    told = between(base, zeros)
    assert told.changes is not None
    each = tuple(
        replace(c, square_kept=0.0, zeros_b=int((z == 0).sum())) for c, z in zip(told.changes.each, zeros, strict=True)
    )
    assert orthogonal(told) is not None, "by the numbers alone, the reference would be the later one"
    assert orthogonal(replace(told, changes=Changes(each))) is None


def test_bounds_of_decay() -> None:
    """Sixteen still rows, two in a hundred that moved, half a step of bfloat16."""
    assert decayed(replace(STILL, still=16)) is not None and decayed(replace(STILL, still=15)) is None
    assert decayed(replace(STILL, still=980)) is not None and decayed(replace(STILL, still=981)) is None
    for factor, told in ((0.9989, True), (0.9991, False), (1.0011, True), (1.0009, False)):
        assert (decayed(replace(STILL, factor=factor)) is not None) is told


def test_decay_in_words_and_log_odds() -> None:
    later, earlier = decayed(STILL), decayed(replace(STILL, factor=1.25))
    assert later is not None and (later.name, later.log_odds) == ("decay", 3.0)
    assert later.text == ("400 embedding rows of the model are the reference's, decayed by 2.00%, and the others moved")
    assert earlier is not None and earlier.log_odds == -3.0 and not earlier.no_siblings
    assert earlier.text.startswith("400 embedding rows of the reference are the model's, decayed by 20.00%")


def test_gains_have_to_be_a_quarter_further() -> None:
    found = advanced((0.4, 0.5))
    assert found == Reason("gains", "norm gains of the model are 1.2 times as far from their start", 1.0)
    assert advanced((0.4, 0.499)) is None and advanced((0.499, 0.4)) is None
    turned = advanced((0.5, 0.25))
    assert turned == Reason("gains", "norm gains of the reference are 2.0 times as far from their start", -1.0)
    assert advanced((0.1, 0.0)) is None and advanced((-0.1, 0.4)) is None


def oriented(*orientations: float) -> Observed:
    """Matrices whose change is of length one, with (|B|² − |A|²) / 2 as told."""
    each = []
    for k, middle in enumerate(orientations):
        role, square_b = f"layers.{k}.mlp.up", 4.0 + 2 * middle
        sums = (4.0, square_b, (4.0 + square_b - 1.0) / 2, 1.0, 1.0)
        each.append(Change(role, role, (10, 10), 100, *sums, 100, 0, 0, 0, ("", ""), (24, 24)))
    return replace(PAIR, changes=Changes(tuple(each)))


@pytest.mark.parametrize(
    ("middle", "odds"),
    [
        (0.5, 3.0),  # (0.5 - 0.25) / (2 * 0.04) is 3.125, and three is the most
        (0.45, 2.5),
        (0.3, 0.625),
        (0.25, None),
        (0.2, None),
        (0.0, None),
        (0.75, 3.0),
        (0.76, None),
        (-0.45, -2.5),
        (-0.76, None),
    ],
)
def test_the_log_odds_of_an_orientation(middle: float, odds: float | None) -> None:
    found = orthogonal(oriented(*[middle] * 8))
    assert (None if found is None else found.log_odds) == (None if odds is None else pytest.approx(odds))
    assert orthogonal(oriented(*[middle] * 7)) is None
    if found is not None and odds is not None:
        one, two = ("reference", "model") if odds > 0 else ("model", "reference")
        assert found.text == (
            f"what lies between them is orthogonal to the {one} in 8 matrices (orientation {abs(middle):.2f}; 0.50 "
            f"where the {two} is the {one} with something added, or the {one} is the {two} with something taken away)"
        )


def test_matrices_that_disagree_cost_certainty() -> None:
    values = [0.1] * 4 + [0.8] * 4
    without = [(sum(values) - v) / 7 for v in values]
    mean = sum(without) / 8
    variance = 7 / 8 * sum((w - mean) ** 2 for w in without) + 0.04
    found = orthogonal(oriented(*values))
    assert found is not None and found.log_odds == pytest.approx((0.45 - 0.25) / (2 * variance)) and variance > 0.05


def test_what_did_not_change_is_no_matrix_that_tells() -> None:
    told = oriented(*[0.45] * 8)
    assert told.changes is not None
    still = replace(told.changes.each[0], role="layers.9.mlp.up", other="layers.9.mlp.up", square=0.0, square_kept=0.0)
    beside = orthogonal(replace(told, changes=Changes((*told.changes.each, still))))
    assert beside is not None and "in 8 matrices" in beside.text
    assert orthogonal(replace(told, changes=Changes((*told.changes.each[:7], still)))) is None
    assert orthogonal(PAIR) is None


def test_all_reasons_in_their_order() -> None:
    told = replace(oriented(*[0.45] * 8), still=STILL, gains=(0.1, 0.2), excludes="rows")
    assert [r.name for r in geometry(told)] == ["orthogonal change", "decay", "gains"]
    (only,) = geometry(replace(told, excludes=""))
    assert only.name == "orthogonal change" and "with something taken away" in only.text, "who subtracts an adapter can"
