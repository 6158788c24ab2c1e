"""The ``tokenizer.json`` of a model: which encoder is taken, ours or the library's, and what neither reads."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import pytest

from forebear.errors import MissingExtra
from forebear.sources import LocalSource
from forebear.tokenization import Encoding, json_encoder_of
from forebear.tokenization.base import Refused
from forebear.tokenization.bpe import BytePairs
from forebear.tokenization.library import Library
from models import tiny_llama, tokenizer

WORDS: dict[str, Any] = {
    "version": "1.0",
    "added_tokens": [],
    "normalizer": {"type": "Lowercase"},
    "pre_tokenizer": {"type": "Whitespace"},
    "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "one": 1, "two": 2}, "unk_token": "[UNK]"},
}
"""A tokenizer that only the library reads."""


def encoder(data: Any, tmp_path: Path) -> Any:
    folder = tiny_llama(tmp_path, tokenizer=None)
    if data is not None:
        (folder / "tokenizer.json").write_text(data if isinstance(data, str) else json.dumps(data))
    return json_encoder_of(LocalSource(folder))


def test_our_own_encoder_comes_first(tmp_path: Path) -> None:
    data = tokenizer(256)
    found = encoder({**data, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False}}, tmp_path)
    assert isinstance(found, BytePairs)


def test_the_library_reads_what_we_do_not(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers", reason="needs the [tokenizers] extra")
    found = encoder(WORDS, tmp_path)
    assert isinstance(found, Library)
    assert found.encode("One three two") == Encoding((1, 0, 2), (True, True, True), 1)


def test_padding_and_truncation_of_a_file_are_not_taken_over() -> None:
    pytest.importorskip("tokenizers", reason="needs the [tokenizers] extra")
    padding = {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0}
    padding |= {"pad_type_id": 0, "pad_token": "[UNK]"}
    truncation = {"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 0}
    found = Library({**WORDS, "padding": padding, "truncation": truncation}).encode("one two two")
    assert found == Encoding((1, 2, 2), (True, True, True))


def test_without_the_library_its_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: Any, **more: Any) -> Any:
        if name == "tokenizers":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(MissingExtra):
        Library(WORDS)
    said = encoder(WORDS, tmp_path)
    assert isinstance(said, str) and "forebear[tokenizers]" in said and "WordLevel" in said


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (None, "no tokenizer.json"),
        ("[]", "no object"),
        ("{", "not valid JSON"),
        ("", "an empty file"),
        ('{"a": 1, "a": 2}', "twice"),
        ({"model": {"type": "BPE", "vocab": {}, "merges": [], "dropout": 0.5}}, "at random"),
        ({"model": {"type": "Nonsense", "vocab": {}}}, "does not read it"),
        ({}, "does not read it"),
    ],
    ids=str,
)
def test_what_cannot_be_read_is_a_reason(data: Any, why: str, tmp_path: Path) -> None:
    pytest.importorskip("tokenizers", reason="needs the [tokenizers] extra")
    said = encoder(data, tmp_path)
    assert isinstance(said, str) and why in said and said.isprintable() and len(said) < 400


def test_a_library_that_panics_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="needs the [tokenizers] extra")

    class Panic(BaseException):
        """Like that of the library, which is no exception."""

    class Broken:
        def encode(self, text: str) -> None:
            raise Panic("index out of\nbounds")

    found = Library(WORDS)
    monkeypatch.setattr(found, "_tokenizer", Broken())
    assert found.encode("one") == "the tokenizers library fails on it (index out of bounds)"

    class Refusing:
        @staticmethod
        def from_str(text: str) -> None:
            raise Panic("bad")

    monkeypatch.setattr(tokenizers, "Tokenizer", Refusing)
    with pytest.raises(Refused, match="does not read it"):
        Library(WORDS)


def test_an_interrupt_is_no_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tokenizers", reason="needs the [tokenizers] extra")

    class Interrupted:
        def encode(self, text: str) -> None:
            raise KeyboardInterrupt

    found = Library(WORDS)
    monkeypatch.setattr(found, "_tokenizer", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        found.encode("one")
