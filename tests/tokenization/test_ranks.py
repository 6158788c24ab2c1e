"""Rank files and lists of merges: how they cut text is known or refused, and ids are those of tiktoken."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from forebear.artifacts.tokenizers.base import BYTES
from forebear.sources import LocalSource
from forebear.tokenization import encoder_of
from forebear.tokenization.bpe import BytePairs
from forebear.tokenization.patterns import SPLITS
from forebear.tokenization.ranks import CLASSES, known_splits
from models import Memory
from shared import shared
from token_texts import digest, ids_of

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text("utf-8"))
RANKED = sorted(name for name in VECTORS if name.endswith(".tiktoken") or "llama3" in name or "kimi" in name)
WORDS = [b"th", b"the", b" the", b"12", b"123", b"ab", b"bc", b"abc"]


def ranks(*words: bytes) -> bytes:
    """A rank file: all bytes, then these words."""
    tokens = [*(bytes([k]) for k in range(256)), *words]
    return b"".join(base64.b64encode(token) + b" %d\n" % k for k, token in enumerate(tokens))


def tekken(pattern: str, *words: bytes) -> bytes:
    vocab = [{"rank": k, "token_bytes": base64.b64encode(bytes([k])).decode()} for k in range(256)]
    vocab += [{"rank": 256 + k, "token_bytes": base64.b64encode(w).decode()} for k, w in enumerate(words)]
    config = {"pattern": pattern, "default_vocab_size": 1_000, "default_num_special_tokens": 3}
    return json.dumps({"config": config, "vocab": vocab}).encode()


@pytest.mark.shared
@pytest.mark.parametrize("name", RANKED)
def test_ids_of_published_files_are_tiktokens(name: str, tmp_path: Path) -> None:
    path = shared("artefacts/tokenizers") / name
    (tmp_path / path.name).symlink_to(path)
    encoder = encoder_of(LocalSource(tmp_path))
    assert isinstance(encoder, BytePairs) and digest(encoder) == VECTORS[name]


@pytest.mark.shared
@pytest.mark.parametrize("name", ["gpt2", "exaone", "qwen2.5-cogito"])
def test_published_merges_are_known(name: str) -> None:
    assert isinstance(encoder_of(LocalSource(shared("artefacts/tokenizers") / name)), BytePairs)


@pytest.mark.shared
def test_merges_and_json_of_one_tokenizer_agree() -> None:
    folder = shared("artefacts/tokenizers") / "gpt2"
    files = {name: (folder / name).read_bytes() for name in ("vocab.json", "merges.txt")}
    merges, parsed = encoder_of(Memory(files)), encoder_of(LocalSource(folder))
    assert isinstance(merges, BytePairs) and isinstance(parsed, BytePairs)
    assert merges is not parsed and digest(merges) == digest(parsed)


def test_an_unknown_vocabulary_is_not_guessed_at() -> None:
    said = encoder_of(Memory({"own.tiktoken": ranks(*WORDS)}))
    assert isinstance(said, str) and "not in its files" in said and all(name in said for name in SPLITS)


def test_a_user_can_name_the_way_to_cut() -> None:
    source = Memory({"own.tiktoken": ranks(*WORDS)})
    three, all_digits = encoder_of(source, "llama3"), encoder_of(source, "qwen2")
    assert isinstance(three, BytePairs) and isinstance(all_digits, BytePairs)
    assert ids_of(three, "the 123") == [257, ord(" "), 260]
    assert ids_of(all_digits, "the 123") == [257, ord(" "), *b"123"]


def test_ranks_are_merged_from_the_lowest() -> None:
    encoder = encoder_of(Memory({"own.tiktoken": ranks(b"bc", b"ab")}), "gpt2")
    assert isinstance(encoder, BytePairs)
    assert ids_of(encoder, "abc") == [ord("a"), 256]


def test_a_word_that_is_a_token_is_not_merged() -> None:
    encoder = encoder_of(Memory({"own.tiktoken": ranks(b"xyz")}), "gpt2")
    assert isinstance(encoder, BytePairs)
    assert ids_of(encoder, "xyz xyz") == [256, ord(" "), *b"xyz"]


def test_the_class_in_the_config_names_the_way_to_cut() -> None:
    config = json.dumps({"tokenizer_class": "QWenTokenizer"}).encode()
    encoder = encoder_of(Memory({"own.tiktoken": ranks(*WORDS), "tokenizer_config.json": config}))
    assert isinstance(encoder, BytePairs) and ids_of(encoder, "12") == [*b"12"]
    assert ids_of(encoder, "e\u0301") == [*"é".encode()], "its text is brought into form C"
    other = json.dumps({"tokenizer_class": ["QWenTokenizer"]}).encode()
    assert isinstance(encoder_of(Memory({"own.tiktoken": ranks(*WORDS), "tokenizer_config.json": other})), str)


def test_added_tokens_beside_are_found_first() -> None:
    config = {"tokenizer_class": "QWenTokenizer", "added_tokens_decoder": {"300": {"content": "<|x|>"}}}
    files = {"own.tiktoken": ranks(*WORDS), "tokenizer_config.json": json.dumps(config).encode()}
    encoder = encoder_of(Memory(files))
    assert isinstance(encoder, BytePairs) and ids_of(encoder, "a<|x|>the") == [ord("a"), 300, 257]


def test_known_names_exist() -> None:
    assert set(CLASSES.values()) <= set(SPLITS) and set(known_splits().values()) <= set(SPLITS)
    assert all(len(key) == 40 for key in known_splits())


def test_tekken_holds_its_expression() -> None:
    encoder = encoder_of(Memory({"tekken.json": tekken(SPLITS["tekken"][0], b"Th", b"The")}))
    assert isinstance(encoder, BytePairs) and ids_of(encoder, "The") == [3 + 257]
    said = encoder_of(Memory({"tekken.json": tekken("(a+)+$")}))
    assert said == "its expression is none that is known here"


def merges(vocabulary: dict[str, int], *lines: str) -> dict[str, bytes]:
    return {"vocab.json": json.dumps(vocabulary).encode(), "merges.txt": "\n".join(lines).encode()}


VOCABULARY = {character: k for k, character in enumerate(BYTES)} | {"th": 256, "the": 257}


def test_merges_are_made_in_their_order() -> None:
    encoder = encoder_of(Memory(merges(VOCABULARY, "#version: 0.2", "t h", "th e")), "gpt2")
    assert isinstance(encoder, BytePairs) and ids_of(encoder, "the") == [257]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"vocab.json": json.dumps(VOCABULARY).encode()}, "no merges"),
        (merges({"a": 0, "b": 1, "ab": 2}, "a b"), "not one of bytes"),
        (merges(VOCABULARY, "t h e"), "line 1"),
        (merges(VOCABULARY, "t", "t h"), "line 1"),
        (merges(VOCABULARY, "q q"), "merge 0"),
        ({**merges({}), "vocab.json": b"[]"}, "not a JSON object"),
        ({"own.tiktoken": b"not base64 at all\n"}, "line 1"),
        ({"own.tiktoken": b"YQ== 0\n", "tokenizer_config.json": b"{"}, "not valid JSON"),
        ({"tekken.json": b"{}"}, "tekken"),
        ({"tekken.json": json.dumps({"config": {"pattern": 3}, "vocab": []}).encode()}, "vocabulary size"),
    ],
)
def test_what_is_damaged_is_one_reason(files: dict[str, Any], why: str) -> None:
    said = encoder_of(Memory(files), "gpt2" if "tokenizer_config.json" not in files else None)
    assert isinstance(said, str) and why in said and said.isprintable() and len(said) < 400
