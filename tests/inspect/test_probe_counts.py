"""Whole series of counts with endpoints that are honest, noisy, swapped, recounted or silent."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from forebear.inspect.probe_counts import MOST_COUNTS, Counts, count_tokens, recounted
from forebear.signals.token_counts import CountTable

PROBES, TOKENIZERS = 40, 15
TEXTS = [f"text {k}" for k in range(1 + PROBES + 23)]


def table_of(seed: int = 1) -> CountTable:
    random = np.random.default_rng(seed)
    lengths = random.integers(5, 60, PROBES + 1)
    fertility = random.lognormal(-1, 0.3, (TOKENIZERS, 1)) * random.lognormal(0, 0.3, (TOKENIZERS, PROBES + 1))
    counts = np.maximum(1, (lengths * fertility).astype(np.int64)) + 6
    sums = [counts[:, 1 + 13 * k : 14 + 13 * k].sum(axis=1, keepdims=True) for k in range(3)]
    counts = np.concatenate([counts, *sums, 8 * counts[:, 1:21]], axis=1)
    return CountTable.of((f"t{k}", tuple(int(n) for n in row)) for k, row in enumerate(counts))


TABLE = table_of()


class Endpoint:
    """Counts as a tokenizer of the table does, with whatever stands between."""

    def __init__(
        self,
        name: str,
        *,
        overhead: int = 1_234,
        error: Callable[[], int] = lambda: 0,
        swapped: tuple[int, str] | None = None,
        stream: str | None = None,
        silent: Callable[[int], bool] = lambda request: False,
    ) -> None:
        self.name, self.overhead, self.error, self.swapped, self.stream = name, overhead, error, swapped, stream
        self.silent, self.requests = silent, 0

    def __call__(self, text: str, stream: bool) -> int | None:
        self.requests += 1
        if self.silent(self.requests):
            return None
        name, overhead = self.name, self.overhead
        if self.swapped and self.requests > self.swapped[0]:
            name, overhead = self.swapped[1], overhead + 17
        if stream and self.stream:
            name, overhead = self.stream, 8
        row = next(k for k, names in enumerate(TABLE.classes) if name in names)
        return overhead + int(TABLE.counts[row, TEXTS.index(text)]) + self.error()


def probed(endpoint: Endpoint) -> Counts:
    """All counts and controls of an endpoint."""
    return recounted(count_tokens(TABLE, TEXTS, endpoint), TEXTS, endpoint)


def names(counts: Counts) -> list[str]:
    return [name for k in counts.test.matches for name in TABLE.classes[k]]


def test_an_honest_endpoint_is_named_in_few_requests() -> None:
    for k in range(TOKENIZERS):
        counts = probed(Endpoint(f"t{k}"))
        assert names(counts) == [f"t{k}"]
        assert counts.requests <= 15
        assert (counts.changed, counts.streamed, counts.stopped, counts.stream) == ((), None, "", True)
        assert counts.controls == 3  # two again, one in a stream


def test_noise_changes_neither_the_answer_nor_the_controls() -> None:
    random = np.random.default_rng(3)
    for k in range(TOKENIZERS):
        counts = probed(Endpoint(f"t{k}", error=lambda: int(random.integers(-1, 2))))
        assert names(counts) == [f"t{k}"]
        assert counts.changed == ()
        assert counts.streamed is None


def test_a_swap_half_way_is_noticed_and_both_are_told() -> None:
    told = 0
    for at in range(1, 6):
        counts = probed(Endpoint("t3", swapped=(at, "t8")))
        assert counts.changed
        assert counts.after is not None
        assert [TABLE.classes[k] for k in counts.after.matches] == [("t8",)]
        assert counts.before is not None
        told += ("t3",) in [TABLE.classes[k] for k in counts.before.matches]
    assert told == 5


@pytest.mark.parametrize("late", [1, 2, 3, 4])
def test_a_swap_in_the_last_requests_is_a_swap_and_no_recount_of_streams(late: int) -> None:
    honest = probed(Endpoint("t3"))
    counts = probed(Endpoint("t3", swapped=(honest.requests + honest.controls - late, "t8")))
    assert counts.changed
    assert (counts.streamed, counts.stream) == (None, False)
    assert counts.before is not None and counts.after is not None
    assert [TABLE.classes[k] for k in counts.before.matches] == [("t3",)]
    assert [TABLE.classes[k] for k in counts.after.matches] == [("t8",)]


def test_models_that_take_turns_are_no_unknown_tokenizer() -> None:
    """A load balancer between two models: none fits, and the same texts are counted in two ways."""
    random = np.random.default_rng(5)
    changed = 0
    for _ in range(20):
        two = Endpoint("t3"), Endpoint("t8", overhead=1_250)
        pick = [two[int(random.integers(2))] for _ in range(60)]
        turns = iter(pick)
        counts = recounted(
            count_tokens(TABLE, TEXTS, lambda t, s: next(turns)(t, s)),  # noqa: B023
            TEXTS,
            lambda t, s: next(turns)(t, s),  # noqa: B023
        )
        assert counts.changed or not counts.test.matches
        changed += bool(counts.changed)
    assert changed >= 15


def test_a_text_that_is_refused_stops_nothing() -> None:
    """Moderation that refuses every fifth text: others are asked instead."""
    endpoint = Endpoint("t3")
    counts = count_tokens(TABLE, TEXTS, lambda t, s: endpoint(t, s) if TEXTS.index(t) % 5 != 1 else None)
    assert names(counts) == ["t3"]
    assert not counts.stopped


def test_a_stream_that_counts_otherwise_is_told_with_its_own_tokenizer() -> None:
    counts = count_tokens(TABLE, TEXTS, Endpoint("t3", stream="t9"))
    assert names(counts) == ["t3"]
    assert counts.streamed is not None
    assert ("t9",) in [TABLE.classes[k] for k in counts.streamed.matches]
    assert ("t3",) not in [TABLE.classes[k] for k in counts.streamed.matches]


@pytest.mark.parametrize("odd", range(2, 9))
def test_one_odd_answer_accuses_nobody(odd: int) -> None:
    """The null hypothesis lets a count in a thousand be off by anything; so do the controls."""
    requests = iter(range(100))
    counts = probed(Endpoint("t3", error=lambda: 700 if next(requests) == odd else 0))
    assert not counts.changed
    assert counts.streamed is None


def test_a_stream_without_counts_is_no_comparison() -> None:
    counts = count_tokens(TABLE, TEXTS, Endpoint("t3"), streams=False)
    assert (counts.stream, counts.streamed) == (False, None)


def test_no_counts_at_all() -> None:
    counts = count_tokens(TABLE, TEXTS, Endpoint("t3", silent=lambda request: True))
    assert counts.baseline is None
    assert counts.stopped == "the endpoint reports no token counts"
    assert counts.requests == 2


def test_one_missing_count_is_asked_for_again() -> None:
    counts = count_tokens(TABLE, TEXTS, Endpoint("t3", silent=lambda request: request == 3))
    assert names(counts) == ["t3"]


def test_an_endpoint_that_falls_silent() -> None:
    counts = count_tokens(TABLE, TEXTS, Endpoint("t3", silent=lambda request: request > 2))
    assert counts.stopped == "the endpoint stopped reporting counts"
    assert counts.test.asked


@pytest.mark.parametrize("most", [0, 1, 3])
def test_the_budget_is_kept(most: int) -> None:
    endpoint = Endpoint("t3")
    counts = count_tokens(TABLE, TEXTS, endpoint, affords=lambda probe: endpoint.requests < most)
    assert endpoint.requests == most
    assert "budget" in counts.stopped


def test_random_counts_are_no_tokenizer() -> None:
    random = np.random.default_rng(4)
    counts = count_tokens(TABLE, TEXTS, Endpoint("t3", error=lambda: int(random.integers(0, 400))))
    assert not counts.test.matches
    assert counts.requests <= MOST_COUNTS
