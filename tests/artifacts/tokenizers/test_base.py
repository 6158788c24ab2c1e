"""What all formats share: oddities are noted, what cannot be right is refused, the registry prefers in its order."""

from __future__ import annotations

import json
import time
import tracemalloc

import pytest

from forebear.artifacts.tokenizers import MAX_ID, read_tokenizer
from forebear.artifacts.tokenizers.base import (
    BYTES,
    Additions,
    assemble,
    byte_string,
    parse_id,
    plain_text,
    read_file,
    read_lines,
)
from models import Memory, refused
from models import tokenizer as made

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
NAMES = (
    "tokenizer.json",
    "tekken.json",
    "qwen.tiktoken",
    "tiktoken.model",
    "tokenizer.model",
    "sentencepiece.bpe.model",
    "spiece.model",
    "tokenizer.model.v3",
    "vocab.json",
    "merges.txt",
    "rwkv_vocab_v20230424.txt",
    "vocab.txt",
)


def test_the_byte_characters_are_those_of_gpt2() -> None:
    assert len(set(BYTES)) == 256
    assert byte_string(b" the\n\x00\xad!") == "ĠtheĊĀŃ!"
    assert byte_string("é".encode()) == "Ã©"
    assert all(BYTES[ord(c)] == c for c in map(chr, range(33, 127)))  # sign coins are keyed by these strings


@pytest.mark.parametrize(
    ("ids", "note"),
    [
        ({"a": 0, "b": 1}, None),
        ({"a": 0, "b": 3}, "2 ids up to 3 without a token, 1 the first"),
        ({"a": 2}, "2 ids up to 2 without a token, 0 the first"),
        ({"a": 0, "b": 0, "c": 1}, "1 token with the id of another, 'a' and 'b' (0) for one"),
        ({"": 0}, "the empty string is a token (0)"),
        ({}, None),
        ({"\x1b[2J": 0, "\u202e": 0}, "1 token with the id of another, '\\x1b[2J' and '\\u202e' (0) for one"),
    ],
)
def test_odd_ids_are_read_and_noted(ids: dict[str, int], note: str | None) -> None:
    found = assemble("BPE", ids, Additions())
    assert found.ids == ids
    assert found.oddities == ((note,) if note else ())


def test_of_a_string_that_stands_twice_the_last_id_counts() -> None:
    found = assemble("BPE", [("a", 0), ("b", 1), ("a", 2)], Additions())
    assert found.ids == {"a": 2, "b": 1}
    assert found.oddities == (
        "1 token repeated, 'a' for one; the last counts",
        "1 id up to 2 without a token, 0 the first",
    )


def test_added_tokens_win_and_may_point_into_the_vocabulary() -> None:
    found = assemble("BPE", {"a": 0, "b": 1}, Additions({"b": 2, "<s>": 0}, ("<s>", "[PAD]")))
    assert found.ids == {"a": 0, "b": 2, "<s>": 0}
    assert (found.added, found.specials) == (("<s>",), ("<s>",))
    assert found.oddities == (
        "1 token moved by an added token, 'b' from 1 to 2",
        "1 token called special without an id, '[PAD]' for one",
        "1 token with the id of another, 'a' and '<s>' (0) for one",
        "1 id up to 2 without a token, 1 the first",
    )


def test_names_in_other_alphabets_stay_as_they_are() -> None:
    strings = [
        "שלום",
        "مرحبا",
        "e\u0301",
        "é",
        "\u202eabc",
        "한국",
        "\u1112\u1161\u11ab",
        "한",
        "👩‍🚀",
        "\x00",
        "\ufeff",
    ]
    data = {"model": {"vocab": {text: k for k, text in enumerate(strings)}}}
    for raw in (json.dumps(data), json.dumps(data, ensure_ascii=False)):
        found = read_tokenizer(Memory({"tokenizer.json": raw.encode()}))
        assert found is not None and list(found.ids) == strings and found.oddities == ()


