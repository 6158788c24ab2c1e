"""Byte pair encoding from a ``tokenizer.json``, without the tokenizers library: a part of the default install.

Read are the forms that nearly all decoders have: byte-level with a known pattern, and SentencePiece's with ``▁`` and
byte fallback.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from forebear.artifacts.tokenizers.base import MAX_ID, byte_string
from forebear.errors import one_line
from forebear.tokenization.base import Refused
from forebear.tokenization.bpe import MAX_ADDED, BytePairs, by_list, composed
from forebear.tokenization.merging import Rank
from forebear.tokenization.patterns import (
    CL100K,
    GPT2,
    KIMI_K2,
    LLAMA3,
    O200K,
    PUNCTUATION,
    QWEN2,
    QWEN35,
    SPLITS,
    TEKKEN,
    TO_BYTES,
    Step,
    chain,
    isolate,
)

_SPACE = "▁"
_EXPRESSIONS = frozenset(expression for split in SPLITS.values() for expression in split) - {CL100K, TO_BYTES}
"""Those that mean the same to the tokenizers library; its ``$`` is the end of any line, not that of the text."""
_TOTAL = frozenset({GPT2, LLAMA3, QWEN2, QWEN35, O200K, TEKKEN, KIMI_K2})
"""Those that leave nothing between their matches, so that matches can also be said to be what is not removed."""


def byte_pairs(data: Mapping[str, Any]) -> BytePairs:
    """The encoder that a parsed ``tokenizer.json`` describes.

    Raises:
        Refused: it is of another form, or contradicts itself.
    """
    model = _table(data, "model")
    if model.get("type", "BPE") != "BPE":
        raise Refused(f"a vocabulary of type {one_line(str(model.get('type')), 40)} needs the tokenizers library")
    if model.get("dropout") or model.get("continuing_subword_prefix") or model.get("end_of_word_suffix"):
        raise Refused("its byte pair encoding is of an unusual form")
    vocabulary = _vocabulary(model)
    normalise, changes = _normaliser(data.get("normalizer"))
    unknown = vocabulary.get(str(model["unk_token"])) if model.get("unk_token") is not None else None
    before, after = _around(data.get("post_processor"))
    return BytePairs(
        vocabulary,
        _merges(model.get("merges"), vocabulary),
        _splitter(data.get("pre_tokenizer"), changes),
        model.get("ignore_merges") is True,
        model.get("byte_fallback") is True,
        unknown,
        model.get("fuse_unk") is True,
        *_added(data.get("added_tokens") or [], changes),
        normalise,
        before,
        after,
    )


def _table(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    if not isinstance(found := data.get(key), Mapping):
        raise Refused(f"its tokenizer.json has no {key}")
    return found


def _vocabulary(model: Mapping[str, Any]) -> dict[str, int]:
    found = dict(_table(model, "vocab"))
    _check_ids(found.values())
    return found


def _check_ids(ids: Iterable[Any]) -> None:
    if not all(isinstance(k, int) and not isinstance(k, bool) and 0 <= k < MAX_ID for k in ids):
        raise Refused("its tokenizer.json has tokens without a usable id")


def _merges(merges: Any, vocabulary: Mapping[str, int]) -> Rank:
    if not isinstance(merges, list):
        raise Refused("its tokenizer.json has no list of merges")
    pairs: list[tuple[str, str]] = []
    for rank, merge in enumerate(merges):
        pair = merge.split(" ") if isinstance(merge, str) else merge
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(part, str) for part in pair):
            raise Refused(f"merge {rank} of its tokenizer.json is no pair")
        pairs.append((pair[0], pair[1]))
    return by_list(vocabulary, pairs)


def _added(entries: Any, changes: bool) -> tuple[dict[str, int], frozenset[str]]:
    """Added tokens, and those among them that a plain search would not find as the library does."""
    found: dict[str, int] = {}
    odd: set[str] = set()
    if not isinstance(entries, list) or len(entries) > MAX_ADDED:
        raise Refused("its tokenizer.json has more added tokens than are looked for")
    try:
        for entry in entries:
            if text := entry["content"]:
                found[text] = entry["id"]
                unusual = ("lstrip", "rstrip", "single_word", *(["normalized"] if changes else []))
                if any(entry.get(key) for key in unusual):
                    odd.add(text)
    except (KeyError, TypeError, AttributeError):
        raise Refused("its tokenizer.json has added tokens of an unknown form") from None
    _check_ids(found.values())
    return found, frozenset(odd)


def _members(section: Any, key: str) -> list[Mapping[str, Any]]:
    """A section's parts: of a sequence all, else itself; none for null."""
    if section is None:
        return []
    parts = section.get(key) if isinstance(section, Mapping) and section.get("type") == "Sequence" else [section]
    if not isinstance(parts, list) or not all(isinstance(part, Mapping) for part in parts):
        raise Refused("its tokenizer.json has a section of an unknown form")
    return parts


