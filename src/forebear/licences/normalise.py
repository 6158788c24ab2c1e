"""A licence text as a sequence of comparable words: what differs only in looks is the same word.

Letter case, quotes, punctuation, markup, line wraps, British and American spelling and the copyright sign are no
differences. What could be one stays visible: figures with their decimals and currency signs, numbers of clauses (as
*weak* words, which may come and go), and lines that name holders of a copyright (as *holder* words, which are the
licensee's own). Offsets lead from every word back to the text, so that a finding quotes what the file says.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from forebear.licences.lexicon import CONDITIONS

MAX_CHARACTERS = 1_000_000
"""What of a file is read: the longest licence known here has 80,000 characters; notices of third parties have more."""
MAX_HOLDERS = 10
_HOLDER_WORDS = 24
"""Words of a copyright line that are taken as names and years; what follows in an unwrapped text is text."""

_TAG = re.compile(
    r"</?(?:a|b|big|blockquote|body|br|center|code|dd|div|dl|dt|em|font|h[1-6]|head|hr|html|i|img|li|meta|ol|p|pre|s|"
    r"small|span|strong|sub|sup|table|tbody|td|th|thead|title|tr|tt|u|ul)(?:\s[^<>]{0,500})?/?>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|[A-Za-z]{2,8});")
_DOUBLE_LINK = re.compile(r"\[((?:https?://|mailto:)?([^\]\s]{3,300}))\]\((?:https?://|mailto:)?\2/?\)")
_WORD = re.compile(
    r"\d{1,3}(?:,\d{3})+(?:\.\d+)?"  # 1,000,000
    r"|[\u3040-\u30ff\u3400-\u9fff]"  # texts without spaces: every character is a word
    r"|[^\W_\u3040-\u30ff\u3400-\u9fff]+(?:['’][^\W\d_]+)*(?:\.\d+)*"
    r"|[$€£¥%]"
)
_BIDI = frozenset("\u202a\u202b\u202d\u202e\u2066\u2067\u2068")
_STRUCK = re.compile(r"~~[^\s~][^~\n]{0,2000}~~|<(?:s|del|strike)(?:\s[^<>]{0,500})?>|\w[\u0335-\u0338]", re.IGNORECASE)
_NUMBERED = re.compile(r"[\s#>*•·/;|-]*\(?(?:\d{1,3}(?:\.\d{1,3}){0,4}|[A-Za-z]|[ivxIVX]{1,5})(?:[.):\]]|\s[-–—]\s)")
_COPYRIGHT = re.compile(
    r"\W*(?:(?:portions|parts)\s+(?:of\s+\w+\s+)?)?(?:copyrights?\b\s*(?:\(c\)|:)?\s*(?P<named>\W{0,3}\d{4}|<|\[|\{|by\b)"
    r"|copyrights?\b\s*\(c\)|\(c\)\s*(?:copyright\b\s*)?\d{4}"
    r"|copyrights?\b\s+(?!(?:and|or|as|claims?|disclaimer|held|holders?|in|infringement|is|law|laws|license|licenses|"
    r"notices?|of|owners?|patent|protection|rights?|statements?|term|the|to|treaties)\b)(?=[A-Z]))",
    re.IGNORECASE,
)
_RESERVED = re.compile(r"\W*all rights reserved\W*$", re.IGNORECASE)
_ENDS = re.compile(r"[.:;!?)\]\"”’]\W*$|\b(?:and|or)\W*$", re.IGNORECASE)
_SPELLING = {
    "licence": "license",
    "licences": "licenses",
    "licenced": "licensed",
    "acknowledgement": "acknowledgment",
    "acknowledgements": "acknowledgments",
    "behaviour": "behavior",
    "centre": "center",
    "defence": "defense",
    "favour": "favor",
    "fulfil": "fulfill",
    "honour": "honor",
    "judgement": "judgment",
    "labour": "labor",
    "programme": "program",
    "wilful": "willful",
}
_BRITISH = re.compile(r"(?<=\w{3})is(?=(?:e|es|ed|er|ing|ation|ations)$)")
_SILENT = frozenset(("http", "https", "www", "mailto"))


@dataclass(frozen=True, eq=False)
class Text:
    """A text cut into words.

    Attributes:
        clean: the text without markup, entities and invisible characters; lines are those of the file.
        words: (n,) words.
        starts, ends, lines: (n,) int32; where each stands in ``clean``, and on which line, from 0.
        weak: (n,) bool; the number or letter of a clause at the start of a line.
        holder: (n,) bool; part of a line that names holders of a copyright.
        holders: those lines, at most ten, without repetitions.
        reordered: the file has characters that show it in another order than it is stored.
        cut: the file goes on beyond what was read.
        struck: words are struck out by markup or by characters, so that a reader takes them for deleted.
    """

    clean: str
    words: tuple[str, ...]
    starts: npt.NDArray[np.int32]
    ends: npt.NDArray[np.int32]
    lines: npt.NDArray[np.int32]
    weak: npt.NDArray[np.bool_]
    holder: npt.NDArray[np.bool_]
    holders: tuple[str, ...]
    reordered: bool = False
    cut: bool = False
    struck: bool = False

    def __len__(self) -> int:
        return len(self.words)

    def quote(self, start: int, end: int, limit: int = 300) -> str:
        """The words ``start`` to ``end`` as the file has them, in one line of at most ``limit`` characters."""
        if start >= end:
            return ""
        raw = " ".join(self.clean[int(self.starts[start]) : int(self.ends[end - 1])].split())
        return raw if len(raw) <= limit else raw[: limit - 1] + "…"


def normalise(text: str) -> Text:
    """The words of a licence text, or of any file that may hold one.

    Never fails: an empty or binary text has few words or none. At most :data:`MAX_CHARACTERS` are read.
    """
    cut = len(text) > MAX_CHARACTERS
    text = text[:MAX_CHARACTERS]
    reordered = any(character in text for character in _BIDI)
    cleaned = clean(text)
    words: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    lines: list[int] = []
    weak: list[bool] = []
    holder: list[bool] = []
    holders: dict[str, None] = {}
    before = ""
    offset = 0
    for number, line in enumerate(cleaned.split("\n")):
        numbered, named = _marks(line, before)
        first = len(words)
        for start, end, word in _cut(line):
            if word == "copyright" and len(words) > first and words[-1] == "copyright":
                ends[-1] = offset + end  # Copyright (c), copyright sign and word: one
                continue
            words.append(word)
            starts.append(offset + start)
            ends.append(offset + end)
            lines.append(number)
            weak.append(end <= numbered)
            named = named and word not in CONDITIONS  # "(c) 2024 A. Not for commercial use": a name and a condition
            holder.append(named and len(words) - first <= _HOLDER_WORDS)
        if len(words) > first and holder[first] and len(holders) < MAX_HOLDERS:
            holders.setdefault(" ".join(line.split())[:200].strip("#*/-_ "))
        before = line
        offset += len(line) + 1
    return Text(
        cleaned,
        tuple(words),
        np.asarray(starts, np.int32),
        np.asarray(ends, np.int32),
        np.asarray(lines, np.int32),
        np.asarray(weak, np.bool_),
        np.asarray(holder, np.bool_),
        tuple(holders),
        reordered,
        cut,
        _STRUCK.search(text) is not None,
    )


def clean(text: str) -> str:
    """The text without markup, entities, invisible characters and typographic variants; lines stay."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    if "&" in text:
        text = _ENTITY.sub(lambda found: html.unescape(found[0]).replace("\n", " "), text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.replace("©", "(c)").replace("℗", "(c)"))
        text = "".join(c for c in text if c < "\xad" or unicodedata.category(c) not in ("Cf", "Mn"))
    if "<" in text:
        text = _TAG.sub(" ", text)
    if "](" in text:
        text = _DOUBLE_LINK.sub(r"\1", text)
    return text


