"""Tokenizers that take the longest token which a word, or what is left of the text, begins with.

WordPiece is BERT's (arXiv 1810.04805): words at spaces and punctuation, then the longest tokens, those inside of a word
with ``##``. A word that cannot be put together is one unknown token. RWKV's World vocabulary needs no words: the bytes
of the text are cut from the left, always by the longest token.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from forebear.artifacts.tokenizers.base import byte_string
from forebear.tokenization.base import Encoding

MAX_WORD = 100
"""Characters; a longer word is unknown (BERT's max_input_chars_per_word)."""


@dataclass(frozen=True)
class WordPieces:
    """See :class:`~forebear.tokenization.base.Encoder`.

    Attributes:
        ids: of the tokens by string.
        unknown: the id of the unknown token.
        lower: whether text is made lower case and loses its accents.
    """

    ids: Mapping[str, int]
    unknown: int
    lower: bool

    def encode(self, text: str) -> Encoding | str:
        """See :meth:`Encoder.encode`; nothing is put around the text."""
        ids = [number for word in self._words(text) for number in self._pieces(word)]
        return Encoding.of_text(ids, self.unknown)

    def _words(self, text: str) -> list[str]:
        kept = (" " if _white(c) else c for c in text if c not in "\0\ufffd" and not _control(c))
        spaced = "".join(f" {c} " if _ideograph(ord(c)) else c for c in kept)
        if self.lower:
            parts = unicodedata.normalize("NFD", spaced)
            spaced = "".join(c for c in parts if unicodedata.category(c) != "Mn").lower()
        return "".join(f" {c} " if _punctuation(c) else c for c in spaced).split()

    def _pieces(self, word: str) -> list[int]:
        found: list[int] = []
        at = 0
        while at < len(word) and len(word) <= MAX_WORD:
            front = "##" if at else ""
            stop = next((k for k in range(len(word), at, -1) if front + word[at:k] in self.ids), at)
            if stop == at:
                return [self.unknown]
            found.append(self.ids[front + word[at:stop]])
            at = stop
        return found or [self.unknown]


@dataclass(frozen=True)
class Trie:
    """See :class:`~forebear.tokenization.base.Encoder`.

    Attributes:
        ids: of the tokens by string, a character for each byte.
    """

    ids: Mapping[str, int]

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self.ids), default=1)

    def encode(self, text: str) -> Encoding | str:
        """See :meth:`Encoder.encode`; nothing is put around the text."""
        raw = byte_string(text.encode("utf-8", "surrogatepass"))
        ids = list(self._tokens(raw))
        return "it holds a byte that is no token" if -1 in ids else Encoding.of_text(ids)

    def _tokens(self, raw: str) -> Iterator[int]:
        at = 0
        while at < len(raw):
            sizes = range(min(self._longest, len(raw) - at), 0, -1)
            size = next((n for n in sizes if raw[at : at + n] in self.ids), 0)
            yield self.ids[raw[at : at + size]] if size else -1
            at += size or len(raw)


def _white(character: str) -> bool:
    return character in " \t\n\r" or unicodedata.category(character) == "Zs"


def _control(character: str) -> bool:
    return character not in "\t\n\r" and unicodedata.category(character).startswith("C")


def _punctuation(character: str) -> bool:
    ascii_symbol = character.isascii() and character.isprintable() and not character.isalnum() and character != " "
    return ascii_symbol or unicodedata.category(character).startswith("P")


def _ideograph(code: int) -> bool:
    """Whether BERT puts spaces around a character: the CJK blocks that its authors name."""
    blocks = (
        (0x4E00, 0x9FFF),
        (0x3400, 0x4DBF),
        (0x20000, 0x2A6DF),
        (0x2A700, 0x2B73F),
        (0x2B740, 0x2B81F),
        (0x2B820, 0x2CEAF),
        (0xF900, 0xFAFF),
        (0x2F800, 0x2FA1F),
    )
    return any(first <= code <= last for first, last in blocks)
