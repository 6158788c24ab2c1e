"""The grammar of the name itself: words, families among them, and what each other word says.

A name is read once from left to right. What a word may be is tried in one order (date, step, number format, size,
context, version, vocabulary), and a word that is nothing of that is kept as unknown. Nothing is guessed from sound.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache

from forebear.catalogue.names import vocabulary as v
from forebear.catalogue.names.families import Family, spellings

LIMIT = 256
"""No model's name is longer; the rest is not read."""
_WORD = re.compile(r"[a-z0-9]+(?:(?<=[0-9])\.(?=[0-9])[a-z0-9]+)*")
_VERSION = re.compile(r"([a-z]?)(\d{1,3})(?:[.p](\d{1,2}))?(?:\.(\d{1,3}))?([a-z]?)")
_HEAD = re.compile(r"[a-z]?\d+(?:[.p]\d{1,2})?(?![\d.])")
_LONG_NUMBER = re.compile(r"\d{3,}(?![\d.]*[bm])")  # step596057
_PIECES = re.compile(r"[a-z]+|\d+(?:\.\d+)*")
_CUT = re.compile(r"v\d+(?:\.\d+)*|0\d\d|\d")
_LARGEST = 30  # a bare number above is no version, unless it is a known one
_LONGEST = 4  # words of a stem, of a number format


@dataclass(frozen=True)
class Word:
    """A word in lower case, and the signs that part it from the word before; none where it is a piece of that."""

    text: str
    before: str = ""


@dataclass
class Reading:
    """What has been read. ``known`` counts the words that were understood, ``unknown`` holds the others."""

    family: Family | None = None
    base: Family | None = None
    stem: str = ""
    version: str | None = None
    base_version: str | None = None
    size: str | None = None
    date: str | None = None
    step: int | None = None
    context: str | None = None
    stages: list[str] = field(default_factory=list)
    variants: list[str] = field(default_factory=list)
    quantization: list[str] = field(default_factory=list)
    cuts: list[str] = field(default_factory=list)
    known: int = 0
    unknown: list[str] = field(default_factory=list)
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Hit:
    """Words that name a family: how many, by which stem, and what the last of them holds besides."""

    family: Family
    stem: str
    words: int
    rest: str = ""


def read(text: str) -> Reading:
    """What a name says; the name alone, without path, address or file ending, at most ``LIMIT`` characters of it."""
    words = split(text)
    items = _families(words)
    reading = Reading(words=tuple(word.text for word in words))
    main, base = _line_and_base(items)
    if main:
        reading.family, reading.stem, reading.base = main.family, main.stem, base.family if base else None
    current: Family | None = None
    fresh = True  # a bare number after a word that is not understood is that word's
    k = 0
    while k < len(items):
        item = items[k]
        if isinstance(item, _Hit):
            current, fresh = item.family, True
            _imply(reading, item)
            k += 1
            continue
        ahead: list[Word] = []
        for word in items[k : k + _LONGEST]:
            if isinstance(word, _Hit):
                break
            ahead.append(word)
        used = _understand(reading, ahead, current if fresh or _is_known(ahead, current) else None)
        fresh = bool(used)
        reading.known += used
        if not used:
            reading.unknown.append(item.text)
        k += used or 1
    return reading


def split(text: str) -> list[Word]:
    """The words of a name; a point between digits does not part them."""
    text = text[:LIMIT].lower()
    words, end = [], 0
    for match in _WORD.finditer(text):
        words.append(Word(match[0], text[end : match.start()]))
        end = match.end()
    return words


def _families(words: Sequence[Word]) -> list[Word | _Hit]:
    """The words, those which name a family replaced by it.

    A family whose name means something else too counts as the first one only: in ``kimi-step-500`` is no Step.
    """
    items: list[Word | _Hit] = []
    seen = False
    k = 0
    while k < len(words):
        hit = _hit(words, k)
        if hit and hit.family.ambiguous and not hit.family.derivative and (seen or _is_step(words, k)):
            hit = None
        if not hit:
            items.append(words[k])
            k += 1
            continue
        seen = True
        items.append(hit)
        items += [Word(piece) for piece in _pieces(hit.rest)]
        k += hit.words
    return items


