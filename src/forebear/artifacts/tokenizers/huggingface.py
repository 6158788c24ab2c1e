"""``tokenizer.json`` of the Hugging Face tokenizers library (BPE, WordPiece, WordLevel, Unigram)."""

from __future__ import annotations

from typing import Any

from forebear.artifacts.text import load_json
from forebear.artifacts.tokenizers.base import Additions, Tokenizer, assemble, check_id, read_file
from forebear.errors import FormatError
from forebear.sources import Source

TOKENIZER = "tokenizer.json"


class HuggingFace:
    """See :class:`TokenizerFormat`. The file is complete: no other file adds tokens to it."""

    def find(self, source: Source) -> str | None:
        """See :meth:`TokenizerFormat.find`."""
        return TOKENIZER if TOKENIZER in {f.path for f in source.files()} else None

    def read(self, source: Source, path: str) -> Tokenizer:
        """See :meth:`TokenizerFormat.read`."""
        return parse_tokenizer(load_json(read_file(source, path), path), path)


def parse_tokenizer(data: Any, path: str = TOKENIZER) -> Tokenizer:
    """A tokenizer from the parsed JSON; ``FormatError`` where it is none."""
    model = data.get("model") if isinstance(data, dict) else None
    if not isinstance(model, dict):
        raise FormatError(path, "has no model section")
    vocab, kind = model.get("vocab"), model.get("type")
    kind = kind[:40] if isinstance(kind, str) else ""
    pairs: dict[str, int] | list[tuple[str, int]]
    if isinstance(vocab, dict):
        pairs = {text: check_id(path, text, number) for text, number in vocab.items()}
        kind = kind or "BPE"
    elif isinstance(vocab, list):  # Unigram: [[text, score], …], the id is the position
        if not all(isinstance(v, list) and v and isinstance(v[0], str) for v in vocab):
            raise FormatError(path, "its vocabulary list is not one of [text, score] pairs")
        pairs = [(item[0], check_id(path, item[0], number)) for number, item in enumerate(vocab)]
        kind = kind or "Unigram"
    else:
        raise FormatError(path, "has no vocabulary")
    merges = model.get("merges")
    return assemble(
        kind,
        pairs,
        _additions(data.get("added_tokens") or [], path),
        merges=len(merges) if isinstance(merges, list) else 0,
        byte_level=any(_mentions_bytes(data.get(section)) for section in ("pre_tokenizer", "decoder")),
    )


def _additions(entries: Any, path: str) -> Additions:
    if not isinstance(entries, list):
        raise FormatError(path, "its added_tokens are not a list")
    ids: dict[str, int] = {}
    specials: list[str] = []
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("content"), str):
            raise FormatError(path, "an added token without text")
        text = entry["content"]
        ids[text] = check_id(path, text, entry.get("id"))
        if entry.get("special") is True:
            specials.append(text)
    return Additions(ids, tuple(specials))


def _mentions_bytes(section: Any) -> bool:
    """Whether a pre-tokenizer or decoder is ByteLevel, itself or as a member of a sequence (sequences do not nest)."""
    if not isinstance(section, dict):
        return False
    members = section.get("pretokenizers") or section.get("decoders") or []
    parts = [section, *(members if isinstance(members, list) else [])]
    return any(isinstance(part, dict) and part.get("type") == "ByteLevel" for part in parts)
