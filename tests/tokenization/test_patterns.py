"""Ways to cut text into words: piece for piece what the tokenizers library does with the published expressions."""

from __future__ import annotations

import re
import unicodedata

import pytest

from forebear.artifacts.tokenizers.base import byte_string
from forebear.tokenization.patterns import CL100K, SPLITS, TO_BYTES, byte_level, chain, compiled, isolate, name_of
from token_texts import TEXTS

EXPRESSIONS = sorted({pattern for split in SPLITS.values() for pattern in split} - {TO_BYTES, CL100K})
"""All but one that the library reads otherwise than its publisher: to it ``{1,3}+`` is not possessive."""


@pytest.mark.parametrize("pattern", EXPRESSIONS)
def test_pieces_are_those_of_the_library(pattern: str) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="compares with the tokenizers library")
    theirs = tokenizers.pre_tokenizers.Split(tokenizers.Regex(pattern), "isolated")
    ours = isolate(pattern)
    lines = [line for text in TEXTS for line in text.splitlines()]  # the library's $ is the end of any line
    for text in filter(None, lines if "$" in pattern else TEXTS):
        assert ours(text, True) == [piece for piece, _ in theirs.pre_tokenize_str(text)], text


@pytest.mark.parametrize("name", SPLITS)
def test_words_make_up_the_text(name: str) -> None:
    for text in TEXTS:
        assert "".join(byte_level(name)(text, True)) == byte_string(text.encode())


def test_characters_for_bytes_come_where_they_are_said_to() -> None:
    assert byte_level("falcon")("x½", True) == ["x", "Â", "½"]  # the second byte is written as ½, which is a digit
    assert byte_level("digits-gpt2")("x½", True) == ["x", "Â½"]


def test_steps_see_whether_they_begin_the_text() -> None:
    seen: list[tuple[str, bool]] = []

    def note(text: str, first: bool) -> list[str]:
        seen.append((text, first))
        return [text]

    chain([isolate("b+"), note])("abba", True)
    assert seen == [("a", True), ("bb", False), ("a", False)]


def test_a_way_to_cut_is_known_by_its_expressions() -> None:
    assert all(SPLITS[name_of(split) or ""] == split for split in SPLITS.values())
    assert name_of(("(a+)+$",)) is None


@pytest.mark.parametrize("name", ["L", "Lu", "M", "N", "P", "S"])
def test_categories_are_unicodes(name: str) -> None:
    inside, outside = re.compile(compiled(rf"\p{{{name}}}").pattern), compiled(rf"[^\p{{{name}}}]")
    for code in [*range(0x3000), 0xAC00, 0x1F600, 0x20000, 0xE0100]:
        here = unicodedata.category(chr(code)).startswith(name)
        assert bool(inside.fullmatch(chr(code))) == here == (not outside.fullmatch(chr(code))), hex(code)


def test_white_space_is_unicodes_and_not_pythons() -> None:
    white = compiled(r"\s")
    assert all(white.fullmatch(c) for c in "\t\n\x0b\x0c\r \x85\xa0\u2003\u3000")
    assert not any(white.fullmatch(c) for c in "\x1c\x1f\u200b\ufeff")
