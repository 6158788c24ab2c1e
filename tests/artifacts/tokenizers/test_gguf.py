"""The vocabulary inside GGUF files: the strings of the same vocabulary in its own formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from forebear.artifacts import read_artifact
from forebear.artifacts.gguf import SUFFIX, read_header
from forebear.artifacts.tokenizers import Tokenizer, read_tokenizer
from forebear.artifacts.tokenizers.gguf import tokenizer_of
from forebear.sources import File, LocalSource
from ggufs import gguf
from models import Memory, refused, tiny_llama
from shared import shared

KEY = "tokenizer.ggml."


def read(model: str = "gpt2", **more: Any) -> Tokenizer | None:
    raw = gguf({f"{KEY}model": model, **{KEY + k: v for k, v in more.items()}}, {})
    return tokenizer_of(read_header(Memory({"m.gguf": raw}), File("m.gguf", len(raw))))


def test_byte_level_tokens_stay_as_they_are() -> None:
    found = read(tokens=["<|end|>", "Ġthe", "ﷺ"], token_type=[3, 1, 4], merges=["a b", "b c"])
    assert found == Tokenizer("BPE", {"<|end|>": 0, "Ġthe": 1, "ﷺ": 2}, (), 2, True, ("<|end|>",))


def test_pieces_stay_as_they_are() -> None:
    found = read("llama", tokens=["<unk>", "<s>", "<0x0A>", "▁the"], token_type=[2, 3, 6, 1])
    assert found == Tokenizer("BPE", {"<unk>": 0, "<s>": 1, "<0x0A>": 2, "▁the": 3}, (), 0, False, ("<unk>", "<s>"))


def test_word_pieces_get_their_marks_back() -> None:
    found = read("bert", tokens=["[PAD]", "▁word", "ing", "▁", "▁[x"], token_type=[3, 1, 1, 1, 1])
    assert found is not None and (found.model, found.specials) == ("WordPiece", ("[PAD]",))
    assert list(found.ids) == ["[PAD]", "word", "##ing", "", "[x"]


def test_padding_of_the_embedding_is_left_out() -> None:
    found = read("llama", tokens=["a", "[PAD1]", "[PAD9]", "[PAD3]", "b"], token_type=[1, 5, 5, 3, 1])
    assert found is not None and found.ids == {"a": 0, "[PAD9]": 2, "b": 4}
    assert found.oddities == ("2 ids up to 4 without a token, 1 the first",)
    real = read("llama", tokens=["a", "[PAD1]"], token_type=[1, 1])
    assert real is not None and real.ids == {"a": 0, "[PAD1]": 1}


def test_an_unknown_model_is_read_as_written_and_noted() -> None:
    found = read("rwkv", tokens=["a"])
    assert found is not None and found.oddities == ("tokens of the model rwkv, as written",)


def test_a_file_may_have_no_vocabulary() -> None:
    assert read() is None
    with refused("m-vocab.gguf: holds no vocabulary"):
        read_tokenizer(Memory({"m-vocab.gguf": gguf({"a": 1}, {})}))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"tokens": "text"}, "its tokenizer.ggml.tokens are not texts"),
        ({"tokens": [1, 2]}, "its tokenizer.ggml.tokens are not texts"),
        ({"tokens": ["a", "b"], "token_type": [1]}, "does not give each token a type"),
        ({"tokens": ["a", "b"], "token_type": ["1", "2"]}, "does not give each token a type"),
        ({"tokens": ["a", "b"], "token_type": 7}, "does not give each token a type"),
    ],
)
def test_what_is_no_vocabulary_is_refused(more: dict[str, Any], words: str) -> None:
    with refused("m.gguf: ", words):
        read(**more)


def test_a_vocabulary_alone_serves_the_weights_beside_it(tmp_path: Path) -> None:
    folder = tiny_llama(tmp_path / "m", tokenizer=None)
    (folder / "ggml-vocab-m.gguf").write_bytes(gguf({f"{KEY}model": "gpt2", f"{KEY}tokens": ["a", "b"]}, {}))
    artifact = read_artifact(LocalSource(folder))
    assert artifact.weights.format == "safetensors"
    assert artifact.tokenizer is not None and artifact.tokenizer.ids == {"a": 0, "b": 1}
    with refused("holds a vocabulary without weights"):
        read_artifact(LocalSource(folder / "ggml-vocab-m.gguf"))


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("gguf/ggml-vocab-baichuan", "baichuan1/tokenizer.model"),
        ("gguf/ggml-vocab-bert-bge", "bert-uncased/tokenizer.json"),
        ("gguf/ggml-vocab-bert-bge", "bert-uncased/vocab.txt"),
        ("gguf/ggml-vocab-falcon", "falcon-180b/tokenizer.json"),
        ("gguf/ggml-vocab-gpt-2", "gpt2/tokenizer.json"),
        ("gguf/ggml-vocab-gpt-neox", "gpt-neox-20b/20B_tokenizer.json"),
        ("gguf/ggml-vocab-mpt", "gpt-neox-20b/20B_tokenizer.json"),
        ("gguf/ggml-vocab-llama-spm", "llama2/tokenizer.model"),
        ("gguf_hist/llama-early", "llama2/tokenizer.model"),
        ("gguf/ggml-vocab-phi-3", "phi3-slerp/tokenizer.json"),
    ],
)
def test_real_vocabularies_are_those_of_their_other_formats(name: str, other: str) -> None:
    folder = shared("artefacts") / "tokenizers"
    raw = (folder / (name + SUFFIX)).read_bytes()
    ours = tokenizer_of(read_header(Memory({"m.gguf": raw}), File("m.gguf", len(raw))))
    beside = "tokenizer.json" if other.endswith("tokenizer.json") else Path(other).name
    theirs = read_tokenizer(Memory({beside: (folder / other).read_bytes()}))
    assert ours is not None and theirs is not None
    assert ours.digest == theirs.digest and ours.byte_level == theirs.byte_level


@pytest.mark.shared
def test_every_real_vocabulary_is_read() -> None:
    files = sorted((shared("artefacts") / "tokenizers").rglob("ggml-vocab-*.gguf"))
    assert len(files) == 12
    for path in files:
        found = read_tokenizer(Memory({path.name: path.read_bytes()}))
        assert found is not None and found.oddities == () and len(found.ids) > 30_000, path
