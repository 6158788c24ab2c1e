"""Strings of tokens against filters of vocabularies: a token is never missed, another string nearly always."""

from __future__ import annotations

import random

import pytest

from forebear.catalogue.token_strings import LEAST, SAMPLED, filters, is_known, packed, sampled
from forebear.catalogue.tokenizers import known_tokenizers
from forebear.signals.token_strings import ENOUGH, string_fits


def words(seed: int, count: int = 4_000) -> list[str]:
    r = random.Random(seed)
    return ["".join(r.choices("abcdefghijklmnopqrstuvwxyzäöüгджЖ丁", k=r.randint(LEAST, 12))) for _ in range(count)]


def test_no_token_is_missed() -> None:
    own = words(1)
    filter_ = packed(own)
    assert all(is_known(filter_, text) in (True, None) for text in own)
    assert sum(is_known(filter_, text) is True for text in own) > len(own) / SAMPLED * 0.8


def test_other_strings_are_nearly_always_known_as_such() -> None:
    filter_ = packed(words(1))
    others = [answer for text in words(2) if (answer := is_known(filter_, text)) is not None]
    assert 0.07 < sum(others) / len(others) < 0.17  # one in nine


@pytest.mark.parametrize("text", ["", "abcd", "two words", "tab\there", "     ", "\ud800"])
def test_strings_that_tell_nothing(text: str) -> None:
    assert sampled(text) is None


def test_spaces_around_do_not_count() -> None:
    for text in words(3, 50):
        assert sampled(text) == sampled(f" {text}") == sampled(f"{text}  ")


def test_an_empty_vocabulary_knows_nothing() -> None:
    assert packed([]) == b""
    assert all(is_known(b"", text) is None for text in words(1, 20))


def test_the_right_tokenizer_has_none_absent_and_others_are_excluded() -> None:
    vocabularies = {f"v{k}": packed(words(k)) for k in range(4)}
    fits = string_fits([f" {text}" for text in words(2)[:200]], vocabularies)
    assert (fits[0].name, fits[0].absent, fits[0].excluded) == ("v2", 0, False)
    assert all(fit.excluded for fit in fits[1:])


def test_markers_of_spaces_are_spaces() -> None:
    vocabularies = {"v": packed(words(1))}
    for mark in ("Ġ", "▁"):
        assert string_fits([mark + text for text in words(1)[:100]], vocabularies)[0].absent == 0


def test_few_strings_exclude_nobody() -> None:
    vocabularies = {"v": packed(words(1))}
    told = [text for text in words(2) if is_known(vocabularies["v"], text) is not None][: ENOUGH - 1]
    fit = string_fits(told, vocabularies)[0]
    assert fit.tested == ENOUGH - 1
    assert not fit.excluded


def test_replaced_characters_and_repetitions_do_not_count() -> None:
    vocabularies = {"v": packed(words(1))}
    assert string_fits(["abcd�efgh"] * 50, vocabularies)[0].tested == 0
    assert string_fits(words(1)[:40] * 3, vocabularies) == string_fits(words(1)[:40], vocabularies)


def test_every_known_tokenizer_of_a_model_that_answers_has_a_filter() -> None:
    kept = filters()
    assert {known.name for known in known_tokenizers() if known.model != "WordPiece"} == set(kept)
    assert all(kept.values()) and sum(len(filter_) > 1_000 for filter_ in kept.values()) > 50


def test_the_filters_are_those_of_their_vocabularies() -> None:
    """Words that published vocabularies are known to have, or not."""
    kept = filters()
    for name in ("qwen-2.5", "llama-3", "o200k", "deepseek-v3", "kimi-k2", "mistral-tekken"):
        common = [w for w in COMMON if is_known(kept[name], w) is not None]
        assert len(common) >= 3
        assert all(is_known(kept[name], w) for w in common), name


COMMON = (  # noqa: SIM905
    "which there about would these other their could after first where right people little should through before "
    "because between another without different something important government information development"
).split()
