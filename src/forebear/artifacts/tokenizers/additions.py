"""Added and special tokens beside a vocabulary: the small JSON files that transformers writes.

``added_tokens.json`` maps strings to ids; ``added_tokens_decoder`` in ``tokenizer_config.json`` maps ids to strings and
wins; ``special_tokens_map.json``, and the ``*_token`` entries of the config, call strings special and give no ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from forebear.artifacts.text import load_json
from forebear.artifacts.tokenizers.base import Additions, check_id, parse_id, read_file
from forebear.errors import FormatError
from forebear.sources import Source

ADDED = "added_tokens.json"
CONFIG = "tokenizer_config.json"
SPECIAL = "special_tokens_map.json"
MAX_ADDITIONS = 10_000_000
"""Bytes; the largest real ones, with a chat template inside, are below 1 MB."""


def read_additions(source: Source) -> Additions:
    """What the files beside a vocabulary add to it, nothing where there are none.

    Raises:
        FormatError: one of them is damaged, or gives a token no usable id.
    """
    ids = {text: check_id(ADDED, text, number) for text, number in _object(source, ADDED).items()}
    config = _object(source, CONFIG)
    named = list(_decoder(config.get("added_tokens_decoder")))
    ids.update((text, number) for text, number, _ in named)
    specials = [text for text, _, special in named if special]
    for key, value in (*config.items(), *_object(source, SPECIAL).items()):
        if key.endswith("_token") or key == "additional_special_tokens":
            specials += _names(value)
    return Additions(ids, tuple(specials))


def _object(source: Source, path: str) -> Mapping[str, Any]:
    if path not in {f.path for f in source.files()}:
        return {}
    data = load_json(read_file(source, path, MAX_ADDITIONS), path)
    if not isinstance(data, dict):
        raise FormatError(path, "is not a JSON object")
    return data


def _decoder(entries: Any) -> Iterator[tuple[str, int, bool]]:
    if entries is None:
        return
    if not isinstance(entries, dict):
        raise FormatError(CONFIG, "its added_tokens_decoder is not an object")
    for number, entry in entries.items():
        text = entry.get("content") if isinstance(entry, dict) else None
        if not isinstance(text, str):
            raise FormatError(CONFIG, f"its added token {number[:40]!r} has no text")
        yield text, parse_id(CONFIG, text, number), entry.get("special") is True


def _names(value: Any) -> Iterator[str]:
    """The strings of one entry: text, an object with ``content``, or a list of either; anything else is a setting."""
    for item in value if isinstance(value, list) else [value]:
        text = item.get("content") if isinstance(item, dict) else item
        if isinstance(text, str):
            yield text
