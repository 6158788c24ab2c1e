"""Byte pair encoding from a ``tokenizer.json``, without the tokenizers library: a part of the default install.

Byte pair encoding: arXiv 1508.07909; on bytes: GPT-2's report (2019). Read are the forms that nearly all decoders have:
byte-level with GPT-2's, Llama 3's or Qwen2's pattern, and SentencePiece's with ``▁`` and byte fallback. Patterns are
compared with those known here and never run as they stand in a file: an expression can be made to hang.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from forebear.activations.base import Encoding
from forebear.activations.settings import Refused
from forebear.artifacts.tokenizers.base import MAX_ID, byte_string
from forebear.errors import one_line

Step = Callable[[str, bool], list[str]]
"""A pre-tokenizer: a piece of text, and whether it begins the text, to smaller pieces."""

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)
PATTERNS = frozenset({GPT2, LLAMA3, LLAMA3.replace("{1,3}", "")})
"""Expressions that cut text into words; the last is Qwen2's."""
MAX_ADDED = 20_000
"""Each is looked for in every text; the largest public vocabularies have about 7,000."""
_SPACE = "▁"


@dataclass(frozen=True)
class BytePairs:
    """See :class:`~forebear.activations.base.Encoder`.

    Attributes:
        vocabulary: string to id.
        merges: a pair of ids to its rank and the id of the two together.
        whole_words: whether a word that is a token is not merged together (``ignore_merges``).
        byte_fallback: whether a character that is no token becomes those of its bytes, ``<0xE2>`` and so on.
        unknown: the id for what is no token, None to leave it out; ``fused`` makes one of several in a row.
        added: strings that are tokens before anything else happens.
        odd: added ones that also take what stands beside them, or are looked for in changed text.
        normalise: what is done to a section of text first.
        split: from there to the words in which pairs are merged.
        before, after: ids that are put around a text.
    """

    vocabulary: Mapping[str, int]
    merges: Mapping[tuple[int, int], tuple[int, int]]
    whole_words: bool
    byte_fallback: bool
    unknown: int | None
    fused: bool
    added: Mapping[str, int]
    odd: frozenset[str]
    normalise: Callable[[str], str]
    split: Step
    before: tuple[int, ...]
    after: tuple[int, ...]

    def encode(self, text: str) -> Encoding | str:
        """See :meth:`Encoder.encode`."""
        if any(token in text for token in self.odd):
            return "it holds an added token that only the tokenizers library would find"
        ids: list[int] = []
        for at, (section, token) in enumerate(self._sections(text)):
            if token is not None:
                ids.append(token)
            elif normal := self.normalise(section):
                for word in self.split(normal, at == 0):
                    ids += self._merged(word)
        counted = (False,) * len(self.before) + (True,) * len(ids) + (False,) * len(self.after)
        unknown = ids.count(self.unknown) if self.unknown is not None else 0
        return Encoding((*self.before, *ids, *self.after), counted, unknown)

    def _sections(self, text: str) -> Iterator[tuple[str, int | None]]:
        """Added tokens with their ids and the text between them; the leftmost first, of several there the longest."""
        at = 0
        present = sorted((token for token in self.added if token in text), key=len, reverse=True)
        while found := [(place, -len(token), token) for token in present if (place := text.find(token, at)) >= 0]:
            place, _, token = min(found)
            if place > at:
                yield text[at:place], None
            yield token, self.added[token]
            at = place + len(token)
        if at < len(text):
            yield text[at:], None

    def _merged(self, word: str) -> list[int]:
        if self.whole_words and word in self.vocabulary:
            return [self.vocabulary[word]]
        ids = list(self._symbols(word))
        while len(ids) > 1:
            ranked = [(self.merges[pair][0], k) for k, pair in enumerate(pairwise(ids)) if pair in self.merges]
            if not ranked:
                break
            _, k = min(ranked)
            ids[k : k + 2] = [self.merges[ids[k], ids[k + 1]][1]]
        return ids

    def _symbols(self, word: str) -> Iterator[int]:
        """What a word begins as: its characters, or their bytes."""
        missing = False
        for character in word:
            ids = [self.vocabulary.get(character)]
            if ids[0] is None and self.byte_fallback:
                ids = [self.vocabulary.get(f"<0x{byte:02X}>") for byte in character.encode("utf-8", "surrogatepass")]
            known = [number for number in ids if number is not None]
            if len(known) == len(ids):
                yield from known
                missing = False
            elif self.unknown is not None and not (missing and self.fused):
                yield self.unknown
                missing = True


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
        model.get("ignore_merges") is True,
        model.get("byte_fallback") is True,
        unknown,
        model.get("fuse_unk") is True,
        *_added(data.get("added_tokens") or [], changes),
        normalise,
        _splitter(data.get("pre_tokenizer"), changes),
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