def _is_known(ahead: list[Word], family: Family | None) -> bool:
    """Whether what follows a word that is not understood may be a version all the same: a known one with a point."""
    if not ahead[0].text.isdigit() or family is None:
        return True
    found = _number(ahead, family)
    return found is not None and "." in found[0] and found[0] in family.versions


def _is_step(words: Sequence[Word], k: int) -> bool:
    """Whether a word counts steps of training: step-1200."""
    return words[k].text in v.STEP_WORDS and k + 1 < len(words) and bool(re.fullmatch(r"\d{2,}k?", words[k + 1].text))


def _line_and_base(items: Sequence[Word | _Hit]) -> tuple[_Hit | None, _Hit | None]:
    """The family that a name is of, and a second one from which it says to descend.

    Of several, the base is the last before the size (DeepSeek-R1-Distill-Qwen-32B, Llama-3.1-Tulu-3-8B), except that
    what is known as made from others' weights is none, and a model whose weights nobody has neither.
    """
    hits = [item for item in items if isinstance(item, _Hit)]
    if len({hit.family.name for hit in hits}) < 2:
        return (hits[0] if hits else None), None
    bases = [hit for hit in hits if not hit.family.derivative and not hit.family.closed]
    sized = next(
        (k for k, item in enumerate(items) if isinstance(item, Word) and v.SIZE.fullmatch(item.text)), len(items)
    )
    before = [hit for hit in bases if items.index(hit) < sized]
    base = (before or bases)[-1] if bases else None
    derived = [hit for hit in hits if hit.family.derivative]
    others = [hit for hit in hits if base is None or hit.family is not base.family]
    line = derived[-1] if derived else others[0]
    if base and line.family.closed and items.index(line) > items.index(base):
        return base, None  # qwen3-8b-claude-distill: the teacher
    return line, base if base and base.family is not line.family else None


@lru_cache(maxsize=1024)
def names_a_family(text: str) -> bool:
    """Whether one of the words of a name is a known family's."""
    return any(isinstance(item, _Hit) for item in _families(split(text)))


@cache
def _heads() -> frozenset[str]:
    """What stems begin with, up to three letters: most words end here."""
    return frozenset(key[:n] for key in spellings() for n in (1, 2, 3))


def _hit(words: Sequence[Word], k: int) -> _Hit | None:
    known = spellings()
    head = words[k].text.replace(".", "")[:3]
    if head not in _heads() and head[:2] not in known:
        return None
    for n in range(min(_LONGEST, len(words) - k), 0, -1):
        joined = "".join(word.text for word in words[k : k + n])
        if found := known.get(joined.replace(".", "")):
            return _Hit(*found, n)
        letters = len(joined) - len(joined.lstrip("abcdefghijklmnopqrstuvwxyz"))
        if n > 1 and letters <= len(joined) - len(words[k + n - 1].text):
            continue
        for length in range(letters, max(letters - 2, 0), -1):
            found = known.get(joined[:length])
            if found and _continues(found[0], joined[length:]):
                return _Hit(*found, n, joined[length:])
        if n == 1 and letters == len(joined):
            for length in range(letters - 2, 3, -1):
                found = known.get(joined[:length])
                if found and (joined[length:] in v.STAGES or joined[length:] in {*found[0].variants, *found[0].codes}):
                    return _Hit(*found, 1, joined[length:])
    return None


def _continues(family: Family, rest: str) -> bool:
    """Whether what follows a stem in one word begins a version or a size."""
    if rest[:1].isdigit():
        return not _LONG_NUMBER.match(rest)
    return len(rest) > 1 and rest[0] in "v" + family.letters and rest[1].isdigit()


def _pieces(text: str) -> list[str]:
    """A word taken apart where letters and digits change; a version at its head stays whole."""
    if not text or _VERSION.fullmatch(text) or v.SIZE.fullmatch(text):
        return [text] if text else []
    head = _HEAD.match(text)
    rest = text[head.end() :] if head else text
    return ([head[0]] if head else []) + _PIECES.findall(rest)


def _imply(reading: Reading, hit: _Hit) -> None:
    said = hit.family.implies.get(hit.stem, "")
    if said.startswith("version:"):
        if hit.family is reading.family:
            reading.version = reading.version or said.removeprefix("version:")
        else:
            reading.base_version = said.removeprefix("version:")
    elif said and hit.family is reading.family:
        _vocabulary(reading, [Word(said)], hit.family)


