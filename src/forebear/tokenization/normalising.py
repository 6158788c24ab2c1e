"""What SentencePiece does to a text before it is cut: replacements by a compiled table, and spaces.

The table (``precompiled_charsmap`` in sentencepiece_model.proto) is a Darts double array that maps byte strings to
places among replacement texts that end with a zero byte. At every place the longest entry counts.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from forebear.tokenization.base import Refused

SPACE = "▁"
_LONGEST = 64
"""Bytes of an entry; the longest of nmt_nfkc_cf has about 20."""


@dataclass(frozen=True)
class CharsMap:
    """A table of replacements.

    Attributes:
        units: of the double array.
        texts: the replacements, each ended by a zero byte.
    """

    units: NDArray[np.uint32]
    texts: bytes

    def longest(self, raw: bytes, at: int) -> tuple[int, bytes] | None:
        """The longest entry that the bytes from a place on begin with: its length, and what replaces it."""
        units, found = self.units, None
        unit = int(units[0])
        place = (unit >> 10) << ((unit & 0x200) >> 6)
        for size in range(1, min(_LONGEST, len(raw) - at) + 1):
            node = place ^ raw[at + size - 1]
            if node >= len(units) or int(units[node]) & 0x800000FF != raw[at + size - 1]:
                break
            unit = int(units[node])
            place = node ^ ((unit >> 10) << ((unit & 0x200) >> 6))
            if unit & 0x100:  # it has a value
                if place >= len(units):
                    break
                start = int(units[place]) & 0x7FFFFFFF
                stop = self.texts.find(b"\0", start)
                if start >= len(self.texts) or stop < 0:
                    break
                found = size, self.texts[start:stop]
        return found


@dataclass(frozen=True)
class Normaliser:
    """How a text is changed.

    Attributes:
        table: of replacements, None for none.
        prefix: whether a space is put in front.
        squeeze: whether spaces at both ends, and all but one of several, go.
        escape: whether a space becomes ``▁``.
        suffix: whether the space in front is put at the end instead.
    """

    table: CharsMap | None = None
    prefix: bool = True
    squeeze: bool = False
    escape: bool = True
    suffix: bool = False

    def __call__(self, text: str, fixed: Collection[str] = ()) -> str:
        """The normalised text; strings in ``fixed`` stay as they are."""
        if self.table is not None:
            text = self._replaced(text, fixed)
        if self.squeeze:
            text = " ".join(word for word in text.split(" ") if word)
        if self.prefix and text:
            text = text + " " if self.suffix else " " + text
        return text.replace(" ", SPACE) if self.escape else text

    def _replaced(self, text: str, fixed: Collection[str]) -> str:
        table = self.table or CharsMap(np.empty(0, np.uint32), b"")
        sizes = sorted({len(entry) for entry in fixed}, reverse=True)
        raw = text.encode("utf-8", "surrogatepass")
        starts = [0, *accumulate(len(character.encode("utf-8", "surrogatepass")) for character in text)]
        places = {start: k for k, start in enumerate(starts)}
        out: list[bytes] = []
        at = 0
        while at < len(text):
            size = next((n for n in sizes if at + n <= len(text) and text[at : at + n] in fixed), 0)
            found = None if size else table.longest(raw, starts[at])
            if found is not None and (after := places.get(starts[at] + found[0])) is not None:
                out.append(found[1])
                at = after
            else:
                size = size or 1
                out.append(raw[starts[at] : starts[at + size]])
                at += size
        return b"".join(out).decode("utf-8", "replace")


def chars_map(raw: bytes) -> CharsMap | None:
    """A compiled table, None for an empty one; ``Refused`` where it contradicts itself."""
    if not raw:
        return None
    size = struct.unpack_from("<I", raw)[0] if len(raw) >= 4 else 0
    if size < 4 or size % 4 or size >= len(raw) - 4:
        raise Refused("its table of replacements is damaged")
    texts = raw[4 + size :]
    if not texts.endswith(b"\0"):
        raise Refused("its table of replacements is damaged")
    return CharsMap(np.frombuffer(raw, "<u4", size // 4, 4), texts)
