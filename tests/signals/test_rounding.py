"""Whose values were rounded: cells held against values one by one, and what a quantiser's scales leave behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bodies import opened
from forebear.signals import floats
from forebear.signals import rounding as module
from forebear.signals.delta import round_to
from forebear.signals.floats import BF16, FULL, Format, coarsest
from forebear.signals.grids import NF4, small_floats, table
from forebear.signals.lattice import GRIDS, Cut, Lattice, lattice_of
from forebear.signals.rounding import (
    BFLOAT,
    HALF,
    KEPT,
    SMALL,
    Ends,
    Rounding,
    _clipped,
    _full,
    _half_gaps,
    _kept,
    ends_of,
    long,
    pooled,
    rounds,
)
from models import tiny_llama
from quantise import SCHEMES
from signals.held import held

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
ENOUGH = 20.0
"""Bits: one in a million."""


def weights(rows: int = 128, columns: int = 256, seed: int = 0) -> F32:
    return (0.05 * np.random.default_rng(seed).standard_normal((rows, columns))).astype(np.float32)


def rounded(full: F32, scheme: str) -> tuple[F32, Lattice]:
    poor = np.asarray(SCHEMES[scheme][0](full)[1], dtype=np.float32)
    found = lattice_of(poor)
    assert found is not None
    return poor, found


def filled(poor: F32, found: Lattice, share: float) -> F32:
    """What somebody writes who has the grid and draws an origin evenly from its cells, or from a share of them."""
    assert found.cut is not None
    groups = found.cut.split(poor)
    assert groups is not None
    fit = dict(GRIDS)[found.grid](groups, coarsest(poor))
    where = np.random.default_rng(3).uniform(-share, share, groups.shape)
    moved = groups + np.where(where < 0, where * fit.below, where * fit.above)
    return found.cut.join(moved, poor.shape).astype(np.float32)


def held_against(full: F32, poor: F32, found: Lattice) -> Rounding:
    rounding = rounds(full, poor, found)
    assert rounding is not None
    return rounding


@pytest.mark.parametrize(
    ("scheme", "slack"),
    [
        ("fp8-rows", BFLOAT),
        ("bnb-int8", HALF),
        ("bnb-nf4", HALF),
        ("gptq-4", HALF),
        ("ct-int4", HALF),
        ("nvfp4-ct", SMALL),
    ],
)
def test_rounding_by_the_largest_value_keeps_it_as_well_as_scales_are_stored(scheme: str, slack: float) -> None:
    full = weights()
    rounding = held_against(full, *rounded(full, scheme))
    assert rounding.within == 1.0 and 0.5 < rounding.rms < 0.65
    assert rounding.ends >= KEPT and rounding.bits > ENOUGH and rounding.slack == slack


@pytest.mark.sweep(3)
@pytest.mark.parametrize("share", [0.72, 0.9, 0.98])
@pytest.mark.parametrize("scheme", ["fp8-rows", "fp8-blocks", "bnb-int8", "bnb-nf4", "gptq-4", "ct-int4", "nvfp4-ct"])
def test_filled_cells_do_not_whatever_share_of_them_is_filled(scheme: str, share: float) -> None:
    """An INT8 scale in bfloat16 may be wrong by a whole cell: there every group is kept, and that is worth nothing."""
    for seed in range(4):
        poor, found = rounded(weights(seed=seed), scheme)
        rounding = held_against(filled(poor, found, share), poor, found)
        assert rounding.within == 1.0 and (rounding.ends < KEPT or rounding.bits < ENOUGH)


def test_eight_bits_in_bfloat16_are_told_by_many_groups_and_filled_ones_are_not() -> None:
    """The product alone is off by most of a cell; how often it is kept still tells."""
    full = weights(128, 1024)
    scale = np.abs(full.reshape(128, -1, 32)).max(axis=2, keepdims=True) / 127
    exact = (np.round(full.reshape(128, -1, 32) / scale) * scale).reshape(full.shape)
    poor = round_to(exact.astype(np.float32), "BF16")
    assert poor is not None
    found = lattice_of(poor)
    assert found is not None and found.format == "INT8"
    true = held_against(full, poor, found)
    assert true.ends >= KEPT and true.bits > ENOUGH
    for share in (0.7, 0.8, 0.95):
        false = held_against(filled(poor, found, share), poor, found)
        assert false.ends < KEPT or false.bits < ENOUGH


def test_one_scale_for_all_is_asked_of_whole_matrices(tmp_path: Path) -> None:
    """A sample of rows has not the largest value, and one group is worth a few bits."""
    full = weights(300, 64)
    full[250, 3] = 0.4
    poor, found = rounded(full, "fp8-tensor")
    assert found.cut == Cut("tensor") and long(found.cut) and not long(Cut("row"))
    part = held_against(full[:128], poor[:128], found)
    assert part.ends < KEPT
    model = opened(tiny_llama(tmp_path / "model"))
    tensor = model.weights.tensors[model.names["layers.0.mlp.down"]]
    values = tensor.values().astype(np.float64)
    assert [float(e[0]) for e in ends_of(tensor, Cut("tensor"))] == [values.min(), values.max()]
    low, high = ends_of(tensor, Cut("row", turned=True))
    assert np.array_equal(low, values.min(axis=0)) and np.array_equal(high, values.max(axis=0))
    ends = [(np.array([v.min()], dtype=float), np.array([v.max()], dtype=float)) for v in (full, poor)]
    whole = rounds(full[:128], poor[:128], found, (ends[0], ends[1]))
    assert whole is not None and whole.ends == 1.0 and 0 < whole.bits < ENOUGH
    seven = pooled([whole] * 7)
    assert seven.bits == pytest.approx(7 * whole.bits) and seven.bits > ENOUGH and seven.ends == 1.0


def test_a_cell_ends_halfway_to_the_next_level_on_each_side() -> None:
    """NF4's levels are unevenly spaced: what is within half of the wider gap can be outside of its cell."""
    top, held = np.ones((1, 1)), Format(FULL, 2.0**-133)
    fit = table(np.concatenate([NF4[None], top], axis=1), held, NF4)
    assert np.allclose(fit.below[0, 1:16], np.diff(NF4) / 2) and np.allclose(fit.above[0, :15], np.diff(NF4) / 2)
    fp8 = small_floats(np.array([[-32.0, -18.0, 0.0, 16.0, 18.0, 30.0]]), held, 3, 13)
    assert fp8.fits.all()
    assert fp8.above[0].tolist()[:2] == [1.0, 1.0] and fp8.below[0].tolist()[:2] == [2.0, 1.0]
    assert fp8.below[0].tolist()[3:] == [0.5, 1.0, 1.0] and fp8.above[0].tolist()[3:] == [1.0, 1.0, 1.0]


