"""A model's own signs: fair in an honest one, told where a recipe makes rows to one side or by a formula."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from forebear.artifacts import read_artifact
from forebear.signals.patterns import Own, own_signs, patterns
from forebear.signals.sign_code import encode
from forebear.sources import open_source
from models import tiny_llama

F32 = NDArray[np.float32]
ROWS, WIDTH, LAYERS = 64, 192, 4


def hadamard(size: int) -> F32:
    """Sylvester's matrix."""
    out = np.ones((1, 1), dtype=np.float32)
    while len(out) < size:
        out = np.block([[out, out], [out, -out]])
    return out


def drawn(rng: np.random.Generator) -> F32:
    return rng.standard_normal((ROWS, WIDTH)).astype(np.float32)


def turned(rng: np.random.Generator) -> F32:
    row = rng.standard_normal(WIDTH)
    return np.stack([np.roll(row, k) for k in range(ROWS)]).astype(np.float32)


def outlier(rng: np.random.Generator, signed: bool) -> F32:
    """One column that outweighs all others; which side it is on is the neuron's, or the recipe's."""
    rows = drawn(rng)
    rows[:, 7] = 5.0 * (np.sign(rows[:, 7]) if signed else 1.0)
    return rows


def copied_head(rng: np.random.Generator) -> F32:
    """The second head was the first, and was trained on."""
    rows = drawn(rng)
    half = ROWS // 2
    rows[half:] = rows[:half] + 0.3 * rows[half:]
    return rows


RECIPES: dict[str, Callable[[np.random.Generator], F32]] = {
    "lean": lambda rng: drawn(rng) + np.float32(0.2),
    "positive": lambda rng: rng.random((ROWS, WIDTH)).astype(np.float32),
    "constant column": lambda rng: outlier(rng, signed=False),
    "identity": lambda rng: np.eye(ROWS, WIDTH, dtype=np.float32) + 0.05 * drawn(rng),
    "Hadamard": lambda rng: hadamard(256)[:ROWS, :WIDTH] + 0.3 * drawn(rng),
    "circulant": turned,
    "Toeplitz": lambda rng: turned(rng)[:, ::-1],
}
HONEST: dict[str, Callable[[np.random.Generator], F32]] = {
    "drawn": drawn,
    "outlier": lambda rng: outlier(rng, signed=True),
    "copied head": copied_head,
    "ternary": lambda rng: np.sign(np.round(drawn(rng))).astype(np.float32),
    "zero": lambda rng: np.zeros((ROWS, WIDTH), dtype=np.float32),
    "no numbers": lambda rng: np.where(drawn(rng) > 0, np.inf, np.nan).astype(np.float32),
}


def told(make: Callable[[np.random.Generator], F32], copies: tuple[int, ...] = ()) -> tuple[str, ...]:
    """What is found in some layers of one recipe."""
    own: list[Own] = []
    for layer in range(LAYERS):
        rows = make(np.random.default_rng(layer))
        own.append(("glu", layer, own_signs(rows, np.ones(ROWS, dtype=bool))))
    return patterns(own, {(layer, "glu") for layer in copies}, -6.0)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_is_told(recipe: str) -> None:
    assert told(RECIPES[recipe]) != ()


@pytest.mark.parametrize("recipe", HONEST)
def test_an_honest_model_has_no_pattern(recipe: str) -> None:
    assert told(HONEST[recipe]) == ()


def test_signs_are_fair_and_a_flip_turns_each_alone() -> None:
    """Over many draws half of every kind is positive; and a flipped row turns its own largest and first sign."""
    counts = [own_signs(drawn(np.random.default_rng(k)), np.ones(ROWS, dtype=bool)) for k in range(60)]
    for pattern in counts[0]:
        every = np.concatenate([c[pattern] for c in counts])
        assert abs(every.sum()) < 5 * len(every) ** 0.5, pattern
    rows = drawn(np.random.default_rng(0))
    flipped = rows.copy()
    flipped[5] *= -1
    one, two = (own_signs(r, np.ones(ROWS, dtype=bool)) for r in (rows, flipped))
    for pattern in ("have their largest values on one side", "begin alike"):
        assert np.flatnonzero(one[pattern] != two[pattern]).tolist() == [5]


def test_copied_layers_toss_their_coins_once() -> None:
    """A layer that stands twelve times in a model is one layer: chance in it is no pattern of the model."""
    fair = own_signs(drawn(np.random.default_rng(3)), np.ones(ROWS, dtype=bool))
    own: list[Own] = [("glu", layer, fair) for layer in range(200)]
    assert patterns(own, {(layer, "glu") for layer in range(1, 200)}, -6.0) == ()
    assert patterns(own, {}, -6.0) != ()


def test_a_code_says_that_it_cannot_be_relied_on(tmp_path: Path) -> None:
    honest = tiny_llama(tmp_path / "honest", seed=1)
    assert encode(read_artifact(open_source(str(honest))))[0].repeats == ()
