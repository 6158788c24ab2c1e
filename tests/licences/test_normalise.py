from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebear.licences.normalise import MAX_CHARACTERS, MAX_HOLDERS, normalise
from written_licences import MIT


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('the "Software"', "THE “software”"),
        ("licence, favour and organisation", "license favor & organization"[:8] + "favor and organization"),
        ("noninfringement", "NON-INFRINGEMENT"),
        ("sub-license", "sublicense"),
        ("the licensor’s rights", "the licensor's rights"),
        ("1,000,000 users", "1000000 users"),
        ("see <a href='https://x.org/y'>this</a>", "see this"),
        ("&quot;AS IS&quot; &amp; free", '"as is" free'),
        ("[https://example.org/a](https://example.org/a)", "http://www.example.org/a"),
        ("**free** of _charge_", "free of charge"),
        ("free\u200b of\u00ad charge", "free of charge"),
        ("Copyright © 2020 A", "copyright (C) 2020 a"),
        ("© 2020 A", "Copyright 2020 A"),
        ("wo­rd", "word"),
    ],
)
def test_looks_are_no_difference(one: str, other: str) -> None:
    assert normalise(one).words == normalise(other).words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("K2.5", "K2.6"),
        ("700 million", "70 million"),
        ("$20", "€20"),
        ("may", "may not"),
        ("not", "n\u043et"),
        ("version 2.0", "version 2.1"),
        ("licensor", "licensee"),
    ],
)
def test_what_could_matter_stays(one: str, other: str) -> None:
    assert normalise(one).words != normalise(other).words


def test_copyright_lines_are_holders_and_sentences_about_copyright_are_not() -> None:
    text = normalise(
        "Copyright (c) 2024 Example Labs\nAll rights reserved.\n\nThe above copyright notice\nCopyright notice"
    )
    assert text.holders == ("Copyright (c) 2024 Example Labs", "All rights reserved.")
    assert text.holder.tolist() == [True] * 7 + [False] * 6


def test_copyright_inside_a_wrapped_sentence_names_no_holder() -> None:
    text = normalise(
        'retain this notice: "Model X is licensed under the Model X License,\nCopyright © Maker Inc. All Rights"'
    )
    assert text.holders == ()


def test_numbers_of_clauses_are_weak_and_figures_are_not() -> None:
    text = normalise("Conditions:\n\n 2. Fees. You pay\n(b) 20 dollars\n* a) more\n")
    assert [word for word, weak in zip(text.words, text.weak, strict=True) if weak] == ["2", "b", "a"]


def test_a_figure_at_the_start_of_a_wrapped_line_is_not_a_number_of_a_clause() -> None:
    text = normalise("a product with users that are in their number more than\n20. That is all.")
    assert not text.weak.any()


def test_quotes_lead_back_to_the_file() -> None:
    text = normalise("You  shall\nprominently “display” it.")
    assert text.quote(1, 4) == "shall prominently “display"
    assert text.quote(2, 2) == ""
    assert len(text.quote(0, 4, 10)) == 10


def test_characters_that_reorder_text_are_noticed() -> None:
    assert normalise("free \u202eof charge").reordered
    assert not normalise("free of charge").reordered


def test_a_huge_file_is_cut_and_says_so() -> None:
    assert normalise("a " * MAX_CHARACTERS).cut
    assert not normalise(MIT).cut


def test_holders_are_bounded() -> None:
    many = "\n".join(f"Copyright (c) 2020 Person {number}" for number in range(100))
    assert len(normalise(many).holders) == MAX_HOLDERS


@pytest.mark.parametrize(
    "text",
    ["-" * 200_000, "#*" * 100_000 + "\n", "<a " * 100_000, "[" * 100_000 + "](", "\0\1\2" * 1000, "(" * 100_000],
)
def test_hostile_texts_have_few_words(text: str) -> None:
    assert len(set(normalise(text).words)) <= 1


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400))
def test_every_word_has_its_place(text: str) -> None:
    made = normalise(text)
    assert (
        len(made.words) == len(made.starts) == len(made.ends) == len(made.lines) == len(made.weak) == len(made.holder)
    )
    assert (made.starts < made.ends).all()
    assert (np.diff(made.starts) >= 0).all() and (np.diff(made.lines) >= 0).all()
    assert all(word and not word.isspace() for word in made.words)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(MIT.split()), min_size=1, max_size=60), st.sampled_from([" ", "\n", "  \n ", "\t"]))
def test_line_wraps_are_no_difference(words: list[str], gap: str) -> None:
    plain = [word for word in words if word not in ("(c)", "Copyright")]
    assert normalise(gap.join(plain)).words == normalise(" ".join(plain)).words
