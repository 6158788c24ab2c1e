"""Merging pairs: what the plainest way to write it down gives."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from forebear.tokenization.merging import Rank, merged


def plainly(ids: list[int], rank: Rank) -> list[int]:
    """One merge after another, looking at everything each time."""
    ids = list(ids)
    while found := [(r[0], k, r[1]) for k, pair in enumerate(pairwise(ids)) if (r := rank(*pair)) is not None]:
        _, k, together = min(found)
        ids[k : k + 2] = [together]
    return ids


@given(
    st.lists(st.integers(0, 4), max_size=40),
    st.dictionaries(
        st.tuples(st.integers(0, 8), st.integers(0, 8)), st.tuples(st.integers(0, 5), st.integers(5, 8)), max_size=20
    ),
)
def test_merges_are_those_of_the_plain_way(ids: list[int], ranks: dict[tuple[int, int], tuple[float, int]]) -> None:
    def rank(left: int, right: int) -> tuple[float, int] | None:
        return ranks.get((left, right))

    assert merged(ids, rank) == plainly(ids, rank)


def test_the_leftmost_of_equals_comes_first() -> None:
    assert merged([1, 1, 1], lambda a, b: (0, 2) if a == b == 1 else None) == [2, 1]


def test_a_long_word_costs_no_more_than_its_length_allows() -> None:
    length = 40_000
    calls = 0

    def rank(left: int, right: int) -> tuple[float, int] | None:
        nonlocal calls
        calls += 1
        return (left, left + 1) if left == right else None

    assert sum(2**number for number in merged([0] * length, rank)) == length
    assert calls <= 4 * length


def test_the_input_stays() -> None:
    ids = [0, 0]
    merged(ids, lambda a, b: (0, 1) if a == b == 0 else None)
    assert ids == [0, 0]
