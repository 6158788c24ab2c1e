"""The facts about families: complete, sourced, and readable by the grammar."""

from __future__ import annotations

import re

import pytest

from forebear.catalogue.names import decode
from forebear.catalogue.names.families import CONFIDENCES, families, literals, owners, parse, spellings
from forebear.catalogue.names.grammar import read

GOOD = 'developer = "D"\nsource = "s"\nconfidence = "retrieved"\n[[family]]\nname = "kestrel"\n'


def test_at_least_sixty_families_and_each_has_a_source() -> None:
    assert len({family.name for family in families()}) >= 60
    for family in families():
        assert family.developer and family.confidence in CONFIDENCES
        assert not re.search(r"(^|\s)[/~]|\\|shared/|\.cache", family.source), family.name


def test_what_was_not_retrieved_is_called_unverified() -> None:
    for family in families():
        assert ("prior knowledge" in family.source) == (family.confidence == "unverified"), family.name


def test_every_spelling_is_read_as_its_family() -> None:
    for family, stem in spellings().values():
        assert read(stem.replace(" ", "-")).family is family, stem


def test_every_spelling_goes_on_with_a_size() -> None:
    for _, stem in spellings().values():
        if not re.search(r"\d", stem):
            assert read(stem.replace(" ", "-") + "7b").size == "7b", stem


def test_every_known_version_is_read_as_it_is_written() -> None:
    for family in families():
        if family.implies or family.ambiguous:
            continue
        for version in family.versions:
            assert read(f"{family.stems[0].replace(' ', '-')}-{version}-chat").version == version, (
                family.name,
                version,
            )


def test_every_whole_name_is_one() -> None:
    for family in families():
        for name in family.whole:
            decoded = decode(name, named=True)
            assert decoded is not None and decoded.family == (family.house or family.name), name


def test_no_phrase_that_is_none_is_one() -> None:
    for family in families():
        for phrase in family.never:
            decoded = decode(phrase.replace(" ", "-"), named=True)
            assert decoded is not None and decoded.family is None, phrase


@pytest.mark.parametrize("name", ["tts-1.5-max", "tts-2", "tts-1.5"])
def test_a_word_for_a_task_is_nobodys_with_another_number(name: str) -> None:
    """``tts-1.5-max`` is sold by another company than ``tts-1``."""
    known = decode("tts-1-hd", named=True)
    assert known is not None and known.family == "tts"
    found = decode(name, named=True)
    assert found is None or found.family is None


def test_literals_are_short_and_many() -> None:
    assert all(len(word) >= 3 and word == word.lower() for word in literals())
    assert {"kimi", "deepseek", "o3-"} <= literals()


def test_accounts_know_their_families() -> None:
    assert owners()["moonshotai"] == ("moonshotai", frozenset({"kimi", "moonshot", "moonlight"}))


def test_the_head_of_a_file_gives_defaults() -> None:
    (family,) = parse(GOOD, "x.toml")
    assert (family.stems, family.title, family.developer) == (("kestrel",), "Kestrel", "D")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("developer = ", "x.toml"),
        ('developer = "D"', "at least one"),
        (GOOD.replace('source = "s"\n', ""), "has no source"),
        (GOOD.replace("retrieved", "guessed"), "confidence is one of"),
        (GOOD + "colour = 1\n", "unknown keys: colour"),
        (GOOD + 'stems = "kestrel"\n', "stems is not a list"),
        (GOOD + 'base = "gnu 2"\n', "belong together"),
        (GOOD + 'plain = "yes"\n', "plain is not of type bool"),
    ],
)
def test_a_wrong_file_says_where(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as error:
        parse(text, "x.toml")
    assert "x.toml" in str(error.value)
