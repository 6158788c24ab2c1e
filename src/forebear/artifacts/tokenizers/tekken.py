"""Mistral's ``tekken.json``: tiktoken ranks in JSON, behind the special tokens.

The layout is that of mistral-common: ids ``0 … n-1`` are special tokens, ``n`` being ``default_num_special_tokens``,
and the token of rank *r* has id *n + r*, as far as ``default_vocab_size`` reaches (the file lists more than the model
has).
"""

from __future__ import annotations

import binascii
from typing import Any

from forebear.artifacts.text import load_json
from forebear.artifacts.tokenizers.base import MAX_ID, Additions, Tokenizer, assemble, byte_string, check_id, read_file
from forebear.errors import FormatError
from forebear.sources import Source

TEKKEN = "tekken.json"
_UNLISTED = (
    "<unk>",
    "<s>",
    "</s>",
    "[INST]",
    "[/INST]",
    "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    "[TOOL_CALLS]",
    "[IMG]",
    "<pad>",
    "[IMG_BREAK]",
    "[IMG_END]",
    "[PREFIX]",
    "[MIDDLE]",
    "[SUFFIX]",
    "[SYSTEM_PROMPT]",
    "[/SYSTEM_PROMPT]",
    "[TOOL_CONTENT]",
)
"""The special tokens of the first tekken versions (up to v7), which do not list them in the file."""


class Tekken:
    """See :class:`TokenizerFormat`."""

    def find(self, source: Source) -> str | None:
        """See :meth:`TokenizerFormat.find`."""
        return TEKKEN if TEKKEN in {f.path for f in source.files()} else None

    def read(self, source: Source, path: str) -> Tokenizer:
        """See :meth:`TokenizerFormat.read`."""
        return parse_tekken(load_json(read_file(source, path), path), path)


def parse_tekken(data: Any, path: str = TEKKEN) -> Tokenizer:
    """A tokenizer from the parsed JSON; ``FormatError`` where it is none."""
    config = data.get("config") if isinstance(data, dict) else None
    vocab = data.get("vocab") if isinstance(data, dict) else None
    if not isinstance(config, dict) or not isinstance(vocab, list):
        raise FormatError(path, "has no config and vocabulary of a tekken file")
    size = _size(config.get("default_vocab_size"), path)
    count = _size(config.get("default_num_special_tokens"), path)
    specials = _specials(data.get("special_tokens"), count, path)
    pairs: list[tuple[str, int]] = []
    for entry in vocab:
        if not isinstance(entry, dict) or not isinstance(entry.get("token_bytes"), str):
            raise FormatError(path, "a token without bytes")
        try:
            text = byte_string(binascii.a2b_base64(entry["token_bytes"], strict_mode=True))
        except ValueError:
            raise FormatError(path, f"the token {entry['token_bytes'][:40]!r} is not base64") from None
        if (number := count + check_id(path, text, entry.get("rank"))) < size:
            pairs.append((text, number))
    return assemble("BPE", pairs, Additions(specials, tuple(specials)), byte_level=True)


def _specials(entries: Any, count: int, path: str) -> dict[str, int]:
    if entries is None:
        entries = [{"token_str": text, "rank": k} for k, text in enumerate(_UNLISTED[:count])]
    if not isinstance(entries, list):
        raise FormatError(path, "its special_tokens are not a list")
    ids: dict[str, int] = {}
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("token_str"), str):
            raise FormatError(path, "a special token without text")
        ids[entry["token_str"]] = check_id(path, entry["token_str"], entry.get("rank"))
    # mistral-common fills the places that are left with names of this form, and so do converted tokenizers
    return ids | {f"<SPECIAL_{k}>": k for k in range(len(entries), count)}


def _size(value: Any, path: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_ID:
        raise FormatError(path, "its config gives no usable vocabulary size and number of special tokens")
    return value
