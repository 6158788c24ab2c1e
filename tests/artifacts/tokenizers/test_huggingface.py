"""Vocabularies: strings and ids as the file has them, or a reason why not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebear.artifacts import read_artifact
from forebear.artifacts.tokenizers import MAX_ID, read_tokenizer
from forebear.artifacts.tokenizers.huggingface import parse_tokenizer
from forebear.errors import ForebearError
from forebear.sources import LocalSource, Metered
from models import Memory, refused, tiny_llama
from models import tokenizer as made

VOCABULARY = st.dictionaries(st.text(max_size=5), st.integers(0, MAX_ID - 1), max_size=20)


def bpe(vocab: object, **more: object) -> dict[str, Any]:
    return {"model": {"type": "BPE", "vocab": vocab, **more}}


def test_a_vocabulary_is_read_with_its_added_tokens_and_merges() -> None:
    data = {**bpe({"a": 0, "b": 1, "ab": 2}, merges=["a b"]), "added_tokens": [{"id": 3, "content": "<s>"}]}
    found = parse_tokenizer(data)
    assert (found.model, found.merges, found.added) == ("BPE", 1, ("<s>",))
    assert found.ids == {"a": 0, "b": 1, "ab": 2, "<s>": 3}


def test_added_tokens_that_the_vocabulary_has_are_not_added_again() -> None:
    found = parse_tokenizer({**bpe({"a": 0, "<s>": 1}), "added_tokens": [{"id": 5, "content": "<s>"}]})
    assert found.added == () and found.ids["<s>"] == 5


def test_the_special_tokens_are_those_that_the_file_calls_so() -> None:
    added = [{"id": 9, "content": "<b>", "special": True}, {"id": 3, "content": "<a>", "special": True}]
    found = parse_tokenizer({**bpe({"a": 0}), "added_tokens": [*added, {"id": 4, "content": "word", "special": False}]})
    assert (found.specials, found.added) == (("<a>", "<b>"), ("<b>", "<a>", "word"))


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"pre_tokenizer": {"type": "ByteLevel"}}, True),
        ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split"}, {"type": "ByteLevel"}]}}, True),
        ({"decoder": {"type": "Sequence", "decoders": [{"type": "ByteLevel"}]}}, True),
        ({"pre_tokenizer": {"type": "Metaspace"}, "decoder": None}, False),
        ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": 5}, "decoder": ["ByteLevel"]}, False),
        ({"pre_tokenizer": {"pretokenizers": ["ByteLevel", None]}}, False),
    ],
)
def test_byte_level_is_what_the_file_declares(sections: dict[str, Any], expected: bool) -> None:
    assert parse_tokenizer({**bpe({"a": 0}), **sections}).byte_level is expected


def test_a_unigram_vocabulary_is_numbered_by_position() -> None:
    found = parse_tokenizer({"model": {"type": "Unigram", "vocab": [["<unk>", 0.0], ["a", -1.5], ["b", -2]]}})
    assert (found.model, found.merges) == ("Unigram", 0)
    assert found.ids == {"<unk>": 0, "a": 1, "b": 2}


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ({"vocab": {"a": 0}}, "BPE"),
        ({"vocab": [["a", 0]]}, "Unigram"),
        ({"vocab": {"a": 0}, "type": "WordPiece"}, "WordPiece"),
        ({"vocab": {"a": 0}, "type": ["BPE"]}, "BPE"),
        ({"vocab": {"a": 0}, "type": None}, "BPE"),
        ({"vocab": {"a": 0}, "type": "x" * 100}, "x" * 40),
    ],
)
def test_the_kind_is_stated_or_follows_from_the_vocabulary(model: dict[str, Any], kind: str) -> None:
    assert parse_tokenizer({"model": model}).model == kind


@pytest.mark.parametrize(
    "number", [-1, True, False, None, "1", 1.0, [], MAX_ID, 2**63, float("nan"), float("inf"), 10**400]
)
def test_ids_that_no_row_can_have_are_refused(number: Any) -> None:
    with refused("tokenizer.json: token 'a' has no usable id"):
        parse_tokenizer(bpe({"a": number}))
    with refused("tokenizer.json: token 'a' has no usable id"):
        parse_tokenizer({**bpe({}), "added_tokens": [{"content": "a", "id": number}]})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "no model section"),
        (None, "no model section"),
        ({}, "no model section"),
        ({"model": []}, "no model section"),
        ({"model": {}}, "no vocabulary"),
        ({"model": {"vocab": "abc"}}, "no vocabulary"),
        ({"model": {"vocab": [["a", 0], "b"]}}, "not one of [text, score] pairs"),
        ({"model": {"vocab": [[]]}}, "not one of [text, score] pairs"),
        ({"model": {"vocab": [[1, "a"]]}}, "not one of [text, score] pairs"),
        ({**bpe({}), "added_tokens": {"a": 1}}, "added_tokens are not a list"),
        ({**bpe({}), "added_tokens": 5}, "added_tokens are not a list"),
        ({**bpe({}), "added_tokens": ["a"]}, "an added token without text"),
        ({**bpe({}), "added_tokens": [{"id": 1}]}, "an added token without text"),
        ({**bpe({}), "added_tokens": [{"id": 1, "content": 1}]}, "an added token without text"),
        ({**bpe({}), "added_tokens": [{"content": "a"}]}, "no usable id"),
    ],
)
def test_what_is_no_tokenizer_is_refused_with_the_reason(data: Any, words: str) -> None:
    with refused("tokenizer.json: ", words):
        parse_tokenizer(data)


def test_tokens_of_strangers_do_no_harm_in_messages() -> None:
    with refused("no usable id"):
        parse_tokenizer(bpe({"\x1b[31m\n" * 1_000: -1}))


def test_equal_vocabularies_have_equal_digests_whatever_their_order() -> None:
    one, two = parse_tokenizer(bpe({"a": 0, "b": 1})), parse_tokenizer(bpe({"b": 1, "a": 0}, merges=["a b"]))
    assert one.digest == two.digest
    for other in ({"a": 1, "b": 0}, {"a": 0, "b": 1, "c": 2}, {"a": 0, "c": 1}, {"a=0;1:b": 1}):
        assert parse_tokenizer(bpe(other)).digest != one.digest


def test_there_need_not_be_a_tokenizer(tmp_path: Path) -> None:
    assert read_tokenizer(Memory({"model.safetensors": b""})) is None
    artifact = read_artifact(LocalSource(tiny_llama(tmp_path, tokenizer=None)))
    assert (artifact.tokenizer, artifact.problems) == (None, ())


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "an empty file"),
        (b"{", "not valid JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"model": {"vocab": {"a": 0, "a": 1}}}', "has the key a twice"),
        (b'{"model": {"vocab": {"\\ud800": 0}}}', "half a character"),
        (b"\xff\xff", "not UTF-8"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "a Git LFS pointer"),
    ],
)
def test_a_damaged_tokenizer_is_a_problem_and_the_weights_still_answer(raw: bytes, words: str, tmp_path: Path) -> None:
    tiny_llama(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes(raw)
    artifact = read_artifact(LocalSource(tmp_path))
    assert artifact.tokenizer is None and artifact.architecture is not None
    assert len(artifact.problems) == 1 and words in artifact.problems[0]


def test_a_tokenizer_of_200_megabytes_is_a_problem_and_never_read(tmp_path: Path) -> None:
    tiny_llama(tmp_path)
    os.truncate(tmp_path / "tokenizer.json", 200_000_000)
    artifact = read_artifact(LocalSource(tmp_path))
    assert artifact.tokenizer is None
    assert artifact.problems == (
        "tokenizer.json: 200,000,000 bytes, more than the 64,000,000 that such a file may have",
    )
    assert isinstance(artifact.source, Metered) and artifact.source.bytes_read < 100_000


@settings(max_examples=100, deadline=None, derandomize=True)
@given(VOCABULARY, VOCABULARY)
def test_every_vocabulary_comes_back_as_it_was_written(vocab: dict[str, int], extra: dict[str, int]) -> None:
    data = {**bpe(vocab), "added_tokens": [{"content": t, "id": k} for t, k in extra.items()]}
    found = read_tokenizer(Memory({"tokenizer.json": json.dumps(data).encode()}))
    assert found is not None
    assert found.ids == vocab | extra
    assert set(found.added) == extra.keys() - vocab.keys()
    assert len(found.digest) == 40


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_tokenizer_with_changed_bytes_is_read_or_refused(changes: list[tuple[int, int]]) -> None:
    raw = bytearray(json.dumps(made(110)).encode())
    for place, value in changes:
        raw[place % len(raw)] = value
    source = Memory({"tokenizer.json": bytes(raw)})
    try:
        found = read_tokenizer(source)
    except ForebearError:
        with refused("tokenizer.json"):
            read_tokenizer(source)
    else:
        assert found is not None and all(0 <= number < MAX_ID for number in found.ids.values())