def _merges(merges: Any, vocabulary: Mapping[str, int]) -> dict[tuple[int, int], tuple[int, int]]:
    if not isinstance(merges, list):
        raise Refused("its tokenizer.json has no list of merges")
    ranks: dict[tuple[int, int], tuple[int, int]] = {}
    for rank, merge in enumerate(merges):
        pair = merge.split(" ") if isinstance(merge, str) else merge
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(part, str) for part in pair):
            raise Refused(f"merge {rank} of its tokenizer.json is no pair")
        left, right = pair
        try:
            ranks[vocabulary[left], vocabulary[right]] = rank, vocabulary[left + right]
        except KeyError:
            raise Refused(f"merge {rank} of its tokenizer.json is of tokens that are not there") from None
    return ranks


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
            steps.append(lambda text: unicodedata.normalize("NFC", text))
            continue
        changes = True
        if kind == "Prepend" and isinstance(part.get("prepend"), str):
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
                steps.append(_words(GPT2))
            steps.append(lambda text, first: [byte_string(text.encode("utf-8", "surrogatepass"))])
        elif kind == "Split" and isinstance(pattern, Mapping) and str(pattern.get("Regex")) in PATTERNS:
            if (part.get("behavior"), bool(part.get("invert"))) not in (("Isolated", False), ("Removed", True)):
                raise Refused("its pre-tokenizer needs the tokenizers library")
            steps.append(_words(pattern["Regex"]))
        elif kind == "Split" and pattern == {"String": " "} and changes:
            continue  # Gemma's: the normalizer has left no space
        elif kind == "Digits":
            steps.append(_words(r"\p{N}|[^\p{N}]+" if part.get("individual_digits") else r"\p{N}+|[^\p{N}]+"))
        elif kind == "Metaspace" and part.get("replacement") == _SPACE and not steps:
            steps.append(_metaspace(part))
        else:
            raise Refused(f"its pre-tokenizer {one_line(str(kind), 40)} needs the tokenizers library")

    def split(text: str, first: bool) -> list[str]:
        pieces = [text]
        for step in steps:
            pieces = [small for at, piece in enumerate(pieces) for small in step(piece, first and at == 0)]
        return pieces

    return split


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


def _words(pattern: str) -> Step:
    """All matches of one of our expressions, which leave nothing between them."""
    found = compiled(pattern)
    return lambda text, first: found.findall(text)


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    r"""An expression of ours with ``\p{L}`` and ``\p{N}`` spelt out, for Python's ``re`` has no such classes."""
    for name in "LN":
        inside = _ranges(name)
        pattern = re.sub(r"(\[[^]]*?)\\p\{" + name + r"\}", lambda m: m[1] + inside, pattern)  # noqa: B023
        pattern = pattern.replace(rf"\p{{{name}}}", f"[{inside}]")
    return re.compile(pattern)


@cache
def _ranges(name: str) -> str:
    """The characters of a Unicode category as the inside of a class."""
    flags = [unicodedata.category(chr(k))[0] == name for k in range(sys.maxunicode + 1)]
    edges = [k for k in range(1, len(flags)) if flags[k] != flags[k - 1]]
    return "".join(f"\\U{a:08x}-\\U{b - 1:08x}" for a, b in zip(edges[::2], edges[1::2], strict=True))


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