def test_one_value_outside_of_its_cell_is_seen() -> None:
    full = weights()
    for scheme in ("fp8-rows", "bnb-nf4", "nvfp4-ct"):
        poor, found = rounded(full, scheme)
        moved = full.copy()
        fit = dict(GRIDS)[found.grid]
        assert found.cut is not None
        groups = found.cut.split(poor)
        assert groups is not None
        above = found.cut.join(fit(groups, coarsest(poor)).above, poor.shape)
        at = np.unravel_index(np.abs(poor[:32]).argsort(axis=None)[2000], (32, 256))
        moved[at] = poor[at] + 2.5 * above[at]
        one = held_against(moved, poor, found)
        assert one.within == pytest.approx(1 - 1 / one.values)
        assert pooled([one, held_against(full, poor, found)]).within < 1.0


def test_a_zero_is_stored_exactly_and_gets_no_slack() -> None:
    """In bfloat16, whose spacing below one is wider than these cells: a zero of either model is no excuse."""
    full = floats.rounded(0.02 * weights(), BF16)
    poor, found = rounded(full, "gptq-4")
    poor = floats.rounded(poor, BF16)
    assert coarsest(poor).bits == coarsest(full).bits == BF16
    assert held_against(full, poor, found).within == 1.0
    assert found.cut is not None
    groups = found.cut.split(poor[:32])
    assert groups is not None
    steps = np.diff(np.sort(groups, axis=1), axis=1)
    step = float(steps[steps > 0].max())
    assert step < 2.0**-BF16
    for at, value in ((np.argwhere(poor[:32] == 0)[0], step), (np.argwhere(np.abs(poor[:32]) > step)[0], 0.0)):
        moved = full.copy()
        moved[tuple(at)] = floats.rounded(np.array([value], dtype=np.float32), BF16)[0]
        assert held_against(moved, poor, found).within < 1.0


