"""Cosines of any rows, and pairs that are each other's best."""

from __future__ import annotations

import numpy as np
import pytest

from forebear.signals.matching import cosines, matched, unit


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e-38, 1e-20, 1.0, 1e20, 1e37])
def test_cosines_do_not_depend_on_the_size_of_values(scale: float) -> None:
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((n, 16)).astype(np.float32) for n in (5, 7))
    expected = (x / np.linalg.norm(x, axis=1, keepdims=True)) @ (y / np.linalg.norm(y, axis=1, keepdims=True)).T
    assert np.allclose(cosines((x * scale).astype(np.float32), y), expected, atol=1e-3 if scale < 1e-30 else 1e-5)


@pytest.mark.filterwarnings("error")
def test_rows_without_a_direction_have_cosine_zero() -> None:
    rows = np.ones((4, 3), dtype=np.float32)
    rows[0], rows[1, 1], rows[2, 2] = 0.0, np.nan, np.inf
    assert cosines(rows, np.ones((1, 3), dtype=np.float32))[:, 0].tolist() == pytest.approx([0, 0, 0, 1])
    assert np.linalg.norm(unit(rows), axis=1).tolist() == pytest.approx([0, 0, 0, 1])
    assert cosines(np.zeros((0, 3), dtype=np.float32), rows).shape == (0, 4)


def test_nothing_is_in_two_pairs_and_every_pair_is_mutual() -> None:
    rng = np.random.default_rng(1)
    for shape in ((40, 60), (60, 40), (1, 9)):
        similarity = rng.standard_normal(shape).astype(np.float32)
        pairs = matched(similarity)
        assert len(set(pairs[:, 0])) == len(set(pairs[:, 1])) == len(pairs) > 0
        for i, j in pairs:
            assert similarity[i, j] == similarity[i].max() == similarity[:, j].max() > 0


def test_ties_and_what_is_below_the_least_give_no_second_pair() -> None:
    assert matched(np.ones((3, 4), dtype=np.float32)).tolist() == [[0, 0]]
    assert matched(np.zeros((3, 4), dtype=np.float32)).tolist() == []
    assert matched(np.full((2, 2), -1.0, dtype=np.float32), least=-np.inf).tolist() == [[0, 0]]
    for shape in ((0, 4), (4, 0), (0, 0)):
        assert matched(np.zeros(shape, dtype=np.float32)).shape == (0, 2)
