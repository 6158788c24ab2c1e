"""Tokenizers that take the longest token: BERT's words as the tokenizers library cuts them, RWKV's trie."""

from __future__ import annotations

import json

import pytest

from forebear.artifacts.tokenizers.base import byte_string
from forebear.tokenization import encoder_of
from forebear.tokenization.words import MAX_WORD, Trie, WordPieces
from models import Memory
from shared import shared
from token_texts import TEXTS, ids_of

VOCABULARY = ["[PAD]", "[UNK]", "un", "##able", "##a", "##b", "able", "é", "e", ",", "中", "##e"]


def words(*vocabulary: str, lower: bool = True) -> WordPieces:
    config = json.dumps({"do_lower_case": lower}).encode()
    files = {"vocab.txt": "\n".join(vocabulary).encode(), "tokenizer_config.json": config}
    encoder = encoder_of(Memory(files))
    assert isinstance(encoder, WordPieces), encoder
    return encoder


def test_the_longest_pieces_of_words() -> None:
    assert ids_of(words(*VOCABULARY), "UNABLE,able 中中") == [2, 3, 9, 6, 10, 10]
    assert ids_of(words(*VOCABULARY), "unx able") == [1, 6], "a word that cannot be put together is unknown"


def test_accents_go_with_capitals() -> None:
    assert ids_of(words(*VOCABULARY), "é") == [8]
    assert ids_of(words(*VOCABULARY, lower=False), "é") == [7]


def test_words_beyond_a_length_are_unknown() -> None:
    assert ids_of(words("[UNK]", "a", "##a"), "a" * MAX_WORD + " " + "a" * (MAX_WORD + 1)) == [1] + [2] * 99 + [0]


def test_nothing_says_whether_text_is_made_lower() -> None:
    said = encoder_of(Memory({"vocab.txt": "\n".join(VOCABULARY).encode()}))
    assert isinstance(said, str) and "lower case" in said
    said = encoder_of(Memory({"vocab.txt": b"a\nb"}))
    assert isinstance(said, str) and "unknown" in said


@pytest.mark.shared
@pytest.mark.parametrize("lower", [True, False])
def test_published_words_are_cut_as_the_library_cuts_them(lower: bool) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="compares with the tokenizers library")
    path = shared("artefacts/tokenizers") / "bert-uncased" / "vocab.txt"
    theirs = tokenizers.BertWordPieceTokenizer(str(path), lowercase=lower)
    ours = words(*path.read_text("utf-8").rstrip("\n").split("\n"), lower=lower)
    for text in TEXTS:
        assert ids_of(ours, text) == theirs.encode(text, add_special_tokens=False).ids, text


def test_a_trie_takes_the_longest_bytes() -> None:
    trie = Trie({byte_string(token): k for k, token in enumerate([b"a", b"ab", b"abc", b"\xc3", b"\xa9", b" a"])})
    assert ids_of(trie, "abcab aé") == [2, 1, 5, 3, 4]
    assert "no token" in str(trie.encode("x"))


@pytest.mark.shared
def test_rwkvs_vocabulary_covers_every_text() -> None:
    path = shared("artefacts/tokenizers") / "rwkv-world" / "rwkv_vocab_v20230424.txt"
    trie = encoder_of(Memory({path.name: path.read_bytes()}))
    assert isinstance(trie, Trie)
    names = {number: text for text, number in trie.ids.items()}
    for text in TEXTS:
        assert "".join(names[number] for number in ids_of(trie, text)) == byte_string(text.encode())
