"""The sketch of a vocabulary: the smallest checksums, and the share of them that two have in common."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodies import opened
from forebear.signals.vocabulary import SKETCH, Vocabulary, compare, jaccard, same_vocabulary, vocabulary
from forebear.types import Test
from models import ASCII, tiny_llama


def sketch(hashes: set[int], digest: str = "") -> Vocabulary:
    return Vocabulary(len(hashes), digest, tuple(sorted(hashes)[:256]))


def test_the_sketch_is_the_256_smallest_checksums(tmp_path: Path) -> None:
    found = vocabulary(opened(tiny_llama(tmp_path, seed=1, vocabulary=300)))
    texts = ["<s>", "</s>", *ASCII, *(f"word{k}" for k in range(96, 300))]
    assert found is not None and found.size == 300 and SKETCH == 256
    assert found.smallest == tuple(sorted(zlib.crc32(text.encode()) for text in texts)[:256])


def test_equal_vocabularies_are_equal(tmp_path: Path) -> None:
    one, two = (vocabulary(opened(tiny_llama(tmp_path / str(seed), seed=seed))) for seed in (1, 2))
    assert one is not None and one == two and same_vocabulary(one, two)
    found = compare(one, two)
    assert found is not None and found.score == 1.0 and "have the same vocabulary;" in found.summary
    assert (found.signal, found.kind, found.supports, found.test) == ("vocabulary/1", "tokenizer", "nothing", Test.NONE)
    assert (found.log10_p, found.n) == (None, 256)


def test_without_a_tokenizer_there_is_nothing_to_compare(tmp_path: Path) -> None:
    bare = vocabulary(opened(tiny_llama(tmp_path, seed=1, tokenizer=None)))
    other = sketch({1}, "a")
    assert bare is None and compare(bare, other) is None and compare(other, bare) is None
    assert not same_vocabulary(bare, other) and not same_vocabulary(other, bare) and not same_vocabulary(None, None)


def test_equal_strings_with_other_ids_are_another_vocabulary() -> None:
    one, two = sketch({1, 2}, "a"), sketch({1, 2}, "b")
    assert not same_vocabulary(one, two) and same_vocabulary(one, sketch({3}, "a"))
    found = compare(one, two)
    assert found is not None and found.score == 1.0 and "about 100% of their token strings in common" in found.summary


def test_the_share_is_that_of_the_smallest_of_both() -> None:
    """Of 0..255 and the odd numbers below 512 the 256 smallest of both are 0..255, and half of them are in both."""
    assert jaccard(sketch(set(range(300))), sketch(set(range(1, 512, 2)))) == 0.5
    assert jaccard(sketch({1, 2, 3}), sketch({3, 4})) == 0.25 and jaccard(sketch({1}), sketch({2})) == 0.0
    assert jaccard(sketch(set()), sketch(set())) == 0.0
    found = compare(sketch({1, 2, 3}, "a"), sketch({3, 4}, "b"))
    assert found is not None and (found.score, found.n) == (0.25, 3) and "about 25%" in found.summary


@given(
    st.sets(st.integers(0, 2**32 - 1), min_size=1, max_size=150),
    st.sets(st.integers(0, 2**32 - 1), max_size=90),
)
def test_small_vocabularies_have_their_exact_share(a: set[int], b: set[int]) -> None:
    assert jaccard(sketch(a, "a"), sketch(b, "b")) == pytest.approx(len(a & b) / len(a | b))