def _marks(line: str, before: str) -> tuple[int, bool]:
    """Where the clause's number at the start of a line ends (0: none), and whether the line names holders."""
    if not line or line.isspace():
        return 0, False
    fresh = not before.strip() or bool(_ENDS.search(before[-40:]))
    numbered = _NUMBERED.match(line[:200])
    marked = numbered.end() if numbered and (fresh or len(before) < 45) else 0
    found = _COPYRIGHT.match(line[:200])
    named = bool(found and (fresh or found["named"] or len(before) < 45)) or bool(_RESERVED.match(line[:60]))
    return marked, named


def _cut(line: str) -> Iterator[tuple[int, int, str]]:
    last = ""
    for found in _WORD.finditer(line):
        raw = found[0]
        start, end = found.span()
        if raw in "cC" and start and line[start - 1] == "(" and line[end : end + 1] == ")":
            following = line[end + 1 : end + 7].lstrip()
            if last == "copyright" or following[:4].isdigit() or following[:1] in ("<", "["):
                yield start, end, "copyright"
                last = "copyright"
                continue
        for word in _plain(raw):
            yield start, end, word
            last = word


@lru_cache(maxsize=65_536)
def _plain(raw: str) -> tuple[str, ...]:
    """The comparable words of one raw word: none for ``https``, two for ``noncommercial``."""
    word = raw.casefold().replace("'", "").replace("’", "")[:60]
    if word[:1].isdigit():
        return (word.replace(",", ""),)
    if word in _SILENT:
        return ()
    if word in ("copyrights", "copyrighted"):
        return (word,)
    if word.startswith("non") and len(word) >= 8:
        return ("non", _spelt(word[3:]))
    if word.startswith("sublicen"):
        return ("sub", _spelt(word[3:]))
    return (_spelt(word),)


def _spelt(word: str) -> str:
    return _SPELLING.get(word) or _BRITISH.sub("iz", word)
