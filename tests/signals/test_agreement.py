"""Agreement with a candidate beside unrelated models: what wins, what does not, and what corrects for many."""

from __future__ import annotations

import math
import random

import pytest

from forebear.signals.agreement import ENOUGH, Agreement, Continuation, agreement, distance, first_word

PROMPTS = [f"p{k}" for k in range(100)]


def model(seed: int, like: dict[str, Continuation] | None = None, share: float = 0.0) -> dict[str, Continuation]:
    """Random words, a share of them another model's."""
    r = random.Random(seed)
    own = {p: Continuation(str(r.randrange(6))) for p in PROMPTS}
    return {p: like[p] if like and r.random() < share else own[p] for p in PROMPTS}


def one(endpoint: dict[str, Continuation], enrolled: dict[str, dict[str, Continuation]], name: str) -> Agreement:
    others = {n: [m for m in enrolled if m != n] for n in enrolled}
    return next(a for a in agreement(endpoint, enrolled, others) if a.candidate == name)


def test_a_descendant_beats_every_control() -> None:
    base = model(1)
    enrolled = {"base": base, "x": model(2), "y": model(3), "z": model(4)}
    found = one(model(9, base, 0.6), enrolled, "base")
    assert found.adjusted is not None
    assert found.adjusted < -4
    assert all(won > lost for _, won, lost in found.controls)


def test_a_stranger_beats_none() -> None:
    enrolled = {"base": model(1), "x": model(2), "y": model(3)}
    small = 0
    for seed in range(100, 200):
        best = agreement(model(seed), enrolled, {n: [m for m in enrolled if m != n] for n in enrolled})[0]
        small += best.adjusted is not None and best.adjusted <= math.log10(0.05)
    assert small <= 12  # five expected at most


def test_it_has_to_beat_the_best_control_too() -> None:
    """A control that comes from the same parent agrees as much: nothing is told of either."""
    base = model(1)
    enrolled = {"base": model(5, base, 0.7), "kin": model(6, base, 0.7), "x": model(2)}
    found = one(model(9, base, 0.7), enrolled, "base")
    assert found.log10_p is not None
    assert found.log10_p > math.log10(0.05)


def test_many_candidates_cost() -> None:
    base = model(1)
    few = {"base": base, "x": model(2)}
    many = {**few, **{f"m{k}": model(10 + k) for k in range(18)}}
    endpoint = model(9, base, 0.4)
    a = agreement(endpoint, few, {n: ["x"] if n != "x" else ["base"] for n in few})[0]
    b = agreement(endpoint, many, {n: ["x"] if n != "x" else ["base"] for n in many})[0]
    assert a.candidate == b.candidate == "base"
    assert a.log10_p == b.log10_p
    assert a.adjusted == pytest.approx((a.log10_p or 0) + math.log10(2))
    assert b.adjusted == pytest.approx((b.log10_p or 0) + math.log10(20))


def test_no_control_no_number() -> None:
    base = model(1)
    found = agreement(base, {"base": base}, {"base": []})[0]
    assert (found.log10_p, found.adjusted, found.agreed) == (None, None, 100)


def test_a_control_that_hardly_differs_gives_no_number() -> None:
    base = model(1)
    twin = dict(base)
    for p in PROMPTS[: ENOUGH - 1]:
        twin[p] = Continuation("other")
    assert one(base, {"base": base, "twin": twin}, "base").log10_p is None


def test_prompts_that_one_did_not_answer_are_left_out() -> None:
    base = model(1)
    endpoint = {p: base[p] for p in PROMPTS[:30]}
    assert one(endpoint, {"base": base, "x": model(2)}, "base").prompts == 30


def test_silence_agrees_with_nothing() -> None:
    silent = {p: Continuation("") for p in PROMPTS}
    assert one(silent, {"base": silent, "x": model(2)}, "base").agreed == 0


def test_shares_say_more_than_words() -> None:
    a, b = Continuation("x", {"x": 0.6, "y": 0.4}), Continuation("x", {"x": 0.5, "y": 0.5})
    assert distance(a, b) == pytest.approx(0.1)
    assert distance(a, Continuation("x")) == 0.0
    assert distance(a, Continuation("y", {"y": 1.0})) == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("text", "word"),
    [(" Paris, of course", "paris"), ("**Paris**", "paris"), ("", ""), ("   ", ""), ("“Été” ", "été"), ("…", "")],
)
def test_first_word(text: str, word: str) -> None:
    assert first_word(text) == word
