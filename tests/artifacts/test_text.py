"""Text files of strangers: bounded, UTF-8, strict JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebear.artifacts.text import load_json, read_whole
from forebear.errors import ForebearError
from models import Memory, refused

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


class Huge(Memory):
    """Says that a file is huge, and fails the test if anybody reads it."""

    def files(self) -> Any:
        return tuple(type(f)(f.path, 10**12) for f in super().files())


def test_small_files_are_read_whole() -> None:
    assert read_whole(Memory({"f": b"12345"}), "f", 5) == b"12345"
    assert read_whole(Memory({"f": b""}), "f", 5) == b""


def test_files_beyond_the_limit_are_not_read() -> None:
    with refused("f: 1,000,000,000,000 bytes, more than the 5"):
        read_whole(Huge({"f": b""}), "f", 5)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(JSON, st.booleans())
def test_what_json_writes_is_read_back(value: Any, ascii_only: bool) -> None:
    assert load_json(json.dumps(value, ensure_ascii=ascii_only).encode(), "f") == value


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.binary(max_size=40) | st.text(alphabet='{}[]":,\\ud8e1 -.0nulINFtruefas', max_size=40).map(str.encode))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        value = load_json(raw, "f")
    except ForebearError:
        with refused("f: "):
            load_json(raw, "f")
    else:
        assert repr(value) == repr(json.loads(raw.decode()))


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "not valid JSON (Expecting value at character 0)"),
        (b"{", "not valid JSON"),
        (b"{'a': 1}", "not valid JSON"),
        (b'{"a": 1}}', "not valid JSON (Extra data at character 8)"),
        (b'{"a": 1, "b": 2, "a": 3}', "has the key a twice"),
        (b'[{"b": {"a": 1, "a": 1}}]', "has the key a twice"),
        (b'"\xff"', "not UTF-8 (byte 1)"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8 (byte 0)"),
        (b'\xef\xbb\xbf{"a": 1}', "not valid JSON"),
        (b'"\n"', "not valid JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b"1" * 5_000, "not valid JSON"),
        (b'"\\ud800"', "half a character"),
        (b'{"\\uDFFF": 1}', "half a character"),
        (b'["\\ude00\\ud83d"]', "half a character"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "a Git LFS pointer, not the file"),
    ],
)
def test_damaged_json_is_refused_with_the_reason(raw: bytes, words: str) -> None:
    with refused("f: ", words):
        load_json(raw, "f")


def test_the_message_names_what_is_damaged() -> None:
    with refused("f: its header is not valid JSON"):
        load_json(b"{", "f", what="header")


def test_keys_of_strangers_do_no_harm_in_messages() -> None:
    with refused("twice"):
        load_json(b'{"\\u001b[31m\\n%b": 1, "\\u001b[31m\\n%b": 2}' % (b"x" * 9_999, b"x" * 9_999), "f")


def test_escapes_in_pairs_are_one_character() -> None:
    assert load_json(b'["\\ud83d\\ude00", "\\uD83D\\uDE00"]', "f") == ["😀", "😀"]


def test_numbers_that_json_does_not_have_but_real_configs_do_are_kept() -> None:
    value = load_json(b'{"a": Infinity, "b": -Infinity, "c": NaN, "d": 1e999}', "f")
    assert (value["a"], value["b"], value["d"]) == (math.inf, -math.inf, math.inf)
    assert math.isnan(value["c"])
