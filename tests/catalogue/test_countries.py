"""Countries in words."""

from __future__ import annotations

import pytest

from forebear.catalogue.countries import country_name, in_words
from forebear.catalogue.references import countries


def test_every_code_has_a_name_for_sentences() -> None:
    assert len(countries()) == 249
    names = [country_name(code) for code in countries()]
    assert len(set(names)) == 249
    assert not [n for n in names if "&" in n or n.endswith(".") or len(n) < 4]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("CN", "China"),
        ("GB", "the United Kingdom"),
        ("KY", "the Cayman Islands"),
        ("KR", "South Korea"),
        ("EU", "the European Union"),
        ("XX", "XX"),
    ],
)
def test_names_have_their_article(code: str, name: str) -> None:
    assert country_name(code) == name


def test_lists_are_by_name_and_without_repetition() -> None:
    assert in_words(["SG", "KY", "CN", "CN"]) == "the Cayman Islands, China and Singapore"
    assert in_words(["US"]) == "the United States"
    assert in_words([]) == ""