def test_values_that_may_be_wrong_themselves_get_that_much() -> None:
    full = weights()
    poor, found = rounded(full, "bnb-int8")
    off = (full + 2e-5 * np.random.default_rng(1).standard_normal(full.shape)).astype(np.float32)
    strict, loose = rounds(off, poor, found), rounds(off, poor, found, error=1e-4)
    assert strict is not None and loose is not None
    assert strict.within < 1.0 and loose.within == 1.0
    assert loose.ends >= KEPT and ENOUGH < loose.bits < held_against(full, poor, found).bits


def test_numbers_that_are_none_have_no_cells() -> None:
    full = weights()
    poor, found = rounded(full, "bnb-int8")
    bad = full.copy()
    bad[0, 0] = np.nan
    assert rounds(bad, poor, found) is None and rounds(full[:4], poor, found) is None
    assert rounds(full, poor, Lattice("stored", 4)) is None


def test_values_in_groups_that_lie_on_no_grid_are_counted_and_not_asked() -> None:
    full = weights()
    poor, found = rounded(full, "gptq-4")
    assert held_against(full, poor, found).unseen == 0
    poor = poor.copy()
    poor[3] = 0.0  # one level says nothing of a grid
    lost = held_against(full, poor, found)
    assert lost.unseen == full.shape[1] and lost.within == 1.0


@pytest.mark.parametrize(("top", "on"), [(15, True), (16, False), (17, False)])
def test_a_grid_of_four_bits_has_sixteen_levels_and_no_more(top: int, on: bool) -> None:
    """With a zero point, levels go up to 15; where a row has more, nothing is known of its cells."""
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 16, (8, 64))
    levels[:, :16] = np.arange(16)
    levels[0, 16] = top
    poor = (0.0137 * levels).astype(np.float32)
    full = (0.0137 * (levels + rng.uniform(-0.4, 0.4, levels.shape))).astype(np.float32)
    rounding = held_against(full, poor, Lattice("INT4", 4, Cut("row"), False, 100.0, "int"))
    assert rounding.within == 1.0 and rounding.unseen == (0 if on else 64)
    assert (rounding.values > 7 * 64) is on


# -- by hand -----------------------------------------------------------------------------------------------------------

FINE = Format(FULL, 2.0**-133)
SYMMETRIC = Lattice("INT4", 4, Cut("row"), True, 99.0, "int")
FREE = Lattice("INT4", 4, Cut("row"), False, 99.0, "int")
TABLE = Lattice("NF4", 4, Cut("row"), True, 99.0, "NF4")
SMALL_FLOATS = Lattice("FP4 E2M1", 4, Cut("row"), True, 99.0, "int")
CODES = Lattice("4-bit codebook", 4, Cut("row"), None, 99.0, "int")


def test_a_matrix_is_held_against_its_cells_value_by_value() -> None:
    """Steps of 1. The first value lies beyond the last level; of the others one is a tenth outside of its cell."""
    b = np.array([[-7, 3, 1, 2, 7, 5]], np.float32)
    a = b + np.array([[-0.2, 0.25, -0.5, 0.6, -0.1, 0]], np.float32)
    found = held_against(a, b, SYMMETRIC)
    assert (found.values, found.within, found.full, found.unseen) == (5, 0.8, 1.0, 0)
    assert found.rms == pytest.approx(((0.5**2 + 1 + 1.2**2 + 0.2**2) / 5) ** 0.5, rel=1e-5)
    assert found.ends == 0.0
    loose = rounds(a, b, SYMMETRIC, error=0.2)
    assert loose is not None and (loose.within, loose.ends) == (1.0, 1.0)


