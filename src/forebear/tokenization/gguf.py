"""The vocabulary of a GGUF file as an encoder: ``tokenizer.ggml.model`` names the algorithm, ``pre`` how text is cut.

Names of ``pre`` are llama.cpp's (llama-vocab.cpp), which maps them to expressions of its own; here they mean the
expressions of the tokenizers that were converted, which llama.cpp's are to imitate. ``default`` is what is used where
nobody knew better and imitates none, so it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from forebear.artifacts.gguf import Header
from forebear.artifacts.tokenizers.gguf import tokenizer_of
from forebear.artifacts.tokenizers.sentencepiece import Kind, Piece
from forebear.errors import one_line
from forebear.tokenization.base import Encoder, Refused
from forebear.tokenization.bpe import MAX_ADDED, BytePairs, by_list, by_value, composed
from forebear.tokenization.normalising import SPACE, Normaliser, chars_map
from forebear.tokenization.patterns import byte_level, isolate
from forebear.tokenization.sentencepiece import pieces_of
from forebear.tokenization.words import WordPieces

_NAMES: Mapping[str, str] = {
    "gpt2": "gpt-2 phi-2 mpt olmo jais trillion exaone4 mellum gigachat modern-bert granite-docling a.x-4.0 "
    "roberta-bpe jina-es jina-de jina-v1-en jina-v2-es jina-v2-de jina-v2-code",
    "llama3": "llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano dbrx smaug-bpe glm4 "
    "chatglm-bpe",
    "qwen2": "qwen2 deepseek-r1-qwen kormo f2llmv2 megrez stablelm2 hunyuan solar-open grok-2",
    "qwen3.5": "qwen35",
    "o200k": "gpt-4o llama4 kanana2 talkie minimax-m2",
    "tekken": "tekken",
    "kimi-k2": "kimi-k2",
    "bloom": "bloom poro-chat gpt3-finnish",
    "viking": "viking",
    "digits-gpt2": "starcoder refact command-r smollm codeshell exaone minerva-7b mellum2",
    "falcon": "falcon",
    "deepseek-llm": "deepseek-llm",
    "deepseek-coder": "deepseek-coder",
    "deepseek-v3": "deepseek-v3 hunyuan-dense joyai-llm hy_v4",
}
SPLIT_OF = {name: split for split, names in _NAMES.items() for name in names.split()}
"""The way to cut of every known ``tokenizer.ggml.pre``."""


def from_header(header: Header, split: str | None) -> Encoder:
    """The encoder of a file's vocabulary.

    Args:
        header: of the file.
        split: a name of :data:`~forebear.tokenization.patterns.SPLITS`, None for what the file says.

    Raises:
        FormatError: the vocabulary is damaged.
        Refused: there is none, or how it cuts is not known.
    """
    tokenizer = tokenizer_of(header)
    if tokenizer is None:
        raise Refused("its file holds no vocabulary")
    tokens: list[str] = header.metadata["tokenizer.ggml.tokens"]
    kinds = header.metadata.get("tokenizer.ggml.token_type", np.full(len(tokens), Kind.NORMAL))
    model = header.text("tokenizer.ggml.model")
    if model in ("llama", "t5"):
        return _pieces(header, tokens, kinds, model == "t5")
    if model == "bert":
        if (unknown := tokenizer.ids.get("[UNK]")) is None:
            raise Refused("its vocabulary has no token for the unknown")
        return WordPieces(tokenizer.ids, unknown, lower=_lower(tokenizer.ids))
    if model == "gemma4":
        return _spaced(header, tokens, kinds)
    if model == "gpt2":
        return _pairs(header, tokens, kinds, split)
    raise Refused(f"a vocabulary of the model {one_line(model, 40) or 'of no name'} is not read")


def _spaced(header: Header, tokens: list[str], kinds: Any) -> BytePairs:
    """Gemma 4's: merges of characters, with ``▁`` for a space, in lines."""
    ids, added = _tokens(tokens, kinds)
    lines = isolate("[^\n]+|\n+")
    rank = by_list(ids | added, _merges(header))
    return BytePairs(ids, rank, lines, byte_fallback=True, added=added, normalise=lambda text: text.replace(" ", SPACE))


def _tokens(tokens: list[str], kinds: Any) -> tuple[dict[str, int], dict[str, int]]:
    """Ordinary tokens with their ids, and those that are looked for in a text first."""
    whole = np.isin(kinds, (Kind.UNKNOWN, Kind.CONTROL, Kind.USER_DEFINED))
    if whole.sum() > MAX_ADDED:
        raise Refused("it has more added tokens than are looked for")
    ids = {token: k for k, token in enumerate(tokens) if not whole[k] and kinds[k] != Kind.UNUSED}
    return ids, {tokens[k]: k for k in np.flatnonzero(whole).tolist() if tokens[k]}


def _merges(header: Header) -> list[tuple[str, str]]:
    merges = header.metadata.get("tokenizer.ggml.merges")
    if not isinstance(merges, list) or not all(isinstance(merge, str) for merge in merges):
        raise Refused("its file holds no merges")
    # the space in between is none of those that begin a token
    at = [merge.find(" ", 1) for merge in merges]
    return [(merge[:k], merge[k + 1 :]) for merge, k in zip(merges, at, strict=True)]


def _pairs(header: Header, tokens: list[str], kinds: Any, split: str | None) -> BytePairs:
    said = header.text("tokenizer.ggml.pre")
    found = split or SPLIT_OF.get(said)
    if found is None:
        raise Refused(f"how it cuts text first is not known (pre is {one_line(said, 40) or 'not given'})")
    ids, added = _tokens(tokens, kinds)
    if "tokenizer.ggml.merges" in header.metadata or found != "kimi-k2":
        rank = by_list(ids | added, _merges(header))
    else:
        rank = by_value(ids, ids.__getitem__)
    return BytePairs(
        ids,
        rank,
        byte_level(found),
        whole_words=found in ("llama3", "o200k", "tekken", "kimi-k2") and said not in ("dbrx", "smaug-bpe"),
        added=added,
        normalise=composed if found == "qwen2" else str,
    )


def _pieces(header: Header, tokens: list[str], kinds: Any, unigram: bool) -> Encoder:
    scores = header.metadata.get("tokenizer.ggml.scores")
    if not isinstance(scores, np.ndarray) or scores.shape != (len(tokens),) or scores.dtype.kind != "f":
        raise Refused("its vocabulary has no score for each token")
    if "tokenizer.ggml.token_type" not in header.metadata:
        raise Refused("its vocabulary does not say what its tokens are for")
    pieces = [Piece(*each) for each in zip(tokens, scores.tolist(), kinds.tolist(), strict=True)]
    table = header.metadata.get("tokenizer.ggml.precompiled_charsmap")
    raw = table.tobytes() if isinstance(table, np.ndarray) else b""
    prefix = header.metadata.get("tokenizer.ggml.add_space_prefix", True) is not False
    squeeze = header.metadata.get("tokenizer.ggml.remove_extra_whitespaces", False) is True
    fallback = bool((kinds == Kind.BYTE).any())
    return pieces_of(pieces, unigram, fallback, Normaliser(chars_map(raw), prefix, squeeze))


def _lower(ids: Mapping[str, int]) -> bool:
    """Whether a vocabulary of words was made of lower case text: no word in it has an ASCII capital."""
    return not any(c.isascii() and c.isupper() for text in ids if not text.startswith("[") for c in text)
