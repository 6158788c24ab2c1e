"""The sequential test of token counts, on tables of invented tokenizers: what it keeps, what it rejects, how often."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from forebear.signals.counting_noise import EXACT, I64, NOISES, Noise, Rounded, far
from forebear.signals.probe_choice import alone, next_probe, settled
from forebear.signals.token_counts import ALPHA, CountTable, CountTest

Error = Callable[[np.random.Generator], int]
PROBES, TOKENIZERS = 60, 20


def table_of(seed: int = 0) -> CountTable:
    """Tokenizers as different as real ones are; the last two count alike, two more nearly so."""
    random = np.random.default_rng(seed)
    lengths = random.integers(5, 60, PROBES)
    fertility = random.lognormal(-1, 0.3, (TOKENIZERS, 1)) * random.lognormal(0, 0.3, (TOKENIZERS, PROBES))
    counts = np.maximum(1, (lengths * fertility).astype(np.int64)) + 6
    counts[1] = counts[0]
    counts[1, [5, 9]] += 1
    counts[3] = counts[2]
    sums = [counts[:, 1 + 20 * k : 21 + 20 * k].sum(axis=1, keepdims=True) for k in range(3)]
    counts = np.concatenate([counts, *sums, 8 * counts[:, 1:31]], axis=1)
    return CountTable.of((f"t{k}", tuple(int(n) for n in row)) for k, row in enumerate(counts))


def counts_of(table: CountTable, name: str) -> I64:
    return table.counts[next(k for k, names in enumerate(table.classes) if name in names), :]


def converse(table: CountTable, truth: I64, error: Error, seed: int = 0, most: int = 20) -> CountTest:
    """A whole conversation with an endpoint of those counts."""
    random = np.random.default_rng(seed)
    overhead = int(random.integers(0, 4_000))
    base = overhead + int(truth[0]) + error(random)
    test, checks = CountTest.start(table), 0
    costs = table.counts.max(axis=0)
    while len(test.asked) + 1 < most and not settled(test, checks):
        probe = next_probe(test, costs, range(truth.size))
        if probe is None:
            break
        checks += alone(test)
        test = test.observe(probe, overhead + int(truth[probe]) + error(random) - base)
    return test


def exact(random: np.random.Generator) -> int:
    return 0


def one_off(random: np.random.Generator) -> int:
    return int(random.choice([-1, 0, 1], p=[0.25, 0.5, 0.25]))


def names(test: CountTest) -> set[str]:
    return {name for k in test.matches for name in test.table.classes[k]}


@pytest.mark.parametrize(("error", "most"), [(exact, 15), (one_off, 20)])
def test_every_tokenizer_is_named_with_its_twins_and_no_other(error: Error, most: int) -> None:
    table = table_of()
    for seed, classmates in enumerate(table.classes):
        test = converse(table, counts_of(table, classmates[0]), error, seed, most)
        assert names(test) == set(classmates), classmates


def test_equal_vectors_are_one_class() -> None:
    table = table_of()
    assert ("t2", "t3") in table.classes
    assert len(table.classes) == TOKENIZERS - 1


@pytest.mark.parametrize("error", [exact, one_off])
def test_a_tokenizer_that_is_not_in_the_table_fits_none(error: Error) -> None:
    table = table_of()
    distinct = [names for names in table.classes if names[0] not in ("t0", "t1")]
    empty = [
        not converse(table.without(classmates[0]), counts_of(table, classmates[0]), error, seed).matches
        for seed, classmates in enumerate(distinct)
    ]
    assert sum(empty) >= 0.95 * len(empty)


def test_without_takes_out_the_whole_class() -> None:
    table = table_of().without("t3")
    assert not any({"t2", "t3"} & set(names) for names in table.classes)
    assert len(table.classes) == len(table.counts) == TOKENIZERS - 2


def test_the_true_tokenizer_is_rejected_no_more_often_than_stated() -> None:
    """Ville: at most α over whole conversations, asked on to the end, at the noisiest that the null allows."""
    table = table_of()
    random = np.random.default_rng(5)

    def noisy(r: np.random.Generator) -> int:
        return int(r.choice([-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5]))

    rejected, runs = 0, 300
    for _ in range(runs):
        k = int(random.integers(len(table.classes)))
        truth = table.counts[k]
        base = int(truth[0]) + noisy(random)
        test = CountTest.start(table)
        for probe in random.permutation(np.arange(1, truth.size))[:12]:
            test = test.observe(int(probe), int(truth[probe]) + noisy(random) - base)
        rejected += test.rejected[k]
    assert rejected <= 3 + 3 * ALPHA * runs  # 3 expected at most


def test_one_odd_answer_decides_nothing() -> None:
    """A text that the endpoint changes is an outlier, not another tokenizer."""
    table = table_of()
    truth = counts_of(table, "t7")
    test = CountTest.start(table)
    for probe in (60, 61, 70, 75, 80):
        test = test.observe(probe, int(truth[probe] - truth[0]) + (9 if probe == 70 else 0))
    assert "t7" in names(test)


def test_rounded_counts_are_told_by_long_probes() -> None:
    table = table_of()
    truth = counts_of(table, "t9")
    test = CountTest.start(table)
    for probe in range(60, truth.size):
        test = test.observe(probe, 10 * ((2_345 + int(truth[probe])) // 10) - 10 * ((2_345 + int(truth[0])) // 10))
    assert names(test) == {"t9"}
    assert test.noise == Rounded(10)


def test_noise_is_recognised() -> None:
    table = table_of()
    truth = counts_of(table, "t9")
    test = CountTest.start(table)
    for probe in range(60, 70):
        test = test.observe(probe, int(truth[probe] - truth[0]))
    assert test.noise is EXACT


def test_a_related_tokenizer_is_named_as_such() -> None:
    """Some words cut otherwise, as with a trimmed vocabulary: rejected, and its relative is told."""
    table = table_of()
    truth = counts_of(table, "t11").copy()
    changed = [3, 12, 60, 61, 62, 70, 80]
    truth[changed] += np.array([3, 4, 9, 12, 15, 24, 31])
    test = CountTest.start(table)
    for probe in (60, 61, 62, 5, 6, 7, 8, 9, 10, 11, 70):
        test = test.observe(probe, int(truth[probe] - truth[0]))
    assert not test.matches
    assert test.related is not None
    assert table.classes[test.related] == ("t11",)


def test_nothing_is_related_after_few_counts() -> None:
    assert CountTest.start(table_of()).related is None


def test_posterior_and_unknown_sum_to_one() -> None:
    table = table_of()
    test = CountTest.start(table)
    assert test.unknown == pytest.approx(0.2)
    for probe in (60, 70, 80):
        test = test.observe(probe, int(table.counts[4, probe] - table.counts[4, 0]))
        assert test.unknown + test.posterior.sum() == pytest.approx(1.0)
    assert int(np.argmax(test.posterior)) == 4


def test_states_are_values() -> None:
    before = CountTest.start(table_of())
    before.observe(60, 100)
    assert before.asked == ()
    assert not any(before.rejected)


def test_a_rejection_stands() -> None:
    table = table_of()
    test = CountTest.start(table).observe(60, int(table.counts[4, 60] - table.counts[4, 0]) + 300)
    for probe in (61, 62):
        test = test.observe(probe, int(table.counts[4, probe] - table.counts[4, 0]))
    assert all(a >= b for a, b in zip(test.log_e, CountTest.start(table).log_e, strict=True))


@pytest.mark.parametrize("noise", NOISES, ids=lambda n: n.name)
def test_each_noise_is_a_distribution(noise: Noise) -> None:
    """Over what is hidden, over the errors of a difference, and over differences for one hidden value."""
    assert np.exp(noise.prior).sum() == pytest.approx(1.0)
    assert noise.kernel().sum() == pytest.approx(1.0)
    hidden = noise.prior.size // 2
    differences = range(-2_000, 2_000)
    mass = sum(math.exp(noise.log_likelihood(d, np.array([10]))[0, hidden]) for d in differences)
    assert 0.99 < mass <= 1.0 + 1e-9


def test_far_errors_are_bounded_by_one_for_every_scale() -> None:
    for scale in (0.2, 1.0, 3.0, 40.0):
        assert 0.9 < np.exp(far(np.arange(-500_000, 500_001), scale)).sum() <= 1.0 + 1e-9


def test_the_next_probe_is_the_one_that_tells_most() -> None:
    table = CountTable.of([("a", (5, 10, 10, 10)), ("b", (5, 10, 10, 60)), ("c", (5, 10, 11, 90))])
    assert next_probe(CountTest.start(table), table.counts.max(axis=0), range(4)) == 3


def test_of_equally_telling_probes_the_cheapest_is_taken() -> None:
    table = CountTable.of([("a", (5, 100, 10)), ("b", (5, 150, 60))])
    assert next_probe(CountTest.start(table), np.array([5, 150, 60]), range(3)) == 2


def test_no_probe_is_asked_twice_and_none_that_is_not_usable() -> None:
    table = table_of()
    test = CountTest.start(table).observe(60, 0)
    assert next_probe(test, table.counts.max(axis=0), [0, 60]) is None
    assert next_probe(test, table.counts.max(axis=0), [0, 60, 61]) == 61


def test_a_run_is_settled_when_nothing_fits() -> None:
    table = table_of()
    test = CountTest.start(table)
    for probe in (60, 61, 62):
        test = test.observe(probe, 7)
    assert not test.matches
    assert settled(test, 0)
