"""Added and special tokens in the small files beside a vocabulary."""

from __future__ import annotations

import json
from typing import Any

import pytest

from forebear.artifacts.tokenizers.additions import read_additions
from models import Memory, refused


def beside(**files: Any) -> Memory:
    return Memory({f"{name}.json": json.dumps(data).encode() for name, data in files.items()})


def test_nothing_beside_adds_nothing() -> None:
    found = read_additions(Memory({"tokenizer.model": b""}))
    assert (found.ids, found.specials) == ({}, ())


def test_every_file_adds_its_part_and_the_decoder_wins() -> None:
    decoder = {"7": {"content": "<a>", "special": True}, "8": {"content": "word", "special": False}}
    found = read_additions(
        beside(
            added_tokens={"<a>": 5, "<b>": 6},
            tokenizer_config={"added_tokens_decoder": decoder, "bos_token": {"content": "<s>"}, "add_bos_token": True},
            special_tokens_map={"pad_token": "[PAD]", "additional_special_tokens": ["<x>", {"content": "<y>"}, 5]},
        )
    )
    assert found.ids == {"<a>": 7, "<b>": 6, "word": 8}
    assert found.specials == ("<a>", "<s>", "[PAD]", "<x>", "<y>")


@pytest.mark.parametrize("decoder", [None, {}])
def test_a_decoder_may_be_missing_or_empty(decoder: Any) -> None:
    assert read_additions(beside(tokenizer_config={"added_tokens_decoder": decoder, "pad_token": None})).ids == {}


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("added_tokens", [], "is not a JSON object"),
        ("added_tokens", {"<a>": "5"}, "token '<a>' has no usable id"),
        ("added_tokens", {"<a>": -1}, "token '<a>' has no usable id"),
        ("tokenizer_config", "x", "is not a JSON object"),
        ("tokenizer_config", {"added_tokens_decoder": []}, "added_tokens_decoder is not an object"),
        ("tokenizer_config", {"added_tokens_decoder": {"1": "<a>"}}, "its added token '1' has no text"),
        ("tokenizer_config", {"added_tokens_decoder": {"x": {"content": "<a>"}}}, "token '<a>' has no usable id"),
        ("tokenizer_config", {"added_tokens_decoder": {"-1": {"content": "<a>"}}}, "token '<a>' has no usable id"),
        ("special_tokens_map", 5, "is not a JSON object"),
    ],
)
def test_damaged_files_are_refused_by_their_name(name: str, data: Any, words: str) -> None:
    with refused(f"{name}.json: ", words):
        read_additions(beside(**{name: data}))


def test_files_beyond_the_limit_are_never_read() -> None:
    with refused("added_tokens.json: ", "more than the 10,000,000"):
        read_additions(Memory({"added_tokens.json": b" " * 10_000_001}))
