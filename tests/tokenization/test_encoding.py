"""Which encoder a source gets: by its files, by the file that a user names, and none for what is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebear.artifacts.tokenizers import read_tokenizer
from forebear.artifacts.tokenizers.base import BYTES
from forebear.errors import ForebearError
from forebear.sources import LocalSource
from forebear.tokenization import count, encoder_of, json_encoder_of, named
from forebear.tokenization.bpe import BytePairs
from forebear.tokenization.named import usual_name
from forebear.tokenization.sentencepiece import Pieces
from forebear.tokenization.words import Trie, WordPieces
from ggufs import gguf
from models import Memory
from token_texts import ids_of

KEY = "tokenizer.ggml."
VOCABULARY = {character: k for k, character in enumerate(BYTES)} | {"th": 256}
MODEL = {"type": "BPE", "vocab": VOCABULARY, "merges": ["t h"]}
JSON = json.dumps({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False}, "model": MODEL}).encode()
PAIRS = gguf(
    {f"{KEY}model": "gpt2", f"{KEY}pre": "gpt-2", f"{KEY}tokens": list(VOCABULARY), f"{KEY}merges": ["t h"]}, {}
)
PIECES = gguf(
    {
        f"{KEY}model": "llama",
        f"{KEY}tokens": ["<unk>", "▁", "a", "▁a"],
        f"{KEY}token_type": [2, 1, 1, 1],
        f"{KEY}scores": [0.0, -3.0, -2.0, -1.0],
    },
    {},
)
WORDS = {"vocab.txt": b"[UNK]\na\n##b", "tokenizer_config.json": b'{"do_lower_case": true}'}
TRIE = {"rwkv_vocab_v1.txt": b"1 'a' 1\n2 b'\\xc3' 1\n"}
MERGES = {"vocab.json": json.dumps(VOCABULARY).encode(), "merges.txt": b"t h"}
FILES: dict[str, dict[str, bytes]] = {
    "json": {"tokenizer.json": JSON},
    "merges": MERGES,
    "words": WORDS,
    "trie": TRIE,
    "pairs": {"vocab.gguf": PAIRS},
    "pieces": {"vocab.gguf": PIECES},
}
KINDS = {
    "json": BytePairs,
    "merges": BytePairs,
    "words": WordPieces,
    "trie": Trie,
    "pairs": BytePairs,
    "pieces": Pieces,
}


@pytest.mark.parametrize("name", FILES)
def test_every_format_has_its_encoder(name: str) -> None:
    assert type(encoder_of(Memory(FILES[name]), "gpt2")) is KINDS[name]


def test_the_preferred_file_is_read_and_no_other_in_its_place() -> None:
    both = {**MERGES, "tokenizer.json": JSON}
    assert isinstance(encoder_of(Memory(both)), BytePairs)
    said = encoder_of(Memory({**both, "tokenizer.json": b"{"}))
    assert isinstance(said, str) and "not valid JSON" in said
    assert json_encoder_of(Memory(MERGES)) == "it has no tokenizer.json"


def test_the_vocabulary_of_a_model_comes_with_its_weights() -> None:
    source = Memory({"model-q4.gguf": PAIRS, "config.json": b"{}"})
    encoder, tokenizer = encoder_of(source), read_tokenizer(named(source))
    assert isinstance(encoder, BytePairs) and ids_of(encoder, "th") == [256]
    assert tokenizer is not None and tokenizer.ids == VOCABULARY
    beside = encoder_of(Memory({"model-q4.gguf": PIECES, "tokenizer.json": JSON}))
    assert isinstance(beside, BytePairs), "a tokenizer file goes before the weights"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("20B_tokenizer.json", "tokenizer.json"),
        ("tokenizer_config.json", None),
        ("special_tokens_map.json", None),
        ("config.json", None),
        ("own.tiktoken", "own.tiktoken"),
        ("a/b/tiktoken.model", "tiktoken.model"),
        ("V7_sft.model", "tokenizer.model"),
        ("tokenizer.model.v3", "tokenizer.model"),
        ("Model.GGUF", "vocab.gguf"),
        ("vocab.json", "vocab.json"),
        ("merges.txt", None),
        ("model.safetensors", None),
    ],
)
def test_files_are_known_by_their_names(path: str, name: str | None) -> None:
    assert usual_name(path) == name


def test_the_file_that_a_user_names_is_the_one(tmp_path: Path) -> None:
    """In a folder with several, and under a name that no format looks for."""
    (tmp_path / "tokenizer.json").write_bytes(b"{")
    (tmp_path / "own_tokenizer.json").write_bytes(JSON)
    (tmp_path / "llama.gguf").write_bytes(PIECES)
    for name, file in MERGES.items():
        (tmp_path / name).write_bytes(file)
    assert isinstance(encoder_of(LocalSource(tmp_path)), str)
    for name, kind in (("own_tokenizer.json", BytePairs), ("llama.gguf", Pieces), ("vocab.json", BytePairs)):
        source = LocalSource(tmp_path / name)
        assert type(encoder_of(source, "gpt2")) is kind, name
        assert named(source).target == source.target
    (tmp_path / "model.safetensors").write_bytes(b"")
    source = LocalSource(tmp_path / "model.safetensors")
    assert named(source) is source


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.integers(0, 10**6), st.binary(min_size=0, max_size=4), st.integers(0, 6))
def test_damaged_files_are_a_reason_or_an_encoder(name: str, place: int, new: bytes, gone: int) -> None:
    files = dict(FILES[name])
    path = sorted(files)[place % len(files)]
    raw = files[path]
    at = place % len(raw)
    files[path] = raw[:at] + new + raw[at + gone :]
    encoder = encoder_of(Memory(files), "gpt2")
    if isinstance(encoder, str):
        assert encoder.isprintable() and len(encoder) < 600
        return
    for text in ("the a\n é 12", "", "中" * 200):
        found = count(encoder, text)
        assert found.isprintable() if isinstance(found, str) else found >= 0


def test_a_way_to_cut_that_does_not_exist_is_told() -> None:
    said = encoder_of(Memory(MERGES), "gpt\n3")
    assert isinstance(said, str) and said.isprintable() and "llama3" in said


class Unreadable(Memory):
    def read(self, path: str, start: int, stop: int) -> bytes:
        raise ForebearError(f"{path}: gone")


def test_a_source_that_cannot_be_read_is_a_reason() -> None:
    assert "gone" in str(encoder_of(Unreadable({"tokenizer.json": JSON})))
