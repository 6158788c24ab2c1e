"""Vocabularies in GGUF files: the ids that llama.cpp's own test vectors hold, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from forebear.artifacts.tokenizers.base import BYTES
from forebear.sources import LocalSource
from forebear.tokenization import Encoder, encoder_of
from forebear.tokenization.gguf import SPLIT_OF
from forebear.tokenization.patterns import SPLITS
from ggufs import gguf
from models import Memory
from shared import shared
from token_texts import ids_of

KEY = "tokenizer.ggml."
NAMES = ["bert-bge", "deepseek-coder", "deepseek-llm", "falcon", "gpt-2", "llama-spm", "mpt", "phi-3"]
NAMES += ["refact", "starcoder"]
SEPARATOR = "\n__ggml_vocab_test__\n"


@pytest.mark.shared
@pytest.mark.parametrize("name", NAMES)
def test_ids_are_those_of_the_test_vectors(name: str, tmp_path: Path) -> None:
    folder = shared("artefacts/tokenizers")
    (tmp_path / f"ggml-vocab-{name}.gguf").symlink_to(folder / "gguf" / f"ggml-vocab-{name}.gguf")
    encoder = encoder_of(LocalSource(tmp_path))
    assert not isinstance(encoder, str), encoder
    vectors = folder / "gguf_testvectors" / f"ggml-vocab-{name}.gguf"
    texts = vectors.with_suffix(".gguf.inp").read_text("utf-8").split(SEPARATOR)[:-1]
    expected = vectors.with_suffix(".gguf.out").read_text("utf-8").split("\n")
    assert len(texts) > 40
    for text, numbers in zip(texts, expected, strict=False):
        assert ids_of(encoder, text) == [int(number) for number in numbers.split()], text


@pytest.mark.shared
@pytest.mark.parametrize(
    ("folder", "name", "why"),
    [("gguf", "ggml-vocab-gpt-neox", "pre is not given"), ("gguf_hist", "llama-early", "what its tokens are for")],
)
def test_files_that_say_too_little_are_refused(folder: str, name: str, why: str, tmp_path: Path) -> None:
    path = shared("artefacts/tokenizers") / folder / f"{name}.gguf"
    (tmp_path / "ggml-vocab.gguf").symlink_to(path)
    said = encoder_of(LocalSource(tmp_path))
    assert isinstance(said, str) and why in said


def read(model: str, split: str | None = None, **more: Any) -> Encoder | str:
    raw = gguf({f"{KEY}model": model, **{KEY + k: v for k, v in more.items()}}, {})
    return encoder_of(Memory({"vocab.gguf": raw}), split)


PAIRS: dict[str, Any] = {
    "tokens": [*BYTES, "th", "the", "<|x|>"],
    "token_type": [1] * 258 + [3],
    "merges": ["t h", "th e"],
}


def test_pairs() -> None:
    encoder = read("gpt2", pre="llama-bpe", **PAIRS)
    assert not isinstance(encoder, str) and ids_of(encoder, "the<|x|>") == [257, 258]


def test_a_user_can_name_what_a_file_does_not() -> None:
    assert isinstance(read("gpt2", pre="default", **PAIRS), str)
    encoder = read("gpt2", "gpt2", pre="default", **PAIRS)
    assert not isinstance(encoder, str) and ids_of(encoder, "the") == [257]


PIECES: dict[str, Any] = {"tokens": ["<unk>", "<s>", "▁", "a", "▁a"], "token_type": [2, 3, 1, 1, 1]}


@pytest.mark.parametrize(("prefix", "ids"), [(True, [4]), (False, [3])])
def test_pieces(prefix: bool, ids: list[int]) -> None:
    encoder = read("llama", scores=[0.0, 0.0, -3.0, -2.0, -1.0], add_space_prefix=prefix, **PIECES)
    assert not isinstance(encoder, str) and ids_of(encoder, "a") == ids


def test_the_likeliest_pieces() -> None:
    encoder = read("t5", scores=[0.0, 0.0, -3.0, -2.0, -9.0], add_space_prefix=True, **PIECES)
    assert not isinstance(encoder, str) and ids_of(encoder, "a") == [2, 3]


def test_words() -> None:
    encoder = read("bert", tokens=["[UNK]", "▁word", "ing"], token_type=[3, 1, 1])
    assert not isinstance(encoder, str) and ids_of(encoder, "Wording x") == [1, 2, 0]


def test_spaces_as_characters() -> None:
    tokens = ["<unk>", "▁", "a", "▁a", *(f"<0x{k:02X}>" for k in range(256))]
    encoder = read("gemma4", tokens=tokens, token_type=[2, 1, 1, 1] + [6] * 256, merges=["▁ a"])
    assert not isinstance(encoder, str) and ids_of(encoder, "a a\né") == [2, 3, 4 + 10, 4 + 0xC3, 4 + 0xA9]


@pytest.mark.parametrize(
    ("model", "more", "why"),
    [
        ("gpt2", PAIRS, "pre is not given"),
        ("gpt2", {**PAIRS, "pre": "a\nb"}, "not known"),
        ("gpt2", {**PAIRS, "pre": "gpt-2", "merges": ["q q"]}, "merge 0"),
        ("gpt2", {**PAIRS, "pre": "gpt-2", "merges": ["q"]}, "merge 0"),
        ("gpt2", {**PAIRS, "pre": "gpt-2", "merges": [3]}, "no merges"),
        ("gpt2", {"tokens": ["a"], "pre": "gpt-2"}, "no merges"),
        ("llama", PIECES, "no score"),
        ("llama", {**PIECES, "scores": [1.0]}, "no score"),
        ("t5", {**PIECES, "scores": [0.0] * 5, "precompiled_charsmap": [1, 2]}, "damaged"),
        ("bert", {"tokens": ["▁word"]}, "unknown"),
        ("rwkv", {"tokens": ["a"]}, "not read"),
        ("gpt2", {}, "no vocabulary"),
    ],
)
def test_what_cannot_be_cut_exactly_is_a_reason(model: str, more: dict[str, Any], why: str) -> None:
    said = read(model, **more)
    assert isinstance(said, str) and why in said and said.isprintable() and len(said) < 300


def test_every_name_has_a_way_to_cut() -> None:
    assert set(SPLIT_OF.values()) <= set(SPLITS) and "default" not in SPLIT_OF
