"""What a text is asked for before it is searched: spellings of families, markers, and keys that name models."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from forebear.catalogue import names
from forebear.traffic import markers
from forebear.traffic.prefilter import Prefilter

AROUND = 300
"""Characters around a literal in a long text that are looked at."""
KEYS = ("model", "engine", "deployment", "llm", "canonical_slug", "hugging_face_id", "fingerprint", '"bytes"')
"""Parts of all keys that name models, and of those that hold more."""
_ESCAPED = re.compile(rb"\\u00(?:3[0-9]|[4-7])")
"""Letters or digits that JSON writes as escapes for no reason but to hide them."""


@dataclass(frozen=True)
class Clues:
    """What a text has.

    Attributes:
        stems: the spellings of families in it.
        marks: whether it may have markers.
        some: whether it has anything.
    """

    stems: tuple[str, ...] = ()
    marks: bool = False
    some: bool = False

    def may_name(self, text: str) -> bool:
        """Whether a part of the text can name a model."""
        low = text.lower()
        return any(stem in low for stem in self.stems)

    def __or__(self, other: Clues) -> Clues:
        return Clues(tuple({*self.stems, *other.stems}), self.marks or other.marks, self.some or other.some)


class Literals:
    """All literals, sorted out."""

    def __init__(self) -> None:
        self._stems = frozenset(stem.encode() for stem in names.stems())
        self._marks = frozenset(literal.encode() for literal in markers.literals())
        known = [*names.stems(), *markers.literals(), *KEYS]
        self._filter = Prefilter(known)

    def clues(self, text: str) -> Clues:
        """What a text has."""
        raw = text.encode("utf-8", "replace")
        present = self._filter.present(raw)
        stems = tuple(stem.decode() for stem in present & self._stems)
        return Clues(stems, bool(present & self._marks), bool(present) or _ESCAPED.search(raw) is not None)

    def in_record(self, raw: bytes) -> bool:
        """Whether there can be anything to see in a record: a literal, or content that is encoded."""
        if b'"base64"' in raw or _ESCAPED.search(raw):
            return True
        return next(self._filter.hits(raw), None) is not None

    def around(self, text: str) -> Iterator[str]:
        """The parts of a long text that are near a literal."""
        raw = text.encode("utf-8", "replace")
        start = end = -1
        for place, _ in self._filter.hits(raw):
            if place - AROUND > end:
                if end >= 0:
                    yield raw[start:end].decode("utf-8", "ignore")
                start = max(0, place - AROUND)
            end = place + AROUND
        if end >= 0:
            yield raw[start:end].decode("utf-8", "ignore")
