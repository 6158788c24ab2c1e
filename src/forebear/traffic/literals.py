"""What a text is asked for before it is searched: spellings of families, markers, and keys that name models."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from forebear.catalogue import names
from forebear.traffic import markers
from forebear.traffic.prefilter import LONGEST_RUN, Prefilter

AROUND = 300
"""Characters around a literal in a long text that are looked at."""
KEYS = (
    "model",
    "engine",
    "deployment",
    '"llm',
    "llm_",
    "llm=",
    "canonical_slug",
    "hugging_face_id",
    "fingerprint",
    '"bytes"',
)
"""Parts of all keys that name models, and of those that hold more."""
_RUN = re.compile(rf"[A-Za-z0-9@][A-Za-z0-9._:/@+\-%]{{2,{LONGEST_RUN - 1}}}")
_JOINT = re.compile(r"[0-9\-:/@]")
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

    def runs(self, text: str) -> Iterator[str]:
        """The parts of a text that can be identifiers, each with the character before it and behind it."""
        if not self.may_name(text):
            return
        for run in _RUN.finditer(text):
            if _JOINT.search(run[0]) and self.may_name(run[0]):
                yield text[max(0, run.start() - 1) : run.end() + 1]


class Literals:
    """All literals, sorted out."""

    def __init__(self) -> None:
        self._stems = frozenset(stem.encode() for stem in names.stems())
        self._marks = frozenset(literal.encode() for literal in markers.literals())
        self._filter = Prefilter([*markers.literals(), *KEYS], names.stems())

    def clues(self, text: str) -> Clues:
        """What a text has."""
        raw = text.encode("utf-8", "replace")
        present = self._filter.present(raw)
        stems = tuple(stem.decode() for stem in sorted(present & self._stems))
        return Clues(stems, bool(present & self._marks), bool(present) or _ESCAPED.search(raw) is not None)

    def in_record(self, raw: bytes) -> bool:
        """Whether there can be anything to see in a record: a literal, or content that is encoded."""
        if b'"base64"' in raw or _ESCAPED.search(raw):
            return True
        return next(self._filter.hits(raw), None) is not None

    def around(self, text: str) -> Iterator[str]:
        """The parts of a long text that are near a literal."""
        raw = text.encode("utf-8", "replace")
        start, end = 0, -1
        for place, _ in self._filter.hits(raw):
            if end < 0 or place - AROUND > end:
                if end >= 0:
                    yield raw[start:end].decode("utf-8", "ignore")
                start = max(0, place - AROUND)
            end = place + AROUND
        if end >= 0:
            yield raw[start:end].decode("utf-8", "ignore")


@cache
def literals() -> Literals:
    """All literals, sorted out once."""
    return Literals()
