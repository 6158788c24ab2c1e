"""Weights that were quantised and dequantised, told from floats that were not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bodies import opened
from forebear.signals.delta import round_to
from forebear.signals.floats import Format, coarsest, precision, spacing
from forebear.signals.grids import E2M1, NF4, Fit
from forebear.signals.lattice import (
    GRIDS,
    Cut,
    Lattice,
    _all_fit,
    _chosen,
    _distinct,
    _named,
    _possible,
    _simpler,
    _spread,
    cuts,
    lattice_of,
    sampled,
    stored_as,
)
from forebear.signals.rounding import rounds
from ggufs import convert, q4_0, q8_0
from models import tiny_llama
from quantise import SCHEMES, quantised
from signals.held import held

F32 = NDArray[np.float32]


def weights(rows: int = 128, columns: int = 256, seed: int = 0, size: float = 0.05) -> F32:
    return (size * np.random.default_rng(seed).standard_normal((rows, columns))).astype(np.float32)


def stored(values: F32, dtype: str) -> F32:
    rounded = values if dtype == "F32" else round_to(values, dtype)
    assert rounded is not None
    return rounded


def symmetric(values: F32, bits: int, group: int) -> F32:
    most = 2 ** (bits - 1) - 1
    parts = values.reshape(len(values), -1, group)
    scale = np.abs(parts).max(axis=2, keepdims=True) / most
    return np.asarray((np.round(parts / scale) * scale).reshape(values.shape), dtype=np.float32)


def with_zero(values: F32, bits: int, group: int) -> F32:
    most = 2**bits - 1
    parts = values.reshape(len(values), -1, group)
    low = parts.min(axis=2, keepdims=True)
    scale = (parts.max(axis=2, keepdims=True) - low) / most
    zero = np.round(-low / scale)
    codes = np.clip(np.round(parts / scale) + zero, 0, most)
    return np.asarray(((codes - zero) * scale).reshape(values.shape), dtype=np.float32)


def with_offset(values: F32, bits: int, group: int) -> F32:
    parts = values.reshape(len(values), -1, group)
    low = parts.min(axis=2, keepdims=True)
    scale = (parts.max(axis=2, keepdims=True) - low) / (2**bits - 1)
    return np.asarray((np.round((parts - low) / scale) * scale + low).reshape(values.shape), dtype=np.float32)


def nf4(values: F32) -> F32:
    parts = values.reshape(len(values), -1, 64)
    scale = np.abs(parts).max(axis=2, keepdims=True)
    codes = np.abs((parts / scale)[..., None] - NF4).argmin(axis=-1)
    return np.asarray((NF4[codes] * scale).reshape(values.shape), dtype=np.float32)


@pytest.mark.parametrize("dtype", ["BF16", "F32"])
@pytest.mark.parametrize("make", [symmetric, with_zero, with_offset])
@pytest.mark.parametrize(("bits", "group"), [(3, 32), (4, 32), (4, 128), (4, 256), (6, 64), (8, 32), (8, 256)])
def test_integer_grids_are_named_with_bits_and_groups(
    make: Callable[[F32, int, int], F32], bits: int, group: int, dtype: str
) -> None:
    if make is with_offset and bits == 8:
        pytest.skip("a free offset with 8 bits is as fine as bfloat16")
    full = stored(weights(), "BF16")
    found = lattice_of(stored(make(full, bits, group), dtype))
    assert found is not None and found.cut is not None
    assert (found.format, found.bits) == (f"INT{bits}", bits)
    assert found.cut == (Cut("row") if group == 256 else Cut("group", group))
    if make is symmetric:
        assert found.symmetric is True
    rounding = rounds(full, stored(make(full, bits, group), dtype), found)
    assert rounding is not None and rounding.within == 1.0 and 0.4 < rounding.rms < 0.7


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32"])
def test_nf4_is_a_table(dtype: str) -> None:
    full = weights()
    found = lattice_of(stored(nf4(full), dtype))
    assert found is not None and found.words == "NF4, groups of 64" and (found.bits, found.symmetric) == (4, True)
    rounding = rounds(full, stored(nf4(full), dtype), found)
    assert rounding is not None and rounding.within == 1.0


@pytest.mark.parametrize(
    ("scheme", "words"),
    [
        ("fp8-blocks", "FP8 E4M3, blocks of 128 × 128"),
        ("fp8-rows", "FP8 E4M3, a scale for each of the rows"),
        ("fp8-tensor", "FP8 E4M3, one scale for all"),
        ("bnb-int8", "INT8, a scale for each of the rows, symmetric"),
        ("gptq-4", "INT4, groups of 32, with a zero point"),
        ("awq", "INT4, groups of 32, with a zero point"),
        ("ct-int4", "INT4, groups of 32, symmetric"),
        ("nvfp4-ct", "FP4 E2M1, groups of 16"),
        ("mxfp4", "FP4 E2M1, groups of 32"),
    ],
)
def test_what_quantisers_write_is_named_after_it_was_dequantised(scheme: str, words: str) -> None:
    full = weights(256, 256)
    values = np.asarray(SCHEMES[scheme][0](full)[1], dtype=np.float32)
    for dtype in ("BF16", "F32"):
        found = lattice_of(stored(values, dtype))
        assert found is not None and found.words == words
        rounding = rounds(full, stored(values, dtype), found)
        assert rounding is not None and rounding.within > 0.99


IQ4_NL = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]) / 127
"""Levels that llama.cpp publishes for its non-linear 4 bits, of the largest."""


def test_a_table_in_whole_steps_is_a_codebook_and_not_eight_bits() -> None:
    """Its cells are those of the levels that there are; small steps with one far outlier are no table."""
    full = weights()
    parts = full.reshape(len(full), -1, 32)
    scale = np.abs(parts).max(axis=2, keepdims=True)
    values = IQ4_NL[np.abs((parts / scale)[..., None] - IQ4_NL).argmin(axis=-1)] * scale
    poor = values.reshape(full.shape).astype(np.float32)
    found = lattice_of(poor)
    assert found is not None and found.words == "4-bit codebook, groups of 32" and found.bits == 4
    rounding = rounds(full, poor, found)
    assert rounding is not None and rounding.within == 1.0 and 0.5 < rounding.rms < 0.65
    outlying = weights()
    outlying[:, 0] = 1.0
    found = lattice_of(symmetric(outlying, 8, 256))
    assert found is not None and found.format == "INT8"


def test_columns_that_were_ordered_by_importance_are_the_stated_blind_spot() -> None:
    assert lattice_of(np.asarray(SCHEMES["gptq-4-ordered"][0](weights())[1], dtype=np.float32)) is None


@pytest.mark.sweep(3)
@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32"])
@pytest.mark.parametrize("draw", ["normal", "uniform", "heavy", "one", "pruned", "ternary", "constant", "tiny"])
def test_plain_floats_are_never_on_a_lattice(draw: str, dtype: str) -> None:
    """Thousands of groups a distribution, at spreads over fourteen orders of magnitude, some below what float16 has."""
    for seed in range(6):
        rng = np.random.default_rng([seed, *draw.encode()])
        values = drawn(draw, 10.0 ** rng.uniform(-9, 4), rng)
        assert lattice_of(stored(values.astype(np.float32), dtype)) is None


def drawn(how: str, size: float, rng: np.random.Generator) -> NDArray[np.float64]:
    shape = (4, 8) if how == "tiny" else (64, 64)
    normal = rng.standard_normal(shape)
    made: dict[str, NDArray[np.float64]] = {
        "uniform": size * rng.uniform(-1, 1, shape),
        "heavy": size * rng.standard_t(2, shape),
        "one": 1 + 1e-4 * normal,
        "pruned": np.where(rng.random(shape) < 0.6, 0.0, size * normal),
        "ternary": size * rng.integers(-1, 2, shape).astype(np.float64),
        "constant": np.full(shape, size, dtype=np.float64),
    }
    return made.get(how, size * normal)


def test_bfloat16_has_few_values_in_a_group_and_still_no_grid() -> None:
    """3,000 groups of 32: values of one octave are multiples of one step, which is the format's own."""
    for seed in range(24):
        assert lattice_of(stored(weights(64, 64, seed, 0.08), "BF16")) is None
        octave = np.random.default_rng(seed).uniform(1, 2, (64, 64)).astype(np.float32)
        assert lattice_of(stored(octave, "BF16")) is None


