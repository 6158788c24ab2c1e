"""Identifiers in free text: log lines, error messages, addresses, paths, prose.

Certain forms are searched for in the whole text; every expression begins with a literal and repeats a bounded number of
times, so the time is linear in the text. What is left is cut into runs of characters that an identifier can have, and
a run's segments are decoded like any text that no field vouches for. A family's name alone, or one in a sentence
(``GPT-4 is good``), is none.
"""

from __future__ import annotations

import re
import string
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace
from functools import cache, lru_cache

from forebear.catalogue.names.decode import bears_out, read_at, said
from forebear.catalogue.names.families import families, literals, owners
from forebear.catalogue.names.forms import FORMS, LITERALS
from forebear.catalogue.names.name import ModelName
from forebear.catalogue.names.places import ABOUT, PREFIXES, TOP_DOMAINS, from_match, locate
from forebear.catalogue.names.words import LIMIT, names_a_family

_RUN = re.compile(r"[A-Za-z0-9@][A-Za-z0-9._:/@+\-%]{2,}")
_SEGMENT = re.compile(r"[^/]+")
_HOST = re.compile(rf"[\w\-]+(?:\.[\w\-]+)*\.(?:{TOP_DOMAINS})(?::\d+)?", re.IGNORECASE)
_WORDS = re.compile(r"[a-z0-9]+")
_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_LONGEST_RUN = 640  # a longer one is data, and its pieces are no names
_TRAILING = ".:/@+-%"
_VALUE_BEFORE, _VALUE_AFTER = "\"'`=:/([{<,>", "\"'`,;)]}>&\r\n/\\"


def stems() -> frozenset[str]:
    """Lower-case substrings, one of which every text holds in which ``find`` finds something."""
    return literals() | LITERALS


def find(text: str) -> Iterator[tuple[int, int, ModelName]]:
    """Identifiers of models in a text, in its order.

    Yields:
        Start and end in the text, and what the identifier says.
    """
    lower = text.lower()
    if len(lower) != len(text):  # a few letters become two
        lower = text.translate(_SMALL)
    if not any(stem in lower for stem in stems()):
        return
    taken = list(_certain(text, lower))
    spans = [(start, end) for start, end, _ in taken]
    others = [
        item for item in _runs(text, lower) if not any(a < item[1] and item[0] < b for a, b in _near(spans, item))
    ]
    yield from sorted([*taken, *others], key=lambda item: item[:2])


def _near(spans: list[tuple[int, int]], item: tuple[int, int, ModelName]) -> list[tuple[int, int]]:
    """The spans that can overlap an item: those beside where its start belongs."""
    at = bisect_left(spans, (item[0], item[1]))
    return spans[max(at - 1, 0) : at + 2]


def _certain(text: str, lower: str) -> Iterator[tuple[int, int, ModelName]]:
    """The forms that one host alone has; where two overlap, the first and longest."""
    matches = [
        (match.start("path" if "path" in match.re.groupindex else 0), -match.end(), order, match)
        for order, form in enumerate(FORMS)
        if any(literal in lower for literal in form.literals)
        for match in form.pattern.finditer(text)
    ]
    end = 0
    for start, stop, order, match in sorted(matches, key=lambda item: item[:3]):
        if start < end:
            continue
        place = from_match(FORMS[order], match)
        reading = read_at(place)
        if not bears_out(reading, place, named=False):
            reading.family = None
            if place.weak:
                continue
        end = -stop
        yield start, end, said(place, reading)


def _runs(text: str, lower: str) -> Iterator[tuple[int, int, ModelName]]:
    for run in _RUN.finditer(text):
        if run.end() - run.start() > _LONGEST_RUN:
            continue
        piece = run[0]
        if not any(
            word[0].startswith(_beginnings().get(word[0][:2], ()))
            for word in _WORDS.finditer(lower, run.start(), run.end())
        ):
            continue
        for segment in _SEGMENT.finditer(piece):
            if _HOST.fullmatch(segment[0]):
                continue
            start, end = run.start() + segment.start(), run.start() + segment.end()
            if found := _segment(text, run.start(), start, end):
                yield found


@cache
def _beginnings() -> dict[str, tuple[str, ...]]:
    """The first words of all stems, by their first two letters: a run in which no word begins so names no family."""
    found: dict[str, list[str]] = {}
    for family in families():
        for stem in family.stems:
            first = re.split(r"[ .]", stem)[0]
            found.setdefault(first[:2], []).append(first)
    return {key: tuple(words) for key, words in found.items()}


def _segment(text: str, run: int, start: int, end: int) -> tuple[int, int, ModelName] | None:
    """One segment of a run, with the owner and the prefix before it."""
    while end > start and text[end - 1] in _TRAILING:
        end -= 1
    start = _after_key(text, start, end)
    if end - start > LIMIT or end - start < 2:
        return None
    if text[start - 1 : start] == "-" or (start > run and ABOUT & set(text[run:start].lower().split("/"))):
        return None
    owner = text[run : start - 1].rsplit("/", 1)[-1] if start > run and text[start - 1] == "/" else ""
    first = start
    if owner.lower() in owners() or owner in PREFIXES:
        first = start - 1 - len(owner)
        before = text[run : first - 1].rsplit("/", 1)[-1] if first > run and text[first - 1] == "/" else ""
        if before in PREFIXES:
            first -= 1 + len(before)
    found = _judge(text[first:end])
    if found is None or (first == start and found[1] and _is_sentence(text, start, end)):
        return None
    return first, end, found[0]


@lru_cache(maxsize=4096)
def _judge(text: str) -> tuple[ModelName, bool] | None:
    """What an identifier that no field vouches for says, and whether that is little: the family and a word more."""
    place = replace(locate(text), certain=False)
    reading = read_at(place)
    if "@" in place.name or not bears_out(reading, place, named=False):
        return None
    little = reading.known < 2 and not (reading.size or reading.quantization or reading.date)
    return replace(said(place, reading), identifier=text), little


def _after_key(text: str, start: int, end: int) -> int:
    """Behind ``model:`` and times of a log; a provider's word before a colon stays."""
    while (colon := text.find(":", start, end - 1)) >= 0:
        head = text[start:colon].lower()
        if head in PREFIXES or head == "ft" or names_a_family(head):
            break
        start = colon + 1
    return start


def _is_sentence(text: str, start: int, end: int) -> bool:
    """Written with a capital and not as a value: how people write of models."""
    name = text[start:end]
    if name == name.lower():
        return False
    before, after = text[start - 1 : start], text[end : end + 1]
    return not ((not before or before in _VALUE_BEFORE) and (not after or after in _VALUE_AFTER))