def _understand(reading: Reading, ahead: list[Word], current: Family | None) -> int:
    """Read what the first of the words ahead begins: how many words that took, 0 where it is nothing known."""
    for rule in _RULES:
        if used := rule(reading, ahead, current):
            return used
    pieces = [Word(piece) for piece in _pieces(ahead[0].text)]
    if 1 < len(pieces) <= _LONGEST and all(len(piece.text) > 1 or piece.text.isdigit() for piece in pieces):
        trial = Reading(family=reading.family, base=reading.base, version=reading.version, size=reading.size)
        if all(any(rule(trial, [piece], current) for rule in _RULES) for piece in pieces):
            for piece in pieces:
                next(filter(None, (rule(reading, [piece], current) for rule in _RULES)))
            return 1
    return 0


def _date(reading: Reading, ahead: list[Word], current: Family | None) -> int:
    first = ahead[0].text
    if reading.date or not first[0].isdigit():
        return 0
    family = current or reading.family
    style = family.dates if family else ""
    if first.isdigit():
        if len(first) in (2, 4):
            numbers = [word.text for word in ahead[:3] if word.text.isdigit()]
            found = v.of_parts(numbers if all(w.before in "-_/" for w in ahead[1 : len(numbers)]) else numbers[:1])
            if found and (len(first) == 4 or first[0] == "0" or found[1] == 3 or reading.version):
                reading.date = found[0]
                return found[1]
        if len(first) >= 4 and (date := v.of_digits(first, style)):
            reading.date = date
            return 1
    if first.count(".") == 2 and (found := v.of_parts(first.split("."))) and found[1] == 3:
        reading.date = found[0]
        return 1
    return 0


def _step(reading: Reading, ahead: list[Word], current: Family | None) -> int:
    if reading.step is not None:
        return 0
    match = v.STEP.fullmatch(ahead[0].text)
    used = 1
    if not match and ahead[0].text in v.STEP_WORDS and len(ahead) > 1:
        match, used = v.STEP.fullmatch("s" + ahead[1].text.zfill(2)), 2
    if match:
        reading.step = int(match[1]) * (1000 if match[2] else 1)
    return used if match else 0


def _quantization(reading: Reading, ahead: list[Word], current: Family | None) -> int:
    for n in range(len(ahead), 0, -1):
        joined = "_".join(word.text for word in ahead[:n])
        if v.QUANTIZATION.fullmatch(joined):
            _say(reading.quantization, re.sub(r"^(ud|fp8)_", r"\1-", joined))
            return n
    return 0


def _size(reading: Reading, ahead: list[Word], current: Family | None) -> int:
    text, used = ahead[0].text, 1
    if len(text) <= 2 and text.isdigit() and len(ahead) > 1 and ahead[1].before in ("-", "_", "p"):
        decimal = re.fullmatch(r"\d{1,2}[bm]", ahead[1].text)
        versioned = reading.base_version if current is reading.base else reading.version
        if decimal and (versioned or text == "0" or current is None):
            text, used = f"{text}.{ahead[1].text}", 2
    if match := v.SIZE.fullmatch(text):
        text = text.replace("p", ".")
        if match[3] == "m" and reading.size:
            reading.context = reading.context or text
        elif not reading.size:
            reading.size = text
        return used
    if v.ACTIVE.fullmatch(text) or (v.EXPERTS.fullmatch(text) and reading.size):
        reading.size = f"{reading.size}-{text.replace('p', '.')}" if reading.size else text.replace("p", ".")
        return 1
    if v.EFFECTIVE.fullmatch(text) and not reading.size:
        reading.size = text
        return 1
    return 0


def _context(reading: Reading, ahead: list[Word], current: Family | None) -> int:
    if not v.CONTEXT.fullmatch(ahead[0].text) or reading.context:
        return 0
    reading.context = ahead[0].text
    return 1


def _version(reading: Reading, ahead: list[Word], current: Family | None) -> int:
    of_base = current is not None and current is reading.base
    if of_base and reading.base_version is not None:
        of_base, current = False, reading.family  # MiniCPM-Llama3-V-2_5
    if (reading.base_version if of_base else reading.version) is not None:
        return 0
    if current is None:
        if reading.family is None and re.fullmatch(r"v\d+(?:[.p]\d+)?", ahead[0].text):
            reading.version = ahead[0].text.replace("p", ".")
            return 1
        return 0
    found = _number(ahead, current)
    if not found:
        return 0
    if of_base and reading.version is None and not current.plausible(found[0]):
        of_base = False  # zephyr-7b-gemma-v0.1
        found = _number(ahead, reading.family) if reading.family else None
        if not found:
            return 0
    if of_base:
        reading.base_version = found[0]
    else:
        reading.version = found[0]
    return found[1]