def test_another_models_values_do_not_round_to_the_grid() -> None:
    full = stored(weights(), "BF16")
    poor = stored(symmetric(full, 4, 32), "BF16")
    found = lattice_of(poor)
    assert found is not None
    near = stored((full + 0.1 * weights(seed=5)).astype(np.float32), "BF16")
    rounding = rounds(near, poor, found)
    assert rounding is not None and 0.5 < rounding.within < 1.0
    assert rounds(full[:32], poor, found) is None  # other rows
    assert lattice_of(near) is None


def test_bad_values_are_no_lattice() -> None:
    values = symmetric(weights(), 4, 32)
    values[0, 0] = np.inf
    assert lattice_of(values) is None
    assert lattice_of(np.zeros((8, 8), dtype=np.float32)) is None
    assert lattice_of(np.zeros((0, 8), dtype=np.float32)) is None
    assert lattice_of(np.zeros(8, dtype=np.float32)) is None


@pytest.mark.parametrize("cut", [Cut("tensor"), Cut("row"), Cut("block", 128), Cut("group", 32), Cut("flat", 64)])
@pytest.mark.parametrize("turned", [False, True])
def test_a_cut_is_undone(cut: Cut, turned: bool) -> None:
    cut = Cut(cut.kind, cut.size, turned)
    values = weights(144, 160).astype(np.float64)
    groups = cut.split(values)
    assert groups is not None and np.array_equal(cut.join(groups, values.shape), values)


