"""Names as they are compared: what counts of them, what a former name means, and how many fit into little memory."""

from __future__ import annotations

import pytest

from forebear.lineage.declared_names import LONGEST, Names, Words, account, could_be_renamed, plain, renamed


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("hf:Org/Base@main", "org/base"),
        (" Org/Base/ ", "org/base"),
        ("Base", "base"),
        ("org/base@a@b", "org/base"),
        ("", ""),
        ("x" * (LONGEST + 1), "x" * LONGEST),
    ],
)
def test_a_plain_name_has_no_scheme_no_revision_and_no_case(name: str, kept: str) -> None:
    assert plain(name) == kept


def test_an_account_stands_before_the_first_slash() -> None:
    assert (account("org/base"), account("org/base/file"), account("base"), account("")) == ("org", "org", "", "")


def test_only_names_without_an_account_or_of_a_developer_could_have_been_renamed() -> None:
    assert could_be_renamed("gpt2") and could_be_renamed("meta-llama/anything")
    assert not could_be_renamed("somebody-else-1234/llama-3.1-8b")


@pytest.mark.parametrize(
    ("name", "now"),
    [
        ("gpt2", "openai-community/gpt2"),
        ("openai-community/gpt2", ""),
        ("meta-llama/meta-llama-3.1-8b", "meta-llama/llama-3.1-8b"),
        ("meta-llama/meta-llama-3.1-8b-instruct", ""),
        ("somebody/meta-llama-3.1-8b", ""),
        ("no-such-model-anywhere", ""),
        ("", ""),
    ],
)
def test_a_former_name_means_one_repository_of_its_developer(name: str, now: str) -> None:
    assert renamed(name) == now


def test_names_come_back_as_they_were_and_no_longer_than_they_count() -> None:
    names = Names()
    odd = ["org/base", "", "\ud800", "n" * (LONGEST + 1)]
    assert [names.add(name) for name in odd] == [0, 1, 2, 3] and len(names) == 4
    assert list(names) == [*odd[:3], "n" * LONGEST] and names[2] == "\ud800"


def test_a_word_has_one_number() -> None:
    words = Words("", "mit")
    assert [words.add(w) for w in ("apache-2.0", "mit", "apache-2.0", "", "other")] == [2, 1, 2, 0, 3]
    assert len(words) == 4 and words.texts == ["", "mit", "apache-2.0", "other"]
