"""Sentences found in files however they are typed."""

from __future__ import annotations

import pytest

from forebear.licences.words import begins, copyright_lines, plain, says, says_one, shown

SENTENCE = "Vole is licensed under the Vole License, Copyright © Vole Labs. All Rights Reserved."


@pytest.mark.parametrize(
    "text",
    [
        SENTENCE,
        SENTENCE.upper(),
        SENTENCE.replace("©", "(c)"),
        SENTENCE.replace("Copyright ©", "©"),
        SENTENCE.replace(" ", "\n"),
        f'> "{SENTENCE}"\n',
        f"<p>**{SENTENCE}**</p>",
    ],
)
def test_one_sentence_in_many_hands(text: str) -> None:
    assert says(f"Before. {text} After.", SENTENCE)


def test_what_is_left_open_is_not_looked_for() -> None:
    assert says("Mole is built using Vole.", "[name of the work] is built using Vole")
    assert says("Copyright (c) 2024 Acme", "Copyright (c) <year> Acme")
    assert not says("anything", "[name]") and not says("anything", "")


def test_words_are_whole_and_in_a_row() -> None:
    assert not says("Built with Llamas", "Built with Llama") and not says("Built and with Llama", "Built with Llama")
    assert says_one("improved using Qwen", "Built with Qwen | Improved using Qwen")
    assert not says_one("x", "|")


@pytest.mark.parametrize(
    ("name", "prefix", "yes"),
    [
        ("Llama-3-8B", "Llama 3", True),
        ("llama3-8b", "Llama 3", True),
        ("Llama-3.1-8B", "Llama 3", True),
        ("Meta-Llama-3", "Llama", False),
        ("DeepSeek-R1-Distill-Llama-8B", "Llama", False),
        ("anything", "", False),
    ],
)
def test_prefixes(name: str, prefix: str, yes: bool) -> None:
    assert begins(name, prefix) is yes


def test_copyright_lines() -> None:
    text = "MIT License\n\nCopyright (c) 2023 DeepSeek\n© 2024 Acme\nThe above copyright notice shall stay.\n(c) nobody"
    assert copyright_lines(text) == ("Copyright (c) 2023 DeepSeek", "© 2024 Acme")
    assert copyright_lines("x" * 3_000_000) == ()
    named = ("Copyright DeepSeek AI", "Copyright (c) Meta Platforms, Inc.", "# © Acme")
    assert copyright_lines("\n".join(named)) == named
    text = "Copyright License. Each\nCOPYRIGHT HOLDERS BE LIABLE\n(c) You must retain\nCopyright [yyyy] [name]"
    assert copyright_lines(text) == ()


def test_plain_text_is_bounded() -> None:
    assert len(plain("word " * 1_000_000)) <= 2_000_002


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("Built with Llama", True),
        ("This model is not built with Llama.", False),
        ("It isn't Built with Llama, never built with llama", False),
        ("It was not trained here. Built with Llama.", True),
        ("not built with Llama 2; Built with Llama 3", True),
        ("knot built with llama", True),
    ],
)
def test_words_behind_a_negation_say_the_opposite(text: str, yes: bool) -> None:
    assert says(text, "Built with Llama") is yes


@pytest.mark.parametrize(
    ("card", "seen"),
    [
        ("a <!-- b --> c", "a c"),
        ("a <!-- b\n\nc --> d <!-- e -->", "a d"),
        ("a <!-- b", "a"),
        ("a --> b < !-- c", "a --> b < !-- c"),
    ],
)
def test_comments_of_a_card_are_seen_by_nobody(card: str, seen: str) -> None:
    assert shown(card).split() == seen.split()
    assert len(shown("<!--" * 1_000_000)) <= 2_000_000
