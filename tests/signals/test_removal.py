"""Directions that were removed or scaled are told from updates that were added."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from forebear.signals.delta import round_to
from forebear.signals.removal import EMPTY, MOST, OWN, Removal, Side, _side, removal

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


# -- by hand -----------------------------------------------------------------------------------------------------------

NEITHER = Side((0.1, 0.1), (1.0, 1.0))
SECOND = Side((OWN, 0.0), (2.0, EMPTY))
FIRST = Side((0.0, OWN), (EMPTY, 2.0))


def test_a_side_is_scaled_by_both_and_lacking_in_one() -> None:
    assert Side((OWN, OWN), (1, 1)).scaled and not Side((OWN, OWN - 0.01), (1, 1)).scaled
    assert not Side((OWN - 0.01, 1.0), (1, 1)).scaled
    assert (FIRST.lacking, SECOND.lacking, NEITHER.lacking) == (0, 1, None)
    assert Side((OWN, 0.0), (2.0, 1.01 * EMPTY)).lacking is Side((0.0, 0.9), (1.01 * EMPTY, 1.0)).lacking is None
    assert Side((OWN - 0.01, 0.0), (2.0, EMPTY)).lacking is None


def test_an_edit_is_of_the_weights_own_on_either_side() -> None:
    scaled = Side((0.9, 0.9), (1.0, 1.0))
    for written, read, own, lacking in (
        (NEITHER, NEITHER, False, None),
        (None, NEITHER, False, None),
        (SECOND, NEITHER, True, 1),
        (NEITHER, FIRST, True, 0),
        (None, SECOND, True, 1),
        (SECOND, SECOND, True, 1),
        (SECOND, FIRST, True, None),  # each lost something of the other's
        (scaled, NEITHER, True, None),
        (NEITHER, scaled, True, None),
    ):
        found = Removal(1, written, read)
        assert (found.own, found.lacking) == (own, lacking)


def test_shares_are_of_the_action_and_energies_of_an_average_direction() -> None:
    acts = [np.array([[3.0, 4.0]]), np.array([[0.0, 0.0]])]
    assert _side(acts, [5.0, 0.0], np.array([50.0, 10.0])) == Side((0.2, 0.0), (0.5, 0.0))
    assert _side(acts, [5.0, 0.0], np.array([0.0, 0.0])) == Side((0.2, 0.0), (0.0, 0.0))


def test_a_diagonal_matrix_that_lost_its_largest_value() -> None:
    """Squares 16, 9, 4 and 1: of 30 in four directions the first has 16 / 7.5."""
    a = np.diag([4.0, 3, 2, 1]).astype(np.float32)
    b = np.diag([0.0, 3, 2, 1]).astype(np.float32)
    found = told(a, b, 1)
    assert found.rank == 1 and found.written is not None and (found.own, found.lacking) == (True, 1)
    for side in (found.written, found.read):
        assert side.own == pytest.approx((1, 0), abs=1e-9) and side.energy == pytest.approx((16 / 7.5, 0), abs=1e-9)
    two = told(b, np.diag([0.0, 0, 0, 1]).astype(np.float32), 2)
    assert two.read.energy == pytest.approx((13 / (14 * 2 / 4), 0), abs=1e-9) and two.lacking == 1
    flat = told(a[:2], b[:2], 1)
    assert flat.written is not None
    assert flat.written.energy[0] == pytest.approx(16 / (25 / 2))
    assert flat.read.energy[0] == pytest.approx(16 / (25 / 4))
    assert removal(lambda: iter([(a[:1], b[:1])]), 1, 4, 2, True) is None  # no more rank than rows
    assert removal(lambda: iter([(a[:, :1], b[:, :1])]), 4, 1, 2, True) is None
