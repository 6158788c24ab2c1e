"""Whose values were rounded: cells held against values one by one, and what a quantiser's scales leave behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bodies import opened
from forebear.signals import floats
from forebear.signals.delta import round_to
from forebear.signals.floats import BF16, FULL, Format, coarsest
from forebear.signals.grids import NF4, small_floats, table
from forebear.signals.lattice import GRIDS, Cut, Lattice, lattice_of
from forebear.signals.rounding import BFLOAT, HALF, KEPT, SMALL, Rounding, ends_of, long, pooled, rounds
from models import tiny_llama
from quantise import SCHEMES

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