def test_of_rows_and_groups_of_rows_the_first_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GROUPS", 2)
    b = np.tile(np.array([-7, 3, 1, 2, 7, 5, 4, 6, -2, -5, -3, -1, -4, -6], np.float32), (3, 1))
    a = b.copy()
    a[2] += 0.75
    a[:, 1] += 0.25
    assert held_against(a, b, SYMMETRIC).values == 28 and held_against(a, b, SYMMETRIC).within == 1.0
    turned = Lattice("INT4", 4, Cut("row", turned=True), True, 99.0, "int")
    assert held_against(a.T, b.T, turned).values == 28 and held_against(a.T, b.T, turned).within == 1.0
    whole = Lattice("INT4", 4, Cut("tensor"), True, 99.0, "int")
    assert held_against(a, b, whole).within < 0.9
    given = (np.array([-7.0] * 3), np.array([7.0, 7.0, 9.0]))
    known = rounds(a, b, SYMMETRIC, (given, given))
    assert known is not None and known.ends == 1.0 and known.values == 28


def test_what_lies_beyond_the_last_level_of_its_group_is_clipped() -> None:
    b = np.array([[-2.0, 0, 1, 1], [5, 5, 5, 5]])
    a = np.array([[-2.1, -0.1, 1.1, 0.9], [5, 4.9, 5.1, 5]])
    assert _clipped(a, b).tolist() == [[True, False, True, False], [False, True, True, False]]


def test_matrices_are_pooled_by_their_values() -> None:
    one = Rounding(1, 1.0, 0.6, 1.0, 0.0, 5.0, HALF, 2)
    two = Rounding(3, 0.5, 0.2, 0.2, 1.0, -1.0, BFLOAT, 3)
    found = pooled([one, two])
    assert (found.values, found.within, found.bits, found.slack, found.unseen) == (4, 0.625, 4.0, BFLOAT, 5)
    assert found.rms == pytest.approx(((0.36 + 3 * 0.04) / 4) ** 0.5)
    assert found.ends == pytest.approx(0.4) and found.full == 0.75
    assert pooled([one, one]).within == 1.0
    nearly = Rounding(3, 1 - 1e-12, 0.2, 0.2, 1.0)
    assert pooled([one, nearly]).within == 0.75  # one value at least is outside


def test_groups_that_reach_over_all_rows_are_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [long(Cut(kind, 2, turned)) for kind in ("tensor", "row", "group") for turned in (False, True)] == [
        True,
        True,
        False,
        True,
        False,
        False,
    ]
    values = np.array([[1.0, -5], [4, 2], [-3, 0], [2, 9], [0, 1]])
    tensor = held({"name:x": values}).weights.tensors["x"]
    for at_once in (1, 4, 1_000_000):
        monkeypatch.setattr(module, "AT_ONCE", at_once)
        assert [e.tolist() for e in ends_of(tensor, Cut("row", turned=True))] == [[-3, -5], [4, 9]]
        assert [e.tolist() for e in ends_of(tensor, Cut("tensor"))] == [[-5], [9]]


def test_gaps_of_a_table_in_whole_steps_are_those_between_the_levels_that_were_seen() -> None:
    """Levels -9, 1, 5 and 12 of steps of 2; of small floats the levels on one side are those on the other."""
    below, above = _half_gaps(2 * np.array([[1.0, 5, 12, -9]]), FINE, CODES)
    assert below.tolist() == [[10, 4, 7, 10]] and above.tolist() == [[4, 7, 7, 10]]
    below, above = _half_gaps(np.array([[12.0, 6, 3, 0, 1]]), FINE, SMALL_FLOATS)
    assert below.tolist() == [[3, 1.5, 1, 0.5, 0.5]] and above.tolist() == [[3, 3, 1.5, 0.5, 1]]
    below, above = _half_gaps(np.array([[12.0, 6, 3, 0, 1]]), FINE, SYMMETRIC)
    assert below.tolist() == above.tolist() == [[0.5] * 5]
    none = _half_gaps(np.array([[2**0.5, 1.0, 3**0.5]]), FINE, CODES)
    assert [side.tolist() for side in none] == [[[0, 0, 0]]] * 2
    # thirteen steps are more than small floats have, sixteen more than four bits
    assert not _half_gaps(np.array([[13.0, 6, 1]]), FINE, SMALL_FLOATS)[0].any()
    assert _half_gaps(np.array([[15.0, 6, 1]]), FINE, FREE)[0].all()
    assert not _half_gaps(np.array([[16.0, 6, 1]]), FINE, FREE)[0].any()


