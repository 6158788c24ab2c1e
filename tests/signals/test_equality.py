"""The two-sample test: fair under the null, sharp against another distribution, and honest about its limits."""

from __future__ import annotations

import math
import random

import pytest

from forebear.signals.equality import PERMUTATIONS, equality

WORDS = ["red", "blue", "green", "grey"]


def sample(seed: int, weights: list[int], prompts: int = 10, answers: int = 6) -> list[list[str]]:
    r = random.Random(seed)
    return [[" ".join(r.choices(WORDS, weights, k=4)) for _ in range(answers)] for _ in range(prompts)]


def test_the_p_value_is_fair_under_the_null() -> None:
    """Exact: at most a tenth of the runs at or below a tenth, up to chance."""
    ps = [equality(sample(s, [4, 3, 2, 1]), sample(1000 + s, [4, 3, 2, 1]), s, 199).log10_p for s in range(150)]
    assert sum(p <= math.log10(0.1) for p in ps) <= 26  # 15 expected; P(more) < 0.003
    assert sum(p <= math.log10(0.5) for p in ps) >= 55  # and not merely conservative


def test_another_distribution_is_noticed() -> None:
    assert equality(sample(1, [9, 1, 1, 1]), sample(2, [1, 1, 1, 9])).log10_p == pytest.approx(
        -math.log10(PERMUTATIONS + 1)
    )


def test_the_end_of_an_answer_counts() -> None:
    short, long = [["a", "a", "a"]] * 8, [["a b", "a b", "a b"]] * 8
    assert equality(short, long).log10_p < -2


def test_it_is_symmetric() -> None:
    a, b = sample(1, [4, 3, 2, 1]), sample(2, [1, 2, 3, 4])
    assert equality(a, b).statistic == pytest.approx(equality(b, a).statistic)


def test_constant_answers_on_both_sides_tell_nothing() -> None:
    assert equality([["x", "x"]] * 5, [["x", "x"]] * 5).log10_p == 0.0


def test_any_character_is_text() -> None:
    assert equality([["\ud800\U0010ffff", ""]] * 3, [["", "é"]] * 3, 0, 99).answers == 12


@pytest.mark.parametrize(("a", "b"), [([["x"]], [["x", "y"]]), ([["x", "y"]], []), ([["x", "y"]], [["x"]])])
def test_too_few_answers_are_refused(a: list[list[str]], b: list[list[str]]) -> None:
    with pytest.raises(ValueError, match="two answers"):
        equality(a, b)
