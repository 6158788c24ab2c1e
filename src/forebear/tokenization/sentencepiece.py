"""SentencePiece models (arXiv 1808.06226), as sentencepiece 0.2 cuts: BPE (1508.07909) and Unigram (1804.10959).

A text is normalised, spaces become ``▁``, and all of it is cut at once. Pieces that a user has defined are found first
and are never cut or merged. What no piece covers becomes its bytes where the model has pieces for them, else one
unknown piece for each stretch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from forebear.artifacts.tokenizers.protobuf import LENGTH, VARINT, fields, wrong
from forebear.artifacts.tokenizers.sentencepiece import Kind, Piece, Trainer, parse_model
from forebear.tokenization.base import Encoding, Refused
from forebear.tokenization.merging import Rank, merged
from forebear.tokenization.normalising import Normaliser, chars_map

_UNKNOWN_PENALTY = 10.0
"""How much less likely than the least likely piece an unknown character is (unigram_model.cc)."""


@dataclass(frozen=True)
class Pieces:
    """A vocabulary of pieces; see :class:`~forebear.tokenization.base.Encoder`.

    Attributes:
        unigram: whether the likeliest pieces are looked for, else the best pairs are merged.
        normal: pieces that text is cut into, to their ids.
        scores: of each id.
        fixed: pieces that a user has defined.
        byte_ids: the ids of the 256 pieces for bytes; empty where the model does not fall back to them.
        unknown: the id of the unknown piece.
        normalise: what is done to a text first.
    """

    unigram: bool
    normal: Mapping[str, int]
    scores: Sequence[float]
    fixed: Mapping[str, int]
    byte_ids: tuple[int, ...]
    unknown: int
    normalise: Normaliser

    def encode(self, text: str) -> Encoding | str:
        """See :meth:`Encoder.encode`; nothing is put around the text."""
        ids: list[int] = []
        missing = False
        cut = self._likeliest if self.unigram else self._merged
        for number, piece in cut(self.normalise(text, self.fixed)):
            if number != self.unknown:
                ids.append(number)
            elif self.byte_ids:
                ids += [self.byte_ids[byte] for byte in piece.encode("utf-8", "surrogatepass")]
            elif not missing:
                ids.append(number)
            missing = number == self.unknown
        return Encoding.of_text(ids, self.unknown)

    def _merged(self, text: str) -> Iterator[tuple[int, str]]:
        """Ids with the text that they stand for, by merging the pairs of the highest scores."""
        for section, fixed in self._sections(text):
            if fixed is not None:
                yield fixed, section
                continue
            strange = sorted({character for character in section if character not in self.normal})
            symbols = {character: -1 - k for k, character in enumerate(strange)}  # to be recognised afterwards
            for number in merged([symbols.get(c) or self.normal[c] for c in section], self._rank):
                yield (self.unknown, strange[-1 - number]) if number < 0 else (number, "")

    @cached_property
    def _rank(self) -> Rank:
        texts = {number: text for text, number in self.normal.items()}

        def rank(left: int, right: int) -> tuple[float, int] | None:
            if left < 0 or right < 0:
                return None
            number = self.normal.get(texts[left] + texts[right])
            return (-self.scores[number], number) if number is not None else None

        return rank

    @cached_property
    def _range(self) -> tuple[float, float]:
        scores = [self.scores[number] for number in self.normal.values()]
        return min(scores, default=0.0), max(scores, default=0.0)

    @cached_property
    def _reach(self) -> Mapping[str, int]:
        """The length of the longest piece by its first character."""
        found: dict[str, int] = {}
        for piece in (*self.normal, *self.fixed):
            found[piece[0]] = max(found.get(piece[0], 0), len(piece))
        return found

    def _sections(self, text: str) -> Iterator[tuple[str, int | None]]:
        """Defined pieces with their ids and the text between them; at every place the longest."""
        begun = at = 0
        while at < len(text):
            sizes = range(min(self._reach.get(text[at], 0), len(text) - at) if self.fixed else 0, 0, -1)
            found = next((text[at : at + n] for n in sizes if text[at : at + n] in self.fixed), "")
            if found:
                if begun < at:
                    yield text[begun:at], None
                yield found, self.fixed[found]
                begun = at + len(found)
            at += len(found) or 1
        if begun < len(text):
            yield text[begun:], None

    def _likeliest(self, text: str) -> Iterator[tuple[int, str]]:
        """Ids with the text that they stand for, of the cut with the highest sum of scores (Viterbi's algorithm)."""
        low, high = self._range
        # equal sums are frequent, and which cut is taken depends on their rounding: the library's, single precision
        best = [0.0] + [-math.inf] * len(text)
        came = [(0, self.unknown)] * (len(text) + 1)
        for at in range(len(text)):
            single = False
            for size in range(1, min(self._reach.get(text[at], 0), len(text) - at) + 1):
                piece = text[at : at + size]
                if (number := self.fixed.get(piece)) is not None:
                    score = _single(len(piece.encode("utf-8", "surrogatepass")) * high - 0.1)
                elif (number := self.normal.get(piece)) is not None:
                    score = self.scores[number]
                else:
                    continue
                single |= size == 1
                if (total := _single(best[at] + score)) > best[at + size]:
                    best[at + size], came[at + size] = total, (at, number)
            unknown = _single(best[at] + _single(low - _UNKNOWN_PENALTY))
            if not single and unknown > best[at + 1]:
                best[at + 1], came[at + 1] = unknown, (at, self.unknown)
        cut = []
        at = len(text)
        while at:
            start, number = came[at]
            cut.append((number, text[start:at]))
            at = start
        yield from reversed(cut)


def _single(value: float) -> float:
    """A number rounded to single precision."""
    return float(np.float32(value))


def pieces_of(pieces: Sequence[Piece], unigram: bool, byte_fallback: bool, normalise: Normaliser) -> Pieces:
    """An encoder from the pieces of a model, in the order of their ids.

    Raises:
        Refused: a piece that could be merged is unused (it would be cut again as it was merged), none is for the
            unknown, or there are not 256 for bytes.
    """
    if not unigram and any(piece.kind == Kind.UNUSED for piece in pieces):
        raise Refused("its vocabulary has unused pieces")
    unknown = next((k for k, piece in enumerate(pieces) if piece.kind == Kind.UNKNOWN), None)
    if unknown is None:
        raise Refused("its vocabulary has no piece for the unknown")
    at = {piece.text: k for k, piece in enumerate(pieces) if piece.kind == Kind.BYTE}
    fallback = tuple(at[name] for byte in range(256) if (name := f"<0x{byte:02X}>") in at) if byte_fallback else ()
    if byte_fallback and len(fallback) != 256:
        raise Refused("it falls back to bytes and has no pieces for some")
    if not all(math.isfinite(piece.score) for piece in pieces):
        raise Refused("a piece's score is not finite")
    normal = {piece.text: k for k, piece in enumerate(pieces) if piece.kind == Kind.NORMAL and piece.text}
    fixed = {piece.text: k for k, piece in enumerate(pieces) if piece.kind == Kind.USER_DEFINED and piece.text}
    scores = [piece.score if piece.kind == Kind.NORMAL else 0.0 for piece in pieces]
    return Pieces(unigram, normal, scores, fixed, fallback, unknown, normalise)


def from_model(raw: bytes, path: str) -> Pieces:
    """The encoder of a model file (``ModelProto`` of sentencepiece_model.proto).

    Raises:
        FormatError: it is damaged.
        Refused: it cuts words or characters, or see :func:`pieces_of`.
    """
    pieces, trainer = parse_model(raw, path)
    trainer = trainer or Trainer()
    if trainer.model_type not in (1, 2):
        raise Refused("it is no model of byte pairs or likeliest pieces")
    return pieces_of(pieces, trainer.model_type == 1, trainer.byte_fallback, _normaliser(raw, path))


def _normaliser(raw: bytes, path: str) -> Normaliser:
    flags = {3: True, 4: True, 5: True}
    table = b""
    suffix = False
    for number, wire, start, stop in fields(raw, 0, len(raw), path):
        if number not in (2, 3):
            continue
        if wire != LENGTH:
            raise wrong(wire, LENGTH, "settings", path)
        for inner, how, value, end in fields(raw, start, stop, path):
            if number == 3 and inner == 2 and how == LENGTH:
                table = raw[value:end]
            elif number == 3 and inner in flags and how == VARINT:
                flags[inner] = value != 0
            elif number == 2 and inner == 24 and how == VARINT:
                suffix = value != 0
    return Normaliser(chars_map(table), flags[3], flags[4], flags[5], suffix)