def test_packed_weights_are_named_by_their_files(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", hidden=128, intermediate=256)
    for scheme, name in (("gptq-4", "GPTQ 4-bit"), ("bnb-nf4", "bitsandbytes NF4"), ("fp8-rows", "FP8 with scales")):
        model = opened(quantised(base, scheme, scheme))
        found = stored_as(model.weights.tensors[model.names["layers.1.mlp.up"]])
        assert found is not None and found.format == name
    for encode, name, bits in ((q8_0, "Q8_0", 8), (q4_0, "Q4_0", 4)):
        model = opened(convert(base, tmp_path / f"{name}.gguf", encode))
        tensor = model.weights.tensors[model.names["layers.1.mlp.up"]]
        found = stored_as(tensor)
        assert found is not None and (found.format, found.bits) == (name, bits)
        values = sampled(tensor)
        seen = lattice_of(values) if values is not None else None
        assert seen is not None and seen.bits == bits and seen.cut == Cut("group", 32)
    plain = opened(base)
    assert stored_as(plain.weights.tensors[plain.names["layers.1.mlp.up"]]) is None
    assert sampled(plain.weights.tensors[plain.names["layers.1.mlp_norm"]]) is None


def test_formats_of_floats_are_told_from_their_values() -> None:
    full = weights()
    assert [precision(stored(full, d)) for d in ("BF16", "F16", "F32")] == [8, 11, 24]
    assert coarsest(stored(np.float32(1e-6) * full, "F16")).least == 2.0**-24
    values = np.array([1.0, 1.5, 2.0, 0.0], dtype=np.float32)
    assert spacing(values, Format(8, 0.0))[:3].tolist() == [2.0**-7, 2.0**-7, 2.0**-6]


@pytest.mark.parametrize(("grid", "octaves"), [("FP8 E4M3", 13), ("FP8 E5M2", 28)])
def test_values_that_have_no_leading_one_are_not_asked(grid: str, octaves: int) -> None:
    """A value off the grid counts as soon as it is less than so many octaves below the largest."""
    on_grid, off_grid = [1.0, 0.5, 0.25, 0.125], 1.17
    for below, asked in ((octaves - 0.5, True), (octaves + 0.5, False)):
        group = np.array([[*on_grid, off_grid * 2.0**-below]])
        assert bool(dict(GRIDS)[grid](group, Format(24, 2.0**-149)).fits[0]) is not asked
    assert dict(GRIDS)[grid](np.array([[*on_grid, 2.0 ** (0.5 - octaves) / 2**0.5]]), Format(24, 2.0**-149)).fits[0]


def test_a_sample_is_of_whole_groups_and_of_matrices_of_weights(tmp_path: Path) -> None:
    """Of 600 rows, 128 from the middle, from a multiple of 128 on."""
    model = opened(tiny_llama(tmp_path / "model", vocabulary=600))
    tensor = model.weights.tensors[model.names["embed"]]
    found = sampled(tensor)
    assert found is not None and np.array_equal(found, tensor.rows(128, 256))
    small = model.weights.tensors[model.names["layers.0.mlp.up"]]
    every = sampled(small)
    assert every is not None and np.array_equal(every, small.values())
    assert sampled(model.weights.tensors[model.names["layers.0.mlp_norm"]]) is None


# -- by hand -----------------------------------------------------------------------------------------------------------

FINE = Format(24, 2.0**-133)
ROW = Cut("row")


def numbered(rows: int, columns: int) -> F32:
    return np.arange(1, rows * columns + 1, dtype=np.float32).reshape(rows, columns)


def groups_of(cut: Cut, rows: int, columns: int) -> list[list[float]] | None:
    groups = cut.split(numbered(rows, columns))
    return None if groups is None else groups.tolist()


def test_a_matrix_is_cut_as_its_words_say() -> None:
    """Incomplete groups are filled with their last value; there are none where one would be a whole row or matrix."""
    assert groups_of(Cut("tensor"), 2, 2) == [[1, 2, 3, 4]]
    assert groups_of(ROW, 2, 2) == [[1, 2], [3, 4]] and groups_of(Cut("row", turned=True), 2, 2) == [[1, 3], [2, 4]]
    assert groups_of(Cut("block", 2), 3, 3) == [[1, 2, 4, 5], [3, 3, 6, 6], [7, 8, 7, 8], [9, 9, 9, 9]]
    assert groups_of(Cut("block", 2), 2, 2) is None
    assert groups_of(Cut("block", 2), 1, 3) == [[1, 2, 1, 2], [3, 3, 3, 3]]
    assert groups_of(Cut("block", 2), 3, 1) == [[1, 1, 2, 2], [3, 3, 3, 3]]
    assert groups_of(Cut("block", 3), 4, 2) == [[1, 2, 2, 3, 4, 4, 5, 6, 6], [7, 8, 8] * 3]
    assert groups_of(Cut("block", 3), 2, 4) == [[1, 2, 3, 5, 6, 7, 5, 6, 7], [4, 4, 4, 8, 8, 8, 8, 8, 8]]
    assert groups_of(Cut("flat", 2), 2, 3) == [[1, 2], [3, 4], [5, 6]]
    assert groups_of(Cut("flat", 2), 2, 4) is None and groups_of(Cut("flat", 2), 3, 3) is None
    assert groups_of(Cut("group", 17), 1, 17) is None and groups_of(Cut("group", 16), 1, 3) == [[1, 2, 3, *[3] * 13]]
    assert groups_of(Cut("group", 17), 1, 18) == [list(range(1, 18)), [18] * 17]
    assert groups_of(Cut("group", 17, turned=True), 18, 1) == [list(range(1, 18)), [18] * 17]
    for cut in (Cut("block", 2), Cut("group", 16), Cut("block", 2, turned=True)):
        groups = cut.split(numbered(5, 3))
        assert groups is not None and np.array_equal(cut.join(groups, (5, 3)), numbered(5, 3))


def test_cuts_are_tried_from_the_coarsest_to_the_finest() -> None:
    found = list(cuts())
    assert found[:4] == [Cut("tensor"), Cut("block", 128), ROW, Cut("row", turned=True)]
    assert found[4:7] == [Cut("group", 256), Cut("flat", 256), Cut("group", 256, turned=True)]
    assert [c.size for c in found[4:]] == [size for size in (256, 128, 64, 32, 16) for _ in range(3)]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Lattice("INT4", 4, Cut("group", 32), False), "INT4, groups of 32, with a zero point"),
        (Lattice("INT8", 8, Cut("row", turned=True), True), "INT8, a scale for each of the columns, symmetric"),
        (Lattice("FP8 E4M3", 8, ROW, True), "FP8 E4M3, a scale for each of the rows"),
        (Lattice("FP8 E4M3", 8, Cut("tensor"), True), "FP8 E4M3, one scale for all"),
        (Lattice("FP8 E5M2", 8, Cut("block", 128), True), "FP8 E5M2, blocks of 128 × 128"),
        (Lattice("4-bit codebook", 4, Cut("flat", 64)), "4-bit codebook, groups of 64"),
        (Lattice("Q4_0", 4), "Q4_0"),
    ],
)
def test_a_lattice_is_told_in_words(found: Lattice, words: str) -> None:
    assert found.words == words


