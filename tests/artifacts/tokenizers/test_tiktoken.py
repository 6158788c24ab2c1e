"""tiktoken ranks: raw bytes become the same strings as in byte-level JSON; special tokens come from beside."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebear.artifacts.tokenizers import read_tokenizer
from forebear.artifacts.tokenizers.base import byte_string
from forebear.artifacts.tokenizers.tiktoken import parse_ranks
from forebear.errors import ForebearError
from models import Memory, refused

TOKENS = [bytes([k]) for k in range(256)] + [b" the", "é".encode(), b"\xe2\x96", b"\r\n"]


def ranks(tokens: list[bytes], end: str = "\n") -> bytes:
    return "".join(f"{base64.b64encode(t).decode()} {k}{end}" for k, t in enumerate(tokens)).encode()


@pytest.mark.parametrize("name", ["qwen.tiktoken", "tiktoken.model", "tokenizer.model", "tokenizer.model.v3"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_name_and_the_line_end_do_not_matter(name: str, end: str) -> None:
    found = read_tokenizer(Memory({name: ranks(TOKENS, end)}))
    assert found is not None
    assert found.ids == {byte_string(token): k for k, token in enumerate(TOKENS)}
    assert (found.model, found.byte_level, found.merges) == ("BPE", True, 0)
    assert found.oddities == ((f"{name} has CRLF line ends",) if end == "\r\n" else ())


def test_the_same_vocabulary_in_json_has_the_same_digest() -> None:
    vocab = {byte_string(token): k for k, token in enumerate(TOKENS)}
    added = [{"id": 260, "content": "<|end|>", "special": True}]
    one = read_tokenizer(
        Memory({"tokenizer.json": json.dumps({"model": {"vocab": vocab}, "added_tokens": added}).encode()})
    )
    config = {"added_tokens_decoder": {"260": {"content": "<|end|>", "special": True}}, "eos_token": "<|end|>"}
    two = read_tokenizer(
        Memory({"tokenizer.model": ranks(TOKENS), "tokenizer_config.json": json.dumps(config).encode()})
    )
    assert one is not None and two is not None and one.digest == two.digest
    assert one.specials == two.specials == ("<|end|>",) and one.added == two.added


def test_holes_and_repetitions_are_noted() -> None:
    pairs, notes = parse_ranks(b"YQ== 0\nYg== 2\n\nYQ== 3", "f")
    assert pairs == [("a", 0), ("b", 2), ("a", 3)] and notes == []
    found = read_tokenizer(Memory({"f.tiktoken": b"YQ== 0\nYg== 2\n= 3\n"}))
    assert found is not None and found.ids == {"a": 0, "b": 2, "": 3}
    assert found.oddities == ("1 id up to 3 without a token, 1 the first", "the empty string is a token (3)")


def test_a_byte_order_mark_is_left_out() -> None:
    found = read_tokenizer(Memory({"tokenizer.model": b"\xef\xbb\xbf" + ranks(TOKENS)}))
    assert found is not None and len(found.ids) == len(TOKENS)
    assert found.oddities == ("tokenizer.model begins with a byte order mark, left out",)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"YQ== 0\nYg==", "line 2 is not a token in base64 and a rank"),
        (b"YQ== 0\nYg= 1\n", "line 2"),
        (b"YQ== 0\nY 1\n", "line 2"),
        (b"YQ== 0\n 1\n", "line 2"),
        (b"YQ== 0\n!!!! 1\n", "line 2"),
        (b"YQ== 0\nYg==\t1\n", "line 2"),
        (b"YQ== 0\nYg== -1\n", "line 2"),
        (b"YQ== 0\nYg== 1 2\n", "line 2"),
        (b"YQ== 0\nYg== 1.0\n", "line 2"),
        (b"YQ== 0\nYg== 99999999999999999999\n", "token 'b' has no usable id"),
        (b"YQ== 4000000\n", "token 'a' has no usable id"),
        (b"YQ== 0\n\0\0\n", "NUL"),
        (b"\n\n\n", "holds no tokens"),
    ],
)
def test_damaged_lines_are_refused_by_their_number(raw: bytes, words: str) -> None:
    with refused("f.tiktoken: ", words):
        read_tokenizer(Memory({"f.tiktoken": raw}))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.binary(min_size=1, max_size=6), min_size=1, max_size=30, unique=True))
def test_every_list_of_bytes_comes_back(tokens: list[bytes]) -> None:
    found = read_tokenizer(Memory({"x.tiktoken": ranks(tokens)}))
    assert found is not None and list(found.ids) == [byte_string(t) for t in tokens]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4), st.integers(0, 10**6))
def test_changed_and_cut_files_are_read_or_refused(changes: list[tuple[int, int]], cut: int) -> None:
    raw = bytearray(ranks(TOKENS))
    for place, value in changes:
        raw[place % len(raw)] = value
    try:
        read_tokenizer(Memory({"x.tiktoken": bytes(raw[: 1 + cut % len(raw)])}))
    except ForebearError as error:
        assert str(error).startswith("x.tiktoken: ")


def test_the_library_reads_the_same(tmp_path: Path) -> None:
    load = pytest.importorskip("tiktoken.load")
    (tmp_path / "x.tiktoken").write_bytes(ranks(TOKENS))
    theirs = load.load_tiktoken_bpe(str(tmp_path / "x.tiktoken"))
    pairs, _ = parse_ranks(ranks(TOKENS), "x")
    assert dict(pairs) == {byte_string(token): rank for token, rank in theirs.items()}
