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