def fitted(
    low: float, high: float, levels: set[int] | frozenset[int] = frozenset((0, 1, 5)), bits: float = 70.0
) -> Fit:
    """One group that lies between these levels."""
    none = np.zeros((1, 1))
    return Fit(np.array([True]), np.array([bits]), none, none, np.array([low]), np.array([high]), frozenset(levels))


@pytest.mark.parametrize(
    ("low", "high", "name", "symmetric"),
    [
        (-7, 7, "INT4", True),
        (-8, 7, "INT4", True),  # the lowest level has no like on the other side
        (-8, 8, "INT5", True),
        (0, 15, "INT4", False),
        (-1, 14, "INT4", False),
        (-1, 15, "INT5", True),
        (0, 16, "INT5", False),
        (-1, 1, "INT2", True),
        (0, 1, "INT2", True),
        (0, 255, "INT8", False),
        (-200, 200, "INT8", True),  # more than eight bits are none that it looks for
    ],
)
def test_bits_are_those_of_the_levels_that_were_seen(low: int, high: int, name: str, symmetric: bool) -> None:
    found = _named("int", fitted(low, high), ROW)
    assert (found.format, found.bits, found.symmetric) == (name, int(name[3:]), symmetric)
    assert (found.cut, found.worth, found.grid) == (ROW, 70.0, "int")
    several = replace(fitted(0, 0), bits=np.array([30.0, 5.0]), low=np.array([low, 0.0]), high=np.array([high, 0.0]))
    for fit in (several, replace(several, low=several.low[::-1], high=several.high[::-1])):
        again = _named("int", fit, ROW)
        assert (again.format, again.symmetric, again.worth) == (name, symmetric, 35.0)


