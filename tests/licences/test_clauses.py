from __future__ import annotations

import pytest

from forebear.licences.answer import ChangeKind, ClauseChange
from forebear.licences.clauses import MAX_CHANGES
from forebear.licences.detect import detect
from written_licences import DISPLAY, KIMI, MIT


def only(text: str) -> ClauseChange:
    (change,) = detect(text, "LICENSE").changes
    return change


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (
            "100 million",
            "500 million",
            "the figure reads “500 million monthly active users”, "
            "the known text has “100 million monthly active users”",
        ),
        (
            "20 million",
            "2 million",
            "the figure reads “2 million US dollars”, the known text has “20 million US dollars”",
        ),
        ("20 million US dollars", "20 million euros", "the figure reads “euros”, the known text has “us dollars”"),
        ("monthly revenue", "annual revenue", "the file reads “annual”, the known text has “monthly”"),
        ('"Kimi K2.5"', '"Kimi K2.8"', "the name reads “K2.8”, the known text has “k2.5”"),
        ("shall prominently", "shall not prominently", "“not” was added"),
        ("without restriction", "with restriction", "“without” of the known text is missing"),
    ],
)
def test_what_differs_is_said_in_words(old: str, new: str, what: str) -> None:
    change = only(KIMI.replace(old, new, 1))
    assert (change.kind, change.what, change.matters) == (ChangeKind.ALTERED, what, True)
    assert new.split()[-1].strip('"') in change.text and change.clause


def test_a_removed_clause_is_named_by_its_first_words() -> None:
    start, end = KIMI.index("The above copyright notice and"), KIMI.index("THE SOFTWARE IS PROVIDED")
    change = only(KIMI[:start] + KIMI[end:])
    assert change.kind is ChangeKind.REMOVED and change.matters and change.text == ""
    assert change.clause.startswith("The above copyright notice and this permission")


def test_without_its_display_clause_the_text_is_another_known_one() -> None:
    found = detect(KIMI.replace(DISPLAY.strip("\n"), ""), "LICENSE")
    assert found.id == "MIT"


def test_an_added_clause_is_quoted() -> None:
    clause = "The Software must not be used by any person for military purposes of any kind."
    change = only(KIMI.replace("THE SOFTWARE IS PROVIDED", clause + "\n\nTHE SOFTWARE IS PROVIDED"))
    assert (
        change.kind is ChangeKind.ADDED and change.matters and change.text.startswith("The Software must not be used")
    )


def test_letters_of_two_alphabets_are_told() -> None:
    assert "two alphabets" in only(MIT.replace("restriction", "restricti\u043en")).what


@pytest.mark.parametrize(
    ("old", "new"), [("furnished", "furnishd"), ("associated", "assoicated"), ("portions", "portionss")]
)
def test_a_slip_of_the_pen_does_not_matter(old: str, new: str) -> None:
    change = only(MIT.replace(old, new))
    assert not change.matters and "another spelling" in change.what


@pytest.mark.parametrize(
    ("old", "new"), [("to any person", "to a person"), ("and/or sell", "or sell"), ("free of", "of")]
)
def test_small_words_that_decide_are_no_slips(old: str, new: str) -> None:
    assert any(change.matters for change in detect(MIT.replace(old, new, 1), "LICENSE").changes)


def test_an_article_does_not_matter() -> None:
    assert not only(MIT.replace("in all\ncopies", "in all the\ncopies")).matters


def test_a_heading_that_names_something_does_not_matter() -> None:
    change = only("Borealis tokenizer code\n\n" + MIT)
    assert change.kind is ChangeKind.ADDED and not change.matters


def test_a_heading_that_restricts_matters() -> None:
    assert only("Non-commercial edition\n\n" + MIT).matters


def test_changes_are_bounded_and_the_last_says_how_many_more() -> None:
    words = [word if number % 6 else f"blorb{number}" for number, word in enumerate(KIMI.split(" "))]
    clauses = "\n\n".join(f"Clause {number} says that you must pay the licensor." for number in range(200))
    for text in (" ".join(words), KIMI + "\n\n" + clauses):
        assert len(detect(text, "LICENSE").changes) <= 2 * MAX_CHANGES
