"""Vocabularies of byte-level pairs whose files do not say how text is cut first.

Of tiktoken's rank files and of ``vocab.json`` with ``merges.txt`` the expression stands in a program. It is known here
for published vocabularies, which their content tells, and for classes that a ``tokenizer_config.json`` names; of any
other there is none, for two vocabularies of one size may be cut by different expressions. A user can name one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from forebear.artifacts.text import load_json
from forebear.artifacts.tokenizers.additions import CONFIG, MAX_ADDITIONS, read_additions
from forebear.artifacts.tokenizers.base import BYTES, Tokenizer, check_id, read_file, read_lines
from forebear.artifacts.tokenizers.tekken import parse_tekken
from forebear.artifacts.tokenizers.tiktoken import parse_ranks
from forebear.artifacts.tokenizers.vocab_merges import MERGES, VOCAB
from forebear.errors import FormatError
from forebear.sources import Source
from forebear.tokenization.base import Refused
from forebear.tokenization.bpe import MAX_ADDED, BytePairs, by_list, by_value, composed
from forebear.tokenization.patterns import SPLITS, byte_level, name_of

COMPOSED = frozenset({"qwen2", "qwen3.5"})
"""Ways to cut whose tokenizers bring text into normal form C first."""
CLASSES: Mapping[str, str] = {
    "QWenTokenizer": "qwen2",
    "Qwen2Tokenizer": "qwen2",
    "Qwen2TokenizerFast": "qwen2",
    "TikTokenTokenizer": "kimi-k2",
    "ChatGLM4Tokenizer": "llama3",
    "GPT2Tokenizer": "gpt2",
    "GPT2TokenizerFast": "gpt2",
    "WhisperTokenizer": "gpt2",
    "CodeGenTokenizer": "gpt2",
    "RobertaTokenizer": "gpt2",
    "BartTokenizer": "gpt2",
}
"""Ways to cut by the class that a tokenizer's config names."""


@cache
def known_splits() -> Mapping[str, str]:
    """Digest of a published vocabulary of ranks or merges, without added tokens, to the name of its way to cut."""
    text = (resources.files("forebear") / "data" / "tokenizers" / "splits.json").read_text("utf-8")
    found: dict[str, str] = json.loads(text)["splits"]
    return found


def from_ranks(source: Source, path: str, split: str | None) -> BytePairs:
    """The encoder of a rank file.

    Args:
        source: that holds it.
        path: of the file.
        split: a name of :data:`~forebear.tokenization.patterns.SPLITS`, None to find out.

    Raises:
        FormatError: it is damaged.
        Refused: how it cuts is not known.
    """
    ids = dict(parse_ranks(read_file(source, path), path)[0])
    return _by_rank(ids, split or _split(source, ids), read_additions(source).ids)


def from_tekken(source: Source, path: str, split: str | None) -> BytePairs:
    """The encoder of a ``tekken.json``, which holds its expression; see :func:`from_ranks`."""
    data = load_json(read_file(source, path), path)
    tokenizer = parse_tekken(data, path)
    found = split or name_of((str(data["config"].get("pattern")),))
    if found is None:
        raise Refused("its expression is none that is known here")
    specials = set(tokenizer.specials)
    ids = {text: number for text, number in tokenizer.ids.items() if text not in specials}
    return _by_rank(ids, found, {})


def from_merges(source: Source, split: str | None) -> BytePairs:
    """The encoder of ``vocab.json`` with ``merges.txt``; see :func:`from_ranks`."""
    data = load_json(read_file(source, VOCAB), VOCAB)
    if not isinstance(data, dict):
        raise FormatError(VOCAB, "is not a JSON object of tokens and ids")
    ids = {text: check_id(VOCAB, text, number) for text, number in data.items()}
    if MERGES not in {f.path for f in source.files()}:
        raise Refused("it has no merges")
    if BYTES[ord(" ")] not in ids:
        raise Refused("its vocabulary is not one of bytes")
    rank = by_list(ids, list(_pairs(source)))
    found = split or _split(source, ids)
    return BytePairs(ids, rank, byte_level(found), added=_few(read_additions(source).ids), normalise=_normalise(found))


def _pairs(source: Source) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(read_lines(source, MERGES)[0], 1):
        if not line or (number == 1 and line.startswith("#version")):
            continue
        left, _, right = line.partition(" ")
        if not left or not right or " " in right:
            raise FormatError(MERGES, f"line {number:,} is not two tokens", "fetch the file again")
        yield left, right


def _by_rank(ids: Mapping[str, int], split: str, added: Mapping[str, int]) -> BytePairs:
    rank = by_value(ids, ids.__getitem__)
    step = byte_level(split)
    return BytePairs(ids, rank, step, whole_words=True, added=_few(added), normalise=_normalise(split))


def _normalise(split: str) -> Any:
    return composed if split in COMPOSED else str


def _few(added: Mapping[str, int]) -> Mapping[str, int]:
    if len(added) > MAX_ADDED:
        raise Refused("it has more added tokens than are looked for")
    return {text: number for text, number in added.items() if text}


def _split(source: Source, ids: Mapping[str, int]) -> str:
    """How a vocabulary cuts, by its content, else by the class in the config beside it."""
    if found := known_splits().get(Tokenizer("BPE", ids, (), 0).digest):
        return found
    if CONFIG in {f.path for f in source.files()}:
        data = load_json(read_file(source, CONFIG, MAX_ADDITIONS), CONFIG)
        name = data.get("tokenizer_class") if isinstance(data, dict) else None
        if isinstance(name, str) and (found := CLASSES.get(name)) is not None:
            return found
    raise Refused("the expression that cuts text first is not in its files; name one of " + ", ".join(SPLITS))