def test_other_grids_have_names_of_their_own() -> None:
    assert _named("NF4", fitted(0, 0), ROW) == Lattice("NF4", 4, ROW, True, 70.0, "NF4")
    assert _named("FP8 E5M2", fitted(0, 0), ROW) == Lattice("FP8 E5M2", 8, ROW, True, 70.0, "FP8 E5M2")
    for high, bits in ((3, 2), (4, 3), (15, 4), (16, 5), (1, 2)):
        assert _named("offset", fitted(0, high), ROW) == Lattice(f"INT{bits}", bits, ROW, False, 70.0, "offset")
    for levels, name in (
        (E2M1, "FP4 E2M1"),
        ({0, 1, 12}, "FP4 E2M1"),
        ({0, 1, 6}, "INT5"),
        (E2M1 | {5}, "INT5"),
        (set(range(0, 64, 4)), "4-bit codebook"),
        (set(range(0, 68, 4)), "INT5"),
        (set(range(0, 48, 3)), "INT5"),
        ({0, 4}, "4-bit codebook"),
        ({4}, "INT5"),
    ):
        found = _named("int", fitted(-12, 12, levels), ROW)
        assert (found.format, found.bits) == (name, 5 if name == "INT5" else 4)
        assert found.symmetric is (None if "codebook" in name else True)


def test_a_finer_cut_has_to_halve_the_bits() -> None:
    eight, group = Lattice("INT8", 8, ROW), Cut("group", 32)
    for new, simpler in (
        (Lattice("INT7", 7, ROW), True),
        (Lattice("INT8", 8, ROW), False),
        (Lattice("INT4", 4, group), True),
        (Lattice("INT5", 5, group), False),
        (Lattice("NF4", 7, group), True),
        (Lattice("FP8 E4M3", 8, group), False),
    ):
        assert _simpler(new, eight) is simpler


def test_groups_are_taken_evenly_spaced_and_those_of_zeros_not_at_all() -> None:
    assert _spread(np.arange(10.0), 4).tolist() == [0, 3, 6, 9] and _spread(np.arange(3.0), 4).tolist() == [0, 1, 2]
    values = np.repeat(np.arange(40, dtype=np.float32)[:, None], 20, axis=1)
    few, many = _chosen(ROW, values) or []
    assert few[:, 0].tolist() == [1, 20, 39] and len(many) == 31  # 32 rows, the first of them zeros
    one, columns = _chosen(Cut("row", turned=True), values) or []
    assert one.shape == (3, 40) and columns.shape == (20, 40)
    whole, again = _chosen(Cut("tensor"), values) or []
    assert whole.shape == again.shape == (1, 800)
    assert _chosen(ROW, 0 * values) is None and _chosen(Cut("block", 128), values) is None


def test_repeated_values_are_left_out_of_long_groups() -> None:
    """Of more than 511, which are all that 255 levels on both sides and zero can be."""
    long = np.tile(np.arange(512.0) % 3, (2, 1))
    long[1] = 7.0
    assert _distinct(long[:, :511]) is not None and _distinct(long[:, :511]).shape == (2, 511)  # type: ignore[union-attr]
    found = _distinct(long)
    assert found is not None and found.tolist() == [[0, 1, 2], [7, 7, 7]]
    assert _distinct(np.arange(512.0)[None]) is None
    assert _distinct(np.repeat(np.arange(511.0), 2)[None]) is not None


