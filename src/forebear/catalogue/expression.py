"""SPDX licence expressions: which licences, and where there is a choice (SPDX 3.0, annex on licence expressions).

    expression = term ("OR" term)*      term = factor ("AND" factor)*
    factor = "(" expression ")" | identifier ["+"] ["WITH" exception]

A card is a stranger's: length, number of words, depth and number of alternatives are bounded, and what is no expression
is no error but None.
"""

from __future__ import annotations

import re
from itertools import product

MAX_LENGTH = 500
MAX_WORDS = 60
MAX_DEPTH = 10
MAX_ALTERNATIVES = 32
_WORD = re.compile(r"\s*([()]|[A-Za-z0-9][A-Za-z0-9.+:-]*)")

Alternatives = tuple[tuple[str, ...], ...]
"""Each inner tuple is one way to satisfy the expression: all of its licences hold together."""


class _NotAnExpressionError(Exception):
    """The text follows another grammar."""


def alternatives(text: str) -> Alternatives | None:
    """The ways to satisfy an expression, None where the text is none; a single identifier is the simplest one.

    An exception stays with its licence: ``GPL-2.0-only WITH Classpath-exception-2.0`` is one identifier.
    """
    words = _words(text)
    if not words:
        return None
    try:
        found, rest = _either(words, 0)
    except _NotAnExpressionError:
        return None
    return found if not rest else None


def _words(text: str) -> list[str]:
    if len(text) > MAX_LENGTH:
        return []
    out: list[str] = []
    at = 0
    text = text.strip()
    while at < len(text):
        match = _WORD.match(text, at)
        if match is None or len(out) == MAX_WORDS:
            return []
        out.append(match[1])
        at = match.end()
    return out


def _either(words: list[str], depth: int) -> tuple[Alternatives, list[str]]:
    found, words = _together(words, depth)
    while words and words[0].upper() == "OR":
        more, words = _together(words[1:], depth)
        found = _bounded((*found, *more))
    return found, words


def _together(words: list[str], depth: int) -> tuple[Alternatives, list[str]]:
    found, words = _one(words, depth)
    while words and words[0].upper() == "AND":
        more, words = _one(words[1:], depth)
        if len(found) * len(more) > MAX_ALTERNATIVES:
            raise _NotAnExpressionError
        found = _bounded(tuple(tuple(dict.fromkeys(a + b)) for a, b in product(found, more)))
    return found, words


def _one(words: list[str], depth: int) -> tuple[Alternatives, list[str]]:
    if not words or depth > MAX_DEPTH:
        raise _NotAnExpressionError
    first, rest = words[0], words[1:]
    if first == "(":
        found, rest = _either(rest, depth + 1)
        if not rest or rest[0] != ")":
            raise _NotAnExpressionError
        return found, rest[1:]
    if first == ")" or first.upper() in ("AND", "OR", "WITH"):
        raise _NotAnExpressionError
    if len(rest) >= 2 and rest[0].upper() == "WITH" and rest[1] not in "()":
        return ((f"{first} WITH {rest[1]}",),), rest[2:]
    return ((first,),), rest


def _bounded(found: Alternatives) -> Alternatives:
    if len(found) > MAX_ALTERNATIVES:
        raise _NotAnExpressionError
    return tuple(dict.fromkeys(found))