def _normaliser(section: Any) -> tuple[Callable[[str], str], bool]:
    """What is done to text first, and whether that can change our texts, which are in form C already."""
    steps: list[Callable[[str], str]] = []
    changes = False
    for part in _members(section, "normalizers"):
        kind, pattern = part.get("type"), part.get("pattern")
        if kind == "NFC":
            steps.append(composed)
            continue
        changes = True
        if kind == "NFKC":
            steps.append(lambda text: unicodedata.normalize("NFKC", text))
        elif kind == "Prepend" and isinstance(part.get("prepend"), str):
            steps.append(lambda text, first=part["prepend"]: first + text)  # type: ignore[misc]
        elif kind == "Replace" and pattern == {"String": " "} and part.get("content") == _SPACE:
            steps.append(lambda text: text.replace(" ", _SPACE))
        else:
            raise Refused(f"its normalizer {one_line(str(kind), 40)} needs the tokenizers library")

    def normalise(text: str) -> str:
        for step in steps:
            text = step(text)
        return text

    return normalise, changes


def _splitter(section: Any, changes: bool) -> Step:
    steps: list[Step] = []
    for part in _members(section, "pretokenizers"):
        kind, pattern = part.get("type"), part.get("pattern")
        if kind == "ByteLevel":
            if part.get("add_prefix_space"):
                steps.append(lambda text, first: [text if text.startswith(" ") else " " + text])
            if part.get("use_regex", True):
                steps.append(isolate(GPT2))
            steps.append(lambda text, first: [byte_string(text.encode("utf-8", "surrogatepass"))])
        elif kind == "Split" and isinstance(pattern, Mapping) and (known := _known(pattern.get("Regex"))):
            way = (part.get("behavior"), bool(part.get("invert")))
            if way != ("Isolated", False) and not (way == ("Removed", True) and known in _TOTAL):
                raise Refused("its pre-tokenizer needs the tokenizers library")
            steps.append(isolate(known))
        elif kind == "Split" and pattern == {"String": " "} and changes:
            continue  # Gemma's: the normalizer has left no space
        elif kind == "Digits":
            steps.append(isolate(r"\p{N}" if part.get("individual_digits") else r"\p{N}+"))
        elif kind == "Punctuation" and (behaviour := part.get("behavior", "Isolated")) in ("Isolated", "Contiguous"):
            steps.append(isolate(PUNCTUATION if behaviour == "Contiguous" else PUNCTUATION.removesuffix("+")))
        elif kind == "Metaspace" and part.get("replacement") == _SPACE and not steps:
            steps.append(_metaspace(part))
        else:
            raise Refused(f"its pre-tokenizer {one_line(str(kind), 40)} needs the tokenizers library")

    return chain(steps)


def _metaspace(part: Mapping[str, Any]) -> Step:
    """``▁`` for spaces, one put in front, and words that each begin with theirs."""
    scheme = part.get("prepend_scheme", "always" if part.get("add_prefix_space", True) else "never")
    if scheme not in ("always", "first", "never"):
        raise Refused("its pre-tokenizer needs the tokenizers library")
    whole = part.get("split", True) is False

    def step(text: str, first: bool) -> list[str]:
        text = text.replace(" ", _SPACE)
        if not text.startswith(_SPACE) and (scheme == "always" or (scheme == "first" and first)):
            text = _SPACE + text
        return [text] if whole else re.findall(f"{_SPACE}[^{_SPACE}]*|[^{_SPACE}]+", text)

    return step


def _known(expression: Any) -> str | None:
    """An expression as it stands here, None for one that does not; some files hold line ends instead of escapes."""
    text = str(expression).replace("\r", r"\r").replace("\n", r"\n")
    return text if text in _EXPRESSIONS else None


def _around(section: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Ids that are put before and after a text."""
    sides: tuple[list[int], list[int]] = ([], [])
    for part in _members(section, "processors"):
        if part.get("type") == "ByteLevel":  # it changes offsets only
            continue
        if part.get("type") != "TemplateProcessing" or any(sides):
            raise Refused(f"its post-processor {one_line(str(part.get('type')), 40)} needs the tokenizers library")
        try:
            side = 0
            for piece in part["single"]:
                if "Sequence" in piece:
                    side += 1
                else:
                    sides[side].extend(part["special_tokens"][piece["SpecialToken"]["id"]]["ids"])
        except (KeyError, TypeError, IndexError):
            raise Refused("the template of its tokenizer.json is damaged") from None
    _check_ids([*sides[0], *sides[1]])
    return tuple(sides[0]), tuple(sides[1])
