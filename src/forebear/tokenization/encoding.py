"""The encoder of a model's tokenizer, from whichever file its vocabulary is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from forebear.artifacts.gguf import read_header
from forebear.artifacts.text import load_json
from forebear.artifacts.tokenizers import find_tokenizer
from forebear.artifacts.tokenizers.additions import CONFIG, MAX_ADDITIONS
from forebear.artifacts.tokenizers.base import read_file
from forebear.artifacts.tokenizers.gguf import Gguf
from forebear.artifacts.tokenizers.huggingface import TOKENIZER, HuggingFace
from forebear.artifacts.tokenizers.rwkv import Rwkv
from forebear.artifacts.tokenizers.sentencepiece import SentencePiece
from forebear.artifacts.tokenizers.tekken import Tekken
from forebear.artifacts.tokenizers.tiktoken import Tiktoken
from forebear.artifacts.tokenizers.vocab_merges import VocabMerges
from forebear.artifacts.tokenizers.vocab_txt import VocabTxt
from forebear.errors import ForebearError, one_line
from forebear.sources import Source
from forebear.tokenization.base import Encoder, Refused
from forebear.tokenization.gguf import from_header
from forebear.tokenization.library import Library
from forebear.tokenization.named import named
from forebear.tokenization.patterns import SPLITS
from forebear.tokenization.ranks import from_merges, from_ranks, from_tekken
from forebear.tokenization.sentencepiece import from_model
from forebear.tokenization.tokenizer_json import byte_pairs
from forebear.tokenization.words import Trie, WordPieces

PARSED = (byte_pairs, Library)
"""Every way to cut texts by a parsed ``tokenizer.json``, in order of preference; each refuses what it cannot read."""


def encoder_of(source: Source, split: str | None = None) -> Encoder | str:
    """What cuts texts as the tokenizer of a model does, or a clause that says why nothing does.

    Args:
        source: a model's files, those of its tokenizer alone, or one file of several.
        split: how a text is cut into words first, a name of :data:`~forebear.tokenization.patterns.SPLITS`, for a
            vocabulary that does not say it; without effect on others.
    """
    if split is not None and split not in SPLITS:
        return f"{one_line(split, 40)} is no way to cut text that is known: {', '.join(SPLITS)}"
    try:
        chosen = named(source)
        found = find_tokenizer(chosen)
        return _encoder(*found, chosen, split) if found is not None else "it has no tokenizer file"
    except (Refused, ForebearError) as refusal:
        return str(refusal)


def json_encoder_of(source: Source) -> Encoder | str:
    """The same by the ``tokenizer.json`` alone, with the special tokens that it puts around a text."""
    if TOKENIZER not in {f.path for f in source.files()}:
        return f"it has no {TOKENIZER}"
    try:
        return _parsed(source, TOKENIZER)
    except (Refused, ForebearError) as refusal:
        return str(refusal)


def _encoder(kind: object, path: str, source: Source, split: str | None) -> Encoder:
    read: Mapping[type, Callable[[], Encoder]] = {
        HuggingFace: lambda: _parsed(source, path),
        Tekken: lambda: from_tekken(source, path, split),
        Tiktoken: lambda: from_ranks(source, path, split),
        SentencePiece: lambda: from_model(read_file(source, path), path),
        VocabMerges: lambda: from_merges(source, split),
        Rwkv: lambda: Trie(Rwkv().read(source, path).ids),
        VocabTxt: lambda: _word_pieces(source, path),
        Gguf: lambda: from_header(read_header(source, next(f for f in source.files() if f.path == path)), split),
    }
    return read[type(kind)]()


def _parsed(source: Source, path: str) -> Encoder:
    data = load_json(read_file(source, path), path)
    if not isinstance(data, Mapping):
        raise Refused(f"its {path} is no object")
    why = ""
    for encoder in PARSED:
        try:
            return encoder(data)
        except Refused as refusal:
            why = str(refusal)
        except ForebearError as error:
            why = f"{why}: {error}" if why else str(error)
    raise Refused(why)


def _word_pieces(source: Source, path: str) -> WordPieces:
    ids = VocabTxt().read(source, path).ids
    if "[UNK]" not in ids:
        raise Refused("its vocabulary has no token for the unknown")
    lower = _setting(source, "do_lower_case")
    if lower is None:
        raise Refused("nothing says whether it makes text lower case")
    return WordPieces(ids, ids["[UNK]"], lower)


def _setting(source: Source, key: str) -> bool | None:
    if CONFIG not in {f.path for f in source.files()}:
        return None
    data: Any = load_json(read_file(source, CONFIG, MAX_ADDITIONS), CONFIG)
    value = data.get(key) if isinstance(data, dict) else None
    return value if isinstance(value, bool) else None