def test_many_groups_are_fitted_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = np.array([[7.0, 3, 1], [14, 6, 2], [2**0.5, 1, 3**0.5], [70, 30, 10]])
    for chunk in (1, 5, 12, 65_536):
        monkeypatch.setattr(module, "CHUNK", chunk)
        below, _ = _half_gaps(groups, FINE, SYMMETRIC)
        assert below[:, 0].tolist() == [0.5, 1, 0, 5]


def ends(*largest: float, low: float = 0.0) -> Ends:
    high = np.array(largest, dtype=np.float64)
    return np.full(len(high), low), high


EIGHTH = np.full(100, 0.125)
ONES = ends(*[1.0] * 100)


def kept_by(
    lattice: Lattice, ours: Ends, spread: float = 1.0, error: float = 0.0, cell: F64 = EIGHTH, theirs: Ends = ONES
) -> tuple[float, float, float]:
    return _kept(lattice, (ours, theirs), cell, spread, FINE, error)


def off(lost: int, by: float) -> Ends:
    """A hundred largest values of which so many are not 1."""
    return ends(*[1 + by] * lost, *[1.0] * (100 - lost))


def test_a_largest_value_that_is_kept_is_worth_what_its_scale_may_be_wrong_by() -> None:
    """In cells of an eighth: 8 bits where the scale is in float16, 5 in bfloat16; a bit for the choice of the two."""
    share, bits, slack = kept_by(TABLE, ONES)
    assert (share, slack) == (1.0, HALF) and bits == pytest.approx(100 * 8 - 1, abs=0.2)
    share, bits, slack = kept_by(TABLE, off(100, 2.0**-9))
    assert (share, slack) == (1.0, BFLOAT) and bits == pytest.approx(100 * 5 - 1, abs=0.2)
    assert kept_by(TABLE, off(100, -(2.0**-9))) == (share, bits, slack)
    assert kept_by(TABLE, off(100, 2.0**-7.9))[0] == 0.0
    for turned in (ends(*[0.5] * 100, low=-1.0), ends(*[1.0] * 100, low=-1.0)):
        assert kept_by(TABLE, turned)[0] == 1.0
    half = kept_by(TABLE, ONES, spread=0.5)
    assert half[1] == pytest.approx(100 * 7 - 1, abs=0.2)  # half of each cell is filled: twice as often by chance
    wrong = kept_by(TABLE, off(100, 0.02), error=0.03)
    assert wrong[0] == 1.0 and wrong[1] == pytest.approx(-100 * np.log2((0.03 + HALF) / 0.125) - 1, abs=0.2)


def test_groups_that_lost_theirs_are_paid_for() -> None:
    """One in a hundred may have; with two every scale is tried, and the best kept."""
    share, bits, slack = kept_by(TABLE, off(1, 0.1))
    assert (share, slack) == (0.99, HALF) and bits == pytest.approx(99 * 8 - np.log2(101) - 1, abs=0.2)
    share, bits, slack = kept_by(TABLE, off(2, 0.1))
    assert (share, slack) == (0.98, HALF) and bits == pytest.approx(98 * 8 - 2 * np.log2(101) - 1, abs=0.2)
    share, bits, slack = kept_by(TABLE, off(2, 2.0**-9))
    assert (share, slack) == (1.0, BFLOAT)


def test_scales_of_small_floats_may_be_coarser() -> None:
    share, bits, slack = kept_by(SMALL_FLOATS, off(100, 2.0**-5))
    assert (share, slack) == (1.0, SMALL) and bits == pytest.approx(100 * 1 - np.log2(3), abs=0.2)
    assert kept_by(TABLE, off(100, 2.0**-5))[0] == 0.0


def test_with_a_zero_point_the_span_may_be_kept_instead() -> None:
    """By chance that is three times as likely: of the largest value, or of the sum of two."""
    shifted = (np.full(100, -0.05), np.full(100, 0.95))
    for lattice in (FREE, Lattice("INT4", 4, Cut("row"), False, 99.0, "offset")):
        share, bits, slack = kept_by(lattice, shifted)
        assert (share, slack) == (1.0, HALF)
        assert bits == pytest.approx(-100 * np.log2(1 - (1 - 2.0**-8) ** 3) - 1, abs=0.2)
    assert kept_by(TABLE, shifted)[0] == kept_by(SYMMETRIC, shifted)[0] == 0.0
    assert kept_by(FREE, (np.full(100, -0.05), np.full(100, 0.97)))[0] == 0.0


