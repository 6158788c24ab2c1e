"""vocab.json with merges.txt: the strings of the JSON file, merges that are counted and checked."""

from __future__ import annotations

import json

import pytest

from forebear.artifacts.tokenizers import Tokenizer, read_tokenizer
from models import Memory, refused

VOCAB = {"a": 0, "b": 1, "Ġ": 2, "ab": 3, "Ġab": 4, "<|end|>": 5}
MERGES = "#version: 0.2\na b\nĠ ab\n"


def read(vocab: object = VOCAB, merges: str | bytes | None = MERGES) -> Tokenizer:
    files = {"vocab.json": vocab if isinstance(vocab, bytes) else json.dumps(vocab).encode()}
    if merges is not None:
        files["merges.txt"] = merges.encode() if isinstance(merges, str) else merges
    found = read_tokenizer(Memory(files))
    assert found is not None
    return found


def test_a_vocabulary_and_its_merges_are_read() -> None:
    found = read()
    assert found.ids == VOCAB
    assert (found.model, found.merges, found.byte_level, found.oddities) == ("BPE", 2, True, ())


def test_the_same_vocabulary_in_json_has_the_same_digest() -> None:
    data = {"model": {"type": "BPE", "vocab": VOCAB, "merges": ["a b", "Ġ ab"]}}
    one = read_tokenizer(Memory({"tokenizer.json": json.dumps(data).encode()}))
    assert one is not None and (one.digest, one.merges) == (read().digest, read().merges)


def test_without_merges_it_is_a_list_of_words() -> None:
    found = read(merges=None)
    assert (found.model, found.merges, found.byte_level) == ("WordLevel", 0, False)


def test_a_vocabulary_without_a_space_character_is_not_byte_level() -> None:
    assert not read({"a": 0, "b</w>": 1, "ab</w>": 2}, "a b</w>\n").byte_level


@pytest.mark.parametrize(
    ("merges", "count", "notes"),
    [
        ("a b\n", 1, ()),
        ("#version: 0.2\r\na b\r\n", 1, ("merges.txt has CRLF line ends",)),
        ("\ufeff#version: 0.2\na b", 1, ("merges.txt begins with a byte order mark, left out",)),
        ("a b\n\n\n", 1, ()),
        ("#version: 0.2\n# #\na b\n", 2, ("1 of 2 merges make a token that vocab.json does not have",)),
    ],
)
def test_merges_are_counted_whatever_the_line_ends(merges: str, count: int, notes: tuple[str, ...]) -> None:
    found = read(merges=merges)
    assert (found.merges, found.oddities) == (count, notes)


@pytest.mark.parametrize(
    ("merges", "words"),
    [
        ("#version: 0.2\na b\nĠ", "line 3 is not two tokens"),
        ("a b c\n", "line 1 is not two tokens"),
        ("a \n", "line 1"),
        (b"a b\n\xff b\n", "not UTF-8 (byte 4)"),
        (b"a b\n\0", "NUL"),
        (b"", "an empty file"),
    ],
)
def test_damaged_merges_are_refused(merges: str | bytes, words: str) -> None:
    with refused("merges.txt: ", words):
        read(merges=merges)


@pytest.mark.parametrize(
    ("vocab", "words"),
    [
        ([["a", 0]], "not a JSON object"),
        ({"eng": {"a": 0}}, "token 'eng' has no usable id"),
        ({"a": -1}, "no usable id"),
        ({"a": 1.5}, "no usable id"),
        ({"a": 10**12}, "no usable id"),
        (b'{"a": 0, "a": 1}', "has the key a twice"),
        (b'{"\\ud800": 0}', "half a character"),
        (b'\xef\xbb\xbf{"a": 0}', "BOM"),
    ],
)
def test_damaged_vocabularies_are_refused(vocab: object, words: str) -> None:
    with refused("vocab.json: ", words):
        read(vocab)


def test_merges_alone_give_no_ids() -> None:
    with refused("merges.txt: merges without the vocabulary", "fetch vocab.json too"):
        read_tokenizer(Memory({"merges.txt": MERGES.encode()}))
