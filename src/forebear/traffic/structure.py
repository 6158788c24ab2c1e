"""The objects of a JSON document of any size, one after the other, without parsing it.

Quotes, escapes and brackets are found block by block with numpy, so a gigabyte takes seconds, any nesting is a number,
and memory is that of one object. What is broken or too large is handed out as pieces of text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

BLOCK = 1 << 20
MOST = 1 << 26
"""Bytes of one object (64 MB); a larger one is handed out in pieces."""
PIECE = 1 << 22
MARGIN = 65_536
_TAIL = re.compile(rb"(?<![\w.:/@+%#\\-])[\w.:/@+%#\\-]{1,640}\Z")
_NOTHING = b" \t\r\n,[]\xef\xbb\xbf"
_QUOTE, _BACKSLASH, _OPEN, _CLOSE, _CASE = 0x22, 0x5C, 0x7B, 0x7D, 0x20


@dataclass(frozen=True)
class Element:
    """An object of the document, or what is left of one.

    Attributes:
        number: of the object, from 1.
        raw: its bytes.
        whole: False where it is a piece of an object that is cut off, or larger than :data:`MOST`.
    """

    number: int
    raw: bytes = field(repr=False)
    whole: bool = True


@dataclass
class Ending:
    """How a document ended.

    Attributes:
        why: what is wrong with its end; "" where it is closed.
        at: bytes until there.
        number: of the last object that began.
        open: whether the file ended inside of an object.
    """

    why: str = ""
    at: int = 0
    number: int = 0
    open: bool = False


class Brackets:
    """Follows brackets through blocks of a document: where they stand outside of strings, and how deep."""

    def __init__(self) -> None:
        self.depth = 0
        self._inside = 0
        self._escaped = False

    def feed(self, block: bytes) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_], npt.NDArray[np.intp]]:
        """Positions of brackets in a block, whether each opens, and the depth behind each."""
        data = np.frombuffer(block, np.uint8)
        quotes = np.flatnonzero(data == _QUOTE)
        quotes = quotes[~self._escapes(data)[quotes]] if self._escaped or _BACKSLASH in block else quotes
        folded = data | _CASE  # brackets become braces
        at = np.flatnonzero((folded == _OPEN) | (folded == _CLOSE))
        at = at[(np.searchsorted(quotes, at) + self._inside) % 2 == 0]
        opens = folded[at] == _OPEN
        depth = self.depth + np.cumsum(np.where(opens, 1, -1))
        self._inside = (self._inside + quotes.size) % 2
        if at.size:
            self.depth = int(depth[-1])
        return at, opens, depth

    def _escapes(self, data: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
        """Which bytes are escaped: those behind an odd run of backslashes, of which the first may be escaped itself."""
        out = np.zeros(data.size + 1, np.bool_)
        slashes = np.flatnonzero(data == _BACKSLASH)
        if self._escaped:
            out[0] = True
            slashes = slashes[slashes > 0]
        first = np.flatnonzero(np.diff(slashes, prepend=-2) != 1)
        length = np.diff(first, append=slashes.size)
        out[(slashes[first] + length)[length % 2 == 1]] = True
        self._escaped = bool(out[-1])
        return out[:-1]


def elements(stream: BinaryIO, depth: int, ending: Ending, gaps: bool = False) -> Iterator[Element]:
    """The objects that begin at a depth: 1 for a document that is one, 2 for those of an array, 4 for HAR entries.

    What stands between objects is handed out, as pieces of text with the number of the object before it, only where
    ``gaps`` asks for it and it is more than blanks, commas and brackets. Where brackets close once too often the
    document is taken as ended, and the rest as pieces of text. ``ending`` is told, before the last pieces are handed
    out, how it ended.
    """
    brackets = Brackets()
    held: list[bytes] = []
    inside = over = False
    while block := stream.read(BLOCK):
        at, opens, depths = brackets.feed(block)
        low = np.flatnonzero(depths < 0)
        edges = np.flatnonzero(np.where(opens, depths == depth, depths == depth - 1)[: low[0] if low.size else at.size])
        start = 0
        for edge in edges.tolist():
            place = int(at[edge])
            if not inside and opens[edge] and block[place] == _OPEN:
                if gaps:
                    held.append(block[start:place])
                    yield from _gap(ending.number, held)
                inside, over, start = True, False, place
                ending.number += 1
            elif inside and not opens[edge]:
                held.append(block[start : place + 1])
                yield Element(ending.number, b"".join(held), not over)
                held, inside, start = [], False, place + 1
        if low.size:
            place = int(at[low[0]])
            ending.why, ending.at = "a bracket closes that was never opened", ending.at + place
            held, inside = [*held, block[start if inside or gaps else place :]], True
            while block := stream.read(PIECE):
                held.append(block)
                yield from _filled(ending.number, held)
            break
        ending.at += len(block)
        if inside or gaps:
            held.append(block[start:])
            if sum(map(len, held)) > (MOST if inside and not over else PIECE):
                over = over or inside
                yield from _filled(ending.number, held)
    if not ending.why and (inside or brackets.depth > 0):
        ending.why, ending.open = "it ends in the middle", inside
    if not inside:
        yield from _gap(ending.number, held)
    for piece in pieces(b"".join(held)):
        if piece:
            yield Element(ending.number, piece, False)


def _gap(number: int, held: list[bytes]) -> Iterator[Element]:
    """Hand out what is held, unless there is nothing to it."""
    text = b"".join(held)
    held.clear()
    if text.strip(_NOTHING):
        for piece in pieces(text):
            yield Element(number, piece, False)


def _filled(number: int, held: list[bytes]) -> Iterator[Element]:
    """Hand out what is held but for the last piece, which stays."""
    *whole, rest = pieces(b"".join(held))
    held[:] = [rest]
    for piece in whole:
        yield Element(number, piece, False)


def pieces(raw: bytes) -> list[bytes]:
    """A long text in pieces of about :data:`PIECE` bytes, cut where no name and no pair of key and value is cut."""
    out, at = [], 0
    while len(raw) - at > PIECE:
        end = cut(raw, at + PIECE, at)
        out.append(raw[at:end])
        at = end
    return [*out, raw[at:]]


def unended(raw: bytes) -> bytes:
    """A text that is cut off, without the word that its end cuts in two: half a name is another name.

    ``gpt-4o`` may have been ``gpt-4o-mini``.
    """
    tail = raw[-MARGIN:]
    return raw[: len(raw) - len(tail)] + _TAIL.sub(b"", tail)


def cut(raw: bytes, end: int, start: int = 0) -> int:
    """The last place up to ``end`` behind which nothing continues, at most :data:`MARGIN` bytes before it."""
    start = max(start, end - MARGIN)
    for marks in (b",;&\n}", b" \t"):
        place = max(raw.rfind(marks[k : k + 1], start, end) for k in range(len(marks)))
        if place > start:
            return place + 1
    return end