def test_all_groups_have_to_fit_and_together_be_no_chance() -> None:
    groups = [np.ones((1, 8)), np.ones((2, 8))]

    def grid(bits: list[float], fits: bool = True) -> Callable[[NDArray[np.float64], Format], Fit]:
        def fit(values: NDArray[np.float64], held: Format) -> Fit:
            n = len(values)
            return replace(fitted(0, 1), fits=np.array([True, fits])[-n:], bits=np.array(bits[:n]))

        return fit

    assert _all_fit(groups, FINE, "int", grid([33.0, 31.0])) is not None
    assert _all_fit(groups, FINE, "int", grid([33.0, 30.9])) is None
    assert _all_fit(groups, FINE, "int", grid([99.0, 99.0], fits=False)) is None
    assert _all_fit(groups, FINE, "offset", grid([99.0, 99.0])) is not None
    assert _all_fit([g[:, :7] for g in groups], FINE, "offset", grid([99.0, 99.0])) is None
    assert _all_fit([g[:, :7] for g in groups], FINE, "int", grid([99.0, 99.0])) is not None
    assert (
        _all_fit([np.arange(600.0)[None]], FINE, "int", grid([99.0])) is None
        and _all_fit([], FINE, "int", grid([])) is None
    )


def test_grids_are_ruled_out_by_the_smallest_groups() -> None:
    """Tables by how many of 64 neighbours are different: half of them at most."""
    names = frozenset(name for name, _ in GRIDS)
    rng = np.random.default_rng(0)
    plain = rng.standard_normal((4, 64)).astype(np.float32)
    assert _possible(Cut("group", 16), plain, coarsest(plain)) == frozenset()
    half = np.tile(plain[:, :32], 2)
    assert _possible(Cut("group", 16), half, coarsest(half)) == {"NF4", "FP4"}
    longer = np.hstack([half, plain[:, 40:60]])
    assert _possible(Cut("group", 16), longer, coarsest(longer)) == {"NF4", "FP4"}
    half[0, 32] = 9.0
    assert _possible(Cut("group", 16), half, coarsest(half)) == frozenset()
    whole = np.asarray(rng.integers(-7, 8, (4, 64)), dtype=np.float32)
    assert {"int", "NF4", "FP4"} <= _possible(Cut("group", 16), whole, FINE)
    assert _possible(Cut("block", 128), plain, FINE) == names
    beyond = np.hstack([np.arange(1.0, 65)[None], np.zeros((1, 64))]).astype(np.float32)
    assert not _possible(Cut("group", 16), beyond, FINE) & {"NF4", "FP4"}


def test_formats_that_are_stored_quantised_keep_their_names() -> None:
    tensor = held({"layers.0.mlp.up": np.ones((2, 2))}, dtype="U8").weights.tensors["layers.0.mlp.up"]
    for dtype, name, bits in (
        ("U8", "U8 values", 8),
        ("I16", "I16 values", None),
        ("F8_E4M3", "F8_E4M3 values", 8),
        ("Q4_0", "Q4_0", 4),
        ("IQ1_S", "IQ1_S", 1),
        ("TQ9", "TQ9", None),
        ("odd", "odd", None),
    ):
        assert stored_as(replace(tensor, dtype=dtype)) == Lattice(name, bits)
    for dtype in ("F64", "F32", "F16", "BF16"):
        assert stored_as(replace(tensor, dtype=dtype)) is None


def test_a_sample_is_of_signed_matrices() -> None:
    def taken(rows: int, dtype: str = "F32", *rest: int) -> F32 | None:
        values = np.zeros((rows, *(rest or (2,))))
        values[:, ...] = np.arange(rows).reshape(-1, *[1] * (values.ndim - 1))
        return sampled(held({"name:x": values}, dtype=dtype).weights.tensors["x"])

    for rows, first, count in ((3, 0, 3), (383, 0, 128), (384, 128, 128), (640, 256, 128)):
        found = taken(rows)
        assert found is not None and (found[0, 0], len(found)) == (first, count)
    assert taken(3, "U8") is None and taken(3, "F32", 2, 2) is None and taken(0) is None
