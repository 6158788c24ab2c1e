"""The rank of a difference above the edge of rounding."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from forebear.signals import rank as module
from forebear.signals.delta import round_to
from forebear.signals.rank import COLUMNS, MOST, Edge, Rank, numerical_rank

F32 = NDArray[np.float32]


def rank_of(a: F32, b: F32, step: int = 64) -> Rank | None:
    def blocks() -> Iterator[tuple[F32, F32]]:
        yield from ((a[k : k + step], b[k : k + step]) for k in range(0, len(a), step))

    return numerical_rank(blocks, *a.shape)


def weights(rows: int, columns: int, seed: int = 0) -> F32:
    return (0.05 * np.random.default_rng(seed).standard_normal((rows, columns))).astype(np.float32)


def adapter(rows: int, columns: int, rank: int, size: float, seed: int = 1) -> F32:
    rng = np.random.default_rng(seed)
    product = rng.standard_normal((rows, rank)) @ rng.standard_normal((rank, columns))
    return np.asarray(size * 0.05 * product / product.std(), dtype=np.float32)


def stored(values: F32, dtype: str) -> F32:
    rounded = round_to(values, dtype) if dtype != "F32" else values
    assert rounded is not None
    return rounded


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
@pytest.mark.parametrize("rank", [1, 31])
@pytest.mark.parametrize("shape", [(128, 128), (96, 400), (600, 640)])
def test_a_merged_adapter_has_its_rank_in_every_format_and_shape(shape: tuple[int, int], rank: int, dtype: str) -> None:
    a = stored(weights(*shape), dtype)
    b = stored((a + adapter(*shape, rank, 0.3)).astype(np.float32), dtype)
    for one, two in ((a, b), (b, a)):
        found = rank_of(one, two)
        assert found is not None and found.rank == rank
        assert found.low is (4 * rank <= min(shape)) and found.largest > found.edge


@pytest.mark.parametrize("shape", [(128, 200), (600, 640)])
def test_a_training_of_all_weights_is_of_no_low_rank(shape: tuple[int, int]) -> None:
    a = stored(weights(*shape), "BF16")
    b = stored((a + 0.1 * weights(*shape, seed=2)).astype(np.float32), "BF16")
    found = rank_of(a, b)
    assert found is not None and not found.low
    assert found.rank is None or found.rank > MOST // 4


@pytest.mark.parametrize("spread", ["even", "columns", "rows"])
def test_rounding_alone_has_no_rank(spread: str) -> None:
    """Also where some columns or rows are much larger, and their rounding with them."""
    full = weights(200, 300)
    if spread != "even":
        sizes = np.exp(2 * np.random.default_rng(3).standard_normal(300 if spread == "columns" else (200, 1)))
        full = (full * sizes).astype(np.float32)
    for seed in range(5):
        found = rank_of(np.roll(full, seed), stored(np.roll(full, seed), "BF16"))
        assert found is not None and found.rank == 0


def test_equal_matrices_have_rank_zero_and_no_numbers_none() -> None:
    a = weights(64, 64)
    found = rank_of(a, a)
    assert found is not None and found.rank == 0 and found.low
    broken = a.copy()
    broken[3, 3] = np.nan
    assert rank_of(a, broken) is None
    assert numerical_rank(lambda: iter(()), 0, 4) is None


def test_memory_stays_bounded_while_large_matrices_stream_by() -> None:
    """Of a difference of 192 MB, some blocks and the vectors of the range finder are held."""
    rows, columns, step = 8_000, 3_000, 20
    u = np.random.default_rng(0).standard_normal((rows, 5)).astype(np.float32)
    v = np.random.default_rng(1).standard_normal((5, columns)).astype(np.float32)
    a = np.random.default_rng(2).standard_normal((step, columns)).astype(np.float32)

    def blocks() -> Iterator[tuple[F32, F32]]:
        yield from ((a, (a + u[k : k + step] @ v).astype(np.float32)) for k in range(0, rows, step))

    tracemalloc.start()
    found = numerical_rank(blocks, rows, columns)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found is not None and found.rank == 5
    assert peak < 3 * (rows + columns) * COLUMNS * 8 < rows * columns * 8 / 2


# -- by hand -----------------------------------------------------------------------------------------------------------


def test_a_rank_is_low_up_to_a_quarter_of_the_smaller_side() -> None:
    for rows, columns, rank, low in ((8, 11, 2, True), (8, 11, 3, False), (11, 8, 2, True), (7, 9, 2, False)):
        assert Rank(rows, columns, rank, 1.0, 2.0).low is low
    assert not Rank(999, 999, None, 1.0, 2.0).low and Rank(3, 3, 0, 1.0, 0.0).low


def test_the_edge_is_that_of_rounding_errors_by_row_and_column() -> None:
    """In bfloat16 the steps at 1, 2 and 3 are 2^-7, 2^-6 and 2^-6, and zero has no error; variances are a twelfth."""
    a = np.array([[1.0, 2], [0, 3]], np.float32)
    edge = Edge()
    edge.add(a[:1], a[:1])
    edge.add(a[1:], a[1:])
    row, column = (2.0**-14 + 2.0**-12) / 12, 2 * 2.0**-12 / 12
    assert edge.value() == pytest.approx(1.05 * (row**0.5 + column**0.5))
    fine = np.array([[1.0, 2], [0, 1 + 2.0**-23]], np.float32)
    mixed = Edge()
    mixed.add(a, fine)  # the coarser of the two counts, and a value in either
    assert mixed.value() == pytest.approx(edge.value())
    single = Edge()
    single.add(fine, fine)
    row, column = (1 + 4) * 16 * 2.0**-46 / 12, (4 + 1) * 16 * 2.0**-46 / 12
    assert single.value() == pytest.approx(1.05 * (row**0.5 + column**0.5))
    assert Edge().value() == 0.0


@pytest.mark.parametrize("small", [512, 8, 2])
def test_every_way_to_the_singular_values_gives_those_of_the_difference(
    small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole by columns, whole by rows, or with random vectors; a rank that is too large is not told."""
    monkeypatch.setattr(module, "SMALL", small)
    values = np.zeros((6, 12), np.float32)
    values[range(4), range(4)] = 8, 4, 2, 1
    nothing = np.zeros_like(values)
    for most, rank in ((4, 4), (3, None)):
        monkeypatch.setattr(module, "MOST", most)
        for a, b in ((nothing, values), (values, nothing)):
            found = rank_of(a, b, 4)
            assert found is not None and (found.rows, found.columns, found.rank) == (6, 12, rank)
            assert found.largest == pytest.approx(8, rel=1e-5)
    monkeypatch.setattr(module, "HELD", 6 * 12 - 1)
    wide = rank_of(nothing, values, 4)
    assert wide is not None and wide.largest == pytest.approx(8, rel=1e-5)
    values[5, 3] = np.inf
    assert rank_of(nothing, values, 4) is None
    none = rank_of(nothing, nothing)
    assert none is not None and (none.rank, none.edge, none.largest) == (0, 0.0, 0.0)
    for rows, columns in ((0, 3), (3, 0)):
        assert numerical_rank(lambda: iter(()), rows, columns) is None
