"""``activations/1``: what survives a change of coordinates, what all models share, and damage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from forebear.activations.pooled import COUNT, DEPTHS, SHALLOW
from forebear.signals.activations import (
    ACTIVATIONS_BYTES,
    FEWEST_COMMON,
    KNEE,
    PAIRS,
    SLOTS,
    Activations,
    activations,
    comparable,
    geometry_of,
    units,
)
from signals.hidden import WIDTH, hidden, pooled_states

F64 = NDArray[np.float64]


def turned(states: Any, seed: int = 5) -> Any:
    rng = np.random.default_rng(seed)
    return (states @ np.linalg.qr(rng.standard_normal((WIDTH, WIDTH)))[0]).astype(np.float32)


def raw(a: Any, b: Any) -> float:
    return float(geometry_of(a) @ geometry_of(b))


def test_coordinates_do_not_matter() -> None:
    states = hidden(1)[2]
    order = np.random.default_rng(0).permutation(WIDTH)
    for other in (turned(states), 7.5 * states, states[:, order], states + 3.0, np.hstack([states, 0 * states])):
        assert raw(states, other) == pytest.approx(1.0, abs=1e-5)
    assert raw(states, hidden(2)[2]) < 0.9


def test_a_geometry_has_unit_length_and_no_part_that_is_common_to_a_text() -> None:
    found = geometry_of(hidden(1)[1])
    assert found.shape == (PAIRS,) and np.linalg.norm(found) == pytest.approx(1.0)
    whole = np.zeros((COUNT, COUNT))
    whole[np.triu_indices(COUNT, 1)] = found
    assert np.abs((whole + whole.T).sum(axis=0)).max() < 1e-9


def test_one_loud_direction_does_not_drown_the_rest() -> None:
    """As many models have it: what raw CKA takes for likeness."""
    loud = 100 * np.random.default_rng(3).standard_normal((COUNT, 1)) @ np.ones((1, WIDTH))
    one, two = (hidden(seed)[2] + loud for seed in (1, 2))
    centred = [x - x.mean(axis=0) for x in (one, two)]
    grams = [(x @ x.T).ravel() for x in centred]
    assert grams[0] @ grams[1] / np.linalg.norm(grams[0]) / np.linalg.norm(grams[1]) > 0.99
    assert raw(one.astype(np.float32), two.astype(np.float32)) < 0.9


@pytest.mark.parametrize("width", [1, 3, 300])
def test_any_width_and_constant_states(width: int) -> None:
    rng = np.random.default_rng(width)
    assert np.isfinite(geometry_of(rng.standard_normal((COUNT, width)).astype(np.float32))).all()
    assert not geometry_of(np.full((COUNT, width), 2.5, dtype=np.float32)).any()


def test_the_knee_is_where_half_is_lost() -> None:
    """Of states with one eigenvalue in every direction, every direction keeps half: the matrix is flat."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((COUNT, KNEE)) - 0)[0]
    basis = np.linalg.qr(basis - basis.mean(axis=0))[0]
    equal = geometry_of(basis.astype(np.float32))
    louder = geometry_of((basis * np.linspace(1, 1.001, KNEE)).astype(np.float32))
    assert equal @ louder > 0.999


def test_bytes_and_back() -> None:
    sketch = activations(pooled_states(hidden(1)))
    data = sketch.to_bytes()
    assert len(data) == ACTIVATIONS_BYTES == 16 + 5 * 8128
    again = Activations.from_bytes(data)
    assert np.array_equal(again.geometry, sketch.geometry) and np.array_equal(again.read, sketch.read)
    assert again.depths == SLOTS
    for damaged in (data[:-1], data + b"\0", b""):
        with pytest.raises(ValueError, match="damaged"):
            Activations.from_bytes(damaged)


def test_rounding_to_a_byte_loses_next_to_nothing() -> None:
    states = hidden(1)
    kept = activations(pooled_states(states)).geometry[1].astype(np.float64)
    exact = geometry_of(states[1])
    assert kept @ exact / np.linalg.norm(kept) > 0.999


def test_other_probes_or_depths_are_refused() -> None:
    found = pooled_states(hidden(1))
    with pytest.raises(ValueError, match="other probes"):
        activations(pooled_states(hidden(1), depths=(0.0, 0.5), slots=(0, 1)))
    with pytest.raises(ValueError, match="other probes"):
        activations(pooled_states(hidden(1), first=1))
    assert activations(found.at(DEPTHS[:SHALLOW])).depths == SHALLOW


def test_texts_and_depths_that_are_not_there() -> None:
    read = np.arange(COUNT) % 4 != 1
    part = activations(pooled_states(hidden(3), read).at(DEPTHS[:SHALLOW]))
    whole = activations(pooled_states(hidden(3)))
    assert part.read.sum() == 96 and part.depths == SHALLOW and comparable(part, whole)
    values = units([part, whole])
    assert np.isfinite(values[0, :SHALLOW]).sum() == SHALLOW * 96 * 95 // 2 and np.isnan(values[0, SHALLOW:]).all()
    assert np.isfinite(values[1]).all()
    assert np.nansum(values**2, axis=2)[:, :SHALLOW] == pytest.approx(np.ones((2, SHALLOW)), abs=1e-5)
    shared = np.isfinite(values[0, 1])
    a, b = values[0, 1][shared], values[1, 1][shared]
    assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > 0.95
    few = activations(pooled_states(hidden(3), np.arange(COUNT) < FEWEST_COMMON - 1))
    assert not comparable(few, whole)


def test_independent_models_are_alike_in_what_texts_have_in_common() -> None:
    """So that a bare cosine says nothing; an index takes it out."""
    values = units([activations(pooled_states(hidden(seed))) for seed in range(12)])
    cosines = np.einsum("asp,bsp->sab", values, values)[:, *np.triu_indices(12, 1)]
    assert cosines.min() > 0.3
