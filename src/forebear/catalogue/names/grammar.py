"""The grammar of the name itself: words, families among them, and what each other word says.

A name is read once from left to right. What a word may be is tried in one order (date, step, number format, size,
context, version, vocabulary), and a word that is nothing of that is kept as unknown. Nothing is guessed from sound.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field

from forebear.catalogue.names import vocabulary as v
from forebear.catalogue.names.families import Family, families
from forebear.catalogue.names.versions import number_at
from forebear.catalogue.names.words import LONGEST, Hit, Word, line_and_base, pieces, split, spot

_CUT = re.compile(r"v\d+(?:\.\d+)*|0\d\d|\d")


@dataclass
class Reading:
    """What has been read. ``known`` counts the words that were understood, ``unknown`` holds the others.

    ``strange``: behind the last family stands a word that was not understood, as in the name of somebody's own.
    ``implied`` is how many stages and variants the family's spelling says already (chatglm).
    """

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
    implied: int = 0
    known: int = 0
    unknown: list[str] = field(default_factory=list)
    strange: bool = False
    words: tuple[str, ...] = ()


def read(text: str) -> Reading:
    """What a name says; the name alone, without path, address or file ending, at most ``LIMIT`` characters of it."""
    words = split(text)
    items = spot(words)
    reading = Reading(words=tuple(word.text for word in words))
    main, base = line_and_base(items)
    if main:
        reading.family, reading.stem, reading.base = main.family, main.stem, base.family if base else None
    current: Family | None = None
    fresh = True  # a bare number after a word that is not understood is that word's
    k = 0
    while k < len(items):
        item = items[k]
        if isinstance(item, Hit):
            current, fresh, reading.strange = item.family, True, False
            _imply(reading, item)
            k += 1
            continue
        ahead: list[Word] = []
        for word in items[k : k + LONGEST]:
            if isinstance(word, Hit):
                break
            ahead.append(word)
        used = _understand(reading, ahead, current if fresh or _is_known(ahead, current) else None)
        fresh = bool(used)
        reading.known += used
        if not used:
            reading.unknown.append(item.text)
            reading.strange = current is not None
        k += used or 1
    return reading


def _is_known(ahead: list[Word], family: Family | None) -> bool:
    """Whether what follows a word that is not understood may be a version all the same: a known one with a point."""
    if not ahead[0].text.isdigit() or family is None:
        return True
    found = number_at(ahead, family)
    return found is not None and "." in found[0] and found[0] in family.versions


def _imply(reading: Reading, hit: Hit) -> None:
    said = hit.family.implies.get(hit.stem, "")
    if said.startswith("version:"):
        if hit.family is reading.family:
            reading.version = reading.version or said.removeprefix("version:")
        else:
            reading.base_version = said.removeprefix("version:")
    elif said and hit.family is reading.family:
        before = len(reading.stages) + len(reading.variants)
        _vocabulary(reading, [Word(said)], hit.family)
        reading.implied += len(reading.stages) + len(reading.variants) - before


def _understand(reading: Reading, ahead: list[Word], current: Family | None) -> int:
    """Read what the first of the words ahead begins: how many words that took, 0 where it is nothing known."""
    for rule in _RULES:
        if used := rule(reading, ahead, current):
            return used
    parts = [Word(piece) for piece in pieces(ahead[0].text)]
    if 1 < len(parts) <= LONGEST and all(len(piece.text) > 1 or piece.text.isdigit() for piece in parts):
        trial = _copy(reading)  # with all that was read before: a second date is none
        if all(any(rule(trial, [piece], current) for rule in _RULES) for piece in parts):
            for piece in parts:
                any(rule(reading, [piece], current) for rule in _RULES)
            return 1
    return 0


def _copy(reading: Reading) -> Reading:
    made = copy(reading)
    made.stages, made.variants = [*reading.stages], [*reading.variants]
    made.quantization, made.cuts = [*reading.quantization], [*reading.cuts]
    return made


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
    found = number_at(ahead, current)
    if not found or (reading.strange and reading.size and found[0] not in current.versions):
        return 0  # Mistral-Nemo-Gutenberg-12B-v2: the version of what somebody made of it
    if of_base and reading.version is None and not current.plausible(found[0]):
        of_base = False  # zephyr-7b-gemma-v0.1
        found = number_at(ahead, reading.family) if reading.family else None
        if not found:
            return 0
    if of_base:
        reading.base_version = found[0]
    else:
        reading.version = found[0]
    return found[1]


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


def _llama(reading: Reading, ahead: list[Word], current: Family | None) -> int:
    """Short for a generation of Llama in the names of what is made from it: L3.3-70B-Euryale."""
    match = v.LLAMA.fullmatch(ahead[0].text)
    if not match or reading.base or reading.family is None or not reading.family.derivative:
        return 0
    reading.base, reading.base_version = next(f for f in families() if f.name == "llama"), match[1].replace("p", ".")
    return 1


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
    _llama,
    _version,
    _vocabulary,
    _cut,
)
