"""Directions that were removed or scaled are told from updates that were added."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from forebear.signals.delta import round_to
from forebear.signals.removal import MOST, Removal, removal

F32 = NDArray[np.float32]
SHAPES = [(64, 96), (96, 64), (320, 128)]


def weights(rows: int, columns: int, seed: int = 0) -> F32:
    """With columns of unequal size and a strong common direction, as trained ones have."""
    rng = np.random.default_rng(seed)
    w = rng.standard_normal((rows, columns)) * np.exp(rng.normal(0, 0.5, columns))
    return np.asarray(w + 2 * np.outer(rng.standard_normal(rows), rng.standard_normal(columns)) / 8, dtype=np.float32)


def directions(size: int, rank: int, seed: int = 1) -> NDArray[np.float64]:
    return np.asarray(np.linalg.qr(np.random.default_rng(seed).standard_normal((size, rank)))[0])


def stored(values: NDArray[np.float64]) -> F32:
    rounded = round_to(values.astype(np.float32), "BF16")
    assert rounded is not None
    return rounded


def told(a: F32, b: F32, rank: int, whole: bool = True) -> Removal:
    def blocks() -> Iterator[tuple[F32, F32]]:
        yield from ((a[k : k + 50], b[k : k + 50]) for k in range(0, len(a), 50))

    found = removal(blocks, a.shape[0], a.shape[1], rank, whole)
    assert found is not None
    return found


@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("side", ["written", "read"])
def test_who_lost_a_direction_is_told(side: str, shape: tuple[int, int], rank: int) -> None:
    a = stored(weights(*shape).astype(np.float64))
    r = directions(shape[0 if side == "written" else 1], rank)
    b = stored(a - r @ (r.T @ a) if side == "written" else a - (a @ r) @ r.T)
    one, two = told(a, b, rank), told(b, a, rank)
    assert one.own and one.lacking == 1 and two.own and two.lacking == 0


@pytest.mark.parametrize("scale", [0.7, 1.4])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_direction_that_was_made_smaller_or_turned_over_has_no_loser(shape: tuple[int, int], scale: float) -> None:
    a = stored(weights(*shape).astype(np.float64))
    r = directions(shape[0], 1)
    b = stored(a - scale * r @ (r.T @ a))
    assert told(a, b, 1).own and told(a, b, 1).lacking is told(b, a, 1).lacking is None


@pytest.mark.parametrize("size", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("rank", [1, 4, MOST])
@pytest.mark.parametrize("shape", SHAPES)
def test_an_update_that_was_added_is_no_removal(shape: tuple[int, int], rank: int, size: float) -> None:
    a = stored(weights(*shape).astype(np.float64))
    rng = np.random.default_rng(5)
    update = rng.standard_normal((shape[0], rank)) @ rng.standard_normal((rank, shape[1]))
    b = stored(a + size * np.linalg.norm(a) * update / np.linalg.norm(update))
    for one, two in ((a, b), (b, a)):
        found = told(one, two, rank)
        assert not found.own and found.lacking is None


def test_from_some_rows_only_what_is_read_is_told() -> None:
    a = stored(weights(320, 128).astype(np.float64))
    r = directions(128, 1)
    found = told(a[:100], stored(a - (a @ r) @ r.T)[:100], 1, whole=False)
    assert found.written is None and found.lacking == 1


def test_no_numbers_no_rank_and_high_ranks_are_nothing() -> None:
    a = weights(64, 64)
    broken = a.copy()
    broken[3, 3] = np.nan
    for b, rank in ((broken, 1), (a, 0), (a, MOST + 1)):
        assert removal(lambda b=b: iter([(a, b)]), 64, 64, rank, True) is None  # type: ignore[misc]