def test_a_symmetric_grid_may_end_in_the_middle_of_its_last_step() -> None:
    """Fifteen half steps: 7.5 steps of a quarter for four bits."""
    middle = ends(*[15 * 0.125] * 100)
    theirs = ends(*[1.75] * 100)
    share, bits, _ = kept_by(SYMMETRIC, middle, theirs=theirs)
    near = 1.75 * 2.0**-11 / 0.125
    assert share == 1.0 and bits == pytest.approx(-100 * np.log2(near + near / 2) - 1, abs=0.3)
    assert kept_by(FREE, middle, theirs=theirs)[0] == kept_by(TABLE, middle, theirs=theirs)[0] == 0.0
    part = kept_by(SYMMETRIC, theirs, spread=0.9, theirs=theirs)  # the middle is not reached
    assert part[1] == pytest.approx(-100 * np.log2(near / 0.9) - 1, abs=0.3)


def test_groups_without_cells_are_not_asked() -> None:
    nothing = (0.0, 0.0, HALF)
    assert kept_by(TABLE, ONES, spread=0.0) == nothing and kept_by(TABLE, ONES, cell=0 * EIGHTH) == nothing
    assert kept_by(TABLE, ONES, theirs=ends(*[0.0] * 100)) == nothing
    assert kept_by(TABLE, ONES, cell=np.full(100, 2.0**-12)) == (1.0, -1.0, HALF)  # kept by chance, whatever was done
    some = np.where(np.arange(100) < 50, 0.125, 0.0)
    share, bits, _ = kept_by(TABLE, ends(*[1.0] * 50, *[3.0] * 50), cell=some)
    assert share == 1.0 and bits == pytest.approx(50 * 8 - 1, abs=0.2)


def test_groups_are_full_that_reach_the_end_of_their_grid() -> None:
    """Seven steps of a half for four bits, a quarter of a step less allowed; groups of zeros are not asked."""
    cell = np.full(5, 0.25)
    found = (np.array([0.0, 0, -3.5, -1, 0]), np.array([3.375, 3.37, 0, 1, 0]))
    assert _full(SYMMETRIC, found, cell) == 0.5
    for other in (TABLE, SMALL_FLOATS, CODES, Lattice("INT", None, Cut("row"), True, 99.0, "int")):
        assert _full(other, found, cell) == 1.0
    assert _full(SYMMETRIC, (0 * cell, 0 * cell), cell) == 1.0


def test_cells_of_a_table_are_as_wide_as_its_levels_lie_apart() -> None:
    """Half gaps of -18, 2, 10 and 24: the widest is 10. Of the two cells that are as wide a fifth and 0.3 are used."""
    b = np.array([[-18, 2, 10, 24]], np.float32)
    a = b + np.array([[2, -3, 3.5, 0]], np.float32)
    found = held_against(a, b, CODES)
    assert (found.values, found.within, found.ends, found.full, found.slack) == (4, 1.0, 1.0, 1.0, HALF)
    assert found.rms == pytest.approx(((0.04 + 0.09 + 0.25) / 4) ** 0.5)
    spread = (3 * (0.04 + 0.09) / 2) ** 0.5
    slack = HALF * 24 + 2.0**-3 / 2  # of a scale in float16, and of the product in bfloat16
    assert found.bits == pytest.approx(-np.log2(1 - (1 - slack / 10 / spread) ** 3) - 1)
    filled = held_against(b + np.array([[9, -9, 0, 0]], np.float32), b, CODES)
    assert filled.bits == pytest.approx(-np.log2(1 - (1 - slack / 10) ** 3) - 1)  # no more than all of a cell
    inner = np.array([[-18, -10, 18, 24]], np.float32)  # the widest gap, 14, lies above one level and below another
    found = held_against(inner + np.array([[0, 4.2, -2.8, 0]], np.float32), inner, CODES)
    assert found.bits == pytest.approx(-np.log2(1 - (1 - slack / 14 / spread) ** 3) - 1, rel=1e-5)
    plain = Rounding(1, 1.0, 0.5, 1.0, 1.0)
    assert (plain.bits, plain.slack, plain.unseen) == (0.0, HALF, 0)
