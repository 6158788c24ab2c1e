"""Texts compared as licences mean them: without case, typography, markup and line breaks.

A sentence that a licence asks for is looked for in a file's words, so that ``(c)``, ``©`` and ``Copyright ©`` and all
kinds of quotation marks are the same, and a line break is a blank. Files are read up to a bound: they are a stranger's.
"""

from __future__ import annotations

import re
import unicodedata

MAX_TEXT = 2_000_000
_WORD = re.compile(r"[^\W_]+(?:[.'][^\W_]+)*")
_COPYRIGHT = re.compile(r"(?i)copyright\s*(?:\(c\)|©|&copy;)?|\(c\)|©|&copy;")
_LINE = re.compile(r"(?im)^[^\n]{0,40}(?:copyright|\(c\)|©)[^\n]{0,300}$")
_NAMED = re.compile(
    r"\W{0,8}(?i:copyright(?:\s*(?:\(c\)|©|&copy;))?|©|&copy;)[\s:]+(?i:by\s+)?"
    r"(?!(?i:claims?|disclaimers?|holders?|infringement|laws?|licen[cs]es?|notices?|owners?|protection|rights?|"
    r"statements?|terms?)\b)[A-Z]"
)
"""A line that begins with the word or the sign, and a name behind it; ``(c)`` alone is more often a clause."""
_NEGATIONS = frozenset({"not", "never", "without", "isn't", "wasn't", "aren't", "neither", "nor"})
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_BLANK = re.compile(r"\[[^\]\n]{0,100}\]|<[^>\n]{0,100}>|\{[^}\n]{0,100}\}")
"""What a sentence of a licence leaves open: ``[name of relevant Derivative Work]``."""


def plain(text: str) -> str:
    """The words of a text in lower case, one blank between them and one at each end."""
    flat = unicodedata.normalize("NFKC", text[:MAX_TEXT])
    flat = _COPYRIGHT.sub(" copyright ", flat).replace("’", "'")
    return f" {' '.join(word.lower() for word in _WORD.findall(flat))} "


def shown(markdown: str) -> str:
    """A card without its comments, which nobody sees who reads it."""
    return _COMMENT.sub(" ", markdown[:MAX_TEXT])


def says(text: str, sentence: str) -> bool:
    """Whether a text holds the words of a sentence in a row; what the sentence leaves open is not looked for.

    Words behind a negation (*not built with …*) say the opposite and do not count.
    """
    words = plain(text)
    parts = [part for part in map(plain, _BLANK.split(sentence)) if part.strip()]
    return bool(parts) and _affirmed(words, parts[0]) and all(part in words for part in parts)


def _affirmed(words: str, part: str) -> bool:
    """Whether words stand in a text without a negation before them."""
    at = words.find(part)
    while at >= 0:
        if words[max(0, at - 20) : at].rpartition(" ")[2] not in _NEGATIONS:
            return True
        at = words.find(part, at + 1)
    return False


def says_one(text: str, sentences: str) -> bool:
    """Whether a text holds one of several sentences, which stand divided by ``|``."""
    return any(says(text, sentence) for sentence in sentences.split("|") if sentence.strip())


def begins(name: str, prefix: str) -> bool:
    """Whether a model's name begins with a prefix, whatever joins its words: ``Llama-3-8B`` begins with ``Llama 3``."""
    return bool(prefix) and _joined(name).startswith(_joined(prefix))


def copyright_lines(text: str) -> tuple[str, ...]:
    """Lines that state a copyright: they begin with the word or the sign, or hold it with a year."""
    found = (line.strip() for line in _LINE.findall(text[:MAX_TEXT]))
    return tuple(line for line in found if re.search(r"\d{4}", line) or _NAMED.match(line))[:50]


def _joined(text: str) -> str:
    return "".join(ch for ch in text.casefold() if ch.isalnum() or ch == ".")
