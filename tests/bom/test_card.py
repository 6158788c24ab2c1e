"""Facts of front matter: kept where they are of the right kind, bounded and cleaned."""

from __future__ import annotations

from typing import Any

import pytest

from forebear.bom.card import MAX_ITEMS, Licence, is_url, purl, read_card


def test_facts_are_taken_as_they_are_said() -> None:
    card = read_card(
        {
            "model_name": "org/model",
            "pipeline_tag": "text-generation",
            "library_name": "transformers",
            "language": "en",
            "tags": ["chat", "arxiv:2307.09288", "chat"],
            "datasets": ["org/data"],
            "license": "other",
            "license_name": "llama3.1",
            "license_link": "https://example.org/LICENSE",
        }
    )
    assert card.name == "org/model" and card.task == "text-generation" and card.languages == ("en",)
    assert card.tags == ("chat", "arxiv:2307.09288")
    assert card.licences == (Licence("llama3.1"),)
    assert card.links == (("license", "https://example.org/LICENSE"), ("citation", "https://arxiv.org/abs/2307.09288"))


@pytest.mark.parametrize("value", [None, 7, True, 1.5, {"a": "b"}, [["x"]], [None, {"y": 1}], "", " \x1b\n"])
def test_values_of_the_wrong_kind_are_not_said(value: Any) -> None:
    keys = ("model_id", "model_name", "pipeline_tag", "library_name", "language", "tags", "datasets")
    card = read_card(dict.fromkeys((*keys, "license", "license_name", "license_link"), value))
    assert card == read_card({})


def test_lists_are_bounded_and_it_is_said() -> None:
    card = read_card({"tags": [f"tag{k}" for k in range(10_000)], "language": "x" * 10_000})
    assert len(card.tags) == MAX_ITEMS and card.left_out == ("9,900 more tags of the card",)
    assert len(card.languages[0]) == 200


def test_control_characters_and_direction_marks_are_taken_out() -> None:
    assert read_card({"datasets": ["a\x1b[31m\u202eb\nc"]}).datasets == ("a [31m b c",)


def test_unknown_is_no_licence() -> None:
    assert read_card({"license": ["unknown", "mit"]}).licences == (Licence("mit", "MIT"),)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "ftp://example.org",
        "https://user:secret@example.org/",
        "https://example.org/?token=secret",
        "https://example.org/a b",
        "https://exämple.org/",
        "https://example.org/%zz",
        "https://example.org/<script>",
        "https:///x",
        "LICENSE",
        "https://example.org/" + "a" * 2_000,
    ],
)
def test_addresses_that_are_not_passed_on(url: str) -> None:
    assert not is_url(url)
    assert read_card({"license_link": url}).links == ()


def test_addresses_that_are() -> None:
    assert is_url("https://huggingface.co/meta-llama/Llama-3.1-8B/blob/main/LICENSE")
    assert is_url("http://localhost:8080/a%20b#part")


def test_package_urls() -> None:
    assert purl("org/Model-1.0") == "pkg:huggingface/org/Model-1.0"
    assert purl("org/m", "ABC") == "pkg:huggingface/org/m@abc"
    for name in ("model", "a/b/c", "org/a b", "org/a@b", "örg/m", "../m", "/m", "org/m\n"):
        assert purl(name) == ""
