"""Blocks side by side: what one trusted model shows twice is counted once, and what it shows once is counted."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edits import from_one_mlp, upcycled, with_copied_heads
from forebear.artifacts import Artifact, read_artifact
from forebear.lineage import Counts
from forebear.signals.generators import Block, comparable_groups
from forebear.signals.pairing import CountedOnce, paired_blocks
from forebear.signals.sign_code import SignCode, compare_codes, compare_rows, encode, shown_twice
from forebear.sources import open_source
from models import tiny_llama

Maker = Callable[[Path, int, float], Path]
MODELS = 16


def heads_in_turn(folder: Path, seed: int, noise: float) -> Path:
    """Two key/value heads, and again the two."""
    base = tiny_llama(folder / f"{seed}", seed, hidden=48, heads=4, kv_heads=2, head_dim=12, intermediate=64, layers=4)
    return with_copied_heads(base, f"copied{seed}", [0, 1, 0, 1], noise)


def one_head(folder: Path, seed: int, noise: float) -> Path:
    """One key/value head, four times."""
    base = tiny_llama(folder / f"{seed}", seed, hidden=48, heads=4, kv_heads=1, head_dim=12, intermediate=64, layers=4)
    return with_copied_heads(base, f"copied{seed}", [0] * 4, noise)


def one_mlp(folder: Path, seed: int, noise: float) -> Path:
    """One MLP, of which the shared expert and eight routed ones were made."""
    base = tiny_llama(folder / f"{seed}", seed, hidden=48, intermediate=64, layers=2)
    return from_one_mlp(base, f"made{seed}", noise)


def opened(folder: Path) -> tuple[Artifact, SignCode]:
    artifact = read_artifact(open_source(str(folder)))
    return artifact, encode(artifact)[0]


def rows(one: tuple[Artifact, SignCode], two: tuple[Artifact, SignCode]) -> Counts:
    comparable, _ = comparable_groups(one[0], two[0])
    return Counts(tuple(compare_rows(*pair) for pair in paired_blocks(one[0], two[0], (one[1], two[1]), comparable)))


def codes(one: tuple[Artifact, SignCode], two: tuple[Artifact, SignCode]) -> Counts:
    return Counts(compare_codes(one[1], two[1], comparable_groups(one[0], two[0])[0]))


ATTENTION, NEURONS = ("value_output", "query_key"), ("glu", "experts")


@pytest.mark.sweep(4)
@pytest.mark.parametrize("count", [rows, codes])
@pytest.mark.parametrize(
    ("make", "groups", "noise"),
    [
        (heads_in_turn, ATTENTION, 0.3),
        (one_head, ATTENTION, 0.3),
        (one_mlp, NEURONS, 0.05),
        (one_mlp, NEURONS, 0.5),
    ],
)
def test_coins_of_independent_models_that_copied_inside_of_a_layer_are_fair_and_counted_once(
    count: Callable[..., Counts], make: Maker, groups: tuple[str, ...], noise: float, tmp_path: Path
) -> None:
    """Both models of every pair; counted twice, the squares of z would have a mean of two."""
    models = [opened(make(tmp_path, 100 + k, noise)) for k in range(MODELS)]
    z = []
    for one, two in combinations(models, 2):
        cells = [c for c in count(one, two).cells if c.group in groups]
        n, agree = sum(c.n for c in cells), sum(c.agree for c in cells)
        z += [(2 * agree - n) / np.sqrt(n)] if n else []
    assert len(z) > 100
    assert np.mean(np.square(z)) == pytest.approx(1.0, abs=4 * np.sqrt(2 / len(z))) and np.abs(z).max() < 4.5


@pytest.mark.parametrize(("make", "groups"), [(heads_in_turn, ATTENTION), (one_head, ATTENTION), (one_mlp, NEURONS)])
@pytest.mark.parametrize("count", [rows, codes])
def test_a_child_shows_every_coin_of_such_a_base_once(
    count: Callable[..., Counts], make: Maker, groups: tuple[str, ...], tmp_path: Path
) -> None:
    base = opened(make(tmp_path, 1, 0.02))
    found = {group: tail for group, tail in count(base, base).groups.items() if group in groups}
    assert all(tail.agree == tail.n for tail in found.values())
    assert {g: t.n for g, t in found.items()} == (
        {"value_output": 4 * 12, "query_key": 4 * 6} if groups == ATTENTION else {"glu": 2 * 32}
    )


def test_heads_that_are_equal_value_by_value_hold_no_coin(tmp_path: Path) -> None:
    base = opened(heads_in_turn(tmp_path, 1, 0.0))
    assert not set(ATTENTION) & {c.group for c in rows(base, base).cells if c.n}


def test_what_is_shown_once_is_counted(tmp_path: Path) -> None:
    """Experts of their own, and heads of their own: nothing is taken for a copy."""
    base = tiny_llama(tmp_path / "llama", 1, hidden=48, heads=4, head_dim=12, kv_heads=4, intermediate=64)
    models = [opened(base), opened(from_one_mlp(base, "moe", 100.0))]
    for model in models:
        found = rows(model, model).groups
        assert shown_twice(model[1]) == frozenset()
        assert (found["value_output"].n, found["query_key"].n) == (4 * 24, 4 * 12)
        assert sum(found[group].n for group in NEURONS if group in found) == 4 * 64
        assert {"glu"} <= found.keys() and model[1].repeats == ()
        assert {g: t.n for g, t in codes(model, model).groups.items()} == {g: t.n for g, t in found.items()}


def test_an_upcycled_child_shows_the_neurons_of_the_dense_mlp_once(tmp_path: Path) -> None:
    """The sum of its experts stands for the MLP: one coin per neuron, whichever of the two has the experts."""
    base = tiny_llama(tmp_path / "base", 1, intermediate=64)
    dense, routed = opened(base), opened(upcycled(base, "made", 0.05))
    for one, two in ((dense, routed), (routed, dense)):
        found = rows(one, two).groups["upcycled"]
        assert found.n == 4 * 64 and found.share > 0.95
    assert "upcycled" not in rows(dense, dense).groups


def block(values: NDArray[np.float64], valid: bool = True) -> Block:
    count = len(values)
    f32 = values.astype(np.float32)
    return Block("glu", 0, f32, np.arange(count), np.full(count, valid), f32)


def with_cosine(values: NDArray[np.float64], cosine: float, seed: int) -> NDArray[np.float64]:
    noise = np.random.default_rng(seed).standard_normal(values.shape)
    return np.asarray(cosine * values + np.sqrt(1 - cosine**2) * noise)


def counted_of(first: Block, second: Block) -> int:
    """Coins of the second block that are counted after the first one was."""
    once, other = CountedOnce(), block(np.random.default_rng(9).standard_normal(second.rows.shape))
    assert len(list(once.pair((first, other), 0))) == 1
    return sum(int(one.valid.sum()) for one, _ in once.pair((second, other), 0))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_copied_block_is_told_by_its_signs_or_where_it_has_few_rows_by_its_cosine(sign: int) -> None:
    values = np.random.default_rng(1).standard_normal((64, 400))
    assert counted_of(block(values), block(sign * with_cosine(values, 0.2, 2))) == 0
    assert counted_of(block(values[:4]), block(sign * with_cosine(values[:4], 0.9, 3))) == 0
    assert counted_of(block(values[:4]), block(sign * with_cosine(values[:4], 0.2, 4))) == 4
    assert counted_of(block(values), block(with_cosine(values, 0.0, 5))) == 64
