"""What a tokenizer knows: token strings and their ids. Enough to key embedding rows by string.

Reads ``tokenizer.json`` of the Hugging Face tokenizers library (BPE, WordPiece, WordLevel, Unigram).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from forebear.artifacts.text import load_json, read_whole
from forebear.errors import FormatError
from forebear.sources import Source

TOKENIZER = "tokenizer.json"
MAX_TOKENIZER = 64_000_000
"""Bytes; the largest public ones are about 35 MB."""
MAX_ID = 4_000_000


@dataclass(frozen=True)
class Tokenizer:
    """A vocabulary.

    Attributes:
        model: ``BPE``, ``Unigram``, ``WordPiece`` or ``WordLevel``.
        ids: token string, as written in the file, to row of the embedding matrix.
        added: strings that were added behind the trained vocabulary (special tokens, extensions).
        merges: number of merges, 0 where the model has none.
    """

    model: str
    ids: Mapping[str, int]
    added: tuple[str, ...]
    merges: int

    @cached_property
    def digest(self) -> str:
        """BLAKE2b over the sorted ``(string, id)`` pairs: equal vocabularies have equal digests."""
        state = hashlib.blake2b(digest_size=20)
        for text, number in sorted(self.ids.items()):
            state.update(f"{len(text)}:{text}={number};".encode("utf-8", "surrogatepass"))
        return state.hexdigest()


def read_tokenizer(source: Source) -> Tokenizer | None:
    """The vocabulary of a source, None where it has no ``tokenizer.json``.

    Raises:
        FormatError: the file is too large, not JSON, or not a tokenizer.
    """
    if TOKENIZER not in {f.path for f in source.files()}:
        return None
    data = load_json(read_whole(source, TOKENIZER, MAX_TOKENIZER), TOKENIZER)
    return parse_tokenizer(data)


def parse_tokenizer(data: Any) -> Tokenizer:
    """A tokenizer from the parsed ``tokenizer.json``; see :func:`read_tokenizer`."""
    model = data.get("model") if isinstance(data, dict) else None
    if not isinstance(model, dict):
        raise FormatError(TOKENIZER, "has no model section")
    vocab, kind = model.get("vocab"), model.get("type")
    kind = kind[:40] if isinstance(kind, str) else ""
    ids: dict[str, int]
    if isinstance(vocab, dict):
        ids = {text: _check_id(text, number) for text, number in vocab.items()}
        kind = kind or "BPE"
    elif isinstance(vocab, list):  # Unigram: [[text, score], …], the id is the position
        if not all(isinstance(v, list) and v and isinstance(v[0], str) for v in vocab):
            raise FormatError(TOKENIZER, "its vocabulary list is not one of [text, score] pairs")
        ids = {item[0]: number for number, item in enumerate(vocab)}
        kind = kind or "Unigram"
    else:
        raise FormatError(TOKENIZER, "has no vocabulary")
    added: list[str] = []
    entries = data.get("added_tokens") or []
    if not isinstance(entries, list):
        raise FormatError(TOKENIZER, "its added_tokens are not a list")
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("content"), str):
            raise FormatError(TOKENIZER, "an added token without text")
        text = entry["content"]
        if text not in ids:
            added.append(text)
        ids[text] = _check_id(text, entry.get("id"))
    merges = model.get("merges")
    return Tokenizer(kind, ids, tuple(added), len(merges) if isinstance(merges, list) else 0)


def _check_id(text: str, number: Any) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < MAX_ID:
        raise FormatError(TOKENIZER, f"token {text[:40]!r} has no usable id")
    return number
