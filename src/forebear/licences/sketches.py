"""Sketches of known licence texts: sequences of hashed words by clause, which ship instead of the texts.

A sketch tells whether two texts have the same words in the same order and where they part; it is not the text. Of
words that decide what a licence demands (figures, names, negations, countries) the spelling is kept, in one list for
all texts, so that a difference can be told in words. ``benchmarks/licence_texts.py`` makes the files.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

SHINGLE = 5
"""Words of a shingle: five words of one licence are rarely those of an unrelated one."""
SAMPLED = 3
"""One shingle in so many is looked up, chosen by its hash, so that the same ones are chosen in every text."""
Ids = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Alternative:
    """Words ``start`` to ``end`` of a known text may differ; ``pattern`` is what may stand there."""

    start: int
    end: int
    pattern: str


@dataclass(frozen=True)
class Clause:
    """A clause of a known text: its words' range, its number, and its number with its first eight words."""

    start: int
    end: int
    label: str


@dataclass(frozen=True)
class Sketch:
    """A known text.

    Attributes:
        id: as in the catalogue of licences where it is there, else of the SPDX list.
        name: its title.
        spdx: identifier, ``LicenseRef-…`` where the list has none, "" for a use policy.
        licence: identifier in the catalogue of licences, "" where the catalogue has no facts about it.
        same: other identifiers whose text has the same words (``GPL-2.0-or-later``).
        source: where it was read: repository, commit and path.
        start, end: its words in :attr:`Sketches.words`.
        alternatives: places that may differ.
    """

    id: str
    name: str
    spdx: str
    licence: str
    same: tuple[str, ...]
    source: str
    start: int
    end: int
    alternatives: tuple[Alternative, ...] = ()


class Sketches:
    """All known texts. ``words`` (N,) int32 indices of hashes; ``optional`` (N,) bool: words that may be missing."""

    def __init__(
        self,
        table: Sequence[Sketch],
        hashes: npt.NDArray[np.uint32],
        words: Ids,
        optional: npt.NDArray[np.bool_],
        spelt: Mapping[int, str],
    ) -> None:
        self.table = tuple(table)
        self.hashes = hashes
        self.words = words
        self.optional = optional
        self.spelt = spelt

    def ids(self, words: Iterable[str]) -> Ids:
        """(n,) int32: index of each word's hash; of a word that no text has, a negative number of its own."""
        listed = list(words)
        numbers: dict[str, int] = {}
        distinct = list(dict.fromkeys(listed))
        hashes = np.asarray([hash_of(word) for word in distinct], np.uint32)
        places = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        known = self.hashes[places] == hashes if len(distinct) else np.zeros(0, bool)
        for number, word in enumerate(distinct):
            numbers[word] = int(places[number]) if known[number] else -number - 1
        return np.asarray([numbers[word] for word in listed], np.int32)

    def of(self, sketch: Sketch) -> Ids:
        """(m,) int32 words of one text."""
        return self.words[sketch.start : sketch.end]

    @cached_property
    def index(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """Sampled shingles of all texts, sorted, with the text of each and its place in the text."""
        shingled, text, place = [], [], []
        for number, sketch in enumerate(self.table):
            values, places = sampled(self.of(sketch))
            shingled.append(values)
            place.append(places)
            text.append(np.full(len(values), number, np.int32))
        values = np.concatenate(shingled) if shingled else np.zeros(0, np.uint64)
        order = np.argsort(values, kind="stable")
        return values[order], np.concatenate(text)[order], np.concatenate(place)[order]

    @cached_property
    def sizes(self) -> npt.NDArray[np.int32]:
        """(texts,) sampled shingles of each."""
        return np.bincount(self.index[1], minlength=len(self.table)).astype(np.int32)

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """Place of each identifier in :attr:`table`."""
        return {sketch.id: number for number, sketch in enumerate(self.table)}

    def without(self, ids: Iterable[str]) -> Sketches:
        """The same without some texts: what would a study say if a text were not known?"""
        left = set(ids)
        table = [each for each in self.table if each.id not in left]
        return Sketches(table, self.hashes, self.words, self.optional, self.spelt)


def hash_of(word: str) -> int:
    """32 bits of a word."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=4).digest(), "big")


def shingles(ids: Ids, length: int = SHINGLE) -> npt.NDArray[np.uint64]:
    """(n - length + 1,) uint64: a hash of every ``length`` words in a row."""
    count = len(ids) - length + 1
    if count <= 0:
        return np.zeros(0, np.uint64)
    mixed = np.zeros(count, np.uint64)
    wide = ids.astype(np.int64).astype(np.uint64)
    for offset in range(length):
        mixed = (mixed ^ (wide[offset : offset + count] + np.uint64(0x9E3779B97F4A7C15))) * np.uint64(
            0xBF58476D1CE4E5B9
        )
        mixed ^= mixed >> np.uint64(29)
    return mixed


def sampled(ids: Ids) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32]]:
    """The sampled shingles of a text and their places."""
    values = shingles(ids)
    places = np.flatnonzero(values % np.uint64(SAMPLED) == 0).astype(np.int32)
    return values[places], places


@lru_cache(maxsize=1)
def known() -> Sketches:
    """The sketches that ship."""
    folder = resources.files("forebear") / "data" / "licences" / "texts"
    meta = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
    raw = zlib.decompress((folder / "words.bin").read_bytes())
    distinct, total = int(meta["distinct"]), int(meta["words"])
    hashes = np.frombuffer(raw, np.dtype("<u4"), distinct).astype(np.uint32)
    words = np.frombuffer(raw, np.dtype("<u2"), total, 4 * distinct).astype(np.int32)
    packed = np.frombuffer(raw, np.uint8, (total + 7) // 8, 4 * distinct + 2 * total)
    optional = np.unpackbits(packed, count=total).astype(bool)
    table, start = [], 0
    for entry in meta["texts"]:
        end = start + int(entry["words"])
        alternatives = tuple(Alternative(*each) for each in entry.get("alternatives", ()))
        table.append(
            Sketch(
                entry["id"],
                entry["name"],
                entry.get("spdx", ""),
                entry.get("licence", ""),
                tuple(entry.get("same", ())),
                entry["source"],
                start,
                end,
                alternatives,
            )
        )
        start = end
    spelt = {}
    for word in meta["spelt"]:
        place = int(np.searchsorted(hashes, np.uint32(hash_of(word))))
        if place < distinct and hashes[place] == hash_of(word):
            spelt[place] = word
    return Sketches(table, hashes, words, optional, spelt)


@lru_cache(maxsize=1)
def _clauses() -> Mapping[int, list[list[Any]]]:
    folder = resources.files("forebear") / "data" / "licences" / "texts"
    rows = json.loads(zlib.decompress((folder / "clauses.bin").read_bytes()))
    return {sketch.start: row for sketch, row in zip(known().table, rows, strict=True)}


def clauses_of(sketch: Sketch) -> tuple[Clause, ...]:
    """The clauses of a known text, in order; they cover all of its words."""
    rows = _clauses().get(sketch.start, [[0, ""]])
    size = sketch.end - sketch.start
    starts = [int(row[0]) for row in rows]
    ends = [*starts[1:], size]
    return tuple(Clause(start, end, str(row[1])) for row, start, end in zip(rows, starts, ends, strict=True))