@pytest.mark.parametrize("digits", ["-1", "+1", "1.0", " 1", "", "²", "١", "9" * 5_000, str(MAX_ID)])
def test_ids_in_text_that_no_row_can_have_are_refused(digits: str) -> None:
    with refused("f: token 'a' has no usable id"):
        parse_id("f", "a", digits)


def test_the_last_id_in_text_is_read() -> None:
    assert parse_id("f", "a", str(MAX_ID - 1)) == MAX_ID - 1 and parse_id("f", "a", b"007") == 7


def test_lines_end_at_a_newline_and_nowhere_else() -> None:
    lines, notes = read_lines(Memory({"f": "a\x85b\u2028c\x0b\nd\n\ne".encode()}), "f")
    assert lines == ["a\x85b\u2028c\x0b", "d", "", "e"] and notes == []


def test_marks_and_carriage_returns_are_left_out_and_noted() -> None:
    raw, notes = plain_text(b"\xef\xbb\xbfa\r\nb\rc\r\n", "f")
    assert raw == b"a\nb\rc\n"
    assert notes == ["f begins with a byte order mark, left out", "f has CRLF line ends"]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "an empty file"),
        (b"a\n\0b", "holds NUL bytes (byte 2)"),
        (b"a\n\xff\xfe", "not UTF-8 (byte 2)"),
        ("a\n".encode("utf-16"), "NUL bytes"),
        (b"\xed\xa0\x80", "not UTF-8"),  # half a surrogate pair, encoded
        (b"\n" * MAX_ID, "more than 4,000,000 lines"),
    ],
)
def test_what_is_no_text_is_refused(raw: bytes, words: str) -> None:
    with refused("f: ", words):
        read_lines(Memory({"f": raw}), "f")


def test_files_beyond_the_limit_are_never_read() -> None:
    with refused("f: 11 bytes, more than the 10"):
        read_file(Memory({"f": b"x" * 11}), "f", 10)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("raw", "words"), [(POINTER, "a Git LFS pointer, not the file itself"), (b"", "an empty file")]
)
def test_every_format_refuses_pointers_and_empty_files_as_such(name: str, raw: bytes, words: str) -> None:
    with refused(f"{name}: {words}"):
        read_tokenizer(Memory({name: raw}))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "raw", [b"\0" * 1_000, b"\xff" * 1_000, b"{", b"<html>not found</html>\n", b"PK\x03\x04", b"\n" * 9]
)
def test_every_format_reads_or_refuses_rubbish_in_one_line(name: str, raw: bytes) -> None:
    if name == "vocab.txt" and raw.isascii() and b"\0" not in raw:  # any text is a list of lines
        assert read_tokenizer(Memory({name: raw})) is not None
        return
    with refused(f"{name}: "):
        read_tokenizer(Memory({name: raw}))


def test_tokenizer_json_is_preferred_and_other_files_are_not_looked_at() -> None:
    good = json.dumps(made(110)).encode()
    found = read_tokenizer(Memory(dict.fromkeys(NAMES, b"rubbish") | {"tokenizer.json": good}))
    assert found is not None and len(found.ids) == 110


def test_a_damaged_preferred_file_is_not_replaced_by_another() -> None:
    with refused("tokenizer.json: a Git LFS pointer"):
        read_tokenizer(Memory({"tokenizer.json": POINTER, "vocab.txt": b"[UNK]\na\n"}))


def test_other_files_are_no_tokenizers() -> None:
    assert read_tokenizer(Memory({"claude.json": b"{}", "forest.model": b"xgboost", "vocab.json.bak": b""})) is None


def test_300000_tokens_are_read_quickly_and_in_bounded_memory() -> None:
    words = {f"Ġ{k:x}": k for k in range(300_000)}
    source = Memory({"tokenizer.json": json.dumps({"model": {"vocab": words}}).encode()})
    start = time.process_time()
    found = read_tokenizer(source)
    assert time.process_time() - start < 2
    assert found is not None and len(found.ids) == 300_000
    tracemalloc.start()
    read_tokenizer(source)
    assert tracemalloc.get_traced_memory()[1] < 200_000_000
    tracemalloc.stop()
