from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebear.licences.compare import Run, align
from forebear.licences.sketches import Ids

NUMBERS = st.lists(st.integers(0, 30), max_size=120)


def ids(values: list[int]) -> Ids:
    return np.asarray(values, np.int32)


def test_equal_texts_are_one_run() -> None:
    words = ids(list(range(500)))
    assert align(words, words) == (Run(0, 0, 500),)


def test_a_changed_word_parts_two_runs() -> None:
    words = list(range(500))
    other = words.copy()
    other[200] = -1
    assert align(ids(words), ids(other)) == (Run(0, 0, 200), Run(201, 201, 299))


def test_a_moved_paragraph_is_found_in_one_place() -> None:
    words = list(range(600))
    moved = words[:100] + words[200:] + words[100:200]
    assert sum(run.length for run in align(ids(words), ids(moved))) == 500


def test_of_several_equal_texts_the_first_is_meant() -> None:
    words = list(range(300))
    assert align(ids(words), ids(words * 5))[0] == Run(0, 0, 300)
    assert sum(run.length for run in align(ids(words), ids(words * 5))) == 300


def test_short_runs_between_large_differences_are_coincidence() -> None:
    first = [*range(100), 7, *range(200, 300)]
    second = [*range(1000, 1100), 7, *range(1200, 1300)]
    assert align(ids(first), ids(second)) == ()


@settings(max_examples=200, deadline=None)
@given(NUMBERS, NUMBERS)
def test_runs_ascend_and_are_common(first: list[int], second: list[int]) -> None:
    at = there = 0
    for run in align(ids(first), ids(second)):
        assert run.length > 0 and run.known >= at and run.file >= there
        assert first[run.known : run.known + run.length] == second[run.file : run.file + run.length]
        at, there = run.known + run.length, run.file + run.length


@settings(max_examples=100, deadline=None)
@given(NUMBERS)
def test_every_text_is_equal_to_itself(words: list[int]) -> None:
    assert align(ids(words), ids(words)) == ((Run(0, 0, len(words)),) if words else ())


@settings(max_examples=60, deadline=None)
@given(st.integers(20, 180), st.integers(1, 40))
def test_what_was_inserted_is_the_only_difference(place: int, length: int) -> None:
    words = list(range(200))
    longer = words[:place] + [-1 - n for n in range(length)] + words[place:]
    assert align(ids(words), ids(longer)) == (Run(0, 0, place), Run(place, place + length, 200 - place))


@pytest.mark.parametrize("known", [[5] * 10_000, [1, 2] * 5_000, list(range(10_000))])
def test_repetitive_texts_end(known: list[int]) -> None:
    assert sum(run.length for run in align(ids(known), ids([5] * 150_000))) <= len(known)