def _number(ahead: list[Word], family: Family) -> tuple[str, int] | None:
    """The version with which the words ahead begin, as the family writes it, and how many words it takes."""
    text = ahead[0].text
    if text in family.codes:
        return text, 1
    if text == "v" and len(ahead) > 1 and ahead[1].text[0].isdigit() and text not in family.variants:
        found = _number([Word("v" + ahead[1].text), *ahead[2:]], family)
        return (found[0], found[1] + 1) if found else None
    match = _VERSION.fullmatch(text)
    if not match:
        return None
    letter, major, minor, patch, suffix = match.groups()
    if letter not in {"", "v", *family.letters} or suffix not in {"", *family.suffixes}:
        return None
    known = family.versions
    used = 1
    if not minor and not suffix:
        if major not in known and len(major) > 1 and (major[0] == "0" or int(major) > _LARGEST or not letter):
            majors = {re.sub(r"^[a-z]+", "", version).split(".")[0] for version in known}
            written = f"{major[0]}.{major[1]}"
            if (
                len(major) == 2
                and major not in majors
                and (written in known or (major[0] in majors and not ahead[0].before))
            ):
                major, minor = major[0], major[1]  # llama31, gpt-35
            elif major[0] == "0" or int(major) > _LARGEST or (len(major) == 3 and not letter):
                return None
        elif len(ahead) > 1 and (minor := _minor(ahead, f"{letter}{major}", known)):
            used = 2
    letter = "" if letter == "v" and family.plain else letter or (family.assume if len(major) < 3 else "")
    return f"{letter}{int(major) if len(major) < 2 or minor else major}" + (f".{minor}" if minor else "") + (
        f".{patch}" if patch else ""
    ) + suffix, used


def _minor(ahead: list[Word], major: str, known: tuple[str, ...]) -> str | None:
    """The number after the point where a name has another sign for it: claude-3-5, llama3_1."""
    second = ahead[1]
    if second.before not in ("-", "_") or not second.text.isdigit() or len(second.text) > 2:
        return None
    if {f"{major}.{second.text}", f"{major.lstrip('v')}.{second.text}"} & set(known):
        return second.text
    if len(second.text) > 1:
        return None
    follows = ahead[2].text if len(ahead) > 2 else ""
    if re.fullmatch(r"\d{1,2}[bm]", follows):
        other_sign = ahead[2].before != second.before  # stablelm-2-1_6b
        if other_sign or second.text == "0" or (second.text == "1" and {major, major.lstrip("v")} & set(known)):
            return None
    return second.text


def _vocabulary(reading: Reading, ahead: list[Word], current: Family | None) -> int:
    text = ahead[0].text
    if len(ahead) > 1 and (pair := v.PAIRS.get(f"{text} {ahead[1].text}")):
        _say(reading.stages if pair in _PAIR_STAGES else reading.variants, pair)
        return 2
    if any(family and text in family.variants for family in (current, reading.family)):
        _say(reading.variants, text)
    elif text in v.STAGES:
        _say(reading.stages, v.STAGES[text])
    elif text in v.VARIANTS:
        _say(reading.variants, text)
    elif text in v.CUTS:
        _say(reading.cuts, text)
    elif text not in v.FORMATS and text not in v.VENDORS:
        return 0
    return 1


_PAIR_STAGES = frozenset({"non-thinking", "non-reasoning", "finetune"})


def _cut(reading: Reading, ahead: list[Word], current: Family | None) -> int:
    """A number after the version: the cut of a release."""
    if current is None or not _CUT.fullmatch(ahead[0].text):
        return 0
    _say(reading.cuts, ahead[0].text)
    return 1


def _say(said: list[str], word: str) -> None:
    if word not in said:
        said.append(word)


_RULES: tuple[Callable[[Reading, list[Word], Family | None], int], ...] = (
    _date,
    _step,
    _quantization,
    _size,
    _context,
    _version,
    _vocabulary,
    _cut,
)
