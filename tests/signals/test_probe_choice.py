"""Which text is counted next, on small tables whose best question is known by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from forebear.signals import probe_choice
from forebear.signals.counting_noise import EXACT
from forebear.signals.probe_choice import CHECKS, NOISY_CHECKS, alone, next_probe, settled
from forebear.signals.token_counts import CountTable, CountTest

CHEAP = np.ones(10, dtype=np.int64)


def started(*rows: list[int]) -> CountTest:
    return CountTest.start(CountTable.of((f"t{k}", row) for k, row in enumerate(rows)))


def test_the_probe_that_parts_the_most_classes_comes_first() -> None:
    """Of four classes, the second probe tells two halves apart, the third all, the first nothing."""
    test = started([1, 10, 10, 10], [1, 10, 10, 30], [1, 10, 50, 50], [1, 10, 50, 70])
    assert next_probe(test, CHEAP, range(4)) == 3
    assert next_probe(test, CHEAP, range(3)) == 2
    assert next_probe(test, CHEAP, [0, 1]) == 1  # the baseline is never asked again
    assert next_probe(test, CHEAP, [0]) is None
    asked = test.observe(3, 9)
    assert next_probe(asked, CHEAP, [3]) is None


def test_of_equally_telling_probes_the_cheapest_is_asked() -> None:
    test = started([1, 10, 10], [1, 30, 30])
    assert next_probe(test, np.array([1, 5, 4]), range(3)) == 2
    assert next_probe(test, np.array([1, 4, 5]), range(3)) == 1


def test_information_is_that_of_the_classes_less_that_of_the_noise() -> None:
    """Counts that lie far apart tell log 2 of two classes; those that the noise joins tell less."""
    test = started([1, 10, 10, 10], [1, 10, 60, 11])
    worth = probe_choice._information(test, [1, 2, 3])
    assert worth[1] == pytest.approx(0.0, abs=1e-12) and worth[2] == pytest.approx(math.log(2))
    assert 0 < worth[3] < math.log(2)


def test_the_entropy_of_equal_shares_is_the_logarithm_of_their_number() -> None:
    assert probe_choice._entropy(np.full(8, 1 / 8)) == pytest.approx(math.log(8))
    assert probe_choice._entropy(np.array([0.0, 1.0])) == 0.0 and probe_choice._entropy(np.zeros(3)) == 0.0


def test_surprise_is_what_strangers_and_nearest_relatives_differ_in() -> None:
    """By hand: the likeliest is the first; differences count up to sixteen tokens, as shares of them."""
    test = started([0, 10, 10], [0, 14, 10], [0, 10, 90]).observe(1, 10)
    assert int(np.argmax(test.posterior)) == 0
    assert probe_choice._nearest(test.table.expected).tolist() == [1, 0, 0]
    strangers = np.array([[0, 0, 0], [0, 4, 0], [0, 0, 16]]) / 16
    relatives = np.array([[0, 4, 0], [0, 4, 0], [0, 0, 16]]) / 16
    assert probe_choice._surprise(test) == pytest.approx((strangers + relatives).mean(axis=0))


def test_novelty_is_what_asked_probes_do_not_foretell() -> None:
    """The second probe is the first one again, the third is another."""
    rows = [[0, 1, 1, 5], [0, 3, 3, 5], [0, 5, 5, 1], [0, 7, 7, 1]]
    test = started(*rows)
    before = probe_choice._novelty(test)
    assert before[1] == pytest.approx(np.var([1, 3, 5, 7])) and before[1] == before[2]
    after = probe_choice._novelty(test.observe(1, 3))
    assert after[1] == pytest.approx(0.0, abs=1e-12) and after[2] == pytest.approx(0.0, abs=1e-12)
    own, asked = np.array([2, 2, -2, -2.0]), np.array([-3, -1, 1, 3.0])
    assert after[3] == pytest.approx(((own - asked * (own @ asked) / (asked @ asked)) ** 2).mean())


def certain() -> CountTest:
    """One class is left after exact counts that no other has."""
    test = started([0, 40, 90, 15, 70, 33], [0, 80, 20, 45, 11, 90], [0, 11, 55, 77, 35, 8])
    for probe in (1, 2, 3, 4):
        test = test.observe(probe, int(test.table.expected[0, probe]))
    return test


def test_a_class_that_is_left_alone_is_put_to_a_check() -> None:
    test = certain()
    assert test.matches == (0,) and alone(test) and test.noise is EXACT
    assert not settled(test, CHECKS - 1) and settled(test, CHECKS)
    assert next_probe(test, CHEAP, range(6)) == 5
    fresh = started([0, 40], [0, 80])
    assert not alone(fresh) and not settled(fresh, NOISY_CHECKS)


def test_nothing_is_left_to_ask_where_nothing_fits() -> None:
    test = started([0, 40, 90, 15, 70], [0, 80, 20, 45, 11])
    for probe, count in ((1, 4_000), (2, 3_000), (3, 2_000), (4, 5_000)):
        test = test.observe(probe, count)
    assert test.matches == () and settled(test, 0) and test.unknown > 0.99
