"""Texts cut by byte pair encoding, whichever file the vocabulary stands in.

Byte pair encoding: arXiv 1508.07909; on bytes: GPT-2's report (2019).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from forebear.tokenization.base import Encoding, Refused
from forebear.tokenization.merging import Rank, merged
from forebear.tokenization.patterns import Step

MAX_ADDED = 20_000
"""Each is looked for in every text; the largest public vocabularies have about 7,000."""


@dataclass(frozen=True)
class BytePairs:
    """See :class:`~forebear.tokenization.base.Encoder`.

    Attributes:
        vocabulary: string to id.
        rank: which pairs of ids are merged, see :data:`~forebear.tokenization.merging.Rank`.
        split: from normalised text to the words in which pairs are merged.
        whole_words: whether a word that is a token is not merged together (``ignore_merges``).
        byte_fallback: whether a character that is no token becomes those of its bytes, ``<0xE2>`` and so on.
        unknown: the id for what is no token, None to leave it out; ``fused`` makes one of several in a row.
        added: strings that are tokens before anything else happens.
        odd: added ones that also take what stands beside them, or are looked for in changed text.
        normalise: what is done to a section of text first.
        before, after: ids that are put around a text.
    """

    vocabulary: Mapping[str, int]
    rank: Rank
    split: Step
    whole_words: bool = False
    byte_fallback: bool = False
    unknown: int | None = None
    fused: bool = False
    added: Mapping[str, int] = field(default_factory=dict)
    odd: frozenset[str] = frozenset()
    normalise: Callable[[str], str] = str
    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()

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
        return merged(list(self._symbols(word)), self.rank)

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


def by_list(vocabulary: Mapping[str, int], merges: list[tuple[str, str]]) -> Rank:
    """The ranks of a list of merges, the first of which are done first.

    Raises:
        Refused: a merge is of tokens that are not there; its place is named.
    """
    ranks: dict[tuple[int, int], tuple[float, int]] = {}
    for rank, (left, right) in enumerate(merges):
        try:
            ranks[vocabulary[left], vocabulary[right]] = rank, vocabulary[left + right]
        except KeyError:
            raise Refused(f"merge {rank} is of tokens that are not there") from None
    return lambda left, right: ranks.get((left, right))


def by_value(vocabulary: Mapping[str, int], value: Callable[[str], float]) -> Rank:
    """The ranks of a vocabulary without a list of merges: any two tokens that make a token, by the value of that."""
    texts = {number: text for text, number in vocabulary.items()}

    def rank(left: int, right: int) -> tuple[float, int] | None:
        together = texts[left] + texts[right]
        number = vocabulary.get(together)
        return (value(together), number) if number is not None else None

    return rank


def composed(text: str) -> str:
    """Unicode's normal form C."""
    return unicodedata.normalize("NFC", text)
