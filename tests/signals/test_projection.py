"""The learned projection: what it leaves alone, what it shrinks, and its file."""

from __future__ import annotations

import io

import numpy as np
import pytest

from forebear.signals.activations import PAIRS, SLOTS
from forebear.signals.projection import Projection, nothing, shipped


def made(count: int = 3, seed: int = 0) -> Projection:
    rng = np.random.default_rng(seed)
    axes = [np.linalg.qr(rng.standard_normal((PAIRS, count)))[0].T for _ in range(SLOTS)]
    return Projection(
        np.array(axes, dtype=np.float32), np.tile(np.array([1.0, 0.5, 0.0], dtype=np.float32), (SLOTS, 1))
    )


def test_each_direction_loses_its_share_and_nothing_else_does() -> None:
    projection = made()
    rng = np.random.default_rng(1)
    axes = projection.directions[2]
    rest = rng.standard_normal(PAIRS)
    rest -= (axes @ rest) @ axes
    values = (rest + 2 * axes[0] + 2 * axes[1] + 2 * axes[2])[None].astype(np.float32)
    found = projection.apply(values, 2)[0]
    assert axes @ found == pytest.approx([0, 1, 2], abs=1e-4)
    assert found - (axes @ found) @ axes == pytest.approx(rest, abs=1e-4)
    assert projection.apply(np.stack([values[0], 3 * values[0]]), 2)[1] == pytest.approx(3 * found, abs=1e-4)


def test_nothing_changes_nothing() -> None:
    values = np.random.default_rng(0).standard_normal((2, PAIRS)).astype(np.float32)
    assert np.array_equal(nothing().apply(values, 0), values)


def test_the_file_and_back() -> None:
    projection = made()
    again = Projection.from_bytes(projection.to_bytes())
    assert np.einsum("srp,srp->sr", again.directions, projection.directions) == pytest.approx(
        np.ones((SLOTS, 3)), abs=1e-3
    )
    assert np.array_equal(again.shares, projection.shares)


@pytest.mark.parametrize(
    "parts",
    [
        {"version": 2, "directions": np.zeros((SLOTS, 1, PAIRS), np.int8), "shares": np.zeros((SLOTS, 1))},
        {"version": 1, "directions": np.zeros((SLOTS, 1, 7), np.int8), "shares": np.zeros((SLOTS, 1))},
        {"version": 1, "directions": np.zeros((SLOTS, 2, PAIRS), np.int8), "shares": np.zeros((SLOTS, 1))},
        {"version": 1, "directions": np.array([{"a": 1}], dtype=object), "shares": np.zeros((SLOTS, 1))},
    ],
)
def test_another_file_is_refused(parts: dict[str, object]) -> None:
    out = io.BytesIO()
    np.savez(out, **parts)  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        Projection.from_bytes(out.getvalue())


def test_what_ships_is_small_and_takes_off_part_of_a_few_directions() -> None:
    found = shipped()
    assert found.directions.shape == (SLOTS, 8, PAIRS)
    assert (found.shares > 0.2).all() and (found.shares < 1).all()
    gram = found.directions @ found.directions.transpose(0, 2, 1)
    assert np.abs(gram - np.eye(8)).max() < 0.05
